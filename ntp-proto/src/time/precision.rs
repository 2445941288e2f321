//! The precision of a clock, which packets carry as a power of two.

use super::Seconds;

/// The precision of a clock as log₂ of seconds (RFC 5905 §7.3 "precision"); −20 is about a
/// microsecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Precision(i8);

impl Precision {
    /// From log₂ of seconds, any value that a packet may hold.
    #[must_use]
    pub const fn from_log2(log2_seconds: i8) -> Self {
        Self(log2_seconds)
    }

    /// The value that covers a span, rounded up to a power of two.
    #[must_use]
    pub fn covering(span: Seconds) -> Self {
        Self(span.to_f64().max(1e-30).log2().ceil().clamp(-32.0, 0.0) as i8)
    }

    /// log₂ of seconds.
    #[must_use]
    pub const fn log2(self) -> i8 {
        self.0
    }

    /// In seconds; what a packet claims is limited to 1 s at most.
    #[must_use]
    pub fn seconds(self) -> Seconds {
        Seconds::new(f64::from(self.0.min(0)).exp2())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_microsecond_has_precision_minus_nineteen() {
        assert_eq!(Precision::covering(Seconds::new(1e-6)).log2(), -19);
        assert_eq!(Precision::covering(Seconds::ZERO).log2(), -32);
    }
}
