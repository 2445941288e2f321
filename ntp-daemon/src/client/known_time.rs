//! The time as far as it is known before the first reply, and its plausibility.

use super::era;
use crate::digits::signed;
use ntp_observe::Date;
use ntp_os_clock::Clock;
use ntp_proto::time::{NtpTimestamp, Seconds};

/// The time of this program's build, in Unix seconds.
const BUILT: &str = env!("TRUECHIMER_BUILD_UNIX_SECONDS");

/// The time after the build, in seconds, within which the time of a single clock, file or source
/// without NTS is plausible: fifteen years, the range that systemd accepts from the hardware clock.
const PLAUSIBLE_FOR: i64 = 15 * 31_557_600;

/// The time as far as it is known at the start.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct KnownTime {
    /// The step that took our clock forward to the last known time; zero or positive.
    pub(crate) set_forward: Seconds,
    /// The part of our clock's reading that is an assumption: the clock may go back by it without a
    /// panic.
    pub(crate) assumed: Seconds,
    /// If our clock cannot judge certificates, a time that has passed as far as is known, in Unix
    /// seconds.
    pub(crate) unproven_since: Option<i64>,
}

/// The time of this program's build, in Unix seconds: it has passed for certain.
pub(crate) fn built() -> i64 {
    BUILT.parse().unwrap_or(0)
}

/// The latest time that is plausible by itself, in Unix seconds.
pub(crate) fn plausible_until() -> i64 {
    built().saturating_add(PLAUSIBLE_FOR)
}

/// A reading of our clock in Unix seconds.
pub(crate) fn unix_seconds(at: NtpTimestamp) -> i64 {
    at.to_unix_near(built()).0
}

/// Judges a clock that shows `shown` and the last known time, both in Unix seconds. Logs a time
/// that is not plausible.
fn judge(shown: i64, last_known: Option<i64>, (built, until): (i64, i64)) -> Judgment {
    let last_known = last_known.filter(|kept| {
        let plausible = *kept <= until;
        if !plausible {
            tracing::warn!(
                "the last known time in the state file, {}, is implausible (this program was built on {}); it is not used, and \
                 will be replaced once the clock is synchronized",
                Date::from_unix(*kept, 0),
                Date::from_unix(built, 0)
            );
        }
        plausible
    });
    let earliest = last_known.unwrap_or(built).max(built);
    if shown > until {
        tracing::warn!(
            "the clock shows {}, which is implausible (this program was built on {}): certificates are judged as at a first \
             start, and sources that agree may set it back",
            Date::from_unix(shown, 0),
            Date::from_unix(built, 0)
        );
        return Judgment::Implausible { earliest };
    }
    match last_known {
        _ if shown < earliest => Judgment::Behind { earliest },
        None => Judgment::Unproven,
        Some(_) => Judgment::Plausible,
    }
}

/// The plausibility of our clock at the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Judgment {
    /// It shows a time after one at which it was right.
    Plausible,
    /// It may be right; nothing is known from earlier runs.
    Unproven,
    /// It shows a time before one that has passed.
    Behind { earliest: i64 },
    /// It shows a time too far in the future.
    Implausible { earliest: i64 },
}

/// Judges our clock, and sets it forward to the last known time if it shows an earlier one: no
/// clock starts before this program was built, nor before the time that was last known, nor in
/// another era of NTP.
pub(crate) fn at_start(clock: &mut Clock, last_known: Option<i64>) -> KnownTime {
    let unproven = |earliest| KnownTime {
        set_forward: Seconds::ZERO,
        assumed: Seconds::ZERO,
        unproven_since: Some(earliest),
    };
    let shown = clock.unix_seconds(built());
    match judge(shown, last_known, (built(), plausible_until())) {
        Judgment::Plausible => KnownTime {
            unproven_since: None,
            ..unproven(0)
        },
        Judgment::Unproven => unproven(built()),
        Judgment::Behind { earliest } => {
            let moved = set_to(clock, earliest, shown);
            KnownTime {
                set_forward: moved,
                assumed: moved,
                ..unproven(earliest)
            }
        }
        Judgment::Implausible { earliest } if era::is_beyond(shown, built()) => KnownTime {
            assumed: set_to(clock, earliest, shown).abs(),
            ..unproven(earliest)
        },
        Judgment::Implausible { earliest } => KnownTime {
            assumed: Seconds::new((shown - earliest) as f64),
            ..unproven(earliest)
        },
    }
}

/// Sets the clock, which shows `shown`, to the `earliest` time that it can be, both in Unix
/// seconds. Returns how far it was moved.
fn set_to(clock: &mut Clock, earliest: i64, shown: i64) -> Seconds {
    if !clock.steers() {
        return Seconds::ZERO;
    }
    let step = Seconds::new(earliest.saturating_sub(shown) as f64);
    match era::set_to(clock, earliest, built()) {
        Ok(()) if step < Seconds::ZERO => tracing::warn!(
            step = %signed(step),
            "the clock showed a time more than 68 years after this program was built, which NTP packets cannot distinguish from \
             one 136 years before; it was set back to the last known time; the sources will correct it"
        ),
        Ok(()) => tracing::warn!(
            step = %signed(step),
            "the clock showed a time before the last known one (in the state file, or when this program was built) and was \
             set forward to it; if that was wrong, the sources will set it back"
        ),
        Err(error) => {
            tracing::error!("{error}");
            return Seconds::ZERO;
        }
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: i64 = 1_800_000_000;
    const UNTIL: i64 = BUILT + PLAUSIBLE_FOR;

    fn judged(shown: i64, last_known: Option<i64>) -> Judgment {
        judge(shown, last_known, (BUILT, UNTIL))
    }

    #[test]
    fn a_clock_goes_on_from_the_last_known_time_or_is_set_forward_to_it() {
        assert_eq!(judged(BUILT + 100, Some(BUILT + 50)), Judgment::Plausible);
        assert_eq!(
            judged(BUILT + 10, Some(BUILT + 50)),
            Judgment::Behind {
                earliest: BUILT + 50
            }
        );
        assert_eq!(judged(0, Some(0)), Judgment::Behind { earliest: BUILT });
        assert_eq!(judged(BUILT + 10, None), Judgment::Unproven);
    }

    #[test]
    fn an_implausible_last_known_time_counts_for_nothing() {
        assert_eq!(judged(BUILT + 10, Some(UNTIL + 1)), Judgment::Unproven);
        assert_eq!(
            judged(0, Some(UNTIL + 1)),
            Judgment::Behind { earliest: BUILT }
        );
    }

    #[test]
    fn an_implausible_clock_may_be_set_back_to_what_is_known() {
        assert_eq!(
            judged(UNTIL + 1, Some(UNTIL + 1)),
            Judgment::Implausible { earliest: BUILT }
        );
        assert_eq!(
            judged(UNTIL + 1, Some(BUILT + 50)),
            Judgment::Implausible {
                earliest: BUILT + 50
            }
        );
    }
}
