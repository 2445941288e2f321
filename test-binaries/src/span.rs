//! A time span on a command line.

use std::time::Duration;

/// Reads `20`, `20s` or `0.5` as seconds.
///
/// # Errors
/// What is wrong with it, for the user.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    let wrong = || {
        format!("`{text}` is not a time span: write a number of seconds from 0, such as 20 or 0.5s")
    };
    let seconds: f64 = number.trim().parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_may_be_written_or_left_out() {
        assert_eq!(seconds("20"), Ok(Duration::from_secs(20)));
        assert_eq!(seconds("0.5s"), Ok(Duration::from_millis(500)));
    }

    #[test]
    fn what_is_no_time_span_is_refused() {
        for text in ["", "s", "-1", "nan", "inf", "1h"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
