//! Poll intervals, which packets carry as powers of two, and the limits that a user sets to them.

use super::Seconds;
use std::time::Duration;

/// A poll interval as log₂ of seconds (RFC 5905 §7.3 "poll").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PollInterval(i8);

impl PollInterval {
    /// The shortest interval that we support: 1 s.
    pub const MIN: Self = Self(0);
    /// The longest interval of the protocol: 2¹⁷ s, about 36 h (RFC 5905 §7.2 MAXPOLL).
    pub const MAX: Self = Self(17);

    /// From log₂ of seconds; `None` outside 0…17.
    #[must_use]
    pub const fn new(log2_seconds: i8) -> Option<Self> {
        if log2_seconds >= Self::MIN.0 && log2_seconds <= Self::MAX.0 {
            Some(Self(log2_seconds))
        } else {
            None
        }
    }

    /// From log₂ of seconds as in a packet, moved into 0…17.
    #[must_use]
    pub fn clamped(log2_seconds: i8) -> Self {
        Self(log2_seconds.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// As [`PollInterval::clamped`], for constants.
    pub(crate) const fn clamped_const(log2_seconds: i8) -> Self {
        match Self::new(log2_seconds) {
            Some(poll) => poll,
            None => Self::MAX,
        }
    }

    /// log₂ of seconds.
    #[must_use]
    pub const fn log2(self) -> i8 {
        self.0
    }

    /// The interval itself.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(1 << self.0)
    }

    /// The interval itself, for calculations.
    #[must_use]
    pub fn seconds(self) -> Seconds {
        Seconds::from(self.duration())
    }

    /// Twice as long, up to the protocol's limit.
    #[must_use]
    pub fn longer(self) -> Self {
        Self::clamped(self.0 + 1)
    }

    /// Half as long, down to 1 s.
    #[must_use]
    pub fn shorter(self) -> Self {
        Self::clamped(self.0 - 1)
    }
}

/// The range in which a source adapts its poll interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PollLimits {
    min: PollInterval,
    max: PollInterval,
}

impl PollLimits {
    /// From the two ends; `None` if `min` is longer than `max`.
    #[must_use]
    pub fn new(min: PollInterval, max: PollInterval) -> Option<Self> {
        (min <= max).then_some(Self { min, max })
    }

    /// The shortest interval.
    #[must_use]
    pub const fn min(self) -> PollInterval {
        self.min
    }

    /// The longest interval.
    #[must_use]
    pub const fn max(self) -> PollInterval {
        self.max
    }

    /// The nearest interval within the limits.
    #[must_use]
    pub fn clamp(self, poll: PollInterval) -> PollInterval {
        poll.clamp(self.min, self.max)
    }
}

impl Default for PollLimits {
    /// 16 s to 1024 s, as users of ntpd-rs know it and within RFC 5905's MINPOLL and MAXPOLL.
    fn default() -> Self {
        Self {
            min: PollInterval(4),
            max: PollInterval(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poll_intervals_stay_within_the_protocol() {
        assert_eq!(PollInterval::new(18), None);
        assert_eq!(PollInterval::new(-1), None);
        assert_eq!(PollInterval::MAX.longer(), PollInterval::MAX);
        assert_eq!(PollInterval::clamped(127).log2(), 17);
        assert_eq!(PollInterval::clamped(6).duration(), Duration::from_secs(64));
    }
}
