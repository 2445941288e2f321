//! Dates of the document.

use ntp_observe::Date;
use ntp_proto::time::NtpTimestamp;
use std::time::SystemTime;

/// A reading of our clock as a date, in the era next to the machine's own date.
pub(super) fn date(at: NtpTimestamp) -> Date {
    let machine = Date::from(SystemTime::now()).unix_seconds();
    let (seconds, nanos) = at.to_unix_near(machine);
    Date::from_unix(seconds, nanos)
}

/// A date that is given in Unix seconds.
pub(super) fn unix_date(seconds: i64) -> Date {
    Date::from_unix(seconds, 0)
}
