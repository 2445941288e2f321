//! One connection from its acceptance to its end.

use super::certificate_store::CertificateStore;
use super::counters::Counters;
use crate::provider::ALPN;
use arc_swap::ArcSwap;
use ntp_proto::StableWord;
use ntp_proto::nts::{KeError, KeRefusal, KeServer, KeServerConfig, KeySet};
use rand::rngs::ChaCha12Rng;
use rustls::server::Acceptor;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// The fatal alert `no_application_protocol` (RFC 7301 §3.2) in a record of its own.
const NO_APPLICATION_PROTOCOL: [u8; 7] = [21, 3, 3, 0, 2, 2, 120];

/// How much is read at once, in octets: more than requests have.
const READ_LENGTH: usize = 1024;

/// How many octets are still read after the last word, lest the kernel answer them with a reset,
/// which would take our last word away from the client.
const MAX_IGNORED: usize = 65_536;

/// What connections are served with.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) certificates: Arc<CertificateStore>,
    pub(super) keys: Arc<ArcSwap<KeySet>>,
    pub(super) grant: Arc<KeServerConfig>,
    pub(super) counters: Arc<Counters>,
}

/// How a connection ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Granted,
    Refused(KeError),
    /// We could not do our part.
    OwnFault,
    NoAlpn,
    TlsFailed,
    ClosedEarly,
    TimedOut,
}

impl Outcome {
    /// For the log, by the words of the counters.
    fn word(&self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused(error) => error.word(),
            Self::OwnFault => "own-fault",
            Self::NoAlpn => "no-alpn",
            Self::TlsFailed => "tls-failed",
            Self::ClosedEarly => "closed-early",
            Self::TimedOut => "timed-out",
        }
    }
}

impl Service {
    /// Serves one client, until `ends` at the latest. The stream does not block, and nobody else
    /// waits for it.
    pub(super) async fn serve(&self, stream: std::net::TcpStream, ends: Instant, rng: ChaCha12Rng) {
        let Ok(stream) = TcpStream::from_std(stream) else {
            return self.counters.outcome(&Outcome::OwnFault);
        };
        // Without it, it would only be slower.
        let _ = stream.set_nodelay(true);
        let (outcome, left) = match tokio::time::timeout_at(ends, self.talk(stream, rng)).await {
            Ok(end) => end,
            Err(_) => (Outcome::TimedOut, None),
        };
        tracing::debug!(outcome = %outcome.word(), "key establishment has ended");
        self.counters.outcome(&outcome);
        if let Some(stream) = left {
            // If the client does not go, it is cut off.
            let _ = tokio::time::timeout_at(ends, see_off(stream)).await;
        }
    }

    /// All up to the last word, and the connection if there is something to be read to its end.
    async fn talk(&self, stream: TcpStream, rng: ChaCha12Rng) -> (Outcome, Option<TcpStream>) {
        let start = match LazyConfigAcceptor::new(Acceptor::default(), stream).await {
            Ok(start) => start,
            Err(error) => return (failed(&error), None),
        };
        // TLS libraries let a client pass that offers no protocol at all (RFC 8915 §3 does not).
        let speaks_nts = start
            .client_hello()
            .alpn()
            .is_some_and(|mut offered| offered.any(|name| name == ALPN));
        if !speaks_nts {
            let mut stream = start.io;
            let _ = stream.write_all(&NO_APPLICATION_PROTOCOL).await;
            return (Outcome::NoAlpn, Some(stream));
        }
        let mut stream = match start.into_stream(self.certificates.tls()).await {
            Ok(stream) => stream,
            Err(error) => return (failed(&error), None),
        };
        let (outcome, response) = self.respond(&mut stream, rng).await;
        if send(&mut stream, &response).await.is_err() {
            return (Outcome::ClosedEarly, None);
        }
        // The farewell of TLS, and the end of what we send.
        let _ = stream.shutdown().await;
        (outcome, Some(stream.into_inner().0))
    }

    /// Reads the request, and says how to answer it.
    async fn respond(
        &self,
        stream: &mut TlsStream<TcpStream>,
        mut rng: ChaCha12Rng,
    ) -> (Outcome, Vec<u8>) {
        let mut server = KeServer::new(Arc::clone(&self.grant));
        let mut room = [0; READ_LENGTH];
        let request = loop {
            // However it ends, it has ended too early.
            let length = stream.read(&mut room).await.unwrap_or(0);
            if length == 0 {
                return (Outcome::Refused(KeError::Truncated), Vec::new());
            }
            match server.handle_bytes(room.get(..length).unwrap_or_default()) {
                Ok(None) => {}
                Ok(Some(request)) => break request,
                Err(refusal) => return (Outcome::Refused(refusal.error), refusal.response),
            }
        };
        let tls = stream.get_ref().1;
        let exporter = |label: &[u8], context: &[u8], out: &mut [u8]| {
            tls.export_keying_material(out, label, Some(context))
                .map(drop)
        };
        match request.respond(exporter, &self.keys.load(), &mut rng) {
            Ok(response) => {
                tracing::debug!(algorithm = %request.algorithm(), "keys are granted");
                (Outcome::Granted, response)
            }
            Err(error) => {
                tracing::debug!(%error, "TLS exports no keys");
                (Outcome::OwnFault, KeRefusal::internal())
            }
        }
    }
}

async fn send(stream: &mut TlsStream<TcpStream>, response: &[u8]) -> io::Result<()> {
    stream.write_all(response).await?;
    stream.flush().await
}

/// What a handshake that failed counts as. The alert has been sent.
fn failed(error: &io::Error) -> Outcome {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Outcome::ClosedEarly,
        _ => Outcome::TlsFailed,
    }
}

/// Ends what we send, and waits for the client to do the same.
async fn see_off(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut room = [0; READ_LENGTH];
    let mut ignored = 0;
    while ignored < MAX_IGNORED {
        match stream.read(&mut room).await? {
            0 => break,
            length => ignored += length,
        }
    }
    Ok(())
}
