//! Accepting, within the limits, whatever the system's mood. No handshake runs on the thread that
//! does this.

use super::certificates::CertificateStore;
use super::connection::{Outcome, Service};
use super::guests::Guests;
use super::limits::{Client, OverLimit};
use super::listener::Limits;
use super::stop::Stop;
use super::workers::{Place, Seats};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The first pause after an error of `accept`, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// `EMFILE` and `ENFILE` of Linux: this process, or the whole system, has no file descriptor left.
const NO_DESCRIPTOR: [i32; 2] = [24, 23];

/// Accepts connections, and gives them to the threads of the pool.
pub(super) struct Accepting {
    stop: Arc<Stop>,
    limits: Limits,
    service: Arc<Service>,
    rng: ChaCha12Rng,
    guests: Arc<Guests>,
    seats: Seats,
    /// Those that are open, and for a while those that have ended. Nobody is woken when one does.
    connections: JoinSet<()>,
    /// Given up when there are no descriptors left, so that a connection can be accepted in its
    /// place and closed.
    reserve: Option<File>,
    trouble: Option<Trouble>,
}

/// `accept` does not work.
struct Trouble {
    pause: Duration,
    until: Instant,
}

impl Accepting {
    /// # Errors
    /// If there is no descriptor to keep in reserve.
    pub(super) fn new(
        stop: Arc<Stop>,
        limits: Limits,
        service: Service,
        seats: Seats,
        rng: ChaCha12Rng,
    ) -> io::Result<Self> {
        Ok(Self {
            stop,
            limits,
            guests: Arc::new(Guests::new(limits, Arc::clone(&service.counters))),
            service: Arc::new(service),
            rng,
            seats,
            connections: JoinSet::new(),
            reserve: Some(reserve()?),
            trouble: None,
        })
    }

    /// Until it is told to stop. What is open then is cut off.
    pub(super) fn run(mut self) {
        let mut next_look = Instant::now();
        while !self.stop.is_told() {
            while self.connections.try_join_next().is_some() {}
            let now = Instant::now();
            if now >= next_look {
                self.service.certificates.look();
                next_look = now + CertificateStore::interval();
            }
            let next = self
                .seats
                .watch(now)
                .map_or(next_look, |again| again.min(next_look));
            let free = next.saturating_duration_since(now);
            match self
                .trouble
                .as_ref()
                .map(|trouble| trouble.until)
                .filter(|until| *until > now)
            {
                // Whoever tells us to stop ends the pause as well.
                Some(until) => std::thread::park_timeout(free.min(until - now)),
                None => self.accept_within(free),
            }
        }
        self.connections.abort_all();
        self.guests.wait_until_gone();
    }

    /// Waits for a connection so long, and does with it what is to be done.
    fn accept_within(&mut self, span: Duration) {
        let accepted = match wait_for(self.stop.listener(), span) {
            Ok(true) => self.stop.listener().accept(),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        match accepted {
            // A socket that has been shut down is an error that means nothing.
            _ if self.stop.is_told() => {}
            Ok((stream, from)) => {
                if self.trouble.take().is_some() {
                    tracing::info!("NTS-KE connections are accepted again");
                }
                self.admit(stream, from);
            }
            // Who was there has gone again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if concerns_one_connection(&error) => self.service.counters.accept_error(),
            Err(error) => self.pause(&error),
        }
    }

    /// Has a connection served, or closes it if there are too many.
    fn admit(&mut self, stream: TcpStream, from: SocketAddr) {
        self.service.counters.accepted();
        let guest = match Guests::enter(&self.guests, Client::of(from.ip())) {
            Ok(guest) => guest,
            Err(limit) => {
                tracing::debug!(%from, "too many connections {}", limit.in_words());
                self.service.counters.over_limit(limit);
                return;
            }
        };
        if stream.set_nonblocking(true).is_err() {
            return self.service.counters.outcome(&Outcome::OwnFault);
        }
        let place = Place::find(&self.seats, Instant::now());
        let seat = place.seat();
        let (service, rng) = (
            Arc::clone(&self.service),
            ChaCha12Rng::from_rng(&mut self.rng),
        );
        let ends = tokio::time::Instant::now() + self.limits.timeout;
        let serve = async move {
            let _until_the_end = (guest, place);
            service.serve(stream, ends, rng).await;
        };
        self.connections.spawn_on(serve, seat.runtime());
    }

    /// Waits for better times, longer each time.
    fn pause(&mut self, error: &io::Error) {
        self.service.counters.accept_error();
        let pause = match &self.trouble {
            Some(trouble) => (trouble.pause * 2).min(PAUSES.1),
            None => {
                tracing::warn!(
                    "cannot accept NTS-KE connections: {error}; retrying. If too many files are open, raise the limit \
                     (LimitNOFILE=) or lower concurrent-connections"
                );
                PAUSES.0
            }
        };
        self.trouble = Some(Trouble {
            pause,
            until: Instant::now() + pause,
        });
        if error
            .raw_os_error()
            .is_some_and(|code| NO_DESCRIPTOR.contains(&code))
        {
            self.turn_away();
        }
    }

    /// Accepts and closes those who wait, with the descriptor in reserve: they had better know at
    /// once.
    fn turn_away(&mut self) {
        for _ in 0..self.limits.total {
            drop(self.reserve.take());
            let Ok((stream, _)) = self.stop.listener().accept() else {
                break;
            };
            self.service.counters.accepted();
            self.service.counters.over_limit(OverLimit::Total);
            drop(stream);
        }
        // If another thread has been faster, there is none until the next time.
        self.reserve = self.reserve.take().or_else(|| reserve().ok());
    }
}

fn reserve() -> io::Result<File> {
    File::open("/dev/null")
}

/// Whether somebody has come within that time.
fn wait_for(listener: &TcpListener, span: Duration) -> io::Result<bool> {
    let span = Timespec::try_from(span).unwrap_or(Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    });
    match poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&span)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Errors that a connection has met before it was accepted, and that say nothing about the next
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
