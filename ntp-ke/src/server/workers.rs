//! The threads that run handshakes, their priorities, and the choice of one for each connection.
//!
//! All threads of key establishment yield to those that serve time. A system that refuses a
//! priority, such as a container, is no error.
//!
//! Measured on one processor that never slept: in a flood of handshakes the 99th percentile of
//! plain replies was 1.2 times that of an idle server with the policy SCHED_IDLE, 3.5 times with a
//! niceness of 19, and 7 times with 10. But beside a thread that never sleeps, SCHED_IDLE leaves
//! some ten handshakes a second and a niceness of 10 some five hundred; and the policy cannot be
//! reverted without privileges. So there are idle workers and one reserve worker, and
//! [`Assignment::choose`] decides between them.

use super::lifecycle::{KeStartError, Supervisor};
use crate::provider::provider;
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// The names of the threads, at most 15 characters.
const IDLE: &str = "nts-ke-tls";
const RESERVE: &str = "nts-ke-reserve";

/// The niceness of threads that must make progress in any case (setpriority(2)).
const NICENESS: i32 = 10;

/// A worker that has connections and runs nothing for this time counts as starved. With 512
/// connections, a worker with a processor of its own reaches each in a third of it.
const STARVED_AFTER: Duration = Duration::from_millis(250);

/// A starved worker gets no connections for this time. The clients that it has then are lost, so a
/// new attempt must be rare.
const AVOIDED_FOR: Duration = Duration::from_secs(300);

/// Gives the calling thread a niceness that still leaves it some time beside busy threads: for the
/// accepting thread and the reserve worker.
pub(super) fn lower_priority() {
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

/// Makes the calling thread run only when no other thread wants its processor.
fn lowest_priority() {
    if ntp_os_clock::yield_to_all().is_err() {
        lower_priority();
    }
}

/// A fixed number of worker threads for the handshakes of a whole process, whatever the number of
/// listening addresses, and one more in reserve for the time when other threads leave them no
/// processor. Dropping it ends the threads and all their connections.
#[derive(Debug)]
pub struct KePool {
    workers: Workers,
    supervisor: Supervisor,
    threads: Vec<Thread>,
}

/// A thread that runs until its sender is dropped.
type Thread = (oneshot::Sender<()>, JoinHandle<()>);

impl KePool {
    /// Starts `threads` workers and the one in reserve. If the system gives only some of them,
    /// these run all handshakes, which is logged. `on_end` is called at the end of each of them,
    /// and of each thread that accepts for this pool, on that thread, after an ordinary end and
    /// after a panic.
    ///
    /// # Errors
    /// If the system gives no thread or no event queue at all; then `on_end` is not called.
    pub fn start(
        threads: NonZeroUsize,
        on_end: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, KeStartError> {
        let supervisor = Supervisor::new(on_end);
        let (reserve, thread) = start(RESERVE, lower_priority, &supervisor)?;
        let mut pool = Self {
            workers: Workers {
                idle: Vec::new(),
                reserve,
            },
            supervisor,
            threads: vec![thread],
        };
        if let Err(error) = pool.start_idle(threads.get()) {
            tracing::warn!(
                "{} of {threads} handshake threads and the reserve thread run all NTS-KE \
                 handshakes, as no more could be started: {error}. Raise the limits of the service \
                 (TasksMax=, LimitNOFILE=) or lower handshake-threads, and restart",
                pool.workers.idle.len()
            );
        }
        Ok(pool)
    }

    /// Starts `count` idle workers.
    ///
    /// # Errors
    /// If the system gives no thread or no event queue; those that were started before remain.
    fn start_idle(&mut self, count: usize) -> io::Result<()> {
        for _ in 0..count {
            let (worker, thread) = start(IDLE, lowest_priority, &self.supervisor)?;
            self.workers.idle.push(worker);
            self.threads.push(thread);
        }
        Ok(())
    }

    /// Ends the threads, aborts open connections, and waits for the end of the threads. The
    /// servers that use the pool must be stopped before.
    pub fn stop(self) {
        for (stop, thread) in self.threads {
            drop(stop);
            // A panic was reported when it happened.
            let _ = thread.join();
        }
    }

    pub(super) fn workers(&self) -> Workers {
        self.workers.clone()
    }

    pub(super) const fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }
}

/// Starts one thread with a runtime of its own. A multi-threaded runtime would make the program
/// much larger.
fn start(
    name: &str,
    set_priority: fn(),
    supervisor: &Supervisor,
) -> io::Result<(Arc<Worker>, Thread)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let worker = Arc::new(Worker::new(runtime.handle().clone()));
    let (stop, stopped) = oneshot::channel();
    let (hand_over, handed_over) = mpsc::channel::<Runtime>();
    let spawned = supervisor.spawn(name, move || {
        lower_priority();
        seed_generator();
        set_priority();
        if let Ok(runtime) = handed_over.recv() {
            // Nothing is ever sent: the drop of the sender ends the wait.
            let _ = runtime.block_on(stopped);
        }
    });
    match spawned {
        Ok(thread) => {
            // The thread waits for it.
            let _ = hand_over.send(runtime);
            Ok((worker, (stop, thread)))
        }
        Err(error) => {
            // The caller may be a task of another runtime, where the drop of this one would panic.
            runtime.shutdown_background();
            Err(error)
        }
    }
}

/// Makes the library seed this thread's random numbers now. It measures the jitter of the processor
/// for many milliseconds, which the first client would have to wait for, and at the lowest priority
/// perhaps far longer.
fn seed_generator() {
    // If it fails, handshakes will fail too, and are counted.
    let _ = provider().secure_random.fill(&mut [0; 32]);
}

/// One worker thread, as seen by the threads that give it connections.
#[derive(Debug)]
pub(super) struct Worker {
    runtime: Handle,
    open: AtomicUsize,
    /// True if the worker has run the last probe.
    has_answered: AtomicBool,
    /// Only accepting threads take this lock, so none of them ever waits for a starved worker.
    watch: Mutex<Watch>,
}

/// The observations of a worker by the accepting threads.
#[derive(Debug, Default)]
struct Watch {
    probed: Option<Instant>,
    avoided_until: Option<Instant>,
}

impl Worker {
    fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            open: AtomicUsize::new(0),
            has_answered: AtomicBool::new(true),
            watch: Mutex::default(),
        }
    }

    /// The number of its connections.
    fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The runtime that runs its connections.
    pub(super) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Probes a worker that has connections, and returns the time of the next look.
    fn probe(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let mut watch = self.watch();
        if self.open() == 0 || watch.is_avoided(now) {
            watch.probed = None;
            return None;
        }
        match watch.probed.map(|probed| probed + STARVED_AFTER) {
            Some(due) if now < due => return Some(due),
            Some(_) if !self.has_answered.load(Ordering::Relaxed) => {
                tracing::debug!(
                    "a handshake worker gets no processor time; new connections go to the reserve \
                     worker"
                );
                *watch = Watch {
                    probed: None,
                    avoided_until: Some(now + AVOIDED_FOR),
                };
                return None;
            }
            _ => {}
        }
        watch.probed = Some(now);
        self.has_answered.store(false, Ordering::Relaxed);
        let worker = Arc::clone(self);
        self.runtime
            .spawn(async move { worker.has_answered.store(true, Ordering::Relaxed) });
        Some(now + STARVED_AFTER)
    }

    fn is_avoided(&self, now: Instant) -> bool {
        self.watch().is_avoided(now)
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    fn is_avoided(&self, now: Instant) -> bool {
        self.avoided_until.is_some_and(|until| now < until)
    }
}

/// All workers of a pool.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    /// The workers that run when no other thread wants their processor.
    idle: Vec<Arc<Worker>>,
    /// The worker that makes progress beside busy threads.
    reserve: Arc<Worker>,
}

impl Workers {
    /// Probes the idle workers. Returns the time of the next probe; `None` if there is nothing to
    /// probe before the next connection.
    pub(super) fn probe(&self, now: Instant) -> Option<Instant> {
        self.idle
            .iter()
            .filter_map(|worker| worker.probe(now))
            .min()
    }
}

/// The assignment of one connection to a worker, for the life of the connection.
#[derive(Debug)]
pub(super) struct Assignment(Arc<Worker>);

impl Assignment {
    /// Chooses the worker with the fewest connections among those that are not starved. Two threads
    /// that choose at the same time may choose the same, which does no harm.
    pub(super) fn choose(workers: &Workers, now: Instant) -> Self {
        let able = workers.idle.iter().filter(|worker| !worker.is_avoided(now));
        let worker = able
            .min_by_key(|worker| worker.open())
            .unwrap_or(&workers.reserve);
        worker.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(worker))
    }

    /// The chosen worker.
    pub(super) fn worker(&self) -> Arc<Worker> {
        Arc::clone(&self.0)
    }
}

impl Drop for Assignment {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
impl KePool {
    /// The number of connections of each worker, the one in reserve last.
    pub(super) fn open(&self) -> Vec<usize> {
        self.all().map(|worker| worker.open()).collect()
    }

    /// The number of starved workers.
    pub(super) fn avoided(&self) -> usize {
        self.workers
            .idle
            .iter()
            .filter(|worker| worker.is_avoided(Instant::now()))
            .count()
    }

    /// Blocks all workers until the returned senders are dropped; the last one is for the worker in
    /// reserve.
    pub(super) fn hold_up(&self) -> Vec<mpsc::Sender<()>> {
        let hold = |worker: &Arc<Worker>| {
            let (release, released) = mpsc::channel();
            let (blocked, is_blocked) = mpsc::channel();
            worker.runtime().spawn(async move {
                blocked.send(()).unwrap();
                let _ = released.recv();
            });
            is_blocked.recv().unwrap();
            release
        };
        self.all().map(hold).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Worker>> {
        self.workers.idle.iter().chain([&self.workers.reserve])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(count: usize) -> (Runtime, Workers) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let worker = || Arc::new(Worker::new(runtime.handle().clone()));
        let workers = Workers {
            idle: (0..count).map(|_| worker()).collect(),
            reserve: worker(),
        };
        (runtime, workers)
    }

    fn open(workers: &Workers) -> (Vec<usize>, usize) {
        (
            workers.idle.iter().map(|worker| worker.open()).collect(),
            workers.reserve.open(),
        )
    }

    #[test]
    fn connections_go_where_the_fewest_are() {
        let (_runtime, workers) = workers(3);
        let now = Instant::now();
        let mut assigned: Vec<_> = (0..6).map(|_| Assignment::choose(&workers, now)).collect();
        assert_eq!(open(&workers), (vec![2, 2, 2], 0));
        drop(assigned.remove(1));
        assigned.push(Assignment::choose(&workers, now));
        assert_eq!(open(&workers), (vec![2, 2, 2], 0));
        drop(assigned);
        assert_eq!(open(&workers), (vec![0, 0, 0], 0));
    }

    #[test]
    fn a_starved_worker_leaves_its_share_to_the_others_and_the_last_one_to_the_reserve() {
        let (runtime, workers) = workers(2);
        let (begun, late) = (Instant::now(), Instant::now() + STARVED_AFTER);
        let mut assigned = vec![Assignment::choose(&workers, begun)];
        assert_eq!(workers.probe(begun), Some(begun + STARVED_AFTER));
        // The runtime runs nothing outside `block_on`.
        assert_eq!(workers.probe(late), None);
        assigned.extend([
            Assignment::choose(&workers, late),
            Assignment::choose(&workers, late),
        ]);
        assert_eq!(open(&workers), (vec![1, 2], 0));

        assert_eq!(workers.probe(late), Some(late + STARVED_AFTER));
        runtime.block_on(tokio::task::yield_now());
        assert_eq!(
            workers.probe(late + STARVED_AFTER),
            Some(late + STARVED_AFTER * 2),
            "the other has answered"
        );
        assert_eq!(
            workers.probe(late + STARVED_AFTER * 2),
            None,
            "and then no more"
        );
        assigned.push(Assignment::choose(&workers, late + STARVED_AFTER * 2));
        assert_eq!(open(&workers), (vec![1, 2], 1));

        let again = late + STARVED_AFTER * 2 + AVOIDED_FOR;
        assigned.push(Assignment::choose(&workers, again));
        assert_eq!(
            open(&workers),
            (vec![2, 2], 1),
            "in the end it is tried again"
        );
    }

    #[test]
    fn a_worker_without_connections_is_not_probed() {
        let (_runtime, workers) = workers(1);
        let now = Instant::now();
        assert_eq!(workers.probe(now), None);
        drop(Assignment::choose(&workers, now));
        assert_eq!(workers.probe(now + STARVED_AFTER * 2), None);
        assert!(!workers.idle[0].is_avoided(now + STARVED_AFTER * 2));
    }
}
