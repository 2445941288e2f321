//! A worker: one thread with one socket, which receives batches, judges them, and sends batches.

use super::affinity;
use super::coalescing::Coalescing;
use super::counters::{WorkerCounters, WorkerReport};
use super::settings::{SharedSettings, WorkerSettings};
use super::transmit_latency::TransmitLatency;
use crate::lifecycle::EndGuard;
use crate::nts::cookie_keys::SharedKeys;
use arc_swap::ArcSwap;
use ntp_os_clock::{ClockReader, monotonic_now};
use ntp_proto::server::{
    MAX_BATCH, MAX_REQUEST_LENGTH, PendingReply, Request, SealingTimes, ServedState, Server,
    Snapshots, Verdict,
};
use ntp_proto::time::NtpDuration;
use ntp_udp::{ReceiveBatch, SendBatch, Socket, StampCounters};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Datagrams taken from the kernel at once.
const BATCH: usize = 64;
/// EBADF and ENOTSOCK: errors that do not pass.
const DEAD_SOCKET: [i32; 2] = [9, 88];
/// The pause after an error that passes.
const RECOVERY: Duration = Duration::from_millis(50);

/// Ends the workers of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct WorkerShutdown(Arc<ShutdownState>);

#[derive(Debug, Default)]
struct ShutdownState {
    requested: AtomicBool,
    sockets: Mutex<Vec<Arc<Socket>>>,
}

impl WorkerShutdown {
    /// Asks all workers to end, and wakes those that wait for requests.
    pub(super) fn request(&self) {
        self.0.requested.store(true, Ordering::Relaxed);
        self.sockets()
            .iter()
            .for_each(|socket| socket.stop_receiving());
    }

    fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::Relaxed)
    }

    /// Registers the socket at which a worker will wait.
    fn register(&self, socket: &Arc<Socket>) {
        self.sockets().push(Arc::clone(socket));
    }

    fn sockets(&self) -> MutexGuard<'_, Vec<Arc<Socket>>> {
        self.0
            .sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The snapshots that workers read.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) reader: ClockReader,
    pub(crate) served: Arc<ArcSwap<ServedState>>,
    /// The NTS cookie keys, if this server has any.
    pub(crate) keys: Option<SharedKeys>,
}

/// A worker that has its socket and has yet to be started.
pub(crate) struct Worker {
    pub(super) socket: Arc<Socket>,
    pub(super) server: Server,
    /// The settings that it should have.
    pub(super) settings: SharedSettings,
    /// The settings that it has.
    pub(super) applied: Arc<WorkerSettings>,
    pub(super) shared: Shared,
    pub(super) counters: Arc<WorkerCounters>,
    pub(super) coalescing: Coalescing,
    /// The processor that the thread is tied to, as an index into those that we may use.
    pub(super) processor: Option<usize>,
    pub(super) stamps: StampCounters,
    pub(super) sealing: SealingTimes,
    pub(super) transmit_latency: TransmitLatency,
    pub(super) send_errors: u64,
    pub(super) receive_errors: u64,
}

impl Worker {
    /// Starts the thread. It ends when `shutdown` is requested, or with the error of its socket;
    /// `guard` reports the end.
    ///
    /// # Errors
    /// If the operating system provides no thread.
    pub(super) fn start(
        mut self,
        shutdown: WorkerShutdown,
        guard: EndGuard,
    ) -> io::Result<JoinHandle<()>> {
        shutdown.register(&self.socket);
        std::thread::Builder::new()
            .name("ntp-server".into())
            .spawn(move || guard.end(self.run(&shutdown)))
    }

    fn run(&mut self, shutdown: &WorkerShutdown) -> io::Result<()> {
        affinity::apply(self.processor);
        let mut requests = ReceiveBatch::new(BATCH, MAX_REQUEST_LENGTH + 4);
        let mut replies = SendBatch::new(BATCH, MAX_REQUEST_LENGTH);
        while !shutdown.is_requested() {
            match self.socket.receive_batch(&mut requests) {
                Ok(_) => {
                    self.counters.take_turn();
                    self.apply_settings();
                    self.answer(&requests, &mut replies);
                    self.publish();
                    self.counters.take_turn();
                    let full = requests.len() == BATCH;
                    if let Some(wait) = self.coalescing.after(requests.len(), full, monotonic_now())
                    {
                        std::thread::sleep(wait);
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::Interrupted => {}
                    // These say that the socket itself is gone or was never one: a mistake of ours.
                    io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => return Err(error),
                    _ if DEAD_SOCKET.contains(&error.raw_os_error().unwrap_or(0)) => {
                        return Err(error);
                    }
                    // Anything else, such as a lack of memory or a network that is down, passes.
                    _ => {
                        self.receive_errors += 1;
                        self.publish();
                        std::thread::sleep(RECOVERY);
                    }
                },
            }
        }
        Ok(())
    }

    /// Continues with other settings, if there are any.
    fn apply_settings(&mut self) {
        let settings = self.settings.load();
        if Arc::ptr_eq(&settings, &self.applied) {
            return;
        }
        self.server.handle_config(Arc::clone(&settings.server));
        if settings.coalescing != self.applied.coalescing {
            self.coalescing = Coalescing::new(settings.coalescing);
        }
        self.applied = Arc::clone(&settings);
    }

    fn answer(&mut self, requests: &ReceiveBatch, replies: &mut SendBatch) {
        let Shared {
            reader,
            served,
            keys,
        } = &self.shared;
        let state = **served.load();
        let keys = keys.as_ref().map(|keys| keys.load());
        let snapshots = Snapshots {
            state: &state,
            keys: keys.as_ref().map(|keys| &***keys),
        };
        let now = monotonic_now();
        let mut waiting = requests.iter().peekable();
        while waiting.peek().is_some() {
            let mut senders = [const { None }; MAX_BATCH];
            let together =
                senders
                    .iter_mut()
                    .zip(waiting.by_ref())
                    .map(|(sender, (octets, datagram))| {
                        self.stamps.record(datagram.stamp);
                        let receive = match datagram.stamp {
                            Some(stamp) => reader.from_realtime(stamp.at),
                            None => reader.now(),
                        };
                        *sender = Some((
                            datagram.from,
                            datagram.destination.and_then(|to| to.reply_source()),
                        ));
                        Request {
                            octets,
                            from: datagram.from,
                            receive,
                            now,
                        }
                    });
            let mut verdicts = self.server.handle_batch(together, snapshots);
            let begun = reader.now();
            let judged = senders.iter().flatten().count();
            replies.clear();
            for (place, (to, from)) in senders.into_iter().flatten().enumerate() {
                if let Some(Verdict::Reply(reply)) = verdicts.next() {
                    let wait = self
                        .transmit_latency
                        .after(replies.len(), judged - place - 1);
                    // A batch of replies is never longer than the batch of their requests.
                    let _ = replies.push(to, from, |room| {
                        stamped(reply, reader, wait, &mut self.sealing, room)
                    });
                }
            }
            let made = reader.now();
            self.send_errors += self.socket.send_batch(replies).failed as u64;
            let sent = reader.now();
            self.transmit_latency
                .record((made - begun, judged), (sent - made, replies.len()));
        }
    }

    fn publish(&self) {
        self.counters.publish(&WorkerReport {
            stats: *self.server.stats(),
            send_errors: self.send_errors,
            receive_errors: self.receive_errors,
            kernel_stamps: self.stamps.kernel + self.stamps.hardware,
            missing_stamps: self.stamps.missing,
            clients: self.server.clients() as u64,
        });
    }
}

/// Writes a reply whose transmit timestamp is `wait` after it is ready; returns its length.
fn stamped(
    reply: PendingReply<'_>,
    reader: &ClockReader,
    wait: NtpDuration,
    sealing: &mut SealingTimes,
    room: &mut [u8],
) -> usize {
    let begun = reader.now();
    if !reply.is_sealed() {
        return reply.emit(begun + wait, room).unwrap_or(0);
    }
    let length = reply
        .emit(begun + sealing.expected(reply.len()) + wait, room)
        .unwrap_or(0);
    sealing.learn(length, reader.now() - begun);
    length
}
