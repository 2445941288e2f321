//! The progress of the server's workers.

use crate::server::WorkerCounters;
use std::sync::Arc;

/// The workers, and the batch that each was at work on at the last check.
#[derive(Debug)]
pub(super) struct Progress {
    workers: Vec<(Arc<WorkerCounters>, Option<u64>)>,
}

impl Progress {
    pub(super) fn new(workers: Vec<Arc<WorkerCounters>>) -> Self {
        Self {
            workers: workers.into_iter().map(|worker| (worker, None)).collect(),
        }
    }

    /// The number of workers that are at work on the same batch as at the last check. One that
    /// waits for requests is not stuck, however long that takes.
    pub(super) fn stuck_workers(&mut self) -> usize {
        let stuck = self.workers.iter_mut().filter_map(|(worker, last)| {
            let batch = worker.batch_at_work();
            let before = std::mem::replace(last, batch);
            batch.filter(|_| batch == before)
        });
        stuck.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_stuck_only_if_it_stays_in_one_batch() {
        let worker = Arc::new(WorkerCounters::default());
        let mut progress = Progress::new(vec![Arc::clone(&worker)]);
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
