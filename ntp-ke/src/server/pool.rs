//! The threads that handshakes run on.

use super::handle::KeStartError;
use super::lifecycle::Ended;
use super::priority;
use super::workers::{Seat, Seats};
use crate::provider::provider;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// The names of the threads, at most 15 characters.
const IDLE: &str = "nts-ke-tls";
const RESERVE: &str = "nts-ke-reserve";

/// A fixed number of threads for the handshakes of a whole process, however many addresses it
/// listens on, and one more for the time when others leave these no processor. If it is dropped,
/// they end, and all connections with them.
#[derive(Debug)]
pub struct KePool {
    seats: Seats,
    ended: Ended,
    threads: Vec<Thread>,
}

/// A thread that runs as long as its sender is there.
type Thread = (oneshot::Sender<()>, JoinHandle<()>);

impl KePool {
    /// Starts so many threads, and the one in reserve. `ended` is called at the end of each of
    /// them, and of each thread that accepts for this pool, on that thread: told to end, or by a
    /// fault of this program.
    ///
    /// # Errors
    /// If the system gives no threads or no event queues.
    pub fn start(
        threads: NonZeroUsize,
        ended: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, KeStartError> {
        let ended = Ended::new(ended);
        let (reserve, thread) = start(RESERVE, priority::low, &ended)?;
        let mut pool = Self {
            seats: Seats {
                idle: Vec::new(),
                reserve,
            },
            ended,
            threads: vec![thread],
        };
        for _ in 0..threads.get() {
            let (seat, thread) = start(IDLE, priority::lowest, &pool.ended)?;
            pool.seats.idle.push(seat);
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Ends the threads, cuts off what is open, and waits until they have ended. Who listens is to
    /// be stopped before.
    pub fn stop(self) {
        for (stop, thread) in self.threads {
            drop(stop);
            // If it has panicked, that was said then.
            let _ = thread.join();
        }
    }

    pub(super) fn seats(&self) -> Seats {
        self.seats.clone()
    }

    pub(super) const fn ended(&self) -> &Ended {
        &self.ended
    }
}

/// One thread with a runtime of its own. A runtime that has several threads would make the program
/// much longer.
fn start(name: &str, find_priority: fn(), ended: &Ended) -> io::Result<(Arc<Seat>, Thread)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let seat = Arc::new(Seat::new(runtime.handle().clone()));
    let (stop, stopped) = oneshot::channel();
    let thread = ended.watch(name, move || {
        priority::low();
        seed_generator();
        find_priority();
        // Nobody ever sends: that the other end is gone is the message.
        let _ = runtime.block_on(stopped);
    })?;
    Ok((seat, (stop, thread)))
}

/// Has the library seed this thread's random numbers now, for which it measures the jitter of the
/// processor for many milliseconds. The first client would have to wait for it, and at the lowest
/// priority perhaps in vain.
fn seed_generator() {
    // If it fails, handshakes will, too, and are counted.
    let _ = provider().secure_random.fill(&mut [0; 32]);
}

#[cfg(test)]
impl KePool {
    /// How many connections each thread has, the one in reserve last.
    pub(super) fn open(&self) -> Vec<usize> {
        self.all().map(|seat| seat.open()).collect()
    }

    /// How many threads are known to get nothing done.
    pub(super) fn shunned(&self) -> usize {
        self.seats
            .idle
            .iter()
            .filter(|seat| seat.is_shunned(std::time::Instant::now()))
            .count()
    }

    /// Keeps all threads from doing anything until what is returned is dropped; the last of it is
    /// for the one in reserve.
    pub(super) fn hold_up(&self) -> Vec<std::sync::mpsc::Sender<()>> {
        let hold = |seat: &Arc<Seat>| {
            let (release, released) = std::sync::mpsc::channel();
            let (told, hears) = std::sync::mpsc::channel();
            seat.runtime().spawn(async move {
                told.send(()).unwrap();
                let _ = released.recv();
            });
            hears.recv().unwrap();
            release
        };
        self.all().map(hold).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Seat>> {
        self.seats.idle.iter().chain([&self.seats.reserve])
    }
}
