//! One establishment from the look-up to the keys.

use super::attempt::{Attempt, Deadline, Session, name_in_certificate};
use super::cause::Cause;
use super::connector::Connector;
use super::failure::{Failure, Fault, Stage};
use super::look_up::{Family, look_up, same_family_first};
use super::tls_fault;
use super::verifier::CertificateTime;
use crate::certificate::CertificateFacts;
use ntp_config::{HostPort, NTP_PORT};
use ntp_proto::nts::Validity;
use ntp_proto::nts::{ClientKeys, KeClient, KeError, KeReply};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// How much is read at once, in octets: what a record of TLS can hold.
const READ_LENGTH: usize = 16_384;

/// How long the farewell may take; whoever has given us everything need not be waited for.
const FAREWELL: Duration = Duration::from_millis(200);

/// Keys and cookies, and where to use them. Neither can be printed.
#[derive(Clone, Debug)]
pub struct Established {
    /// What the server has granted, with the cookies.
    pub reply: KeReply,
    /// The keys of the session.
    pub keys: ClientKeys,
    /// The host that serves NTP: the one that the server named, or the one that was asked for keys.
    pub ntp_server: String,
    /// The UDP port that serves NTP.
    pub ntp_port: u16,
    /// The addresses of the NTP server with its port, never none and
    /// [`MAX_ADDRESSES`](super::MAX_ADDRESSES) at most. If the server named no other, the one that
    /// gave the keys comes first; otherwise those of its family.
    pub addresses: Vec<SocketAddr>,
    /// Which address gave the keys.
    pub peer: SocketAddr,
    /// What the server presented, its own certificate first.
    pub certificate: Vec<CertificateFacts>,
    /// When all certificates are valid that lead from the server's own to the authority, apart from
    /// the authority's.
    pub validity: Validity,
    /// What TLS was made of.
    pub tls: TlsFacts,
    /// How long it took.
    pub took: Duration,
}

/// What TLS was made of, by the names of the IANA registries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TlsFacts {
    /// The group of the key exchange, as `X25519MLKEM768`.
    pub key_exchange: &'static str,
    /// The cipher suite, as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: &'static str,
}

/// Asks `target` for keys and cookies. Its certificates have to be valid at `time`, and all has to
/// be done within `deadline`. It never believes a server that has not proved who it is.
///
/// # Errors
/// Says at which stage it failed, and why. Nothing is kept that a failed attempt has brought.
pub async fn establish(
    target: &HostPort,
    connector: &Connector,
    time: CertificateTime,
    deadline: Duration,
) -> Result<Established, Failure> {
    let deadline = Deadline::after(deadline);
    let asking = Asking {
        connector,
        time,
        deadline,
    };
    let addresses = deadline
        .within(Stage::Dns, found(target, connector.family(), Stage::Dns))
        .await;
    let established = match addresses {
        Ok(addresses) => establish_at(target, &addresses, &asking).await,
        Err(fault) => Err(fault),
    };
    established.map_err(|fault| fault.of(target))
}

/// How a server is asked.
pub(super) struct Asking<'a> {
    pub(super) connector: &'a Connector,
    pub(super) time: CertificateTime,
    pub(super) deadline: Deadline,
}

/// The same with the addresses of the target known.
pub(super) async fn establish_at(
    target: &HostPort,
    addresses: &[SocketAddr],
    asking: &Asking<'_>,
) -> Result<Established, Fault> {
    let &Asking {
        connector,
        time,
        deadline,
    } = asking;
    let name = name_in_certificate(&target.host).map_err(|cause| Fault::new(Stage::Dns, cause))?;
    let mut session = Attempt {
        name,
        connector,
        time,
    }
    .first_good(addresses, deadline)
    .await?;
    let (peer, presented) = (session.peer, session.presented.clone());
    let at_peer = |fault| Fault {
        peer: Some(peer),
        certificate: presented.facts.clone(),
        ..fault
    };

    let asked = deadline
        .within(Stage::Records, ask(&mut session, connector))
        .await;
    let (reply, keys) = asked.map_err(at_peer)?;
    let tls = tls_facts(&session.stream);
    let _ = tokio::time::timeout(FAREWELL, session.stream.shutdown()).await;
    drop(session);

    let ntp_port = reply.port.unwrap_or(NTP_PORT);
    let elsewhere = reply
        .server
        .as_ref()
        .filter(|named| !named.eq_ignore_ascii_case(&target.host));
    let addresses = match elsewhere {
        None => peer_first(addresses, peer, ntp_port),
        Some(named) => {
            let named = HostPort {
                host: named.clone(),
                port: ntp_port,
            };
            let found = found(&named, connector.family(), Stage::NtpAddress);
            let mut found = deadline
                .within(Stage::NtpAddress, found)
                .await
                .map_err(at_peer)?;
            same_family_first(&mut found, peer);
            found
        }
    };
    Ok(Established {
        ntp_server: reply.server.clone().unwrap_or_else(|| target.host.clone()),
        ntp_port,
        addresses,
        peer,
        validity: presented
            .validity
            .expect("invariant: nothing is believed that cannot be read"),
        certificate: presented.facts,
        tls,
        took: deadline.elapsed(),
        reply,
        keys,
    })
}

/// Asks over a session for cookies, and exports its keys.
async fn ask(session: &mut Session, connector: &Connector) -> Result<(KeReply, ClientKeys), Fault> {
    let Session {
        stream, presented, ..
    } = session;
    let broken =
        |error: &io::Error| Fault::from(tls_fault::from_stream(Stage::Records, error, presented));
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
            // An end without a farewell is one as well: the message says itself where it ends.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(broken(&error)),
        };
        if length == 0 {
            return Err(records(client.handle_end()));
        }
        if let Some(reply) = client
            .handle_bytes(room.get(..length).unwrap_or_default())
            .map_err(records)?
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
        Err(error) => Err(Fault::from(tls_fault::from_tls(
            Stage::Records,
            &error,
            presented,
        ))),
    }
}

fn records(error: KeError) -> Fault {
    Fault::new(Stage::Records, Cause::Records(error))
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

async fn found(
    server: &HostPort,
    family: Option<Family>,
    stage: Stage,
) -> Result<Vec<SocketAddr>, Fault> {
    look_up(&server.host, server.port, family)
        .await
        .map_err(|cause| Fault::new(stage, cause))
}

/// The addresses of the server of key establishment with another port, the one that answered first.
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
