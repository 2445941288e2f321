//! Parses `leap-seconds.list`, which IERS and NIST publish and which comes with the time zones of
//! most systems: lines of NTP seconds and TAI − UTC, with dates and a hash in comments.

use ntp_proto::clock::{LeapTable, TaiStep};
use sha1::{Digest as _, Sha1};

/// Unix time 0 in the seconds of NTP.
const UNIX_EPOCH: i64 = 2_208_988_800;

/// The reason for which a text is not a valid `leap-seconds.list`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LeapSecondsError {
    /// A line holds neither a comment nor a leap second.
    #[error("line {0} is neither a comment nor an NTP time with TAI − UTC")]
    BadLine(usize),
    /// The line with the date of the last change (`#$`) or of the expiry (`#@`) is missing.
    #[error("there is no `{0}` line with a date, as in leap-seconds.list")]
    NoDate(&'static str),
    /// The line with the hash (`#h`) is missing or malformed.
    #[error("there is no `#h` line with the hash of the data, as in leap-seconds.list")]
    NoHash,
    /// The data do not match the hash.
    #[error("the hash in its `#h` line is not that of its data: it was altered or cut off")]
    WrongHash,
    /// The data are not in order, or jump by more than a second.
    #[error("its data are not leap seconds in the order of time")]
    NotInOrder,
}

/// Parses the text of `leap-seconds.list` and verifies its hash. The table holds the expiry, which
/// is not checked.
///
/// # Errors
/// If a date or the hash is missing, a line or the hash is wrong, or the lines are not in the order
/// of time.
pub fn parse_leap_seconds(text: &str) -> Result<LeapTable, LeapSecondsError> {
    let updated = date(text, "#$")?;
    let expires = date(text, "#@")?;
    let mut hash = Sha1::new();
    hash.update(updated);
    hash.update(expires);
    let mut steps = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let data = line.split('#').next().unwrap_or_default();
        let mut fields = data.split_whitespace();
        let Some(from) = fields.next() else { continue };
        let bad = || LeapSecondsError::BadLine(index + 1);
        let offset = fields.next().ok_or_else(bad)?;
        let step = TaiStep {
            from: seconds(from).ok_or_else(bad)?,
            tai_offset: offset.parse().map_err(|_| bad())?,
        };
        hash.update(from);
        hash.update(offset);
        steps.push(step);
    }
    if written_hash(text).ok_or(LeapSecondsError::NoHash)? != *hash.finalize() {
        return Err(LeapSecondsError::WrongHash);
    }
    let expires = seconds(expires).ok_or(LeapSecondsError::NoDate("#@"))?;
    LeapTable::new(steps, expires).ok_or(LeapSecondsError::NotInOrder)
}

/// The date of a comment that begins with `mark`, in the digits of the file.
fn date<'t>(text: &'t str, mark: &'static str) -> Result<&'t str, LeapSecondsError> {
    let found = text
        .lines()
        .find_map(|line| line.strip_prefix(mark))
        .map(str::trim);
    found
        .filter(|date| seconds(date).is_some())
        .ok_or(LeapSecondsError::NoDate(mark))
}

/// NTP seconds in the digits of the file as Unix time in seconds.
fn seconds(digits: &str) -> Option<i64> {
    let plain = digits.bytes().all(|octet| octet.is_ascii_digit());
    digits
        .parse::<u32>()
        .ok()
        .filter(|_| plain)
        .map(|seconds| i64::from(seconds) - UNIX_EPOCH)
}

/// The hash as the file writes it: five numbers in hexadecimal, perhaps without their leading
/// zeros.
fn written_hash(text: &str) -> Option<[u8; 20]> {
    let line = text.lines().find_map(|line| line.strip_prefix("#h"))?;
    let mut words = line.split_whitespace();
    let mut hash = [0; 20];
    for place in hash.chunks_exact_mut(4) {
        place.copy_from_slice(&u32::from_str_radix(words.next()?, 16).ok()?.to_be_bytes());
    }
    words.next().is_none().then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_proto::packet::LeapIndicator;

    /// Three leap seconds of the past, with the hash that `sha1sum` gives for their digits.
    const FILE: &str = "#\tA comment\n#$\t 3945196800\n#@\t3960057600\n3550089600 35 # 1 Jul 2012\n\
                        3644697600\t36\t# 1 Jul 2015\n\n3692217600      37      # 1 Jan 2017\n\
                        #h\t@HASH@\n";

    fn file() -> String {
        let digest = Sha1::digest("39451968003960057600355008960035364469760036369221760037");
        let words: Vec<String> = digest
            .chunks(4)
            .map(|word| format!("{:x}", u32::from_be_bytes(word.try_into().unwrap())))
            .collect();
        FILE.replace("@HASH@", &words.join(" "))
    }

    #[test]
    fn a_file_is_read_with_its_leap_seconds_and_its_expiry() {
        let table = parse_leap_seconds(&file()).unwrap();
        assert_eq!(table.expires(), 3_960_057_600 - 2_208_988_800);
        assert_eq!(table.tai_offset_at(1_483_228_800), Some(37));
        assert_eq!(table.tai_offset_at(1_483_228_799), Some(36));
        let next = table.next_after(1_400_000_000).unwrap();
        assert_eq!(
            (next.midnight, next.kind),
            (1_435_708_800, LeapIndicator::Insert)
        );
    }

    #[test]
    fn the_file_of_this_system_is_read() {
        let Ok(text) = std::fs::read_to_string("/usr/share/zoneinfo/leap-seconds.list") else {
            return;
        };
        assert_eq!(
            parse_leap_seconds(&text)
                .unwrap()
                .tai_offset_at(1_500_000_000),
            Some(37)
        );
    }

    #[test]
    fn a_file_that_was_altered_or_cut_off_is_refused_with_the_reason() {
        let good = file();
        let without = |mark: &str| {
            good.lines()
                .filter(|line| !line.starts_with(mark))
                .fold(String::new(), |all, line| all + line + "\n")
        };
        for (text, error) in [
            (String::new(), LeapSecondsError::NoDate("#$")),
            (without("#@"), LeapSecondsError::NoDate("#@")),
            (without("#h"), LeapSecondsError::NoHash),
            (without("3644697600"), LeapSecondsError::WrongHash),
            (
                good.replace("\t36\t", "\t35\t"),
                LeapSecondsError::WrongHash,
            ),
            (
                good.replace("3960057600", "3960057601"),
                LeapSecondsError::WrongHash,
            ),
            (
                good.replace("3550089600 35", "3550089600"),
                LeapSecondsError::BadLine(4),
            ),
            (
                good.replace("3550089600 35", "-3550089600 35"),
                LeapSecondsError::BadLine(4),
            ),
            (
                good.replace("3550089600 35", "<html>"),
                LeapSecondsError::BadLine(4),
            ),
        ] {
            assert_eq!(parse_leap_seconds(&text), Err(error), "{text}");
        }
    }
}
