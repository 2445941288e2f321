//! A date as it stands in the document: RFC 3339, UTC.

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

/// A date in UTC; its text is RFC 3339 (`2026-01-02T03:04:05.678Z`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(Timestamp);

/// The text is not a date of RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a date of RFC 3339")]
pub struct BadDate {
    text: String,
}

impl Date {
    /// The date `seconds` and `nanoseconds` after 1970-01-01T00:00:00Z. Dates outside the years
    /// -9999 to 9999, which RFC 3339 cannot write, become the nearest one that it can.
    #[must_use]
    pub fn from_unix(seconds: i64, nanoseconds: u32) -> Self {
        let nanoseconds = nanoseconds.min(999_999_999).cast_signed();
        Self(
            Timestamp::new(seconds, nanoseconds).unwrap_or(if seconds < 0 {
                Timestamp::MIN
            } else {
                Timestamp::MAX
            }),
        )
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0
            .as_nanosecond()
            .div_euclid(1_000_000_000)
            .try_into()
            .unwrap_or(i64::MAX)
    }

    /// Nanoseconds within the second of [`unix_seconds`](Self::unix_seconds).
    #[must_use]
    pub fn subsecond_nanoseconds(self) -> u32 {
        self.0
            .as_nanosecond()
            .rem_euclid(1_000_000_000)
            .try_into()
            .unwrap_or(0)
    }
}

impl From<SystemTime> for Date {
    fn from(time: SystemTime) -> Self {
        Self(
            Timestamp::try_from(time).unwrap_or(if time < SystemTime::UNIX_EPOCH {
                Timestamp::MIN
            } else {
                Timestamp::MAX
            }),
        )
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Date {
    type Err = BadDate;

    fn from_str(text: &str) -> Result<Self, BadDate> {
        text.parse().map(Self).map_err(|_| BadDate {
            text: text.to_owned(),
        })
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_rfc_3339_in_utc() {
        assert_eq!(
            Date::from_unix(1_767_225_600, 0).to_string(),
            "2026-01-01T00:00:00Z"
        );
        assert_eq!(
            Date::from_unix(1_767_225_600, 250_000_000).to_string(),
            "2026-01-01T00:00:00.25Z"
        );
    }

    #[test]
    fn a_date_comes_back_as_it_was_written() {
        for date in [
            Date::from_unix(1_767_225_600, 123_456_789),
            Date::from_unix(-1, 999_999_999),
            Date::default(),
        ] {
            let text = serde_json::to_string(&date).unwrap();
            assert_eq!(serde_json::from_str::<Date>(&text).unwrap(), date, "{text}");
        }
    }

    #[test]
    fn a_date_before_the_epoch_keeps_its_nanoseconds_positive() {
        let date = Date::from_unix(-2, 250_000_000);

        assert_eq!(
            (date.unix_seconds(), date.subsecond_nanoseconds()),
            (-2, 250_000_000)
        );
    }

    #[test]
    fn a_date_that_cannot_be_written_becomes_the_nearest_that_can() {
        assert!(
            Date::from_unix(i64::MAX, 0)
                .to_string()
                .starts_with("9999-12-")
        );
        assert!(
            Date::from_unix(i64::MIN, 0)
                .to_string()
                .starts_with("-009999-01-")
        );
    }

    #[test]
    fn text_that_is_no_date_is_refused_by_name() {
        assert_eq!(
            "yesterday".parse::<Date>().unwrap_err().to_string(),
            "`yesterday` is not a date of RFC 3339"
        );
    }
}
