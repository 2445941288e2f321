//! From addresses to a TLS session with a server that is believed and speaks NTS.

use super::connector::Connector;
use super::failure::{Fault, Stage};
use super::failure_reason::Cause;
use super::look_up::in_turns;
use super::tls_failure;
use super::verifier::{CertificateTime, Presented};
use crate::provider::ALPN;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The most addresses of a name that are tried in one establishment.
pub const MAX_ATTEMPTS: usize = 6;

/// When the time is up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    started: Instant,
    ends: Instant,
}

impl Deadline {
    pub(super) fn after(patience: Duration) -> Self {
        let started = Instant::now();
        // A patience beyond what the clock can count is as good as a day.
        let ends = started
            .checked_add(patience)
            .unwrap_or(started + Duration::from_secs(86_400));
        Self { started, ends }
    }

    pub(super) fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    /// The part of what is left that one attempt may take while `following` others wait. The last
    /// one may take all.
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

    /// Waits for `work`, until the time is up.
    pub(super) async fn within<T>(
        self,
        stage: Stage,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let timed_out = |_| {
            Fault::new(
                stage,
                Cause::TimedOut {
                    after: self.ends - self.started,
                },
            )
        };
        tokio::time::timeout_at(self.ends, work)
            .await
            .map_err(timed_out)?
    }
}

/// A TLS session with the server that was asked for.
pub(super) struct Session {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) peer: SocketAddr,
    pub(super) presented: Presented,
}

/// Whom to reach, and how to judge it.
pub(super) struct Attempt<'a> {
    pub(super) name: ServerName<'static>,
    pub(super) connector: &'a Connector,
    pub(super) time: CertificateTime,
}

impl Attempt<'_> {
    /// Tries the addresses one after the other until a server is there that is believed. Each has
    /// its share of the time, so that one that stays silent does not take it all.
    pub(super) async fn first_good(
        &self,
        addresses: &[SocketAddr],
        deadline: Deadline,
    ) -> Result<Session, Fault> {
        let addresses = in_turns(addresses);
        let count = addresses.len().min(MAX_ATTEMPTS);
        let mut furthest: Option<Fault> = None;
        for (place, peer) in addresses.into_iter().take(count).enumerate() {
            match self.at(peer, deadline.share(count - 1 - place)).await {
                Ok(session) => return Ok(session),
                Err(fault) => {
                    let fault = Fault {
                        peer: Some(peer),
                        ..fault
                    };
                    if furthest
                        .as_ref()
                        .is_none_or(|furthest| furthest.stage < fault.stage)
                    {
                        furthest = Some(fault);
                    }
                }
            }
        }
        Err(furthest.expect("invariant: a look-up brings an address or fails"))
    }

    async fn at(&self, peer: SocketAddr, deadline: Deadline) -> Result<Session, Fault> {
        let stream = deadline
            .within(Stage::Tcp, async {
                let stream = TcpStream::connect(peer).await;
                stream.map_err(|error| Fault::new(Stage::Tcp, Cause::network(&error)))
            })
            .await?;
        // Without it, it would only be slower.
        let _ = stream.set_nodelay(true);

        let verifier = Arc::new(self.connector.verifier(self.time));
        let tls = TlsConnector::from(Arc::new(self.connector.tls(Arc::clone(&verifier))));
        let handshake = async {
            let stream = tls.connect(self.name.clone(), stream).await;
            stream.map_err(|error| {
                let presented = verifier.presented();
                let (stage, cause) = tls_failure::from_stream(Stage::Tls, &error, &presented);
                Fault {
                    certificate: presented.facts,
                    ..Fault::new(stage, cause)
                }
            })
        };
        let stream = deadline.within(Stage::Tls, handshake).await?;
        let presented = verifier.presented();
        // A server that ignores what it does not know would agree to nothing.
        if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(Fault {
                certificate: presented.facts,
                ..Fault::new(Stage::Alpn, Cause::NoAlpn)
            });
        }
        Ok(Session {
            stream,
            peer,
            presented,
        })
    }
}

/// The name that the certificate must be for: an address without its zone, a name without the
/// root's dot.
pub(super) fn name_in_certificate(host: &str) -> Result<ServerName<'static>, Cause> {
    let bare = host
        .split_once('%')
        .map_or(host, |(address, _zone)| address);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    let name = ServerName::try_from(bare.to_owned());
    name.map_err(|_| Cause::NotAHostName {
        name: ntp_config::sanitize(host, 120),
    })
}
