//! Which thread a connection is given to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long a thread that has connections may do nothing at all. With 512 of them, one that has its
/// processor to itself gets round to each in a third of that.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long a thread that did nothing for longer is given no more connections. Those that it has
/// then are lost to their clients, so that it is not tried often.
const SHUNNED: Duration = Duration::from_secs(300);

/// One of the threads, as those see it who give it connections.
#[derive(Debug)]
pub(super) struct Seat {
    runtime: Handle,
    open: AtomicUsize,
    /// Whether the thread has done what it was last asked for.
    has_answered: AtomicBool,
    /// Only threads that accept take this lock, so that none of them ever waits for one that gets
    /// no processor.
    care: Mutex<Care>,
}

/// What those who give know of a thread.
#[derive(Debug, Default)]
struct Care {
    asked: Option<Instant>,
    shunned_until: Option<Instant>,
}

impl Seat {
    pub(super) fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            open: AtomicUsize::new(0),
            has_answered: AtomicBool::new(true),
            care: Mutex::default(),
        }
    }

    /// How many connections it has.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Where to run what it is given.
    pub(super) const fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Finds out whether it gets to do anything, as long as it has something to do. Says when to
    /// look again.
    fn watch(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let mut care = self.care();
        if self.open() == 0 || care.is_shunned(now) {
            care.asked = None;
            return None;
        }
        match care.asked.map(|asked| asked + PATIENCE) {
            Some(due) if now < due => return Some(due),
            Some(_) if !self.has_answered.load(Ordering::Relaxed) => {
                tracing::debug!(
                    "a handshake worker gets no processor time; new connections go to the reserve worker"
                );
                *care = Care {
                    asked: None,
                    shunned_until: Some(now + SHUNNED),
                };
                return None;
            }
            _ => {}
        }
        care.asked = Some(now);
        self.has_answered.store(false, Ordering::Relaxed);
        let seat = Arc::clone(self);
        self.runtime
            .spawn(async move { seat.has_answered.store(true, Ordering::Relaxed) });
        Some(now + PATIENCE)
    }

    pub(super) fn is_shunned(&self, now: Instant) -> bool {
        self.care().is_shunned(now)
    }

    fn care(&self) -> MutexGuard<'_, Care> {
        self.care.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Care {
    fn is_shunned(&self, now: Instant) -> bool {
        self.shunned_until.is_some_and(|until| now < until)
    }
}

/// All of a pool.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    /// Those that run when nobody else wants to.
    pub(super) idle: Vec<Arc<Seat>>,
    /// The one for the time when somebody always does.
    pub(super) reserve: Arc<Seat>,
}

impl Seats {
    /// Finds out which threads get to do anything. Says when to look again; `None`: when there is a
    /// new connection.
    pub(super) fn watch(&self, now: Instant) -> Option<Instant> {
        self.idle.iter().filter_map(|seat| seat.watch(now)).min()
    }
}

/// A place at a thread, for as long as a connection is there.
#[derive(Debug)]
pub(super) struct Place(Arc<Seat>);

impl Place {
    /// A place at the thread with the fewest connections, of those that get to do anything. Two
    /// that look at the same time may find the same, which does no harm.
    pub(super) fn find(seats: &Seats, now: Instant) -> Self {
        let able = seats.idle.iter().filter(|seat| !seat.is_shunned(now));
        let seat = able
            .min_by_key(|seat| seat.open())
            .unwrap_or(&seats.reserve);
        seat.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(seat))
    }

    /// The thread.
    pub(super) fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(count: usize) -> (tokio::runtime::Runtime, Seats) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let seat = || Arc::new(Seat::new(runtime.handle().clone()));
        let seats = Seats {
            idle: (0..count).map(|_| seat()).collect(),
            reserve: seat(),
        };
        (runtime, seats)
    }

    fn open(seats: &Seats) -> (Vec<usize>, usize) {
        (
            seats.idle.iter().map(|seat| seat.open()).collect(),
            seats.reserve.open(),
        )
    }

    #[test]
    fn connections_go_where_the_fewest_are() {
        let (_runtime, seats) = seats(3);
        let now = Instant::now();
        let mut places: Vec<_> = (0..6).map(|_| Place::find(&seats, now)).collect();
        assert_eq!(open(&seats), (vec![2, 2, 2], 0));
        drop(places.remove(1));
        places.push(Place::find(&seats, now));
        assert_eq!(open(&seats), (vec![2, 2, 2], 0));
        drop(places);
        assert_eq!(open(&seats), (vec![0, 0, 0], 0));
    }

    #[test]
    fn a_thread_that_does_nothing_leaves_its_share_to_the_others_and_the_last_to_the_reserve() {
        let (runtime, seats) = seats(2);
        let (begun, late) = (Instant::now(), Instant::now() + PATIENCE);
        let mut places = vec![Place::find(&seats, begun)];
        assert_eq!(seats.watch(begun), Some(begun + PATIENCE));
        // The runtime does nothing unless it is told to.
        assert_eq!(seats.watch(late), None);
        places.extend([Place::find(&seats, late), Place::find(&seats, late)]);
        assert_eq!(open(&seats), (vec![1, 2], 0));

        assert_eq!(seats.watch(late), Some(late + PATIENCE));
        runtime.block_on(tokio::task::yield_now());
        assert_eq!(
            seats.watch(late + PATIENCE),
            Some(late + PATIENCE * 2),
            "the other has answered"
        );
        assert_eq!(seats.watch(late + PATIENCE * 2), None, "and then no more");
        places.push(Place::find(&seats, late + PATIENCE * 2));
        assert_eq!(open(&seats), (vec![1, 2], 1));

        places.push(Place::find(&seats, late + PATIENCE * 2 + SHUNNED));
        assert_eq!(
            open(&seats),
            (vec![2, 2], 1),
            "in the end it is tried again"
        );
    }

    #[test]
    fn a_thread_without_connections_is_left_in_peace() {
        let (_runtime, seats) = seats(1);
        let now = Instant::now();
        assert_eq!(seats.watch(now), None);
        drop(Place::find(&seats, now));
        assert_eq!(seats.watch(now + PATIENCE * 2), None);
        assert!(!seats.idle[0].is_shunned(now + PATIENCE * 2));
    }
}
