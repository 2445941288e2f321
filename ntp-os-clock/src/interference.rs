//! Other programs that steer the clock: the rate in force is compared with the one that was
//! ordered, and the clock with the raw counter, which no program steers, to find the error that
//! they have caused.

use crate::kernel::{KernelRate, LOOP_BITS};
use crate::sys::{KernelClock, read_clock};
use ntp_proto::time::{Frequency, NtpDuration};

/// The interference of another program with the rate of the clock since we last set or read it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interference {
    /// The frequency that we had set.
    pub ordered: Frequency,
    /// The frequency that was found.
    pub found: Frequency,
    /// True if the kernel's own loop was switched on, which pulls the clock as well.
    pub kernel_loop: bool,
    /// The offset of the clock, positive if it is ahead, from its reading at the frequency that was
    /// ordered. Zero if the system has no raw counter.
    pub moved: NtpDuration,
}

/// The frequency that we have ordered, and the clocks at that time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) rate: KernelRate,
    /// The clock of timers, which is steered, and the raw counter; `None` where the system lacks
    /// one of them.
    counters: Option<(i64, i64)>,
}

impl Order {
    /// From now on, the clock is to run at this rate.
    pub(crate) fn given(rate: KernelRate) -> Self {
        Self {
            rate,
            counters: counters(),
        }
    }

    /// The difference between the kernel's state and this order.
    pub(crate) fn interference(
        &self,
        state: &libc::timex,
        user_hz: libc::c_long,
    ) -> Option<Interference> {
        let found = KernelRate {
            fine: state.freq,
            tick: state.tick,
        };
        let kernel_loop = state.status & LOOP_BITS != 0;
        (found != self.rate || kernel_loop).then(|| {
            let ordered = self.rate.frequency(user_hz);
            let moved = moved(self.counters, counters(), ordered);
            Interference {
                ordered,
                found: found.frequency(user_hz),
                kernel_loop,
                moved,
            }
        })
    }
}

fn counters() -> Option<(i64, i64)> {
    read_clock(KernelClock::Monotonic)
        .ok()
        .zip(read_clock(KernelClock::MonotonicRaw).ok())
}

/// The time by which the clock of timers went further than it would have at `ordered`.
fn moved(from: Option<(i64, i64)>, to: Option<(i64, i64)>, ordered: Frequency) -> NtpDuration {
    let Some(((steered_from, raw_from), (steered_to, raw_to))) = from.zip(to) else {
        return NtpDuration::ZERO;
    };
    let (steered, raw) = (steered_to - steered_from, raw_to - raw_from);
    #[expect(
        clippy::cast_precision_loss,
        reason = "spans of less than a year lose less than a nanosecond of correction"
    )]
    let wanted = raw as f64 * ordered.to_f64();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a correction is a fraction of the span"
    )]
    NtpDuration::from_nanos(steered - raw - wanted.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERED: KernelRate = KernelRate {
        fine: 0,
        tick: 10_900,
    };

    fn state(fine: libc::c_long, tick: libc::c_long, status: libc::c_int) -> libc::timex {
        let mut state = crate::sys::reading_request();
        (state.freq, state.tick, state.status) = (fine, tick, status);
        state
    }

    #[test]
    fn a_clock_that_runs_as_ordered_is_left_alone_by_others() {
        let order = Order::given(ORDERED);
        assert_eq!(
            order.interference(&state(0, 10_900, libc::STA_UNSYNC | libc::STA_NANO), 100),
            None
        );
    }

    #[test]
    fn another_rate_or_the_loop_of_the_kernel_is_interference() {
        let order = Order::given(ORDERED);
        let undone = order.interference(&state(0, 10_000, 0), 100).unwrap();
        assert!(
            (undone.ordered.to_f64() - 0.09).abs() < 1e-12
                && undone.found == Frequency::ZERO
                && !undone.kernel_loop
        );
        assert!(order.interference(&state(65_536, 10_900, 0), 100).is_some());
        assert!(
            order
                .interference(&state(0, 10_900, libc::STA_PLL), 100)
                .unwrap()
                .kernel_loop
        );
    }

    #[test]
    fn a_slew_that_was_undone_has_left_the_clock_behind_by_the_slew() {
        let second = 1_000_000_000;
        let undone = moved(
            Some((5, 7)),
            Some((5 + second, 7 + second)),
            Frequency::new(0.09),
        );
        assert_eq!(undone, NtpDuration::from_nanos(-90_000_000));
        let obeyed = moved(
            Some((5, 7)),
            Some((5 + second + 90_000_000, 7 + second)),
            Frequency::new(0.09),
        );
        assert_eq!(obeyed, NtpDuration::ZERO);
        assert_eq!(
            moved(None, Some((1, 1)), Frequency::new(0.09)),
            NtpDuration::ZERO
        );
    }
}
