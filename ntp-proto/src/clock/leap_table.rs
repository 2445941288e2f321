//! The table of all leap seconds and when it expires, as a file of leap seconds holds it.

use super::leap::LeapSecond;
use crate::packet::LeapIndicator;

/// From an instant on, how far TAI is ahead of UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaiStep {
    /// The instant, in seconds of Unix time.
    pub from: i64,
    /// TAI − UTC in seconds from then on.
    pub tai_offset: i32,
}

/// All leap seconds up to a date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeapTable {
    /// In the order of time; never empty.
    steps: Vec<TaiStep>,
    expires: i64,
}

impl LeapTable {
    /// A table that holds until `expires`, in seconds of Unix time. `None` if there is no step, or
    /// if a step does not come after the one before or is not of one second.
    #[must_use]
    pub fn new(steps: Vec<TaiStep>, expires: i64) -> Option<Self> {
        let in_order = steps.iter().zip(steps.iter().skip(1)).all(|(one, next)| {
            one.from < next.from && next.tai_offset.abs_diff(one.tai_offset) == 1
        });
        (in_order && !steps.is_empty()).then_some(Self { steps, expires })
    }

    /// The end of the table's validity, in seconds of Unix time.
    #[must_use]
    pub const fn expires(&self) -> i64 {
        self.expires
    }

    /// True if the table is complete for this time, in seconds of Unix time: its first entry is
    /// earlier, and it has not expired.
    #[must_use]
    pub fn is_valid_at(&self, unix: i64) -> bool {
        unix < self.expires && self.steps.first().is_some_and(|first| first.from <= unix)
    }

    /// TAI − UTC in seconds at this time, in seconds of Unix time; `None` before the first entry.
    #[must_use]
    pub fn tai_offset_at(&self, unix: i64) -> Option<i32> {
        self.steps
            .iter()
            .rev()
            .find(|step| step.from <= unix)
            .map(|step| step.tai_offset)
    }

    /// The first leap second that ends after this time, in seconds of Unix time.
    #[must_use]
    pub fn next_after(&self, unix: i64) -> Option<LeapSecond> {
        let pairs = self.steps.iter().zip(self.steps.iter().skip(1));
        let mut coming = pairs
            .filter(|(_, next)| next.from > unix)
            .map(|(before, next)| LeapSecond {
                kind: if next.tai_offset > before.tai_offset {
                    LeapIndicator::Insert
                } else {
                    LeapIndicator::Delete
                },
                midnight: next.from,
            });
        coming.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(steps: &[(i64, i32)]) -> Option<LeapTable> {
        let steps = steps.iter().map(|(from, tai_offset)| TaiStep {
            from: *from,
            tai_offset: *tai_offset,
        });
        LeapTable::new(steps.collect(), 10_000)
    }

    #[test]
    fn a_table_steps_by_one_second_in_the_order_of_time() {
        assert!(table(&[(0, 10), (100, 11), (200, 10)]).is_some());
        for bad in [
            &[][..],
            &[(0, 10), (0, 11)],
            &[(100, 10), (0, 11)],
            &[(0, 10), (100, 12)],
            &[(0, 10), (100, 10)],
        ] {
            assert_eq!(table(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_next_leap_second_and_its_kind_are_found() {
        let table = table(&[(0, 10), (100, 11), (200, 10)]).unwrap();
        let kind_at = |unix| {
            table
                .next_after(unix)
                .map(|leap| (leap.midnight, leap.kind))
        };
        assert_eq!(kind_at(-5), Some((100, LeapIndicator::Insert)));
        assert_eq!(kind_at(100), Some((200, LeapIndicator::Delete)));
        assert_eq!(kind_at(200), None);
    }

    #[test]
    fn it_is_silent_before_its_first_entry_and_from_its_expiry_on() {
        let table = table(&[(0, 10), (100, 11)]).unwrap();
        assert_eq!(
            (
                table.tai_offset_at(-1),
                table.tai_offset_at(99),
                table.tai_offset_at(100)
            ),
            (None, Some(10), Some(11))
        );
        assert!(!table.is_valid_at(-1) && table.is_valid_at(9_999) && !table.is_valid_at(10_000));
    }
}
