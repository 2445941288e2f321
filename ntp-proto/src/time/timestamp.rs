//! A point in time on the wire's scale, which wraps every 136 years.

use super::NtpDuration;
use std::ops::{Add, Sub};

/// Seconds from the NTP prime epoch (1900-01-01) to the Unix epoch (1970-01-01), RFC 5905 figure 4.
pub const UNIX_EPOCH_IN_NTP_SECONDS: i64 = 2_208_988_800;

/// A 64-bit NTP timestamp (RFC 5905 §6): seconds since the start of some era in the upper half,
/// 2⁻³² s in the lower.
///
/// It wraps in 2036 and every 136 years, so it has no order; the difference of two of them is right
/// as long as they lie within 68 years of each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NtpTimestamp(u64);

impl NtpTimestamp {
    /// The special value that says "not known" in a packet.
    pub const UNKNOWN: Self = Self(0);

    /// From the 64 bits of the wire.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The 64 bits of the wire.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// True if this is the special value 0, "not known".
    #[must_use]
    pub const fn is_unknown(self) -> bool {
        self.0 == 0
    }

    /// From Unix time in seconds and nanoseconds (below 10⁹), rounded to the nearest 2⁻³² s.
    #[must_use]
    pub fn from_unix(seconds: i64, nanos: u32) -> Self {
        let fraction = NtpDuration::from_nanos(i64::from(nanos)).to_bits();
        let whole = seconds
            .wrapping_add(UNIX_EPOCH_IN_NTP_SECONDS)
            .cast_unsigned()
            << 32;
        Self(whole.wrapping_add(fraction.cast_unsigned()))
    }

    /// Unix time in seconds and nanoseconds, in the era that puts it nearest to `pivot` (Unix
    /// seconds).
    #[must_use]
    pub fn to_unix_near(self, pivot: i64) -> (i64, u32) {
        let nanos = ((self.0 & 0xFFFF_FFFF) * 1_000_000_000) >> 32;
        let pivot_stamp = Self::from_unix(pivot, 0);
        let ahead = ((self.0 >> 32) as u32)
            .wrapping_sub((pivot_stamp.0 >> 32) as u32)
            .cast_signed();
        (pivot + i64::from(ahead), nanos as u32)
    }
}

impl Add<NtpDuration> for NtpTimestamp {
    type Output = Self;
    fn add(self, span: NtpDuration) -> Self {
        Self(self.0.wrapping_add_signed(span.to_bits()))
    }
}

impl Sub<NtpDuration> for NtpTimestamp {
    type Output = Self;
    fn sub(self, span: NtpDuration) -> Self {
        Self(self.0.wrapping_sub(span.to_bits().cast_unsigned()))
    }
}

impl Sub for NtpTimestamp {
    type Output = NtpDuration;
    fn sub(self, earlier: Self) -> NtpDuration {
        NtpDuration::from_bits(self.0.wrapping_sub(earlier.0).cast_signed())
    }
}

impl std::fmt::Debug for NtpTimestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}.{:08x}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_right_across_an_era_boundary() {
        let before = NtpTimestamp::from_bits(u64::MAX);
        let after = before + NtpDuration::SECOND;

        assert_eq!(after - before, NtpDuration::SECOND);
        assert_eq!(before - after, -NtpDuration::SECOND);
    }

    #[test]
    fn unix_time_survives_the_round_trip_on_both_sides_of_2036() {
        for (seconds, nanos) in [
            (0, 0),
            (1_795_248_000, 999_999_999),
            (2_085_978_495, 1),
            (2_085_978_496, 0),
            (4_000_000_000, 7),
        ] {
            let (back, back_nanos) =
                NtpTimestamp::from_unix(seconds, nanos).to_unix_near(seconds - 1_000_000);
            assert_eq!(back, seconds);
            assert!(back_nanos.abs_diff(nanos) <= 1);
        }
    }
}
