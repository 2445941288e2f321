//! Times and rates as the log shows them.

use ntp_observe::digits;
use ntp_proto::time::{Frequency, Seconds};

/// A time with its sign, three digits and the unit that fits: `+1.23 ms`.
pub(crate) fn signed(time: impl Into<Seconds>) -> String {
    let time = time.into();
    let sign = if time < Seconds::ZERO { "-" } else { "+" };
    format!("{sign}{}", span(time))
}

/// The magnitude of a time, with three digits and the unit that fits: `812 ns`, `1.23 ms`, `4000
/// s`.
pub(crate) fn span(time: impl Into<Seconds>) -> String {
    digits::seconds(time.into().to_f64().abs())
}

/// The error of our clock in words, from an offset: `1.23 ms behind`.
pub(crate) fn behind(offset: Seconds) -> String {
    format!(
        "{} {}",
        span(offset),
        if offset < Seconds::ZERO {
            "ahead"
        } else {
            "behind"
        }
    )
}

/// A rate in parts per million, with its sign.
pub(crate) fn ppm(rate: Frequency) -> String {
    digits::ppm(rate.to_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_always_have_their_sign() {
        for (value, text) in [
            (1.234_567_89e-5, "+12.3 µs"),
            (-0.25, "-250 ms"),
            (-172_800.0, "-172800 s"),
            (0.0, "+0 s"),
        ] {
            assert_eq!(signed(Seconds::new(value)), text);
        }
    }

    #[test]
    fn a_positive_offset_means_that_our_clock_is_behind() {
        assert_eq!(behind(Seconds::new(300.0)), "300 s behind");
        assert_eq!(behind(Seconds::new(-0.25)), "250 ms ahead");
    }
}
