//! Requests to clock_adjtime(2), built apart from the call.

use crate::kernel::{self, KernelRate, LOOP_BITS};
use crate::sys::reading_request;
use libc::timex;
use ntp_proto::clock::ClockStatus;
use ntp_proto::time::NtpDuration;

/// Changes nothing: the tick is out of range. The kernel checks the right to steer first, so it
/// answers EPERM without the right and EINVAL with it.
pub(crate) fn permission() -> timex {
    with_modes(libc::ADJ_TICK)
}

/// Adds a span and a number of NTP eras to the clock.
pub(crate) fn step(by: NtpDuration, eras: i64) -> timex {
    let (seconds, nanos) = kernel::step_parts(by);
    let seconds = seconds.saturating_add(eras.saturating_mul(kernel::ERA));
    let mut request = with_modes(libc::ADJ_SETOFFSET | libc::ADJ_NANO);
    request.time.tv_sec = seconds as libc::time_t;
    // With ADJ_NANO the kernel takes this field for nanoseconds.
    request.time.tv_usec = nanos as libc::suseconds_t;
    request
}

/// Sets frequency and tick, always both, so that nothing of an earlier rate remains.
pub(crate) fn frequency(rate: KernelRate) -> timex {
    let mut request = with_modes(libc::ADJ_FREQUENCY | libc::ADJ_TICK);
    request.freq = rate.fine;
    request.tick = rate.tick;
    request
}

/// Sets the kernel's status of the clock.
pub(crate) fn status(status: &ClockStatus) -> timex {
    let mut request = with_modes(libc::ADJ_STATUS | libc::ADJ_MAXERROR | libc::ADJ_ESTERROR);
    request.status = kernel::status_bits(status);
    request.maxerror = kernel::error_micros(status.max_error);
    request.esterror = kernel::error_micros(status.estimated_error);
    if let Some(offset) = kernel::tai_seconds(status) {
        request.modes |= libc::ADJ_TAI;
        request.constant = offset;
    }
    request
}

/// Turns off everything else that steers the clock, given the kernel's state: its loops, the rest
/// of their last correction, and a pending adjtime(3). Frequency, leap bits and the unsynchronized
/// bit stay as they are.
pub(crate) fn take_over(state: &timex) -> Vec<timex> {
    let kept = state.status & (libc::STA_INS | libc::STA_DEL | libc::STA_UNSYNC);
    let mut requests = Vec::new();
    if state.offset != 0 {
        // A correction runs out even with the loop off, and the kernel takes a new one (of zero)
        // only with it on.
        let mut request = with_modes(libc::ADJ_STATUS | libc::ADJ_OFFSET);
        request.status = kept | libc::STA_PLL;
        requests.push(request);
    }
    if state.offset != 0 || state.status & LOOP_BITS != 0 {
        let mut request = with_modes(libc::ADJ_STATUS);
        request.status = kept;
        requests.push(request);
    }
    requests.push(with_modes(libc::ADJ_OFFSET_SINGLESHOT));
    requests
}

fn with_modes(modes: libc::c_uint) -> timex {
    let mut request = reading_request();
    request.modes = modes;
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_proto::packet::LeapIndicator;
    use ntp_proto::time::{Frequency, Seconds};

    #[test]
    fn asking_for_permission_uses_a_tick_that_the_kernel_refuses() {
        let request = permission();
        assert_eq!((request.modes, request.tick), (libc::ADJ_TICK, 0));
    }

    #[test]
    fn a_step_is_told_in_nanoseconds() {
        let request = step(NtpDuration::from_seconds(-1.75), 0);
        assert_eq!(request.modes, libc::ADJ_SETOFFSET | libc::ADJ_NANO);
        assert_eq!(
            (request.time.tv_sec, request.time.tv_usec),
            (-2, 250_000_000)
        );
    }

    #[test]
    fn a_frequency_always_comes_with_its_tick() {
        let request = frequency(KernelRate::nearest(Frequency::new(-1e-6), 100));
        assert_eq!(request.modes, libc::ADJ_FREQUENCY | libc::ADJ_TICK);
        assert_eq!((request.freq, request.tick), (-65_536, 10_000));
    }

    #[test]
    fn the_tai_offset_is_told_only_when_it_is_known() {
        let known = ClockStatus {
            synchronized: true,
            leap: LeapIndicator::Insert,
            max_error: Seconds::new(0.002_000_1),
            estimated_error: Seconds::new(1e-4),
            tai_offset: Some(37),
        };
        let request = status(&known);
        assert_eq!(request.modes & libc::ADJ_TAI, libc::ADJ_TAI);
        assert_eq!((request.status, request.constant), (libc::STA_INS, 37));
        assert_eq!((request.maxerror, request.esterror), (2_001, 100));

        let request = status(&ClockStatus {
            tai_offset: None,
            ..known
        });
        assert_eq!(request.modes & libc::ADJ_TAI, 0);
    }

    /// Modes and status of each request that takes the clock over from the kernel in this state.
    fn taking_over(status: libc::c_int, offset: libc::c_long) -> Vec<(libc::c_uint, libc::c_int)> {
        let mut state = reading_request();
        (state.status, state.offset) = (status, offset);
        take_over(&state)
            .iter()
            .map(|request| (request.modes, request.status))
            .collect()
    }

    #[test]
    fn a_clock_that_no_program_steers_is_taken_over_without_a_change_of_status() {
        for status in [0, libc::STA_UNSYNC, libc::STA_NANO | libc::STA_INS] {
            assert_eq!(taking_over(status, 0), [(libc::ADJ_OFFSET_SINGLESHOT, 0)]);
        }
    }

    #[test]
    fn the_loops_of_the_kernel_are_turned_off_and_the_leap_second_is_kept() {
        let requests = taking_over(
            libc::STA_PLL | libc::STA_PPSTIME | libc::STA_INS | libc::STA_NANO,
            0,
        );
        assert_eq!(
            requests,
            [
                (libc::ADJ_STATUS, libc::STA_INS),
                (libc::ADJ_OFFSET_SINGLESHOT, 0)
            ]
        );
    }

    #[test]
    fn what_is_left_of_a_correction_is_cancelled_before_the_loop_is_turned_off() {
        let requests = taking_over(libc::STA_UNSYNC, -12_345);
        let wanted = [
            (
                libc::ADJ_STATUS | libc::ADJ_OFFSET,
                libc::STA_UNSYNC | libc::STA_PLL,
            ),
            (libc::ADJ_STATUS, libc::STA_UNSYNC),
            (libc::ADJ_OFFSET_SINGLESHOT, 0),
        ];
        assert_eq!(requests, wanted);
    }
}
