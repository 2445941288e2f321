//! A worker's counters. The worker writes them once per batch into cache lines of its own, without
//! locks; readers may see a batch half counted.

use ntp_proto::server::ServerStats;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters beside those of the server.
const OWN: usize = 5;

/// The counts of one worker, or the sums over several.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WorkerReport {
    pub(crate) stats: ServerStats,
    pub(crate) send_errors: u64,
    pub(crate) receive_errors: u64,
    pub(crate) kernel_stamps: u64,
    pub(crate) missing_stamps: u64,
    pub(crate) clients: u64,
}

impl AddAssign for WorkerReport {
    fn add_assign(&mut self, other: Self) {
        self.stats += other.stats;
        self.send_errors += other.send_errors;
        self.receive_errors += other.receive_errors;
        self.kernel_stamps += other.kernel_stamps;
        self.missing_stamps += other.missing_stamps;
        self.clients += other.clients;
    }
}

/// The counts of one worker, for readers on other threads.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct WorkerCounters {
    stats: [AtomicU64; ServerStats::COUNTERS],
    own: [AtomicU64; OWN],
    /// Odd while the worker is at work on a batch, even while it waits for one.
    turn: AtomicU64,
}

impl WorkerCounters {
    /// The worker has got a batch, or has finished one. Only the worker itself may call this.
    pub(crate) fn take_turn(&self) {
        let turn = self.turn.load(Ordering::Relaxed);
        self.turn.store(turn.wrapping_add(1), Ordering::Relaxed);
    }

    /// The batch that the worker is at work on; `None` while it waits for one.
    pub(crate) fn batch_at_work(&self) -> Option<u64> {
        Some(self.turn.load(Ordering::Relaxed)).filter(|turn| turn % 2 == 1)
    }

    /// Replaces the counts.
    pub(super) fn publish(&self, report: &WorkerReport) {
        let own = [
            report.send_errors,
            report.receive_errors,
            report.kernel_stamps,
            report.missing_stamps,
            report.clients,
        ];
        let places = self.stats.iter().chain(&self.own);
        for (place, count) in places.zip(report.stats.counts().into_iter().chain(own)) {
            place.store(count, Ordering::Relaxed);
        }
    }

    /// The counts as last published.
    pub(crate) fn read(&self) -> WorkerReport {
        let mut counts = [0; ServerStats::COUNTERS];
        for (count, place) in counts.iter_mut().zip(&self.stats) {
            *count = place.load(Ordering::Relaxed);
        }
        let [
            send_errors,
            receive_errors,
            kernel_stamps,
            missing_stamps,
            clients,
        ] = self
            .own
            .each_ref()
            .map(|place| place.load(Ordering::Relaxed));
        let stats = ServerStats::from_counts(counts);
        WorkerReport {
            stats,
            send_errors,
            receive_errors,
            kernel_stamps,
            missing_stamps,
            clients,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_counts_can_be_read_and_added() {
        let counters = WorkerCounters::default();
        let report = WorkerReport {
            send_errors: 1,
            clients: 7,
            missing_stamps: 3,
            ..WorkerReport::default()
        };
        counters.publish(&report);
        let mut both = counters.read();
        both += counters.read();
        assert_eq!(
            (
                both.send_errors,
                both.clients,
                both.missing_stamps,
                both.kernel_stamps
            ),
            (2, 14, 6, 0)
        );
    }
}
