//! A worker's counters where others can read them. The worker writes them once per batch, to a
//! cache line that is its own, without locks and without waiting for anybody; readers may see a
//! batch half counted.

use ntp_proto::server::ServerStats;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters beside those of the server.
const OWN: usize = 5;

/// What has happened to one worker, or to several.
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

/// The report of one worker, in the open.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Tally {
    stats: [AtomicU64; ServerStats::COUNTERS],
    own: [AtomicU64; OWN],
}

impl Tally {
    /// Replaces what is shown.
    pub(super) fn show(&self, report: &WorkerReport) {
        let own = [
            report.send_errors,
            report.receive_errors,
            report.kernel_stamps,
            report.missing_stamps,
            report.clients,
        ];
        let shown = self.stats.iter().chain(&self.own);
        for (place, count) in shown.zip(report.stats.counts().into_iter().chain(own)) {
            place.store(count, Ordering::Relaxed);
        }
    }

    /// What is shown.
    pub(crate) fn read(&self) -> WorkerReport {
        let mut counts = [0; ServerStats::COUNTERS];
        for (count, shown) in counts.iter_mut().zip(&self.stats) {
            *count = shown.load(Ordering::Relaxed);
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
            .map(|shown| shown.load(Ordering::Relaxed));
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
    fn what_is_shown_can_be_read() {
        let tally = Tally::default();
        let report = WorkerReport {
            send_errors: 1,
            clients: 7,
            missing_stamps: 3,
            ..WorkerReport::default()
        };
        tally.show(&report);
        let mut both = tally.read();
        both += tally.read();
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
