//! One connection from its acceptance to its end.

use super::certificates::CertificateStore;
use super::counters::{Counters, Outcome};
use crate::provider::ALPN;
use arc_swap::ArcSwap;
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

/// The octets of one read, more than a request has.
const READ_LENGTH: usize = 1024;

/// The octets that are read and ignored after the response. If they stayed unread, the kernel
/// would reset the connection, and the client could lose the response.
const MAX_IGNORED: usize = 65_536;

/// The shared state that serves connections.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) certificates: Arc<CertificateStore>,
    pub(super) keys: Arc<ArcSwap<KeySet>>,
    pub(super) grant: Arc<KeServerConfig>,
    pub(super) counters: Arc<Counters>,
}

impl Service {
    /// Serves one client until `deadline` at the latest. The stream must be non-blocking.
    pub(super) async fn serve(
        &self,
        stream: std::net::TcpStream,
        deadline: Instant,
        rng: ChaCha12Rng,
    ) {
        let Ok(stream) = TcpStream::from_std(stream) else {
            return self.counters.outcome(&Outcome::InternalError);
        };
        // TCP_NODELAY is only an optimization.
        let _ = stream.set_nodelay(true);
        let (outcome, left) =
            match tokio::time::timeout_at(deadline, self.exchange(stream, rng)).await {
                Ok(end) => end,
                Err(_) => (Outcome::TimedOut, None),
            };
        tracing::debug!(outcome = %outcome.word(), "NTS-KE connection ended");
        self.counters.outcome(&outcome);
        if let Some(stream) = left {
            // A client that does not close the connection is cut off at the deadline.
            let _ = tokio::time::timeout_at(deadline, drain(stream)).await;
        }
    }

    /// Runs the handshake, the request and the response. Returns the connection if the client may
    /// still send on it.
    async fn exchange(&self, stream: TcpStream, rng: ChaCha12Rng) -> (Outcome, Option<TcpStream>) {
        let start = match LazyConfigAcceptor::new(Acceptor::default(), stream).await {
            Ok(start) => start,
            Err(error) => return (failed(&error), None),
        };
        // rustls accepts a client that offers no protocol at all; RFC 8915 §3 does not.
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
        // Sends close_notify and ends our side of the connection.
        let _ = stream.shutdown().await;
        (outcome, Some(stream.into_inner().0))
    }

    /// Reads the request, and returns the outcome and the response.
    async fn respond(
        &self,
        stream: &mut TlsStream<TcpStream>,
        mut rng: ChaCha12Rng,
    ) -> (Outcome, Vec<u8>) {
        let mut server = KeServer::new(Arc::clone(&self.grant));
        let mut room = [0; READ_LENGTH];
        let request = loop {
            // An error here ends the request too early as well.
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
                tracing::debug!(algorithm = %request.algorithm(), "keys and cookies granted");
                (Outcome::Granted, response)
            }
            Err(error) => {
                tracing::debug!(%error, "TLS exports no keys");
                (Outcome::InternalError, KeRefusal::internal())
            }
        }
    }
}

async fn send(stream: &mut TlsStream<TcpStream>, response: &[u8]) -> io::Result<()> {
    stream.write_all(response).await?;
    stream.flush().await
}

/// The outcome of a failed handshake. rustls has sent the alert.
fn failed(error: &io::Error) -> Outcome {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Outcome::ClosedEarly,
        _ => Outcome::TlsFailed,
    }
}

/// Ends our side of the connection, and waits for the client to end its own.
async fn drain(mut stream: TcpStream) -> io::Result<()> {
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
