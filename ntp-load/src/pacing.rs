//! The schedule of an open loop, and its own lateness.

use super::histogram::Histogram;
use std::time::Duration;

/// A burst that is further behind than this is left out: a generator that was held up must not make
/// up for it by a flood.
const MOST_BEHIND: Duration = Duration::from_millis(1);

/// The schedule of an open loop: `rate` requests a second, in bursts of equal size and spacing.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    /// The time between two bursts, in nanoseconds.
    spacing: f64,
    burst: u64,
    /// The number of planned bursts that are over: sent or left out.
    done: u64,
    lateness: Histogram,
    skipped: u64,
}

impl Pacer {
    /// `rate` is in requests a second, and more than 0; `burst` at least 1.
    pub(super) fn new(rate: f64, burst: u64) -> Self {
        let burst = burst.max(1);
        Self {
            spacing: burst as f64 / rate * 1e9,
            burst,
            done: 0,
            lateness: Histogram::new(),
            skipped: 0,
        }
    }

    /// The number of requests that are to be sent `since` the start, at most about `most`, in whole
    /// bursts. Those count as sent.
    pub(super) fn take_due(&mut self, since: Duration, most: u64) -> u64 {
        let now = since.as_nanos() as f64;
        let planned = (now / self.spacing) as u64 + 1;
        self.leave_out(now, planned);
        let bursts = (planned - self.done).min((most / self.burst).max(1));
        for number in self.done..self.done + bursts {
            self.lateness
                .record((now - number as f64 * self.spacing).max(0.0) as u64);
        }
        self.done += bursts;
        bursts * self.burst
    }

    /// The time until the next burst.
    pub(super) fn until_next(&self, since: Duration) -> Duration {
        Duration::from_nanos((self.done as f64 * self.spacing) as u64).saturating_sub(since)
    }

    /// The lateness of the bursts, in nanoseconds.
    pub(super) const fn lateness(&self) -> &Histogram {
        &self.lateness
    }

    /// The number of requests that were left out because their time was long over.
    pub(super) const fn skipped(&self) -> u64 {
        self.skipped
    }

    fn leave_out(&mut self, now: f64, planned: u64) {
        let behind = now - MOST_BEHIND.as_nanos() as f64;
        let first_in_time = (behind / self.spacing).max(0.0) as u64;
        if self.done < first_in_time {
            let left_out = first_in_time.min(planned) - self.done;
            self.skipped += left_out * self.burst;
            self.done += left_out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn requests_are_evenly_spaced() {
        let mut pacer = Pacer::new(10_000.0, 1);

        assert_eq!(pacer.take_due(micros(0), 64), 1);
        assert_eq!(pacer.until_next(micros(0)), micros(100));
        assert_eq!(pacer.take_due(micros(99), 64), 0);
        assert_eq!(pacer.take_due(micros(101), 64), 1);
        assert_eq!(pacer.take_due(micros(301), 64), 2);
        assert_eq!(pacer.skipped(), 0);
    }

    #[test]
    fn bursts_keep_the_rate() {
        let mut pacer = Pacer::new(10_000.0, 4);
        let sent: u64 = (0..1000)
            .map(|turn| pacer.take_due(micros(turn * 100), 64))
            .sum();

        assert_eq!(sent, 1000);
    }

    #[test]
    fn what_was_missed_is_left_out_and_counted() {
        let mut pacer = Pacer::new(10_000.0, 1);
        pacer.take_due(micros(0), 64);
        let sent = pacer.take_due(micros(50_000), 64);

        assert!(sent <= 11, "those of the last millisecond: {sent}");
        assert_eq!(pacer.skipped() + sent + 1, 501);
    }

    #[test]
    fn lateness_is_that_of_the_generator() {
        let mut pacer = Pacer::new(10_000.0, 1);
        for turn in 0..100 {
            pacer.take_due(micros(turn * 100 + 30), 64);
        }

        let median = pacer.lateness().quantile(0.5).unwrap();
        assert!((29_000..31_000).contains(&median), "{median} ns");
    }
}
