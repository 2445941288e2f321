//! Spans and rates for estimators, with only the lawful operators between them.

use super::NtpDuration;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};
use std::time::Duration;

/// A signed span in seconds, for calculations.
#[derive(Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Seconds(f64);

/// A relative rate: seconds gained per second. Positive: the clock runs fast.
#[derive(Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Frequency(f64);

macro_rules! linear_operators {
    ($kind:ident) => {
        impl $kind {
            /// Zero seconds, or no frequency error.
            pub const ZERO: Self = Self(0.0);
            /// From a plain number in the unit of the type.
            #[must_use]
            pub const fn new(value: f64) -> Self {
                Self(value)
            }
            /// The plain number in the unit of the type.
            #[must_use]
            pub const fn to_f64(self) -> f64 {
                self.0
            }
            /// Without the sign.
            #[must_use]
            pub const fn abs(self) -> Self {
                Self(self.0.abs())
            }
            /// The larger of two; a number wins against not-a-number.
            #[must_use]
            pub const fn max(self, other: Self) -> Self {
                Self(self.0.max(other.0))
            }
            /// The smaller of two; a number wins against not-a-number.
            #[must_use]
            pub const fn min(self, other: Self) -> Self {
                Self(self.0.min(other.0))
            }
            /// The nearest value within ±`limit` (a positive value).
            #[must_use]
            pub const fn limited(self, limit: Self) -> Self {
                Self(self.0.min(limit.0).max(-limit.0))
            }
        }
        impl Add for $kind {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl AddAssign for $kind {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl Sub for $kind {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl SubAssign for $kind {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }
        impl Neg for $kind {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl Mul<f64> for $kind {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }
        impl Div<f64> for $kind {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }
        impl Div for $kind {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }
    };
}

linear_operators!(Seconds);
linear_operators!(Frequency);

impl Seconds {
    /// This span gained or lost over `span`, as a rate; zero where the span is not positive.
    #[must_use]
    pub fn per(self, span: Seconds) -> Frequency {
        if span.0 > 0.0 {
            Frequency(self.0 / span.0)
        } else {
            Frequency::ZERO
        }
    }
}

impl Mul<Seconds> for Frequency {
    type Output = Seconds;
    fn mul(self, span: Seconds) -> Seconds {
        Seconds(self.0 * span.0)
    }
}

impl From<NtpDuration> for Seconds {
    fn from(span: NtpDuration) -> Self {
        Self(span.to_seconds())
    }
}

impl From<Duration> for Seconds {
    fn from(span: Duration) -> Self {
        Self(span.as_secs_f64())
    }
}

impl std::fmt::Debug for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:e}s", self.0)
    }
}

impl std::fmt::Debug for Frequency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:e}s/s", self.0)
    }
}
