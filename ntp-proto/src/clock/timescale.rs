//! The free-running timescale: the time of our clock if it had never been steered.
//!
//! Measurements are kept in this timescale, so that a correction can never make a stored sample
//! stale. The local clock shows `local`, the free-running one `free`; between two changes, `local`
//! advances by `1 + rate` for every free second.

use crate::time::{Frequency, NtpDuration, NtpTimestamp, Seconds};
use std::ops::{Add, Sub};

/// A point in the free-running timescale. It started out equal to the local clock when the client
/// was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FreeTime(NtpTimestamp);

impl FreeTime {
    /// The point at which the free-running clock shows this timestamp.
    #[must_use]
    pub const fn new(shown: NtpTimestamp) -> Self {
        Self(shown)
    }

    /// The time of the free-running clock at this point.
    #[must_use]
    pub const fn shown(self) -> NtpTimestamp {
        self.0
    }
}

impl Sub for FreeTime {
    type Output = Seconds;
    fn sub(self, earlier: Self) -> Seconds {
        Seconds::from(self.0 - earlier.0)
    }
}

impl Add<Seconds> for FreeTime {
    type Output = Self;
    fn add(self, span: Seconds) -> Self {
        Self(self.0 + NtpDuration::from(span))
    }
}

/// A stretch of time in which the steering did not change.
#[derive(Clone, Copy, Debug)]
struct Segment {
    local: NtpTimestamp,
    free: FreeTime,
    rate: Frequency,
}

impl Segment {
    fn to_free(self, local: NtpTimestamp) -> FreeTime {
        let elapsed = local - self.local;
        let rate = self.rate.to_f64();
        // Only the small correction is calculated in floating point, so that years lose nothing.
        let correction = NtpDuration::from_seconds(elapsed.to_seconds() * (rate / (1.0 + rate)));
        FreeTime(self.free.0 + elapsed - correction)
    }

    fn to_local(self, free: FreeTime) -> NtpTimestamp {
        let elapsed = free.0 - self.free.0;
        self.local + elapsed + NtpDuration::from(self.rate * Seconds::from(elapsed))
    }
}

/// The number of changes back that a timestamp of an exchange in flight may lie.
const REMEMBERED: usize = 8;

/// The mapping between the local clock and the free-running one, newest stretch last.
#[derive(Clone, Debug)]
pub struct Timescale {
    current: Segment,
    earlier: [Option<Segment>; REMEMBERED],
}

impl Timescale {
    /// Both clocks show `local` now; the local one has been steered at `rate` since before.
    #[must_use]
    pub const fn new(local: NtpTimestamp, rate: Frequency) -> Self {
        Self {
            current: Segment {
                local,
                free: FreeTime(local),
                rate,
            },
            earlier: [None; REMEMBERED],
        }
    }

    /// The rate at which the local clock is steered now.
    #[must_use]
    pub const fn rate(&self) -> Frequency {
        self.current.rate
    }

    /// The time of the free-running clock when the local one showed `local`, which may lie a few
    /// changes back.
    #[must_use]
    pub fn to_free(&self, local: NtpTimestamp) -> FreeTime {
        if local - self.current.local >= NtpDuration::ZERO {
            return self.current.to_free(local);
        }
        let known = self.earlier.iter().flatten();
        known
            .clone()
            .find(|segment| local - segment.local >= NtpDuration::ZERO)
            .or(known.last())
            .map_or_else(
                || self.current.to_free(local),
                |segment| segment.to_free(local),
            )
    }

    /// The time of the local clock at a free-running time that is not in the past.
    #[must_use]
    pub fn to_local(&self, free: FreeTime) -> NtpTimestamp {
        self.current.to_local(free)
    }

    /// The time by which steering has moved the local clock ahead of the free-running one at
    /// `local`.
    #[must_use]
    pub fn steered_by(&self, local: NtpTimestamp) -> NtpDuration {
        local - self.to_free(local).0
    }

    /// From `local` on, the local clock is steered at `rate`.
    pub fn change_rate(&mut self, local: NtpTimestamp, rate: Frequency) {
        let free = self.to_free(local);
        self.begin(Segment { local, free, rate });
    }

    /// The local clock, which showed `local`, was moved by `step`. Timestamps from before the step
    /// can no longer be brought to the free-running timescale.
    pub fn step(&mut self, local: NtpTimestamp, step: NtpDuration) {
        let free = self.to_free(local);
        self.earlier = [None; REMEMBERED];
        self.current = Segment {
            local: local + step,
            free,
            rate: self.current.rate,
        };
    }

    fn begin(&mut self, segment: Segment) {
        self.earlier.rotate_right(1);
        if let Some(newest) = self.earlier.first_mut() {
            *newest = Some(self.current);
        }
        self.current = segment;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> NtpTimestamp {
        NtpTimestamp::from_unix(1_800_000_000, 0) + NtpDuration::from_seconds(seconds)
    }

    fn close(a: NtpTimestamp, b: NtpTimestamp) -> bool {
        (a - b).abs().to_nanos() <= 2
    }

    #[test]
    fn a_clock_steered_fast_is_ahead_of_the_free_one() {
        let mut scale = Timescale::new(at(0.0), Frequency::ZERO);
        scale.change_rate(at(10.0), Frequency::new(100e-6));

        let free = scale.to_free(at(20.001));
        assert!(close(free.shown(), at(20.0)));
        assert!(close(scale.to_local(free), at(20.001)));
        assert!((scale.steered_by(at(20.001)).to_seconds() - 0.001).abs() < 2e-9);
    }

    #[test]
    fn a_timestamp_from_before_a_change_is_mapped_by_the_old_rate() {
        let mut scale = Timescale::new(at(0.0), Frequency::new(500e-6));
        scale.change_rate(at(100.0), Frequency::new(-500e-6));

        let expected = at(0.0) + NtpDuration::from_seconds(50.0 / (1.0 + 500e-6));
        assert!(close(scale.to_free(at(50.0)).shown(), expected));
    }

    #[test]
    fn a_step_moves_the_local_clock_and_leaves_the_free_one_alone() {
        let mut scale = Timescale::new(at(0.0), Frequency::ZERO);
        scale.step(at(5.0), NtpDuration::from_seconds(-3.0));

        assert!(close(scale.to_free(at(2.0)).shown(), at(5.0)));
        assert_eq!(scale.steered_by(at(2.0)), NtpDuration::from_seconds(-3.0));
    }
}
