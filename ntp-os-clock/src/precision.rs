//! The precision of a clock.

use ntp_proto::time::{NtpDuration, NtpTimestamp, Precision, Seconds};

/// The limit of reads; enough to see a clock advance that ticks only once per millisecond.
const MOST_READS: usize = 20_000;

/// The number of advances that suffices to find the shortest.
const ENOUGH_ADVANCES: usize = 32;

/// The precision of a clock that never advanced during the reads: a millisecond.
const UNKNOWN: Precision = Precision::from_log2(-10);

/// The shortest advance between two successive reads: the larger of the clock's resolution and the
/// time that a read takes (RFC 5905 §7.3 "precision").
pub(crate) fn measured(read: impl Fn() -> NtpTimestamp) -> Precision {
    let mut last = read();
    let advances = (0..MOST_READS).filter_map(|_| {
        let now = read();
        let advance = now - std::mem::replace(&mut last, now);
        (advance > NtpDuration::ZERO).then_some(advance)
    });
    let shortest = advances.take(ENOUGH_ADVANCES).min();
    shortest.map_or(UNKNOWN, |advance| {
        Precision::covering(Seconds::from(advance))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_clock_that_ticks_in_microseconds_has_that_precision() {
        let reads = Cell::new(0);
        let precision = measured(|| {
            reads.set(reads.get() + 1);
            NtpTimestamp::from_unix(0, reads.get() / 7 * 1000)
        });
        assert_eq!(precision.log2(), -19);
    }

    #[test]
    fn a_clock_that_stands_still_does_not_hold_us_up() {
        assert_eq!(measured(|| NtpTimestamp::from_unix(0, 0)), UNKNOWN);
    }

    #[test]
    fn a_step_back_is_no_advance() {
        let reads = Cell::new(0_i64);
        let precision = measured(|| {
            reads.set(reads.get() + 1);
            NtpTimestamp::from_unix(-reads.get(), 0)
        });
        assert_eq!(precision, UNKNOWN);
    }
}
