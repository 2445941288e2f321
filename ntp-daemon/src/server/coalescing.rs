//! A short wait after a batch that was not full, so that one wake-up serves several packets.
//!
//! A wake-up costs several times as much as a packet. Under a steady load it pays to let packets
//! gather: their receive timestamps are the kernel's and the transmit timestamps are taken at the
//! end, so the wait lies between the two and no client's measurement suffers. Below some rate
//! nothing would gather, and the worker does not wait.

use ntp_proto::time::MonoTime;
use std::time::Duration;

/// The rate from which it pays to wait, in packets per second.
const WORTHWHILE: f64 = 10_000.0;

/// The shortest time over which the rate is measured.
const WINDOW: Duration = Duration::from_millis(2);

/// Decides about one worker's waits.
#[derive(Debug)]
pub(super) struct Coalescing {
    limit: Duration,
    counted: usize,
    since: MonoTime,
    busy: bool,
}

impl Coalescing {
    /// No wait is longer than `limit`; zero means none at all.
    pub(super) const fn new(limit: Duration) -> Self {
        Self {
            limit,
            counted: 0,
            since: MonoTime::ZERO,
            busy: false,
        }
    }

    /// The wait after a batch of `count` packets that was taken at `now`, if there is one. After a
    /// `full` batch more packets are queued already.
    pub(super) fn after(&mut self, count: usize, full: bool, now: MonoTime) -> Option<Duration> {
        if self.limit.is_zero() {
            return None;
        }
        self.counted += count;
        let elapsed = now.since(self.since);
        if elapsed >= WINDOW {
            self.busy = self.counted as f64 >= WORTHWHILE * elapsed.as_secs_f64();
            self.counted = 0;
            self.since = now;
        }
        (self.busy && !full).then_some(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_micros(100);

    /// True if a worker waits at the end of a second with this many single packets.
    fn waits(per_second: u32) -> bool {
        let mut coalescing = Coalescing::new(LIMIT);
        let spacing = Duration::from_secs(1) / per_second;
        let waits = (0..per_second)
            .map(|n| coalescing.after(1, false, MonoTime::ZERO + spacing * n))
            .last();
        waits.flatten().is_some()
    }

    #[test]
    fn it_waits_under_load_and_not_below() {
        assert!(!waits(5_000));
        assert!(waits(20_000));
        assert!(waits(200_000));
    }

    #[test]
    fn after_a_full_batch_there_is_no_wait() {
        let mut coalescing = Coalescing::new(LIMIT);
        for n in 0..100 {
            assert_eq!(coalescing.after(64, true, MonoTime::ZERO + LIMIT * n), None);
        }
        assert_eq!(
            coalescing.after(3, false, MonoTime::ZERO + LIMIT * 100),
            Some(LIMIT)
        );
    }

    #[test]
    fn a_load_that_ends_ends_the_waiting() {
        let mut coalescing = Coalescing::new(LIMIT);
        for n in 0..1000 {
            let _ = coalescing.after(10, false, MonoTime::ZERO + LIMIT * n);
        }
        assert_eq!(
            coalescing.after(1, false, MonoTime::ZERO + Duration::from_secs(2)),
            None
        );
    }

    #[test]
    fn a_limit_of_zero_switches_it_off() {
        let mut coalescing = Coalescing::new(Duration::ZERO);
        for n in 0..1000 {
            assert_eq!(
                coalescing.after(60, false, MonoTime::ZERO + LIMIT * n),
                None
            );
        }
    }
}
