//! One NTS key establishment, from the look-up to the keys.

use super::attempt::{Attempt, Deadline, TlsSession, name_in_certificate};
use super::connector::Connector;
use super::failure::{AttemptFailure, Failure, Stage};
use super::failure_reason::FailureReason;
use super::family::Family;
use super::look_up::{look_up, same_family_first};
use super::tls_failure;
use super::verifier::CertificateTime;
use crate::certificate::CertificateFacts;
use ntp_config::{HostPort, NTP_PORT};
use ntp_proto::nts::{ClientKeys, KeClient, KeError, KeReply, Validity};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The octets of one read: the most that a TLS record holds.
const READ_LENGTH: usize = 16_384;

/// The longest wait for the end of the TLS session, whose records have all been received.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(200);

/// The keys and cookies of an establishment, and the NTP server to use them with. `Debug` prints
/// neither keys nor cookies.
#[derive(Clone, Debug)]
pub struct Established {
    /// The server's response, with the cookies.
    pub reply: KeReply,
    /// The keys of the session.
    pub keys: ClientKeys,
    /// The host that serves NTP: the one that the server named, otherwise the NTS-KE server itself.
    pub ntp_server: String,
    /// The UDP port that serves NTP.
    pub ntp_port: u16,
    /// The addresses of the NTP server with its port, at least one and at most
    /// [`MAX_ADDRESSES`](super::MAX_ADDRESSES). If the NTS-KE server named no other host, `peer`
    /// comes first; otherwise the addresses of its family.
    pub addresses: Vec<SocketAddr>,
    /// The address of the NTS-KE server.
    pub peer: SocketAddr,
    /// The certificates that the server presented, its own first.
    pub certificate: Vec<CertificateFacts>,
    /// The time in which all certificates from the server's own up to the authority are valid, the
    /// authority's own excluded.
    pub validity: Validity,
    /// The negotiated parameters of TLS.
    pub tls: TlsFacts,
    /// The duration of the establishment.
    pub took: Duration,
}

/// The negotiated parameters of TLS, by their names in the IANA registries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TlsFacts {
    /// The group of the key exchange, as `X25519MLKEM768`.
    pub key_exchange: &'static str,
    /// The cipher suite, as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: &'static str,
}

/// Requests keys and cookies from `target` within `deadline`. The server's certificates must be
/// valid at `time`; without a verified server there is no fallback.
///
/// # Errors
/// The stage and the reason of the failure. A failed attempt leaves no state behind.
pub async fn establish(
    target: &HostPort,
    connector: &Connector,
    time: CertificateTime,
    deadline: Duration,
) -> Result<Established, Failure> {
    let deadline = Deadline::after(deadline);
    let establishment = Establishment {
        connector,
        time,
        deadline,
    };
    let addresses = deadline
        .within(Stage::Dns, resolve(target, connector.family(), Stage::Dns))
        .await;
    let established = match addresses {
        Ok(addresses) => establish_at(target, &addresses, &establishment).await,
        Err(failure) => Err(failure),
    };
    established.map_err(|failure| failure.into_failure(target))
}

/// The parameters of one establishment.
pub(super) struct Establishment<'a> {
    pub(super) connector: &'a Connector,
    pub(super) time: CertificateTime,
    pub(super) deadline: Deadline,
}

impl Establishment<'_> {
    /// The addresses of an NTP server that the NTS-KE server at `peer` named, those of the same
    /// family first.
    async fn resolve_ntp_server(
        &self,
        server: &HostPort,
        peer: SocketAddr,
    ) -> Result<Vec<SocketAddr>, AttemptFailure> {
        let found = resolve(server, self.connector.family(), Stage::NtpAddress);
        let mut addresses = self.deadline.within(Stage::NtpAddress, found).await?;
        same_family_first(&mut addresses, peer);
        Ok(addresses)
    }
}

/// [`establish`] with the addresses of the target.
pub(super) async fn establish_at(
    target: &HostPort,
    addresses: &[SocketAddr],
    establishment: &Establishment<'_>,
) -> Result<Established, AttemptFailure> {
    let &Establishment {
        connector,
        time,
        deadline,
    } = establishment;
    let name = name_in_certificate(&target.host)
        .map_err(|reason| AttemptFailure::new(Stage::Dns, reason))?;
    let mut session = Attempt {
        name,
        connector,
        time,
    }
    .connect_first(addresses, deadline)
    .await?;
    let (peer, presented) = (session.peer, session.presented.clone());
    let at_peer = |failure| AttemptFailure {
        peer: Some(peer),
        certificate: presented.facts.clone(),
        ..failure
    };

    let exchanged = deadline
        .within(Stage::Records, exchange(&mut session, connector))
        .await;
    let (reply, keys) = exchanged.map_err(at_peer)?;
    let tls = tls_facts(&session.stream);
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, session.stream.shutdown()).await;
    drop(session);

    let ntp_server = HostPort {
        host: reply.server.clone().unwrap_or_else(|| target.host.clone()),
        port: reply.port.unwrap_or(NTP_PORT),
    };
    let addresses = if ntp_server.host.eq_ignore_ascii_case(&target.host) {
        peer_first(addresses, peer, ntp_server.port)
    } else {
        let found = establishment.resolve_ntp_server(&ntp_server, peer).await;
        found.map_err(at_peer)?
    };
    Ok(Established {
        ntp_server: ntp_server.host,
        ntp_port: ntp_server.port,
        addresses,
        peer,
        validity: presented
            .validity
            .expect("invariant: a certificate that cannot be parsed is refused"),
        certificate: presented.facts,
        tls,
        took: deadline.elapsed(),
        reply,
        keys,
    })
}

/// Requests cookies over a session, and exports its keys.
async fn exchange(
    session: &mut TlsSession,
    connector: &Connector,
) -> Result<(KeReply, ClientKeys), AttemptFailure> {
    let TlsSession {
        stream, presented, ..
    } = session;
    let broken = |error: &io::Error| {
        AttemptFailure::from(tls_failure::from_stream(Stage::Records, error, presented))
    };
    let mut client = KeClient::new(connector.algorithms());
    stream
        .write_all(&client.request())
        .await
        .map_err(|error| broken(&error))?;
    stream.flush().await.map_err(|error| broken(&error))?;
    let mut room = vec![0; READ_LENGTH];
    let reply = loop {
        let length = match stream.read(&mut room).await {
            Ok(length) => length,
            // An end without close_notify is an end as well: the message marks its own end.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(broken(&error)),
        };
        if length == 0 {
            return Err(protocol_failure(client.handle_end()));
        }
        if let Some(reply) = client
            .handle_bytes(room.get(..length).unwrap_or_default())
            .map_err(protocol_failure)?
        {
            break reply;
        }
    };
    let tls = stream.get_ref().1;
    let keys = reply.keys(|label, context, out| {
        tls.export_keying_material(out, label, Some(context))
            .map(drop)
    });
    match keys {
        Ok(keys) => Ok((reply, keys)),
        Err(error) => Err(AttemptFailure::from(tls_failure::from_tls(
            Stage::Records,
            &error,
            presented,
        ))),
    }
}

fn protocol_failure(error: KeError) -> AttemptFailure {
    AttemptFailure::new(Stage::Records, FailureReason::Records(error))
}

fn tls_facts(stream: &TlsStream<TcpStream>) -> TlsFacts {
    let tls = stream.get_ref().1;
    let (group, suite) = (
        tls.negotiated_key_exchange_group(),
        tls.negotiated_cipher_suite(),
    );
    TlsFacts {
        key_exchange: group
            .and_then(|group| group.name().as_str())
            .unwrap_or("unknown"),
        cipher_suite: suite
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or("unknown"),
    }
}

async fn resolve(
    server: &HostPort,
    family: Option<Family>,
    stage: Stage,
) -> Result<Vec<SocketAddr>, AttemptFailure> {
    look_up(&server.host, server.port, family)
        .await
        .map_err(|reason| AttemptFailure::new(stage, reason))
}

/// The addresses of the NTS-KE server with another port, beginning with the one that answered.
fn peer_first(addresses: &[SocketAddr], peer: SocketAddr, port: u16) -> Vec<SocketAddr> {
    let mut others: Vec<_> = addresses
        .iter()
        .copied()
        .filter(|address| *address != peer)
        .collect();
    same_family_first(&mut others, peer);
    let mut all = [vec![peer], others].concat();
    all.iter_mut().for_each(|address| address.set_port(port));
    all
}
