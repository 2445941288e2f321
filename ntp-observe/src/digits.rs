//! Times and rates in digits with their unit, the same in every program that shows or logs them.

/// A time in seconds, with three digits and the unit that fits: `812 ns`, `1.23 ms`, `-4000 s`.
/// Below half a nanosecond it is `0 s`.
#[must_use]
pub fn seconds(value: f64) -> String {
    let magnitude = value.abs();
    let sign = if value < 0.0 { "-" } else { "" };
    if magnitude < 0.5e-9 {
        return "0 s".to_owned();
    }
    for (unit, name) in [(1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms")] {
        let scaled = magnitude / unit;
        if scaled < 999.5 {
            let decimals = if unit < 5e-9 { 0 } else { decimals(scaled) };
            return format!("{sign}{scaled:.decimals$} {name}");
        }
    }
    format!("{sign}{magnitude:.*} s", decimals(magnitude))
}

/// A rate, in seconds per second, as parts per million with its sign: `-12.346 ppm`.
#[must_use]
pub fn ppm(ratio: f64) -> String {
    format!("{:+.3} ppm", ratio * 1e6)
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
        let claims = [
            (0.0, "0 s"),
            (1e-12, "0 s"),
            (3e-9, "3 ns"),
            (8.12e-7, "812 ns"),
            (9.999e-7, "1.00 µs"),
            (1.234e-5, "12.3 µs"),
            (-0.001_234, "-1.23 ms"),
            (-0.25, "-250 ms"),
            (0.999_6, "1.00 s"),
            (0.999_4, "999 ms"),
            (12.34, "12.3 s"),
            (4000.0, "4000 s"),
        ];
        for (value, text) in claims {
            assert_eq!(seconds(value), text, "{value}");
        }
    }

    #[test]
    fn rates_are_in_parts_per_million() {
        assert_eq!(ppm(-12.3456e-6), "-12.346 ppm");
    }
}
