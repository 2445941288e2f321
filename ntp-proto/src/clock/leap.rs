//! Believing announcements of leap seconds.

use crate::packet::LeapIndicator;
use crate::time::NtpTimestamp;

/// The announcement that more than half of the sources in use make, if the date makes it plausible: leap seconds have
/// only ever been inserted at the end of June and December (IERS Bulletin C).
#[must_use]
pub(super) fn voted_leap(
    votes: impl Iterator<Item = LeapIndicator>,
    now: NtpTimestamp,
    unix_pivot: i64,
) -> LeapIndicator {
    let (mut insert, mut delete, mut all) = (0, 0, 0);
    for vote in votes {
        all += 1;
        match vote {
            LeapIndicator::Insert => insert += 1,
            LeapIndicator::Delete => delete += 1,
            LeapIndicator::NoWarning | LeapIndicator::Unsynchronized => {}
        }
    }
    let month = month_of(now.to_unix_near(unix_pivot).0);
    if month != 6 && month != 12 {
        LeapIndicator::NoWarning
    } else if insert * 2 > all {
        LeapIndicator::Insert
    } else if delete * 2 > all {
        LeapIndicator::Delete
    } else {
        LeapIndicator::NoWarning
    }
}

/// What is to happen at the end of this very day: the announcement, if it is the last day of its month.
pub(super) fn leap_today(announced: LeapIndicator, now: NtpTimestamp, unix_pivot: i64) -> LeapIndicator {
    let unix = now.to_unix_near(unix_pivot).0;
    let last_day = month_of(unix) != month_of(unix + SECONDS_PER_DAY);
    if last_day { announced } else { LeapIndicator::NoWarning }
}

const SECONDS_PER_DAY: i64 = 86_400;

/// The month (1 to 12) of a Unix time, in the proleptic Gregorian calendar.
fn month_of(unix_seconds: i64) -> i64 {
    // Count days from 1 March of year 0, so that the leap day is the last of its year; 146,097 days are 400 years.
    let day_of_cycle = (unix_seconds.div_euclid(SECONDS_PER_DAY) + 719_468).rem_euclid(146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    // From March on, the months repeat 153 days every five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECEMBER_2026: i64 = 1_798_600_000;
    const MARCH_2026: i64 = 1_774_000_000;

    fn vote(votes: &[LeapIndicator], unix: i64) -> LeapIndicator {
        voted_leap(votes.iter().copied(), NtpTimestamp::from_unix(unix, 0), unix)
    }

    #[test]
    fn months_are_right_at_their_edges() {
        for (unix, month) in [(0, 1), (951_782_400, 2), (951_868_800, 3), (1_483_228_799, 12), (1_483_228_800, 1)] {
            assert_eq!(month_of(unix), month, "{unix}");
        }
    }

    #[test]
    fn one_liar_of_four_announces_nothing() {
        use LeapIndicator::{Insert, NoWarning};
        assert_eq!(vote(&[Insert, NoWarning, NoWarning, NoWarning], DECEMBER_2026), NoWarning);
        assert_eq!(vote(&[Insert, Insert, Insert, NoWarning], DECEMBER_2026), Insert);
    }

    #[test]
    fn the_kernel_hears_of_it_on_the_last_day_only() {
        const LAST_SECOND_OF_2026: i64 = 1_798_761_599;
        let told = |unix| leap_today(LeapIndicator::Insert, NtpTimestamp::from_unix(unix, 0), unix);
        assert_eq!(told(LAST_SECOND_OF_2026), LeapIndicator::Insert);
        assert_eq!(told(LAST_SECOND_OF_2026 - 86_400), LeapIndicator::NoWarning);
        assert_eq!(told(LAST_SECOND_OF_2026 + 1), LeapIndicator::NoWarning);
    }

    #[test]
    fn nobody_is_believed_in_march() {
        assert_eq!(vote(&[LeapIndicator::Insert; 4], MARCH_2026), LeapIndicator::NoWarning);
    }
}
