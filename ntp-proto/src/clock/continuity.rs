//! Detection of steps and suspends that we did not order, by comparison with the clock of timers.
//!
//! The clock of timers runs at the steered rate as well, but is never set. So the difference of the
//! two changes by our own steps only; any other change is a step that another program made. A
//! suspend shows as time that only the clock of timers with suspends has counted.

use super::command::Disturbance;
use crate::time::{MonoTime, NtpDuration, NtpTimestamp};
use std::time::Duration;

/// A difference below this is not taken for a step: the readings are not made at the very same
/// instant.
const LEAST_STEP: NtpDuration = NtpDuration::from_bits((1 << 32) / 4000);
/// A suspend below this is not taken for one: the kernel's two clocks are not read at the same
/// instant either.
const LEAST_SUSPEND: Duration = Duration::from_millis(10);

/// The clocks of a machine, read at one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MachineTime {
    /// The clock that is disciplined.
    pub local: NtpTimestamp,
    /// The clock of timers, which counts suspends, runs at the rate of the disciplined clock, and
    /// is never set.
    pub boot: MonoTime,
    /// The time that the machine has been suspended since it was booted.
    pub suspended: Duration,
}

/// Finds changes of the clock that were not ordered.
#[derive(Clone, Copy, Debug)]
pub struct Continuity {
    last: MachineTime,
}

impl Continuity {
    /// From now on.
    #[must_use]
    pub const fn new(now: MachineTime) -> Self {
        Self { last: now }
    }

    /// We have set the clock: `step` was added.
    pub fn handle_step(&mut self, step: NtpDuration) {
        self.last.local = self.last.local + step;
    }

    /// The change since the last call that was not ordered, if there was one. It is reported once.
    #[must_use]
    pub fn check(&mut self, now: MachineTime) -> Option<Disturbance> {
        let before = self.last.local + NtpDuration::from(now.boot.since(self.last.boot));
        let step = now.local - before;
        let suspended = now.suspended.saturating_sub(self.last.suspended);
        let disturbed = step.abs() >= LEAST_STEP || suspended >= LEAST_SUSPEND;
        // Without a change, the readings of the last time stay: small differences must not add up
        // unseen.
        disturbed.then(|| {
            self.last = now;
            Disturbance {
                before,
                step,
                suspended,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: f64, local: f64, suspended: f64) -> MachineTime {
        MachineTime {
            local: NtpTimestamp::from_unix(1_800_000_000, 0) + NtpDuration::from_seconds(local),
            boot: MonoTime::from_epoch(Duration::from_secs_f64(boot)),
            suspended: Duration::from_secs_f64(suspended),
        }
    }

    #[test]
    fn a_clock_that_only_we_set_is_undisturbed() {
        let mut continuity = Continuity::new(at(0.0, 0.0, 0.0));
        assert_eq!(continuity.check(at(1000.0, 1_000.000_1, 0.0)), None);
        continuity.handle_step(NtpDuration::from_seconds(-7200.0));
        assert_eq!(continuity.check(at(2000.0, -5200.0, 0.0)), None);
    }

    #[test]
    fn a_step_by_another_program_is_found_once_with_its_size() {
        let mut continuity = Continuity::new(at(0.0, 0.0, 0.0));
        let found = continuity.check(at(10.0, 3610.0, 0.0)).unwrap();
        assert!((found.step.to_seconds() - 3600.0).abs() < 1e-6);
        assert_eq!(found.before, at(0.0, 10.0, 0.0).local);
        assert_eq!(found.suspended, Duration::ZERO);
        assert_eq!(continuity.check(at(20.0, 3620.0, 0.0)), None);
    }

    #[test]
    fn a_suspend_is_found_even_if_the_clock_seems_to_have_gone_on() {
        let mut continuity = Continuity::new(at(0.0, 0.0, 5.0));
        let found = continuity.check(at(3600.0, 3600.0, 3595.0)).unwrap();
        assert!((found.suspended.as_secs_f64() - 3590.0).abs() < 1e-6);
        assert!(found.step.abs() < LEAST_STEP);
    }

    #[test]
    fn small_differences_do_not_add_up_unseen() {
        let mut continuity = Continuity::new(at(0.0, 0.0, 0.0));
        let found = (1..100)
            .map(f64::from)
            .find_map(|t| continuity.check(at(t, t * (1.0 + 50e-6), 0.0)));
        assert!(
            found.is_some(),
            "a clock of timers that does not follow the steering"
        );
    }
}
