//! The timescale of timers.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on a clock that never jumps, counted from an epoch that the driver chooses. The driver
/// must use a clock that runs on while the machine sleeps (boot time), so that no deadline is lost
/// in a suspend.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct MonoTime(Duration);

impl MonoTime {
    /// The driver's epoch.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// From the time since the epoch.
    #[must_use]
    pub const fn from_epoch(since: Duration) -> Self {
        Self(since)
    }

    /// The time since the epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// The time since `earlier`; zero if it lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for MonoTime {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl Sub<Duration> for MonoTime {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }
}

/// One instant, by both of our clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// By the clock of timers.
    pub mono: MonoTime,
    /// By the clock that we discipline.
    pub local: super::NtpTimestamp,
}
