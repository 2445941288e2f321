//! Dates of certificates: between their text, people's text and seconds of Unix time.

const SECONDS_PER_DAY: i64 = 86_400;

/// The days of 400 years of the Gregorian calendar.
const DAYS_PER_ERA: i64 = 146_097;

/// From the 1st of March of the year 0 to the 1st of January 1970.
const DAYS_TO_EPOCH: i64 = 719_468;

/// A date for people: `2026-01-02 03:04:05 UTC`. `unix` is in seconds of Unix time.
#[must_use]
pub fn utc(unix: i64) -> String {
    let (days, seconds) = (
        unix.div_euclid(SECONDS_PER_DAY),
        unix.rem_euclid(SECONDS_PER_DAY),
    );
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Reads the digits of `YYYYMMDDHHMMSSZ`, or of the same with a year of two digits (RFC 5280
/// §4.1.2.5), as seconds of Unix time.
pub(crate) fn from_asn1(text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    let (year, rest) = match digits.len() {
        14 => digits.split_at(4),
        12 => digits.split_at(2),
        _ => return None,
    };
    let year = match (number(year)?, year.len()) {
        (year, 4) => year,
        (year, _) if year < 50 => 2000 + year,
        (year, _) => 1900 + year,
    };
    let (pairs, _) = rest.as_chunks::<2>();
    let [month, day, hour, minute, second] = *pairs else {
        return None;
    };
    let (month, day) = (number(&month)?, number(&day)?);
    let (hour, minute, second) = (number(&hour)?, number(&minute)?, number(&second)?);
    let plausible = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    plausible.then(|| days(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + i64::from(digit - b'0'))
    })
}

/// Days since 1970 of a date of the Gregorian calendar. Years are counted from March on, so that
/// the day that comes and goes is the last one.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
        - DAYS_TO_EPOCH
}

/// The year, month and day of days since 1970: the inverse of [`days`].
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let (era, day_of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_written_as_people_read_them() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(4_102_444_799), "2099-12-31 23:59:59 UTC");
        assert_eq!(utc(-1), "1969-12-31 23:59:59 UTC");
        assert!(utc(i64::MAX).ends_with(":07 UTC") && utc(i64::MIN).starts_with('-'));
    }

    #[test]
    fn dates_of_certificates_are_read_in_both_forms() {
        assert_eq!(from_asn1(b"700101000000Z"), Some(0));
        assert_eq!(
            from_asn1(b"490101000000Z").map(utc).as_deref(),
            Some("2049-01-01 00:00:00 UTC")
        );
        assert_eq!(
            from_asn1(b"20500102030405Z").map(utc).as_deref(),
            Some("2050-01-02 03:04:05 UTC")
        );
        assert_eq!(
            from_asn1(b"99991231235959Z").map(utc).as_deref(),
            Some("9999-12-31 23:59:59 UTC")
        );
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Z",
            "7001010000Z",
            "700101000000",
            "701301000000Z",
            "70010100000xZ",
            "-00101000000Z",
        ] {
            assert_eq!(from_asn1(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn each_day_survives_the_round_trip(day in -800_000i64..3_000_000) {
            let (year, month, day_of_month) = civil(day);
            prop_assert_eq!(days(year, month, day_of_month), day);
        }
    }
}
