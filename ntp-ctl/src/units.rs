//! Numbers for people.

pub(crate) use ntp_observe::digits::{ppm, seconds};

/// The text in place of a number that is not known.
pub(crate) const UNKNOWN: &str = "-";

/// A time with its sign, also when positive: `+1.23 ms`.
pub(crate) fn signed_seconds(value: f64) -> String {
    let text = seconds(value);
    if value > 0.0 && text != "0 s" {
        format!("+{text}")
    } else {
        text
    }
}

/// The error of our clock in words, from an offset: `1.23 ms behind`. Long times are also given in
/// hours and days.
pub(crate) fn behind(offset: f64) -> String {
    let side = if offset < 0.0 { "ahead" } else { "behind" };
    let long = if offset.abs() >= 600.0 {
        format!(" ({})", span(offset.abs()))
    } else {
        String::new()
    };
    format!("{}{long} {side}", seconds(offset.abs()))
}

/// A poll interval: whole seconds where they are whole.
pub(crate) fn poll(value: f64) -> String {
    if value < 1.0 {
        seconds(value)
    } else {
        format!("{value:.0} s")
    }
}

/// A length of time in at most two units: `12 s`, `3 min 5 s`, `2 d 4 h`.
pub(crate) fn span(value: f64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    if value < 9.95 {
        return seconds(value);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; the value is positive"
    )]
    let whole = value.round() as u64;
    let first = UNITS
        .iter()
        .position(|(length, _)| whole >= *length)
        .unwrap_or(3);
    let (length, name) = UNITS[first];
    let rest = whole % length;
    match UNITS.get(first + 1) {
        Some((shorter, shorter_name)) if rest / shorter > 0 => {
            format!(
                "{} {name} {} {shorter_name}",
                whole / length,
                rest / shorter
            )
        }
        _ => format!("{} {name}", whole / length),
    }
}

/// A ratio in percent, with two digits.
pub(crate) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent < 9.95 && (percent - percent.round()).abs() > 0.049 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// A count with its noun: `1 source`, `3 sources`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The number as `format` writes it, or [`UNKNOWN`].
pub(crate) fn known(value: Option<f64>, format: fn(f64) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_always_show_their_sign() {
        assert_eq!(signed_seconds(0.001_5), "+1.50 ms");
        assert_eq!(signed_seconds(-0.001_5), "-1.50 ms");
        assert_eq!(signed_seconds(0.0), "0 s");
    }

    #[test]
    fn a_positive_offset_means_that_our_clock_is_behind() {
        assert_eq!(behind(0.25), "250 ms behind");
        assert_eq!(behind(-7200.0), "7200 s (2 h) ahead");
    }

    #[test]
    fn spans_have_at_most_two_units() {
        let claims = [
            (0.25, "250 ms"),
            (12.4, "12 s"),
            (185.0, "3 min 5 s"),
            (7200.0, "2 h"),
            (187_200.0, "2 d 4 h"),
            (86_405.0, "1 d"),
        ];
        for (value, text) in claims {
            assert_eq!(span(value), text, "{value}");
        }
    }

    #[test]
    fn percents_have_two_digits_at_most() {
        for (ratio, text) in [(0.02, "2 %"), (0.0125, "1.2 %"), (0.5, "50 %")] {
            assert_eq!(percent(ratio), text);
        }
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(count(1, "source"), "1 source");
        assert_eq!(count(0, "source"), "0 sources");
    }
}
