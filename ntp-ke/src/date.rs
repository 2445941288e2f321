//! Dates of certificates, in seconds of Unix time.
//!
//! They are civil dates in UTC, because certificates without an expiry end in the last second of
//! the year 9999, which is beyond `jiff::Timestamp`.

use jiff::SignedDuration;
use jiff::civil::DateTime;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The date in UTC as `2026-01-02 03:04:05 UTC`. `unix` is in seconds of Unix time; beyond the year
/// 9999, and before the year −9999, it is the last or first date that can be written.
#[must_use]
pub fn utc(unix: i64) -> String {
    let date = EPOCH.saturating_add(SignedDuration::from_secs(unix));
    date.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Reads `YYYYMMDDHHMMSSZ`, or the same with a year of two digits (RFC 5280 §4.1.2.5), as seconds
/// of Unix time.
pub(crate) fn from_asn1(text: &[u8]) -> Option<i64> {
    let digits = str::from_utf8(text.strip_suffix(b"Z")?).ok()?;
    if !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let century = match (digits.len(), digits.as_bytes()) {
        (14, _) => "",
        (12, [b'0'..=b'4', ..]) => "20",
        (12, _) => "19",
        _ => return None,
    };
    let date = DateTime::strptime("%Y%m%d%H%M%S", format!("{century}{digits}")).ok()?;
    Some(date.duration_since(EPOCH).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_people_read_them() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(4_102_444_799), "2099-12-31 23:59:59 UTC");
        assert_eq!(utc(-1), "1969-12-31 23:59:59 UTC");
        assert_eq!(utc(i64::MAX), "9999-12-31 23:59:59 UTC");
        assert_eq!(utc(i64::MIN), "-9999-01-01 00:00:00 UTC");
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
            "700230000000Z",
            "70010100000xZ",
            "-00101000000Z",
        ] {
            assert_eq!(from_asn1(text.as_bytes()), None, "{text}");
        }
    }
}
