//! The 32-bit short format of root delay and root dispersion.

use super::{NtpDuration, Seconds};

/// An unsigned span in units of 2⁻¹⁶ s, up to 65,536 s (RFC 5905 §6, "NTP short format").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NtpShort(u32);

impl NtpShort {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span.
    pub const MAX: Self = Self(u32::MAX);

    /// From the 32 bits of the wire.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The 32 bits of the wire.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// From seconds, rounded **up**, so that a bound stays a bound; negative and not-a-number
    /// become zero, and beyond the range it saturates.
    #[must_use]
    pub fn from_seconds_up(span: Seconds) -> Self {
        Self((span.to_f64() * 65_536.0).ceil() as u32)
    }

    /// In seconds.
    #[must_use]
    pub fn to_seconds(self) -> Seconds {
        Seconds::new(f64::from(self.0) / 65_536.0)
    }
}

impl From<NtpShort> for NtpDuration {
    fn from(span: NtpShort) -> Self {
        Self::from_bits(i64::from(span.0) << 16)
    }
}

impl std::fmt::Debug for NtpShort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.6}s", self.to_seconds().to_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_never_rounded_down() {
        let tiny = NtpShort::from_seconds_up(Seconds::new(1e-9));
        assert_eq!(tiny.to_bits(), 1);
        assert_eq!(NtpShort::from_seconds_up(Seconds::new(1e9)), NtpShort::MAX);
        assert_eq!(
            NtpShort::from_seconds_up(Seconds::new(-1.0)),
            NtpShort::ZERO
        );
        assert_eq!(
            NtpShort::from_seconds_up(Seconds::new(f64::NAN)),
            NtpShort::ZERO
        );
    }
}
