//! The progress of the server's workers.

use crate::server::{ServerStatuses, WorkerCounters};
use std::sync::Arc;

/// The workers that were at work at the last check, each with its batch.
#[derive(Debug)]
pub(super) struct Progress {
    servers: ServerStatuses,
    last: Vec<(Arc<WorkerCounters>, u64)>,
}

impl Progress {
    pub(super) const fn new(servers: ServerStatuses) -> Self {
        Self {
            servers,
            last: Vec::new(),
        }
    }

    /// The number of workers that are at work on the same batch as at the last check. One that
    /// waits for requests is not stuck, however long that takes, nor is one whose listening address
    /// has gone.
    pub(super) fn stuck_workers(&mut self) -> usize {
        let servers = self.servers.load();
        let workers = servers.iter().flat_map(|server| &server.counters);
        let now: Vec<_> = workers
            .filter_map(|worker| Some((Arc::clone(worker), worker.batch_at_work()?)))
            .collect();
        let stuck = now.iter().filter(|(worker, batch)| {
            let mut before = self.last.iter();
            before.any(|(other, last)| Arc::ptr_eq(worker, other) && batch == last)
        });
        let stuck = stuck.count();
        self.last = now;
        stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::ServerStatus;
    use arc_swap::ArcSwap;

    fn server(worker: &Arc<WorkerCounters>) -> ServerStatus {
        ServerStatus {
            listen: String::new(),
            interface: None,
            receive_buffer: None,
            rate_limit: None,
            counters: vec![Arc::clone(worker)],
        }
    }

    #[test]
    fn workers_that_a_reload_starts_are_watched_and_those_that_it_ends_are_not_stuck() {
        let (first, second) = (Arc::default(), Arc::default());
        let servers: ServerStatuses = Arc::new(ArcSwap::from_pointee(vec![server(&first)]));
        let mut progress = Progress::new(Arc::clone(&servers));
        first.take_turn();
        assert_eq!(progress.stuck_workers(), 0);
        servers.store(Arc::new(vec![server(&second)]));
        second.take_turn();
        assert_eq!(progress.stuck_workers(), 0, "the first one has gone");
        assert_eq!(progress.stuck_workers(), 1, "the second one is watched");
    }

    #[test]
    fn a_worker_is_stuck_only_if_it_stays_in_one_batch() {
        let worker = Arc::new(WorkerCounters::default());
        let servers = Arc::new(ArcSwap::from_pointee(vec![server(&worker)]));
        let mut progress = Progress::new(servers);
        assert_eq!(
            (progress.stuck_workers(), progress.stuck_workers()),
            (0, 0),
            "it waits"
        );
        worker.take_turn();
        assert_eq!(progress.stuck_workers(), 0, "a batch has just come");
        assert_eq!(progress.stuck_workers(), 1, "still the same one");
        worker.take_turn();
        worker.take_turn();
        assert_eq!(progress.stuck_workers(), 0, "the next one");
        worker.take_turn();
        assert_eq!(progress.stuck_workers(), 0);
    }
}
