//! Connects to the addresses of a server, until one has a TLS session with verified certificates.

use super::connector::Connector;
use super::failure::{AttemptFailure, Stage};
use super::failure_reason::FailureReason;
use super::look_up::in_turns;
use super::presented::Presented;
use super::tls_failure;
use super::verifier::CertificateTime;
use crate::provider::ALPN;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The most addresses of a name that one establishment tries.
pub const MAX_ATTEMPTS: usize = 6;

/// A span of time for work, with its start and its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    started: Instant,
    ends: Instant,
}

impl Deadline {
    pub(super) fn after(span: Duration) -> Self {
        let started = Instant::now();
        // A span beyond the range of the clock is as good as a day.
        let ends = started
            .checked_add(span)
            .unwrap_or(started + Duration::from_secs(86_400));
        Self { started, ends }
    }

    pub(super) fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    /// The equal share of the remaining time for one attempt before `following` others. The last
    /// attempt has all of it.
    fn share(self, following: usize) -> Self {
        let now = Instant::now();
        let parts = u32::try_from(following)
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        Self {
            started: now,
            ends: now + self.ends.saturating_duration_since(now) / parts,
        }
    }

    /// Waits for `work` until the deadline.
    pub(super) async fn within<T>(
        self,
        stage: Stage,
        work: impl Future<Output = Result<T, AttemptFailure>>,
    ) -> Result<T, AttemptFailure> {
        let timed_out = |_| {
            AttemptFailure::new(
                stage,
                FailureReason::TimedOut {
                    after: self.ends - self.started,
                },
            )
        };
        tokio::time::timeout_at(self.ends, work)
            .await
            .map_err(timed_out)?
    }
}

/// A TLS session with the verified server.
pub(super) struct TlsSession {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) peer: SocketAddr,
    pub(super) presented: Presented,
}

/// The server's name, and the rules for its certificates.
pub(super) struct Attempt<'a> {
    pub(super) name: ServerName<'static>,
    pub(super) connector: &'a Connector,
    pub(super) time: CertificateTime,
}

impl Attempt<'_> {
    /// Tries the addresses in turn until a server is verified. Each has its share of the time, so
    /// that a silent one does not take it all.
    pub(super) async fn connect_first(
        &self,
        addresses: &[SocketAddr],
        deadline: Deadline,
    ) -> Result<TlsSession, AttemptFailure> {
        let addresses = in_turns(addresses);
        let count = addresses.len().min(MAX_ATTEMPTS);
        let mut furthest: Option<AttemptFailure> = None;
        for (place, peer) in addresses.into_iter().take(count).enumerate() {
            match self.connect(peer, deadline.share(count - 1 - place)).await {
                Ok(session) => return Ok(session),
                Err(failure) => {
                    let failure = AttemptFailure {
                        peer: Some(peer),
                        ..failure
                    };
                    if furthest
                        .as_ref()
                        .is_none_or(|furthest| furthest.stage < failure.stage)
                    {
                        furthest = Some(failure);
                    }
                }
            }
        }
        Err(furthest.expect("invariant: a look-up brings an address or fails"))
    }

    async fn connect(
        &self,
        peer: SocketAddr,
        deadline: Deadline,
    ) -> Result<TlsSession, AttemptFailure> {
        let stream = deadline
            .within(Stage::Tcp, async {
                let stream = TcpStream::connect(peer).await;
                stream.map_err(|error| {
                    AttemptFailure::new(Stage::Tcp, FailureReason::network(&error))
                })
            })
            .await?;
        // TCP_NODELAY is only an optimization.
        let _ = stream.set_nodelay(true);

        let verifier = Arc::new(self.connector.verifier(self.time));
        let tls = TlsConnector::from(Arc::new(self.connector.tls(Arc::clone(&verifier))));
        let handshake = async {
            let stream = tls.connect(self.name.clone(), stream).await;
            stream.map_err(|error| {
                let presented = verifier.presented();
                let (stage, reason) = tls_failure::from_stream(Stage::Tls, &error, &presented);
                AttemptFailure {
                    certificate: presented.facts,
                    ..AttemptFailure::new(stage, reason)
                }
            })
        };
        let stream = deadline.within(Stage::Tls, handshake).await?;
        let presented = verifier.presented();
        // A server without ALPN completes the handshake without a protocol.
        if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(AttemptFailure {
                certificate: presented.facts,
                ..AttemptFailure::new(Stage::Alpn, FailureReason::NoAlpn)
            });
        }
        Ok(TlsSession {
            stream,
            peer,
            presented,
        })
    }
}

/// The name that must be in the certificate: an address without its zone, a name without its final
/// dot.
pub(super) fn name_in_certificate(host: &str) -> Result<ServerName<'static>, FailureReason> {
    let bare = host
        .split_once('%')
        .map_or(host, |(address, _zone)| address);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    let name = ServerName::try_from(bare.to_owned());
    name.map_err(|_| FailureReason::NotAHostName {
        name: ntp_config::sanitize(host, 120),
    })
}
