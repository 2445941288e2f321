//! One thread, one socket: receives batches, judges, stamps last, sends batches.

use super::board::{ServerBoard, WorkerReport};
use crate::key_ring::SharedKeys;
use arc_swap::ArcSwap;
use ntp_config::ServerEntry;
use ntp_os_clock::{ClockReader, monotonic_now};
use ntp_proto::server::{MAX_REQUEST_LENGTH, Request, ServedState, Server, Snapshots, Verdict};
use ntp_proto::time::MonoTime;
use ntp_udp::{BindError, BindOptions, ReceiveBatch, SendBatch, Socket, StampCounters};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Datagrams taken from the kernel at once.
const BATCH: usize = 64;
/// How long a worker waits for requests before it looks whether it shall stop, and shows its counters.
const PATIENCE: Duration = Duration::from_millis(250);
/// EBADF and ENOTSOCK: error numbers that no waiting mends.
const DEAD_SOCKET: [i32; 2] = [9, 88];
/// The pause after an error that passes.
const RECOVERY: Duration = Duration::from_millis(50);
/// How often a busy worker shows its counters.
const SHOWING_INTERVAL: Duration = Duration::from_millis(100);

/// Ends workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkerStop(Arc<AtomicBool>);

impl WorkerStop {
    /// Tells all workers to end; they do within a fraction of a second.
    pub(crate) fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
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
    socket: Socket,
    server: Server,
    shared: Shared,
    board: ServerBoard,
    stamps: StampCounters,
    send_errors: u64,
    receive_errors: u64,
    shown: MonoTime,
}

impl Worker {
    /// Opens the socket. With `dual_stack`, one at `[::]` serves IPv4, too.
    ///
    /// # Errors
    /// Says what was tried and what to do.
    pub(crate) fn open(
        entry: &ServerEntry,
        dual_stack: bool,
        shared: Shared,
        seed: [u8; 32],
    ) -> Result<Self, BindError> {
        // With a single socket for each address, sharing the port would only hide that it is taken.
        let options = BindOptions {
            interface: entry.interface.clone(),
            reuse_port: false,
            dual_stack,
            ..BindOptions::server(entry.listen)
        };
        let socket = Socket::bind(&options)?;
        let board = ServerBoard {
            listen: socket.local_address().to_string(),
            interface: entry.interface.clone(),
            receive_buffer: socket.granted_receive_buffer().ok().map(|octets| octets as u64),
            rate_limit: entry.config.rate_limit,
            report: Arc::default(),
        };
        Ok(Self {
            socket,
            server: Server::new(Arc::new(entry.config.clone()), seed),
            shared,
            board,
            stamps: StampCounters::default(),
            send_errors: 0,
            receive_errors: 0,
            shown: MonoTime::ZERO,
        })
    }

    /// Where the worker shows its counters.
    pub(crate) fn board(&self) -> ServerBoard {
        self.board.clone()
    }

    /// Starts the thread. It ends when told to, or with the error of its socket; `ended` is called in both cases.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn start(
        mut self,
        stop: WorkerStop,
        ended: impl FnOnce(io::Result<()>) + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        self.socket.set_read_timeout(Some(PATIENCE))?;
        std::thread::Builder::new().name("ntp-server".into()).spawn(move || ended(self.run(&stop)))
    }

    fn run(&mut self, stop: &WorkerStop) -> io::Result<()> {
        let mut requests = ReceiveBatch::new(BATCH, MAX_REQUEST_LENGTH + 4);
        let mut replies = SendBatch::new(BATCH, MAX_REQUEST_LENGTH);
        while !stop.is_stopped() {
            match self.socket.receive_batch(&mut requests) {
                Ok(_) => self.answer(&requests, &mut replies),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {}
                    // These say that the socket itself is gone or was never one: a mistake of ours.
                    io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => return Err(error),
                    _ if DEAD_SOCKET.contains(&error.raw_os_error().unwrap_or(0)) => return Err(error),
                    // Anything else, such as a lack of memory or a network that is down, passes.
                    _ => {
                        self.receive_errors += 1;
                        std::thread::sleep(RECOVERY);
                    }
                },
            }
            self.show_if_due();
        }
        Ok(())
    }

    fn answer(&mut self, requests: &ReceiveBatch, replies: &mut SendBatch) {
        let Shared { reader, served, keys } = &self.shared;
        let state = **served.load();
        let keys = keys.as_ref().map(|keys| keys.load());
        let snapshots = Snapshots { state: &state, keys: keys.as_ref().map(|keys| &***keys) };
        let now = monotonic_now();
        replies.clear();
        for (octets, datagram) in requests.iter() {
            self.stamps.record(datagram.stamp);
            let receive = match datagram.stamp {
                Some(stamp) => reader.from_realtime(stamp.at),
                None => reader.now(),
            };
            let request = Request { octets, from: datagram.from, receive, now };
            let Verdict::Reply(reply) = self.server.handle_request(request, snapshots) else { continue };
            let from = datagram.destination.and_then(|destination| destination.reply_source());
            // A batch of replies is never longer than the batch of their requests.
            let _ = replies.push(datagram.from, from, |room| reply.emit(reader.now(), room).unwrap_or(0));
        }
        self.send_errors += self.socket.send_batch(replies).failed as u64;
    }

    fn show_if_due(&mut self) {
        let now = monotonic_now();
        if now.since(self.shown) >= SHOWING_INTERVAL {
            self.shown = now;
            self.board.report.store(Arc::new(WorkerReport {
                stats: *self.server.stats(),
                send_errors: self.send_errors,
                receive_errors: self.receive_errors,
                kernel_stamps: self.stamps.kernel + self.stamps.hardware,
                missing_stamps: self.stamps.missing,
                clients: self.server.clients() as u64,
            }));
        }
    }
}
