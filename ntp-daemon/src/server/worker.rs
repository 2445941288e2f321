//! One thread, one socket: receives batches, judges, stamps last, sends batches.

use super::affinity;
use super::coalescing::Coalescing;
use super::counters::{Tally, WorkerReport};
use super::transmit_latency::Departure;
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
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Datagrams taken from the kernel at once.
const BATCH: usize = 64;
/// EBADF and ENOTSOCK: error numbers that no waiting mends.
const DEAD_SOCKET: [i32; 2] = [9, 88];
/// The pause after an error that passes.
const RECOVERY: Duration = Duration::from_millis(50);

/// Ends workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkerStop(Arc<Stopping>);

#[derive(Debug, Default)]
struct Stopping {
    stopped: AtomicBool,
    sockets: Mutex<Vec<Arc<Socket>>>,
}

impl WorkerStop {
    /// Tells all workers to end, and wakes those that wait for requests.
    pub(crate) fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
        let sockets = self
            .0
            .sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sockets.iter().for_each(|socket| socket.stop_receiving());
    }

    fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    fn will_wake(&self, socket: &Arc<Socket>) {
        self.0
            .sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(socket));
    }
}

/// What workers read and others replace.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) reader: ClockReader,
    pub(crate) served: Arc<ArcSwap<ServedState>>,
    /// The keys of NTS cookies, if this server has any.
    pub(crate) keys: Option<SharedKeys>,
}

/// A worker that has its socket and has yet to be started.
pub(crate) struct Worker {
    pub(super) socket: Arc<Socket>,
    pub(super) server: Server,
    pub(super) shared: Shared,
    pub(super) tally: Arc<Tally>,
    pub(super) coalescing: Coalescing,
    /// Which of the processors that we may use is to be this worker's alone.
    pub(super) processor: Option<usize>,
    pub(super) stamps: StampCounters,
    pub(super) sealing: SealingTimes,
    pub(super) departure: Departure,
    pub(super) send_errors: u64,
    pub(super) receive_errors: u64,
}

impl Worker {
    /// Starts the thread. It ends when told to, or with the error of its socket; `ended` is called
    /// in both cases.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn start(
        mut self,
        stop: WorkerStop,
        ended: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        stop.will_wake(&self.socket);
        std::thread::Builder::new()
            .name("ntp-server".into())
            .spawn(move || ended(self.run(&stop)))
    }

    fn run(&mut self, stop: &WorkerStop) -> io::Result<()> {
        affinity::settle(self.processor);
        let mut requests = ReceiveBatch::new(BATCH, MAX_REQUEST_LENGTH + 4);
        let mut replies = SendBatch::new(BATCH, MAX_REQUEST_LENGTH);
        while !stop.is_stopped() {
            match self.socket.receive_batch(&mut requests) {
                Ok(_) => {
                    self.answer(&requests, &mut replies);
                    self.show();
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
                        self.show();
                        std::thread::sleep(RECOVERY);
                    }
                },
            }
        }
        Ok(())
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
                    let wait = self.departure.after(replies.len(), judged - place - 1);
                    // A batch of replies is never longer than the batch of their requests.
                    let _ = replies.push(to, from, |room| {
                        stamped(reply, reader, wait, &mut self.sealing, room)
                    });
                }
            }
            let made = reader.now();
            self.send_errors += self.socket.send_batch(replies).failed as u64;
            let sent = reader.now();
            self.departure
                .learn((made - begun, judged), (sent - made, replies.len()));
        }
    }

    fn show(&self) {
        self.tally.show(&WorkerReport {
            stats: *self.server.stats(),
            send_errors: self.send_errors,
            receive_errors: self.receive_errors,
            kernel_stamps: self.stamps.kernel + self.stamps.hardware,
            missing_stamps: self.stamps.missing,
            clients: self.server.clients() as u64,
        });
    }
}

/// Writes a reply that says when it will leave, which is `wait` after it is ready, and tells its
/// length.
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
