//! Leap seconds: which one is announced, by whom, and what that means at an instant.
//!
//! An announcement is kept as a [`LeapSecond`], the date with the kind, so that the leap bits at
//! any instant follow from the clock alone, however long ago the last measurement was.

use super::leap_table::LeapTable;
use crate::packet::LeapIndicator;
use crate::time::NtpTimestamp;

/// The length of a UTC day without a leap second, in seconds.
const SECONDS_PER_DAY: i64 = 86_400;

/// Any time in the current era of Unix time serves to distinguish months: 2026-01-01.
const NOMINAL_UNIX_TIME: i64 = 1_767_225_600;

/// The kernel is left alone for this long around midnight, in seconds: taking the announcement back
/// before its own timer has inserted the second would cancel it.
const KERNEL_MARGIN: i64 = 2;

/// A leap second at the end of a UTC day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeapSecond {
    /// [`LeapIndicator::Insert`] or [`LeapIndicator::Delete`].
    pub kind: LeapIndicator,
    /// The midnight that ends its day, in seconds of Unix time.
    pub midnight: i64,
}

impl LeapSecond {
    /// The leap indicator at a Unix time in seconds: the announcement on its own day, and nothing
    /// on every other (RFC 5905 figure 9).
    #[must_use]
    pub const fn indicator_at(&self, unix: i64) -> LeapIndicator {
        if unix >= self.midnight - SECONDS_PER_DAY && unix < self.midnight {
            self.kind
        } else {
            LeapIndicator::NoWarning
        }
    }

    /// The first second of Unix time after `unix` at which the leap bits that are served, or those
    /// of the kernel, change.
    pub(super) fn next_change(&self, unix: i64) -> Option<i64> {
        let begin = self.midnight - SECONDS_PER_DAY;
        let changes = [
            begin,
            begin + KERNEL_MARGIN,
            self.midnight,
            self.midnight + KERNEL_MARGIN,
        ];
        changes.into_iter().find(|change| *change > unix)
    }
}

/// The leap second that is to be expected at a reading of our clock: that of the table, or where
/// none is valid the announcement of the sources.
#[must_use]
pub(super) fn expected(
    table: Option<&LeapTable>,
    voted: Option<LeapSecond>,
    now: NtpTimestamp,
) -> Option<LeapSecond> {
    let unix = unix(now);
    match table.filter(|table| table.is_valid_at(unix)) {
        // The kernel has to be disarmed after the midnight.
        Some(table) => table.next_after(unix - 2 * KERNEL_MARGIN),
        None => voted,
    }
}

/// The leap indicator to serve at a reading of our clock.
pub(super) fn served(expected: Option<LeapSecond>, now: NtpTimestamp) -> LeapIndicator {
    expected.map_or(LeapIndicator::NoWarning, |leap| {
        leap.indicator_at(unix(now))
    })
}

/// The leap indicator and, from a valid table, TAI − UTC in seconds, that the kernel is to have at
/// a reading of our clock.
pub(super) fn of_kernel(
    table: Option<&LeapTable>,
    expected: Option<LeapSecond>,
    now: NtpTimestamp,
) -> (LeapIndicator, Option<i32>) {
    let unix = unix(now) - KERNEL_MARGIN;
    let tai = table
        .filter(|table| table.is_valid_at(unix))
        .and_then(|table| table.tai_offset_at(unix));
    (
        expected.map_or(LeapIndicator::NoWarning, |leap| leap.indicator_at(unix)),
        tai,
    )
}

/// A reading of our clock in seconds of Unix time.
pub(super) fn unix(now: NtpTimestamp) -> i64 {
    now.to_unix_near(NOMINAL_UNIX_TIME).0
}

/// The announcement that more than half of the sources in use make, if the date makes it plausible:
/// leap seconds have only ever been inserted at the end of June and December (IERS Bulletin C).
#[must_use]
pub(super) fn voted_leap(
    votes: impl Iterator<Item = LeapIndicator>,
    now: NtpTimestamp,
) -> Option<LeapSecond> {
    let (mut insert, mut delete, mut all) = (0, 0, 0);
    for vote in votes {
        all += 1;
        match vote {
            LeapIndicator::Insert => insert += 1,
            LeapIndicator::Delete => delete += 1,
            LeapIndicator::NoWarning | LeapIndicator::Unsynchronized => {}
        }
    }
    let kind = if insert * 2 > all {
        LeapIndicator::Insert
    } else if delete * 2 > all {
        LeapIndicator::Delete
    } else {
        return None;
    };
    let unix = unix(now);
    matches!(month_of(unix), 6 | 12).then(|| LeapSecond {
        kind,
        midnight: end_of_month(unix),
    })
}

/// The first second of the next month, for a Unix time in seconds.
fn end_of_month(unix: i64) -> i64 {
    let today = unix.div_euclid(SECONDS_PER_DAY) * SECONDS_PER_DAY;
    let days = (1..=31).map(|days| today + days * SECONDS_PER_DAY);
    let mut next_month = days.filter(|midnight| month_of(*midnight) != month_of(unix));
    next_month.next().unwrap_or(today)
}

/// The month (1 to 12) of a Unix time, in the proleptic Gregorian calendar.
fn month_of(unix_seconds: i64) -> i64 {
    // Count days from 1 March of year 0, so that the leap day is the last of its year; 146,097 days
    // are 400 years.
    let day_of_cycle = (unix_seconds.div_euclid(SECONDS_PER_DAY) + 719_468).rem_euclid(146_097);
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    // From March on, the months repeat 153 days every five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::leap_table::TaiStep;

    const DECEMBER_2026: i64 = 1_798_600_000;
    const NOVEMBER_2026: i64 = DECEMBER_2026 - 30 * SECONDS_PER_DAY;
    const MARCH_2026: i64 = 1_774_000_000;
    const NEW_YEAR_2027: i64 = 1_798_761_600;

    fn at(unix: i64) -> NtpTimestamp {
        NtpTimestamp::from_unix(unix, 0)
    }

    fn vote(votes: &[LeapIndicator], unix: i64) -> Option<LeapSecond> {
        voted_leap(votes.iter().copied(), at(unix))
    }

    fn inserted(midnight: i64) -> LeapSecond {
        LeapSecond {
            kind: LeapIndicator::Insert,
            midnight,
        }
    }

    /// A table with 37 s from 2017 on, perhaps 38 s from `leap` on, that is valid until `expires`.
    fn table(leap: Option<i64>, expires: i64) -> LeapTable {
        let first = TaiStep {
            from: 1_483_228_800,
            tai_offset: 37,
        };
        let second = leap.map(|from| TaiStep {
            from,
            tai_offset: 38,
        });
        LeapTable::new([first].into_iter().chain(second).collect(), expires).unwrap()
    }

    #[test]
    fn months_are_right_at_their_edges() {
        for (unix, month) in [
            (0, 1),
            (951_782_400, 2),
            (951_868_800, 3),
            (1_483_228_799, 12),
            (1_483_228_800, 1),
        ] {
            assert_eq!(month_of(unix), month, "{unix}");
        }
    }

    #[test]
    fn one_liar_of_four_announces_nothing() {
        use LeapIndicator::{Insert, NoWarning};
        assert_eq!(
            vote(&[Insert, NoWarning, NoWarning, NoWarning], DECEMBER_2026),
            None
        );
        assert_eq!(
            vote(&[Insert, Insert, Insert, NoWarning], DECEMBER_2026),
            Some(inserted(NEW_YEAR_2027))
        );
    }

    #[test]
    fn an_announcement_one_month_too_early_arms_nothing() {
        assert_eq!(vote(&[LeapIndicator::Insert; 4], NOVEMBER_2026), None);
        assert_eq!(vote(&[LeapIndicator::Insert; 4], MARCH_2026), None);
    }

    #[test]
    fn the_end_of_the_month_is_the_same_from_each_of_its_days() {
        for day in 0..31 {
            let unix = NEW_YEAR_2027 - 1 - day * SECONDS_PER_DAY;
            assert_eq!(end_of_month(unix), NEW_YEAR_2027, "{day}");
        }
        assert_eq!(
            end_of_month(NEW_YEAR_2027),
            NEW_YEAR_2027 + 31 * SECONDS_PER_DAY
        );
    }

    #[test]
    fn the_warning_is_served_on_the_last_day_only_whatever_the_last_update_was() {
        let leap = Some(inserted(NEW_YEAR_2027));
        let served_at = |unix| served(leap, at(unix));
        assert_eq!(
            served_at(NEW_YEAR_2027 - SECONDS_PER_DAY - 1),
            LeapIndicator::NoWarning
        );
        assert_eq!(
            served_at(NEW_YEAR_2027 - SECONDS_PER_DAY),
            LeapIndicator::Insert
        );
        assert_eq!(served_at(NEW_YEAR_2027 - 1), LeapIndicator::Insert);
        assert_eq!(served_at(NEW_YEAR_2027), LeapIndicator::NoWarning);
        assert_eq!(
            served_at(NEW_YEAR_2027 + 31 * SECONDS_PER_DAY - 1),
            LeapIndicator::NoWarning
        );
    }

    #[test]
    fn the_kernel_is_disarmed_after_it_has_inserted_the_second_and_not_before() {
        let indicator = |unix| of_kernel(None, Some(inserted(NEW_YEAR_2027)), at(unix)).0;
        assert_eq!(indicator(NEW_YEAR_2027 - 1), LeapIndicator::Insert);
        assert_eq!(indicator(NEW_YEAR_2027), LeapIndicator::Insert);
        assert_eq!(
            indicator(NEW_YEAR_2027 + KERNEL_MARGIN),
            LeapIndicator::NoWarning
        );
        assert_eq!(
            indicator(NEW_YEAR_2027 - SECONDS_PER_DAY - 1),
            LeapIndicator::NoWarning
        );
    }

    #[test]
    fn every_change_of_the_bits_has_a_time_at_which_it_is_due() {
        let leap = inserted(NEW_YEAR_2027);
        let mut due = NEW_YEAR_2027 - 3 * SECONDS_PER_DAY;
        let mut seen = Vec::new();
        while let Some(next) = leap.next_change(due) {
            let before = (
                served(Some(leap), at(next - 1)),
                of_kernel(None, Some(leap), at(next - 1)),
            );
            assert_ne!(
                before,
                (
                    served(Some(leap), at(next)),
                    of_kernel(None, Some(leap), at(next))
                )
            );
            seen.push(next - NEW_YEAR_2027);
            due = next;
        }
        assert_eq!(seen, [-SECONDS_PER_DAY, -SECONDS_PER_DAY + 2, 0, 2]);
    }

    #[test]
    fn a_valid_table_outranks_the_sources_both_ways() {
        let voted = Some(inserted(NEW_YEAR_2027));
        let later = DECEMBER_2026 + 180 * SECONDS_PER_DAY;
        let now = at(DECEMBER_2026);
        assert_eq!(expected(Some(&table(None, later)), voted, now), None);
        assert_eq!(
            expected(Some(&table(Some(NEW_YEAR_2027), later)), None, now),
            voted
        );
        assert_eq!(
            expected(Some(&table(None, DECEMBER_2026)), voted, now),
            voted,
            "an expired table knows nothing"
        );
    }

    #[test]
    fn the_kernel_learns_tai_from_a_valid_table_only_and_not_before_its_own_step() {
        let valid = table(Some(NEW_YEAR_2027), NEW_YEAR_2027 + SECONDS_PER_DAY);
        let tai = |unix| of_kernel(Some(&valid), None, at(unix)).1;
        assert_eq!(tai(DECEMBER_2026), Some(37));
        assert_eq!(tai(NEW_YEAR_2027), Some(37));
        assert_eq!(tai(NEW_YEAR_2027 + KERNEL_MARGIN), Some(38));
        assert_eq!(
            tai(NEW_YEAR_2027 + SECONDS_PER_DAY + KERNEL_MARGIN),
            None,
            "expired"
        );
        assert_eq!(of_kernel(None, None, at(DECEMBER_2026)).1, None);
    }
}
