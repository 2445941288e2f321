//! Accepts connections within the limits, and keeps going when accept(2) fails. No handshake runs
//! on this thread.

use super::certificates::CertificateStore;
use super::connection::Service;
use super::counters::{Outcome, OverLimit};
use super::lifecycle::ShutdownSignal;
use super::limits::{Client, ConnectionLimits, OpenConnections};
use super::workers::{Assignment, Workers};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The first pause after an error of `accept`, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// This process, or the whole system, has no file descriptor left.
const NO_DESCRIPTOR: [Errno; 2] = [Errno::MFILE, Errno::NFILE];

/// Accepts connections, and assigns them to the workers of the pool.
pub(super) struct Acceptance {
    shutdown: Arc<ShutdownSignal>,
    limits: ConnectionLimits,
    service: Arc<Service>,
    rng: ChaCha12Rng,
    open: Arc<OpenConnections>,
    workers: Workers,
    /// The tasks of open connections. Ended ones stay until the next round, because the end of a
    /// task wakes no thread.
    tasks: JoinSet<()>,
    /// Closed when there are no descriptors left, so that a connection can be accepted in its place
    /// and closed.
    reserve: Option<File>,
    pause: Option<Pause>,
}

/// A pause after `accept` has failed.
struct Pause {
    length: Duration,
    until: Instant,
}

impl Acceptance {
    /// # Errors
    /// If there is no descriptor to keep in reserve.
    pub(super) fn new(
        shutdown: Arc<ShutdownSignal>,
        limits: ConnectionLimits,
        service: Service,
        workers: Workers,
        rng: ChaCha12Rng,
    ) -> io::Result<Self> {
        Ok(Self {
            shutdown,
            limits,
            open: Arc::new(OpenConnections::new(limits, Arc::clone(&service.counters))),
            service: Arc::new(service),
            rng,
            workers,
            tasks: JoinSet::new(),
            reserve: Some(reserve()?),
            pause: None,
        })
    }

    /// Runs until the shutdown is requested, and aborts the connections that are open then.
    pub(super) fn run(mut self) {
        let mut next_check = Instant::now();
        while !self.shutdown.is_requested() {
            while self.tasks.try_join_next().is_some() {}
            let now = Instant::now();
            if now >= next_check {
                self.service.certificates.check_files();
                next_check = now + CertificateStore::interval();
            }
            let next = self
                .workers
                .probe(now)
                .map_or(next_check, |probe| probe.min(next_check));
            let free = next.saturating_duration_since(now);
            match self
                .pause
                .as_ref()
                .map(|pause| pause.until)
                .filter(|until| *until > now)
            {
                // A shutdown unparks the thread, and so ends the pause as well.
                Some(until) => std::thread::park_timeout(free.min(until - now)),
                None => self.accept_within(free),
            }
        }
        self.tasks.abort_all();
        self.open.wait_until_none();
    }

    /// Waits for one connection for at most `span`, and admits it.
    fn accept_within(&mut self, span: Duration) {
        let accepted = match wait_for(self.shutdown.listener(), self.shutdown.wait(span)) {
            Ok(true) => self.shutdown.listener().accept(),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        match accepted {
            // After a shutdown of the socket its errors mean nothing.
            _ if self.shutdown.is_requested() => {}
            Ok((stream, from)) => {
                if self.pause.take().is_some() {
                    tracing::info!("NTS-KE connections are accepted again");
                }
                self.admit(stream, from);
            }
            // The client has gone before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if concerns_one_connection(&error) => self.service.counters.accept_error(),
            Err(error) => self.pause(&error),
        }
    }

    /// Starts to serve a connection, or closes it if there are too many.
    fn admit(&mut self, stream: TcpStream, from: SocketAddr) {
        self.service.counters.accepted();
        let permit = match OpenConnections::admit(&self.open, Client::of(from.ip())) {
            Ok(permit) => permit,
            Err(limit) => {
                tracing::debug!(%from, "too many connections {}", limit.in_words());
                self.service.counters.over_limit(limit);
                return;
            }
        };
        if stream.set_nonblocking(true).is_err() {
            return self.service.counters.outcome(&Outcome::InternalError);
        }
        let assignment = Assignment::choose(&self.workers, Instant::now());
        let worker = assignment.worker();
        let (service, rng) = (
            Arc::clone(&self.service),
            ChaCha12Rng::from_rng(&mut self.rng),
        );
        let deadline = tokio::time::Instant::now() + self.limits.timeout;
        let serve = async move {
            let _until_the_end = (permit, assignment);
            service.serve(stream, deadline, rng).await;
        };
        self.tasks.spawn_on(serve, worker.runtime());
    }

    /// Starts a pause, twice as long as the one before.
    fn pause(&mut self, error: &io::Error) {
        self.service.counters.accept_error();
        let length = match &self.pause {
            Some(pause) => (pause.length * 2).min(PAUSES.1),
            None => {
                tracing::warn!(
                    "cannot accept NTS-KE connections: {error}; retrying. If too many files are \
                     open, raise the limit (LimitNOFILE=) or lower concurrent-connections"
                );
                PAUSES.0
            }
        };
        self.pause = Some(Pause {
            length,
            until: Instant::now() + length,
        });
        if Errno::from_io_error(error).is_some_and(|code| NO_DESCRIPTOR.contains(&code)) {
            self.turn_away();
        }
    }

    /// Accepts and closes all waiting connections with the descriptor in reserve, so that their
    /// clients do not wait for a timeout.
    fn turn_away(&mut self) {
        for _ in 0..self.limits.total {
            drop(self.reserve.take());
            let Ok((stream, _)) = self.shutdown.listener().accept() else {
                break;
            };
            self.service.counters.accepted();
            self.service.counters.over_limit(OverLimit::Total);
            drop(stream);
        }
        // If another thread took the descriptor, there is none until the next time.
        self.reserve = self.reserve.take().or_else(|| reserve().ok());
    }
}

fn reserve() -> io::Result<File> {
    File::open("/dev/null")
}

/// Waits for at most `span`. True if a connection waits to be accepted.
fn wait_for(listener: &TcpListener, span: Duration) -> io::Result<bool> {
    let span = Timespec::try_from(span).unwrap_or(Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    });
    match poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&span)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// True for errors of a connection before its acceptance, which do not affect the next one
/// (accept(2)).
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
    )
}
