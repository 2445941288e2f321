//! Our own key establishment: sockets opened at the start, served by threads of their own.

use crate::key_ring::SharedKeys;
use ntp_config::{NTP_PORT, NtsKeServerEntry};
use ntp_ke::server::{CertificateStore, KeBindError, KeBoard, KeListener, KeServerHandle, KeStartError, KeyPairError};
use ntp_proto::nts::KeServerConfig;
use std::net::SocketAddr;
use std::sync::Arc;

/// Why key establishment cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeServiceError {
    #[error(transparent)]
    Certificate(#[from] KeyPairError),
    #[error(transparent)]
    Bind(#[from] KeBindError),
    #[error(transparent)]
    Start(#[from] KeStartError),
}

/// One listening address, ready to be served.
pub(crate) struct KeService {
    listener: KeListener,
    certificates: Arc<CertificateStore>,
    grant: Arc<KeServerConfig>,
    limit: usize,
}

/// One listening address that is served.
pub(crate) struct RunningKeService {
    handle: KeServerHandle,
    certificates: Arc<CertificateStore>,
}

/// What a listening address shows.
#[derive(Clone, Debug)]
pub(crate) struct KeServiceBoard {
    pub(crate) board: KeBoard,
    pub(crate) connection_limit: usize,
}

impl KeService {
    /// Opens the socket and reads the certificate. `served` are the addresses at which we serve time.
    ///
    /// # Errors
    /// Says what cannot be had and what to do.
    pub(crate) fn open(
        entry: &NtsKeServerEntry,
        dual_stack: bool,
        served: &[SocketAddr],
    ) -> Result<Self, KeServiceError> {
        let certificates = Arc::new(CertificateStore::open(&entry.certificate_chain, &entry.private_key)?);
        let listener = KeListener::bind(entry, dual_stack)?;
        let grant = Arc::new(KeServerConfig {
            algorithms: entry.aead_algorithms.clone(),
            server: entry.ntp_server.clone(),
            port: entry.ntp_port.or_else(|| only_port(served)),
        });
        tracing::info!(address = %listener.address(), "serving key establishment for NTS");
        Ok(Self { listener, certificates, grant, limit: entry.concurrent_connections })
    }

    /// Starts the thread; `ended` is called when it ends.
    ///
    /// # Errors
    /// Says what the system refuses.
    pub(crate) fn start(
        self,
        keys: SharedKeys,
        ended: impl FnOnce() + Send + 'static,
    ) -> Result<(RunningKeService, KeServiceBoard), KeServiceError> {
        let handle = self.listener.start(Arc::clone(&self.certificates), keys, self.grant, ended)?;
        let board = KeServiceBoard { board: handle.board(), connection_limit: self.limit };
        Ok((RunningKeService { handle, certificates: self.certificates }, board))
    }
}

impl RunningKeService {
    /// Reads the certificate anew. If it is not good, that is logged, and the old one stays.
    pub(crate) fn reload(&self) {
        // What is wrong has been logged.
        let _ = self.certificates.reload();
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(self) {
        self.handle.stop();
    }
}

/// The port to tell to clients where they would not find us by themselves: that of the only server.
fn only_port(served: &[SocketAddr]) -> Option<u16> {
    let first = served.first()?.port();
    (first != NTP_PORT && served.iter().all(|address| address.port() == first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_a_port_only_where_they_would_not_guess_it() {
        let served = |ports: &[u16]| -> Vec<SocketAddr> {
            ports.iter().map(|port| SocketAddr::from(([192, 0, 2, 1], *port))).collect()
        };
        assert_eq!(only_port(&served(&[123])), None);
        assert_eq!(only_port(&served(&[1123, 1123])), Some(1123));
        assert_eq!(only_port(&served(&[1123, 1124])), None);
        assert_eq!(only_port(&[]), None);
    }
}
