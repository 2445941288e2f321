//! A time span on a command line.

use std::time::Duration;

/// Reads a time span such as `60s`, `1.5m`, `1h` or `500ms`; a plain number means seconds.
///
/// # Errors
/// Names the text and the accepted form, for the user.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time span: write it like 60s, 1.5m, 1h or 500ms");
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_their_unit_and_plain_numbers_as_seconds() {
        assert_eq!(parse_span("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(parse_span("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_span("0.5s"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_span("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_span("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_no_time_span_is_refused() {
        for text in ["", "s", "-5s", "nan", "inf", "soon", "1e999h"] {
            let error = parse_span(text).unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }
}
