//! A signed span of time on the wire's scale.

use super::Seconds;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::time::Duration;

/// A signed span of time in units of 2⁻³² s; all arithmetic saturates at about ±68 years (RFC 5905
/// §6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NtpDuration(i64);

impl NtpDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// One second.
    pub const SECOND: Self = Self(1 << 32);
    /// The longest span.
    pub const MAX: Self = Self(i64::MAX);
    /// The most negative span.
    pub const MIN: Self = Self(i64::MIN);

    /// From units of 2⁻³² s.
    #[must_use]
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }

    /// In units of 2⁻³² s.
    #[must_use]
    pub const fn to_bits(self) -> i64 {
        self.0
    }

    /// From seconds, rounded to the nearest unit; beyond the range it saturates, and not-a-number
    /// becomes zero.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Self {
        // A float cast saturates and maps NaN to zero.
        Self((seconds * 4_294_967_296.0).round() as i64)
    }

    /// In seconds.
    #[must_use]
    pub fn to_seconds(self) -> f64 {
        self.0 as f64 / 4_294_967_296.0
    }

    /// From whole nanoseconds, rounded to the nearest unit; saturates.
    #[must_use]
    pub fn from_nanos(nanos: i64) -> Self {
        let bits = (i128::from(nanos) << 32)
            .saturating_add(500_000_000)
            .div_euclid(1_000_000_000);
        Self(i64::try_from(bits).unwrap_or(if bits < 0 { i64::MIN } else { i64::MAX }))
    }

    /// In nanoseconds, rounded down; saturates.
    #[must_use]
    pub fn to_nanos(self) -> i64 {
        let nanos = (i128::from(self.0) * 1_000_000_000) >> 32;
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// The span without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Half of the span, rounded towards negative infinity.
    #[must_use]
    pub const fn halved(self) -> Self {
        Self(self.0 >> 1)
    }
}

impl From<Seconds> for NtpDuration {
    fn from(span: Seconds) -> Self {
        Self::from_seconds(span.to_f64())
    }
}

impl From<Duration> for NtpDuration {
    fn from(span: Duration) -> Self {
        let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        Self(seconds.saturating_mul(1 << 32)) + Self::from_nanos(i64::from(span.subsec_nanos()))
    }
}

impl Add for NtpDuration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for NtpDuration {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for NtpDuration {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for NtpDuration {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for NtpDuration {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl std::fmt::Debug for NtpDuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:+.9}s", self.to_seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_survive_the_round_trip_within_one() {
        for nanos in [0, 1, -1, 999_999_999, -1_500_000_001, 86_400_000_000_000] {
            let back = NtpDuration::from_nanos(nanos).to_nanos();
            assert!((back - nanos).abs() <= 1, "{nanos} became {back}");
        }
    }

    #[test]
    fn sums_saturate_instead_of_wrapping() {
        assert_eq!(NtpDuration::MAX + NtpDuration::SECOND, NtpDuration::MAX);
        assert_eq!(NtpDuration::MIN - NtpDuration::SECOND, NtpDuration::MIN);
        assert_eq!(-NtpDuration::MIN, NtpDuration::MAX);
    }

    #[test]
    fn seconds_that_make_no_sense_do_no_harm() {
        assert_eq!(NtpDuration::from_seconds(f64::NAN), NtpDuration::ZERO);
        assert_eq!(NtpDuration::from_seconds(f64::INFINITY), NtpDuration::MAX);
        assert_eq!(NtpDuration::from_seconds(-1e30), NtpDuration::MIN);
    }
}
