//! Numbers as people write them, for the log.

use ntp_proto::time::{Frequency, Seconds};

/// A time with its sign, three digits and the unit that fits: `+1.23 ms`.
pub(crate) fn signed(time: impl Into<Seconds>) -> String {
    let time = time.into();
    let sign = if time < Seconds::ZERO { "-" } else { "+" };
    format!("{sign}{}", span(time))
}

/// The magnitude of a time, with three digits and the unit that fits: `812 ns`, `1.23 ms`, `4000 s`.
pub(crate) fn span(time: impl Into<Seconds>) -> String {
    let magnitude = time.into().to_f64().abs();
    if magnitude < 0.5e-9 {
        return "0 s".to_owned();
    }
    for (unit, name) in [(1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms")] {
        let scaled = magnitude / unit;
        if scaled < 999.5 {
            let decimals = if unit < 5e-9 { 0 } else { decimals(scaled) };
            return format!("{scaled:.decimals$} {name}");
        }
    }
    format!("{magnitude:.*} s", decimals(magnitude))
}

/// The error of our clock in words, from an offset: `1.23 ms behind`.
pub(crate) fn behind(offset: Seconds) -> String {
    format!("{} {}", span(offset), if offset < Seconds::ZERO { "ahead" } else { "behind" })
}

/// A rate in parts per million, with its sign.
pub(crate) fn ppm(rate: Frequency) -> String {
    format!("{:+.3} ppm", rate.to_f64() * 1e6)
}

/// Decimals for three digits in all.
fn decimals(scaled: f64) -> usize {
    match scaled {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_the_unit_that_fits() {
        for (value, text) in [
            (1.234_567_89e-5, "+12.3 µs"),
            (-0.25, "-250 ms"),
            (3e-9, "+3 ns"),
            (-172_800.0, "-172800 s"),
            (0.0, "+0 s"),
            (0.999_6, "+1.00 s"),
        ] {
            assert_eq!(signed(Seconds::new(value)), text);
        }
    }

    #[test]
    fn a_positive_offset_means_that_our_clock_is_behind() {
        assert_eq!(behind(Seconds::new(300.0)), "300 s behind");
        assert_eq!(behind(Seconds::new(-0.25)), "250 ms ahead");
    }

    #[test]
    fn rates_are_in_parts_per_million() {
        assert_eq!(ppm(Frequency::new(-12.3456e-6)), "-12.346 ppm");
    }
}
