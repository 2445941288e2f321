//! The era of NTP that the clock is in. A packet holds none (RFC 5905 §6), so a clock that is an
//! era off, 136 years, looks right to every source. The era is the one next to when this program
//! was built.

use ntp_os_clock::{Clock, ClockError};
use ntp_proto::time::NtpTimestamp;

/// The span in seconds around the build within which a timestamp of a packet is unambiguous: half
/// an era, 68 years (RFC 5905 §6).
const HALF_AN_ERA: i64 = 1 << 31;

/// True if the timestamps of packets are ambiguous between `shown` and a time near `built`, both in
/// Unix seconds.
pub(crate) fn is_beyond(shown: i64, built: i64) -> bool {
    shown >= built.saturating_add(HALF_AN_ERA)
}

/// Sets the clock to `unix`, in Unix seconds, from whatever era it is in.
///
/// # Errors
/// If the clock refuses.
pub(crate) fn set_to(clock: &mut Clock, unix: i64, built: i64) -> Result<(), ClockError> {
    clock.step_near(NtpTimestamp::from_unix(unix, 0) - clock.now(), built)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_be_decades_ahead_of_the_build_but_less_than_half_an_era() {
        let built = 1_800_000_000;
        assert!(!is_beyond(0, built) && !is_beyond(built + 60 * 31_556_952, built));
        assert!(
            is_beyond(built + 69 * 31_556_952, built) && is_beyond(built + 200 * 31_556_952, built)
        );
    }
}
