//! Turning corrections into commands: a base rate, and at most one slew on top of it.

use super::discipline::MAXIMUM_FREQUENCY;
use crate::time::{Frequency, MonoTime, Seconds};
use std::time::Duration;

/// The fastest slew, on top of the base rate. Together they stay within what the kernel's frequency
/// and tick can do.
pub const MAXIMUM_SLEW: Frequency = MAXIMUM_FREQUENCY;
/// The same for a discipline that knows how far to go: with the tick, kernels can do 10 %.
pub(super) const FASTEST_SLEW: Frequency = Frequency::new(0.09);
/// The largest rate correction of any discipline, which leaves room for the fastest slew on top of
/// it.
pub const LARGEST_RATE: Frequency = Frequency::new(0.01);

#[derive(Clone, Copy, Debug)]
struct Slew {
    rate: Frequency,
    ends: MonoTime,
}

/// The rate that the clock should run at, now and later.
#[derive(Clone, Debug)]
pub(super) struct Steering {
    base: Frequency,
    slew: Option<Slew>,
    fastest: Frequency,
}

impl Steering {
    /// Runs at `base`, and slews no faster than `fastest`.
    pub(super) fn new(base: Frequency, fastest: Frequency) -> Self {
        Self {
            base,
            slew: None,
            fastest,
        }
    }

    /// Runs at `base` from now on; a slew in progress goes on.
    pub(super) fn rebase(&mut self, base: Frequency) {
        self.base = base.limited(LARGEST_RATE);
    }

    /// Runs at `base` from now on and makes up for `slew` within `within`, or as soon as the
    /// fastest slew allows.
    pub(super) fn steer(&mut self, now: MonoTime, base: Frequency, slew: Seconds, within: Seconds) {
        self.base = base.limited(LARGEST_RATE);
        let shortest = Seconds::new(slew.abs().to_f64() / self.fastest.to_f64());
        let span = within.max(shortest);
        let rate = slew.per(span).limited(self.fastest);
        // The clock of timers is steered, too, and goes faster by what we do to it.
        let by_timer = span.to_f64() * (1.0 + self.base.to_f64() + rate.to_f64());
        // No wait is longer than three years; the bound keeps the conversion from failing.
        let ends = now + Duration::try_from_secs_f64(by_timer.min(1e8)).unwrap_or_default();
        self.slew = (slew != Seconds::ZERO).then_some(Slew { rate, ends });
    }

    /// Lets a slew in progress go.
    pub(super) fn stop_slew(&mut self) {
        self.slew = None;
    }

    /// The plain rate, without any slew.
    pub(super) fn base(&self) -> Frequency {
        self.base
    }

    /// The rate to run at now. A slew ends here when its time has come.
    pub(super) fn rate(&mut self, now: MonoTime) -> Frequency {
        if self.slew.is_some_and(|slew| now >= slew.ends) {
            self.slew = None;
        }
        self.base + self.slew.map_or(Frequency::ZERO, |slew| slew.rate)
    }

    /// The time at which the rate changes by itself.
    pub(super) fn timeout(&self) -> Option<MonoTime> {
        self.slew.map(|slew| slew.ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: MonoTime = MonoTime::ZERO;

    #[test]
    fn a_slew_makes_up_for_the_offset_and_leaves_the_base_rate() {
        let mut steering = Steering::new(Frequency::ZERO, MAXIMUM_SLEW);
        steering.steer(
            START,
            Frequency::new(10e-6),
            Seconds::new(-0.001),
            Seconds::new(16.0),
        );

        let during = steering.rate(START).to_f64();
        assert!((during - (10e-6 - 62.5e-6)).abs() < 1e-12);
        let end = steering.timeout().unwrap();
        // The clock of timers loses 52.5 ppm meanwhile.
        assert_eq!(end, START + Duration::from_micros(15_999_160));
        assert_eq!(steering.rate(end), Frequency::new(10e-6));
        assert_eq!(steering.timeout(), None);
    }

    #[test]
    fn a_large_offset_takes_as_long_as_the_fastest_slew_needs() {
        let mut steering = Steering::new(Frequency::ZERO, MAXIMUM_SLEW);
        steering.steer(
            START,
            Frequency::ZERO,
            Seconds::new(1.0),
            Seconds::new(16.0),
        );
        assert_eq!(steering.rate(START), MAXIMUM_SLEW);
        // In 2000 s the clock of timers goes 1 s further.
        assert_eq!(steering.timeout(), Some(START + Duration::from_secs(2001)));
    }
}
