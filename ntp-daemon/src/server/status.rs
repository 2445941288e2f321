//! The status of one listening address, for the observation document.

use super::counters::{WorkerCounters, WorkerReport};
use arc_swap::ArcSwap;
use ntp_observe::{ClientTable, ServerFacts};
use ntp_proto::StableWord;
use ntp_proto::server::{DropReason, RateLimit, ReplyKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The status of all listening addresses, in the order of the configuration.
pub(crate) type ServerStatuses = Arc<ArcSwap<Vec<ServerStatus>>>;

/// The status of one listening address; the counters go on counting.
#[derive(Clone, Debug)]
pub(crate) struct ServerStatus {
    pub(crate) listen: String,
    pub(crate) interface: Option<String>,
    /// The receive buffer that the kernel has granted each socket, in octets.
    pub(crate) receive_buffer: Option<usize>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) counters: Vec<Arc<WorkerCounters>>,
}

impl ServerStatus {
    /// The status as of now, summed over all workers.
    pub(crate) fn facts(&self) -> ServerFacts {
        let mut report = WorkerReport::default();
        for counters in &self.counters {
            report += counters.read();
        }
        let stats = report.stats;
        let kisses = stats.replied(ReplyKind::RateKiss) + stats.replied(ReplyKind::DenyKiss);
        ServerFacts {
            listen_address: self.listen.clone(),
            interface: self.interface.clone(),
            received: stats.received(),
            answered: [
                ReplyKind::Time,
                ReplyKind::TimeOverLimit,
                ReplyKind::NtsTime,
            ]
            .iter()
            .map(|kind| stats.replied(*kind))
            .sum(),
            denied: stats.replied(ReplyKind::DenyKiss) + stats.dropped(DropReason::Denied),
            ignored: stats.dropped(DropReason::Ignored),
            rate_limited: stats.replied(ReplyKind::RateKiss)
                + stats.dropped(DropReason::RateLimited),
            kisses_sent: kisses,
            dropped: dropped(&report),
            send_errors: report.send_errors,
            receive_timestamps_kernel: report.kernel_stamps,
            receive_timestamps_daemon: report.missing_stamps,
            receive_buffer_bytes: self.receive_buffer.map(|octets| octets as u64),
            workers: self.counters.len() as u64,
            clients: self.rate_limit.map(|limit| ClientTable {
                size: (limit.table_size() * self.counters.len()) as u64,
                used: report.clients,
            }),
            nts_answered: stats.replied(ReplyKind::NtsTime),
            nts_naks_sent: stats.replied(ReplyKind::NtsNak),
            nts_cookies_refused: stats
                .cookies()
                .map(|(word, count)| (word.to_owned(), count))
                .collect(),
            nts_refused: DropReason::ALL
                .iter()
                .filter(|reason| reason.word().starts_with("nts-"))
                .map(|reason| (reason.word().to_owned(), stats.dropped(*reason)))
                .filter(|(_, count)| *count > 0)
                .collect(),
        }
    }
}

/// The requests without a reply by their reason, without those that have counts of their own.
fn dropped(report: &WorkerReport) -> BTreeMap<String, u64> {
    let shown_apart = [
        DropReason::Denied,
        DropReason::Ignored,
        DropReason::RateLimited,
    ]
    .map(|reason| reason.word());
    let receive_errors =
        (report.receive_errors > 0).then(|| ("receive-error".to_owned(), report.receive_errors));
    report
        .stats
        .iter()
        .filter(|(word, _)| !shown_apart.contains(word) && !ReplyKind::WORDS.contains(word))
        .map(|(word, count)| (word.to_owned(), count))
        .chain(receive_errors)
        .collect()
}
