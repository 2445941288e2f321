//! Numbers and units of the input.

/// A whole number.
pub(crate) fn whole(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// A finite number.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// The range of the shortest and longest poll interval of a source, powers of two of seconds.
pub(crate) const SHORTEST_MIN_POLL: i64 = 0;
pub(crate) const LONGEST_MIN_POLL: i64 = 12;
pub(crate) const LONGEST_MAX_POLL: i64 = 15;

/// The largest `maximum-root-distance` in seconds.
pub(crate) const LARGEST_DISTANCE: f64 = 16.0;

/// The largest number of servers of a pool, and the default one.
pub(crate) const LARGEST_POOL: i64 = 16;
pub(crate) const DEFAULT_POOL: i64 = 4;

/// The default poll interval limits of a source.
pub(crate) const DEFAULT_POLLS: (i64, i64) = (4, 10);

/// The power of two of seconds that is nearest to a time span, and true if it is exactly that.
pub(crate) fn nearest_log2(seconds: f64) -> Option<(i64, bool)> {
    if !(seconds.is_finite() && seconds > 0.0) {
        return None;
    }
    let power = seconds.log2().round().clamp(-30.0, 60.0);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the power was rounded and bounded"
    )]
    let whole = power as i64;
    #[expect(clippy::float_cmp, reason = "powers of two are exact")]
    Some((whole, power.exp2() == seconds))
}

/// A power of two of seconds in whole milliseconds, at least 1, and true if it is exactly that.
pub(crate) fn log2_millis(power: i64) -> (i64, bool) {
    match u32::try_from(power) {
        Ok(power) if power < 40 => (1000 << power, true),
        Ok(_) => (i64::MAX, false),
        Err(_) => {
            let shift = u32::try_from(-power).unwrap_or(63).min(63);
            let millis = 1000 >> shift;
            (millis.max(1), millis << shift == 1000)
        }
    }
}

/// A time span of systemd.time(7) in seconds; a number without a unit means seconds, and infinity
/// is infinite.
pub(crate) fn systemd_span(text: &str) -> Option<f64> {
    let text = text.trim();
    if text == "infinity" {
        return Some(f64::INFINITY);
    }
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (value, behind) = rest.split_at_checked(digits)?;
        let behind = behind.trim_start();
        let letters = behind
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(letters)?;
        sum += number(value)? * unit_seconds(unit)?;
        rest = behind.trim_start();
    }
    (!text.is_empty() && sum.is_finite()).then_some(sum)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "usec" | "us" | "µs" | "μs" => 1e-6,
        "msec" | "ms" => 1e-3,
        "" | "seconds" | "second" | "sec" | "s" => 1.0,
        "minutes" | "minute" | "min" | "m" => 60.0,
        "hours" | "hour" | "hr" | "h" => 3600.0,
        "days" | "day" | "d" => 86_400.0,
        "weeks" | "week" | "w" => 604_800.0,
        "months" | "month" | "M" => 2_629_800.0,
        "years" | "year" | "y" => 31_557_600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_of_systemd_are_read_in_all_units() {
        for (text, seconds) in [
            ("5", 5.0),
            ("34min 8s", 2048.0),
            ("1h30m", 5400.0),
            ("500ms", 0.5),
            ("2 days", 172_800.0),
            ("infinity", f64::INFINITY),
        ] {
            assert_eq!(systemd_span(text), Some(seconds), "{text}");
        }
        for text in ["", "soon", "5 parsecs", "-1", "1..2"] {
            assert_eq!(systemd_span(text), None, "{text}");
        }
    }

    #[test]
    fn powers_of_two_are_exact_and_others_are_rounded() {
        assert_eq!(nearest_log2(2048.0), Some((11, true)));
        assert_eq!(nearest_log2(1000.0), Some((10, false)));
        assert_eq!(nearest_log2(0.0), None);
        assert_eq!(log2_millis(3), (8000, true));
        assert_eq!(log2_millis(-3), (125, true));
        assert_eq!(log2_millis(-4), (62, false));
        assert_eq!(log2_millis(-19), (1, false));
    }
}
