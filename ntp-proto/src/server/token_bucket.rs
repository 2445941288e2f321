//! Token buckets in whole nanoseconds.

use crate::time::MonoTime;
use std::time::Duration;

/// A token bucket, as the time (in nanoseconds) when it will be full again if nothing more is
/// taken.
///
/// A bucket is that one number, and one that was never used is the same as a full one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(super) struct FullAt(u64);

/// The rate of filling: one token per `interval`, up to as many as come within `to_fill`. Both are
/// in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refill {
    interval: u64,
    to_fill: u64,
}

impl Refill {
    /// Buckets that hold `burst` tokens (1 at least), one of which comes back per `interval`.
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        let interval = nanos(interval);
        Self {
            interval,
            to_fill: interval.saturating_mul(burst.max(1).into()),
        }
    }

    /// Takes one token, if there is one.
    pub(super) fn take(self, bucket: &mut FullAt, now: MonoTime) -> bool {
        let now = nanos(now.since_epoch());
        let full_at = bucket.0.max(now).saturating_add(self.interval);
        let in_time = full_at - now <= self.to_fill;
        if in_time {
            bucket.0 = full_at;
        }
        in_time
    }
}

/// A number of things per second, for all clients together.
#[derive(Debug)]
pub(super) struct Budget {
    refill: Option<Refill>,
    bucket: FullAt,
}

impl Budget {
    /// Up to `per_second` in each second, evenly or at once; 0 is none ever.
    pub(super) fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1).checked_div(per_second);
        Self {
            refill: interval.map(|interval| Refill::new(interval, per_second)),
            bucket: FullAt::default(),
        }
    }

    /// Spends a token; returns false if none is left.
    pub(super) fn spend(&mut self, now: MonoTime) -> bool {
        self.refill
            .is_some_and(|refill| refill.take(&mut self.bucket, now))
    }
}

/// Enough for 584 years; saturates.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> MonoTime {
        MonoTime::from_epoch(Duration::from_millis(millis))
    }

    /// The number of tokens that can be had at once.
    fn drain(refill: Refill, bucket: &mut FullAt, now: MonoTime) -> usize {
        (0..1000).take_while(|_| refill.take(bucket, now)).count()
    }

    #[test]
    fn a_bucket_holds_its_burst_and_fills_by_one_per_interval() {
        let refill = Refill::new(Duration::from_secs(8), 4);
        let mut bucket = FullAt::default();
        assert_eq!(drain(refill, &mut bucket, at(0)), 4);
        assert_eq!(drain(refill, &mut bucket, at(7_999)), 0);
        assert_eq!(drain(refill, &mut bucket, at(8_000)), 1);
        assert_eq!(drain(refill, &mut bucket, at(24_000)), 2);
        assert_eq!(drain(refill, &mut bucket, at(1_000_000)), 4);
    }

    #[test]
    fn odd_settings_do_no_harm() {
        let mut bucket = FullAt::default();
        assert_eq!(
            drain(Refill::new(Duration::ZERO, 0), &mut bucket, at(5)),
            1000,
            "no interval is no limit"
        );
        assert_eq!(
            drain(Refill::new(Duration::from_secs(1), 0), &mut bucket, at(5)),
            1,
            "no burst is a burst of one"
        );
        let longest = Refill::new(Duration::MAX, u32::MAX);
        let the_end = MonoTime::from_epoch(Duration::MAX);
        assert!(longest.take(&mut FullAt::default(), MonoTime::ZERO));
        assert!(longest.take(&mut FullAt::default(), the_end));
    }

    #[test]
    fn a_budget_is_kept_over_any_second() {
        let mut budget = Budget::new(10);
        let spent = (0..10_000)
            .filter(|millis| budget.spend(at(*millis)))
            .count();
        assert_eq!(spent, 10 + 99);
        assert!(!Budget::new(0).spend(at(1_000_000)));
    }
}
