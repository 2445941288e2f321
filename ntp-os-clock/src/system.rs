//! The system clock, steered through clock_adjtime(2).

use crate::error::{ClockAttempt, ClockError};
use crate::interference::{Interference, Order};
use crate::kernel::{self, KernelRate, LOOP_BITS};
use crate::reader::{self, ClockReader};
use crate::{request, sys};
use ntp_proto::clock::ClockStatus;
use ntp_proto::time::{Frequency, NtpDuration, NtpTimestamp};

/// Checks whether this process may steer the system clock. Nothing is changed: the kernel is asked
/// for a tick of zero, and it checks the right before the range, so it answers EPERM without the
/// right and EINVAL with it.
///
/// # Errors
/// [`ClockError::NotPermitted`] without the right; its text says how to grant it. [`ClockError::Refused`] where the
/// system has no such call.
pub fn steering_permission() -> Result<(), ClockError> {
    match sys::adjust_realtime(&mut request::permission()) {
        Err(error) if error.raw_os_error() != Some(libc::EINVAL) => {
            Err(ClockError::from_os(ClockAttempt::AskPermission, error))
        }
        _ => Ok(()),
    }
}

/// The system's clock, CLOCK_REALTIME. There should be one owner on the whole machine.
///
/// The first steering call turns off the kernel's own loops, so that no other loop steers. Dropping
/// this changes nothing: the clock runs on at the frequency last set.
#[derive(Debug)]
pub struct SystemClock {
    user_hz: libc::c_long,
    taken_over: bool,
    ordered: Option<Order>,
}

impl SystemClock {
    /// The system clock, without touching it.
    ///
    /// # Errors
    /// As [`steering_permission`].
    pub fn new() -> Result<Self, ClockError> {
        steering_permission()?;
        Ok(Self {
            user_hz: sys::user_hz(),
            taken_over: false,
            ordered: None,
        })
    }

    /// The time shown.
    #[must_use]
    pub fn now(&self) -> NtpTimestamp {
        reader::realtime_now()
    }

    /// A reader for other threads.
    #[must_use]
    pub const fn reader(&self) -> ClockReader {
        ClockReader::realtime()
    }

    /// Adds `by` to the clock, rounded down to a nanosecond. The kernel then takes the clock for
    /// unsynchronized, so [`SystemClock::set_status`] must follow.
    ///
    /// # Errors
    /// If the kernel refuses: without the right, or when the new time is before 1970 or beyond
    /// 2232.
    pub fn step(&mut self, by: NtpDuration) -> Result<(), ClockError> {
        self.step_in_eras(by, 0)
    }

    /// As [`SystemClock::step`], but in whole eras of NTP so that the clock ends up within 68 years
    /// of `pivot`, in Unix seconds.
    ///
    /// # Errors
    /// As [`SystemClock::step`].
    pub fn step_near(&mut self, by: NtpDuration, pivot: i64) -> Result<(), ClockError> {
        self.step_in_eras(
            by,
            kernel::eras_from(reader::realtime_unix_seconds(), by, pivot),
        )
    }

    fn step_in_eras(&mut self, by: NtpDuration, eras: i64) -> Result<(), ClockError> {
        self.take_over()?;
        adjust(&mut request::step(by, eras), ClockAttempt::Step(by))
    }

    /// From now on the clock runs faster by `frequency` than it would by itself. Returns what was
    /// applied: the nearest rate within ±10 % that the kernel can hold (in steps of 2⁻¹⁶ ppm).
    ///
    /// # Errors
    /// If `frequency` is not a number, or the kernel refuses.
    pub fn set_frequency(&mut self, frequency: Frequency) -> Result<Frequency, ClockError> {
        if frequency.to_f64().is_nan() {
            return Err(ClockError::UnusableFrequency(frequency));
        }
        self.take_over()?;
        let rate = KernelRate::nearest(frequency, self.user_hz);
        let mut request = request::frequency(rate);
        adjust(&mut request, ClockAttempt::SetFrequency(frequency))?;
        self.ordered = Some(Order::given(KernelRate {
            fine: request.freq,
            tick: request.tick,
        }));
        Ok(kernel_frequency(&request, self.user_hz))
    }

    /// The interference of another program with the rate since the last
    /// [`SystemClock::set_frequency`] or the last call. It is reported once, and the rate found
    /// counts as ordered from then on. The next steering call turns the kernel's loop off again.
    ///
    /// # Errors
    /// If the kernel refuses to report its state.
    pub fn interference(&mut self) -> Result<Option<Interference>, ClockError> {
        let Some(order) = &self.ordered else {
            return Ok(None);
        };
        let state = kernel_state()?;
        let found = order.interference(&state, self.user_hz);
        if found.is_some() {
            self.ordered = Some(Order::given(KernelRate {
                fine: state.freq,
                tick: state.tick,
            }));
            self.taken_over &= state.status & LOOP_BITS == 0;
        }
        Ok(found)
    }

    /// The part of the frequency applied now that can be the error of an oscillator: what the
    /// kernel's `freq` holds, ±500 ppm at most. A tick that is not nominal is what is left of a
    /// slew.
    ///
    /// # Errors
    /// If the kernel refuses to report its state.
    pub fn oscillator_frequency(&self) -> Result<Frequency, ClockError> {
        Ok(KernelRate::without_tick(kernel_state()?.freq, self.user_hz).frequency(self.user_hz))
    }

    /// The frequency in force, set by any program.
    ///
    /// # Errors
    /// If the kernel refuses to report its state.
    pub fn frequency(&self) -> Result<Frequency, ClockError> {
        applied_frequency()
    }

    /// Sets the kernel's status of the clock.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn set_status(&mut self, status: &ClockStatus) -> Result<(), ClockError> {
        self.take_over()?;
        adjust(&mut request::status(status), ClockAttempt::SetStatus)
    }

    /// Makes this process the only one that steers the clock.
    fn take_over(&mut self) -> Result<(), ClockError> {
        if self.taken_over {
            return Ok(());
        }
        for mut request in request::take_over(&kernel_state()?) {
            adjust(&mut request, ClockAttempt::TakeOver)?;
        }
        self.taken_over = true;
        Ok(())
    }
}

/// The frequency of the system clock as the kernel reports it.
pub(crate) fn applied_frequency() -> Result<Frequency, ClockError> {
    Ok(kernel_frequency(&kernel_state()?, sys::user_hz()))
}

/// True if the kernel calls the system clock synchronized, as a time daemon has left it.
pub(crate) fn is_left_synchronized() -> bool {
    kernel_state().is_ok_and(|state| state.status & libc::STA_UNSYNC == 0)
}

/// The kernel's report of the system clock.
fn kernel_state() -> Result<libc::timex, ClockError> {
    let mut state = sys::reading_request();
    adjust(&mut state, ClockAttempt::ReadState)?;
    Ok(state)
}

fn kernel_frequency(state: &libc::timex, user_hz: libc::c_long) -> Frequency {
    KernelRate {
        fine: state.freq,
        tick: state.tick,
    }
    .frequency(user_hz)
}

fn adjust(request: &mut libc::timex, attempt: ClockAttempt) -> Result<(), ClockError> {
    sys::adjust_realtime(request).map_err(|error| ClockError::from_os(attempt, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// The state that a steering call could have changed.
    fn frequency_tick_and_status() -> Option<(libc::c_long, libc::c_long, libc::c_int)> {
        let state = kernel_state().ok()?;
        Some((state.freq, state.tick, state.status))
    }

    #[test]
    fn asking_for_permission_changes_nothing_and_a_refusal_says_what_to_do() {
        let before = frequency_tick_and_status();
        let answer = steering_permission();
        assert_eq!(frequency_tick_and_status(), before);

        match answer {
            Ok(()) => println!("skipped: this process may steer the clock, so nothing is refused"),
            Err(error) if error.is_missing_permission() => {
                let text = error.to_string();
                for word in [
                    "CAP_SYS_TIME",
                    "setcap cap_sys_time+ep",
                    "--cap-add SYS_TIME",
                    "\"virtual\"",
                    "\"none\"",
                ] {
                    assert!(text.contains(word), "{word} is missing in {text}");
                }
                assert!(SystemClock::new().is_err());
            }
            Err(error) => println!("skipped: this system cannot steer its clock at all: {error}"),
        }
    }

    #[test]
    fn the_frequency_can_be_read_without_any_right() {
        match applied_frequency() {
            Ok(frequency) => {
                assert!(frequency.abs() <= crate::FREQUENCY_LIMIT + Frequency::new(500e-6));
            }
            Err(error) => println!("skipped: this system does not report its frequency: {error}"),
        }
    }

    #[test]
    fn the_real_kernel_applies_a_frequency_to_the_last_bit_but_one() {
        if std::env::var("TRUECHIMER_TEST_KERNEL_FREQUENCY").as_deref() != Ok("1") {
            println!(
                "skipped: TRUECHIMER_TEST_KERNEL_FREQUENCY=1 is not set, so the real clock is left alone"
            );
            return;
        }
        let mut clock =
            SystemClock::new().expect("the test was asked for, so it needs the right to steer");
        let before = clock.frequency().unwrap();
        let wanted = before
            + Frequency::new(if before > Frequency::ZERO {
                -1e-6
            } else {
                1e-6
            });
        let applied = clock.set_frequency(wanted);
        std::thread::sleep(Duration::from_millis(100));
        let read_back = clock.frequency();
        let restored = clock.set_frequency(before);

        let close =
            |frequency: Frequency, to: Frequency| (frequency - to).abs() < Frequency::new(4e-11);
        assert!(close(applied.unwrap(), wanted) && close(read_back.unwrap(), wanted));
        assert!(close(restored.unwrap(), before));
    }
}
