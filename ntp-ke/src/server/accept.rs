//! The thread's own work: accepting, within the limits, whatever the system's mood.

use super::bind::Limits;
use super::certificate_store::CertificateStore;
use super::clients::{Client, Clients, OverLimit};
use super::connection::Service;
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

/// The first pause after an error of `accept`, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// `EMFILE` and `ENFILE` of Linux: this process, or the whole system, has no file descriptor left.
const NO_DESCRIPTOR: [i32; 2] = [24, 23];

/// Accepts connections and keeps count of them.
pub(super) struct Accepting {
    listener: TcpListener,
    limits: Limits,
    service: Arc<Service>,
    rng: ChaCha12Rng,
    clients: Clients,
    connections: JoinSet<()>,
    owners: HashMap<Id, Client>,
    /// Given up when there are no descriptors left, so that a connection can be accepted in its place and closed.
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
    pub(super) fn new(listener: TcpListener, limits: Limits, service: Service, rng: ChaCha12Rng) -> io::Result<Self> {
        Ok(Self {
            listener,
            limits,
            service: Arc::new(service),
            rng,
            clients: Clients::default(),
            connections: JoinSet::new(),
            owners: HashMap::new(),
            reserve: Some(reserve()?),
            trouble: None,
        })
    }

    /// Until it is told to stop. What is open then is cut off.
    pub(super) async fn run(mut self, stop: Arc<Notify>) {
        let mut looks = tokio::time::interval(CertificateStore::interval());
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let pause = self.trouble.as_ref().map(|trouble| trouble.until).filter(|until| *until > Instant::now());
            tokio::select! {
                () = stop.notified() => return,
                Some(ended) = self.connections.join_next_with_id() => self.ended(ended),
                _ = looks.tick() => self.service.certificates.look(),
                accepted = self.listener.accept(), if pause.is_none() => self.handle(accepted),
                () = tokio::time::sleep_until(pause.unwrap_or_else(Instant::now)), if pause.is_some() => {}
            }
        }
    }

    fn handle(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        match accepted {
            Ok((stream, from)) => {
                if self.trouble.take().is_some() {
                    tracing::info!("connections for key establishment are accepted again");
                }
                self.admit(stream, from);
            }
            Err(error) if concerns_one_connection(&error) => self.service.counters.accept_error(),
            Err(error) => self.pause(&error),
        }
    }

    /// Serves a connection, or closes it if there are too many.
    fn admit(&mut self, stream: TcpStream, from: SocketAddr) {
        self.service.counters.accepted();
        let client = Client::of(from.ip());
        if let Err(limit) = self.clients.enter(client, self.limits.total, self.limits.per_client) {
            tracing::debug!(%from, ?limit, "too many connections");
            self.service.counters.over_limit(limit);
            return;
        }
        let (service, rng) = (Arc::clone(&self.service), ChaCha12Rng::from_rng(&mut self.rng));
        let ends = Instant::now() + self.limits.timeout;
        let task = self.connections.spawn(async move { service.serve(stream, ends, rng).await });
        self.owners.insert(task.id(), client);
        self.service.counters.open(self.clients.total());
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(panicked) => panicked.id(),
        };
        if let Some(client) = self.owners.remove(&id) {
            self.clients.leave(client);
        }
        self.service.counters.open(self.clients.total());
    }

    /// Waits for better times, longer each time.
    fn pause(&mut self, error: &io::Error) {
        self.service.counters.accept_error();
        let pause = match &self.trouble {
            Some(trouble) => (trouble.pause * 2).min(PAUSES.1),
            None => {
                tracing::warn!(
                    "cannot accept connections for key establishment: {error}; trying again until it works. If too many \
                     files are open, raise the limit (LimitNOFILE=) or lower concurrent-connections"
                );
                PAUSES.0
            }
        };
        self.trouble = Some(Trouble { pause, until: Instant::now() + pause });
        if error.raw_os_error().is_some_and(|code| NO_DESCRIPTOR.contains(&code)) {
            self.turn_away();
        }
    }

    /// Accepts and closes those who wait, with the descriptor in reserve: they had better know at once.
    fn turn_away(&mut self) {
        use std::task::{Context, Poll, Waker};
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..self.limits.total {
            drop(self.reserve.take());
            match self.listener.poll_accept(&mut context) {
                Poll::Ready(Ok((stream, _))) => {
                    self.service.counters.accepted();
                    self.service.counters.over_limit(OverLimit::Total);
                    drop(stream);
                }
                Poll::Ready(Err(_)) | Poll::Pending => break,
            }
        }
        // If another thread has been faster, there is none until the next time.
        self.reserve = self.reserve.take().or_else(|| reserve().ok());
    }
}

fn reserve() -> io::Result<File> {
    File::open("/dev/null")
}

/// Errors that a connection has met before it was accepted, and that say nothing about the next (accept(2)).
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
