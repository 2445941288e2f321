//! One of our NTS-KE servers: its listening address, opened and served.

use super::cookie_keys::SharedKeys;
use ntp_config::{NTP_PORT, NtsKeServerEntry};
use ntp_ke::server::{
    CertificateStore, ConnectionLimits, KeBindError, KeListener, KePool, KeServerHandle,
    KeServerStatus, KeStartError, KeyPairError,
};
use ntp_proto::nts::KeServerConfig;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// The limit of handshake threads where the configuration does not set their number.
const MOST_THREADS: NonZeroUsize = NonZeroUsize::new(8).expect("eight is not zero");

/// An error that keeps an NTS-KE server from starting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeServiceError {
    #[error(transparent)]
    Certificate(#[from] KeyPairError),
    #[error(transparent)]
    Bind(#[from] KeBindError),
    #[error("cannot use the socket that was bound at the start: {0}")]
    Socket(io::Error),
    #[error(transparent)]
    Start(#[from] KeStartError),
}

/// An NTS-KE server that can be started.
pub(crate) struct KeService {
    listener: KeListener,
    certificates: Arc<CertificateStore>,
    grant: Arc<KeServerConfig>,
    limit: usize,
}

/// An NTS-KE server that runs.
pub(crate) struct RunningKeService {
    handle: KeServerHandle,
    certificates: Arc<CertificateStore>,
}

/// The status of one NTS-KE server.
#[derive(Clone, Debug)]
pub(crate) enum KeServiceStatus {
    /// It serves clients.
    Running {
        /// The state and the counters of the server.
        status: KeServerStatus,
        /// The limit of simultaneous connections.
        connection_limit: usize,
    },
    /// It could not be started yet.
    Waiting {
        /// The address at which it is to listen.
        listen: SocketAddr,
        /// The limit of simultaneous connections.
        connection_limit: usize,
        /// The error that keeps it from starting, in words.
        error: String,
    },
}

impl KeServiceStatus {
    /// The error that keeps it from starting, in words.
    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Running { .. } => None,
            Self::Waiting { error, .. } => Some(error),
        }
    }
}

impl KeService {
    /// Reads the certificate and opens the socket, unless one is `bound` already. `served` are the
    /// addresses at which we serve time.
    ///
    /// # Errors
    /// If the certificate cannot be used or the address cannot be bound; with the remedy.
    pub(crate) fn open(
        entry: &NtsKeServerEntry,
        dual_stack: bool,
        bound: Option<&TcpListener>,
        served: &[SocketAddr],
    ) -> Result<Self, KeServiceError> {
        let certificates = Arc::new(CertificateStore::open(
            &entry.certificate_chain,
            &entry.private_key,
        )?);
        let limits = ConnectionLimits {
            total: entry.concurrent_connections,
            per_client: entry.connections_per_client,
            timeout: entry.timeout,
        };
        let listener = match bound {
            Some(bound) => bound
                .try_clone()
                .and_then(|socket| KeListener::from_socket(socket, limits))
                .map_err(KeServiceError::Socket)?,
            None => KeListener::bind(entry.listen, dual_stack, limits)?,
        };
        let grant = Arc::new(KeServerConfig {
            algorithms: entry.aead_algorithms.clone(),
            server: entry.ntp_server.clone(),
            port: entry.ntp_port.or_else(|| only_port(served)),
        });
        Ok(Self {
            listener,
            certificates,
            grant,
            limit: entry.concurrent_connections,
        })
    }

    /// The address and port; if port 0 was asked for, the one that the system chose.
    #[cfg(feature = "demo")]
    pub(crate) const fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Serves clients from now on, on the threads of the pool.
    ///
    /// # Errors
    /// If the operating system provides no thread.
    pub(crate) fn start(
        self,
        pool: &KePool,
        keys: SharedKeys,
    ) -> Result<(RunningKeService, KeServiceStatus), KeStartError> {
        let handle = self
            .listener
            .start(pool, Arc::clone(&self.certificates), keys, self.grant)?;
        tracing::info!(address = %handle.status().address(), "serving NTS key establishment");
        let status = KeServiceStatus::Running {
            status: handle.status(),
            connection_limit: self.limit,
        };
        Ok((
            RunningKeService {
                handle,
                certificates: self.certificates,
            },
            status,
        ))
    }
}

impl RunningKeService {
    /// Reads the certificate again. If it is not good, that is logged, and the old one stays.
    pub(crate) fn reload(&self) {
        // An error has been logged.
        let _ = self.certificates.reload();
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(self) {
        self.handle.stop();
    }
}

/// The number of handshake threads where the configuration does not set it: half of the processors,
/// so that even a flood of handshakes leaves the other half to replies, and at most eight, which do
/// tens of thousands of handshakes a second.
pub(crate) fn handshake_threads(processors: usize) -> NonZeroUsize {
    NonZeroUsize::new(processors / 2)
        .unwrap_or(NonZeroUsize::MIN)
        .min(MOST_THREADS)
}

/// The NTP port that clients are sent: that of our only server, unless it is the default.
fn only_port(served: &[SocketAddr]) -> Option<u16> {
    let first = served.first()?.port();
    (first != NTP_PORT && served.iter().all(|address| address.port() == first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_get_half_of_the_processors_and_eight_at_most() {
        let threads =
            [0, 1, 2, 3, 4, 15, 16, 17, 256].map(|processors| handshake_threads(processors).get());
        assert_eq!(threads, [1, 1, 1, 1, 2, 7, 8, 8, 8]);
    }

    #[test]
    fn clients_are_sent_a_port_only_if_it_is_not_the_default() {
        let served = |ports: &[u16]| -> Vec<SocketAddr> {
            ports
                .iter()
                .map(|port| SocketAddr::from(([192, 0, 2, 1], *port)))
                .collect()
        };
        assert_eq!(only_port(&served(&[123])), None);
        assert_eq!(only_port(&served(&[1123, 1123])), Some(1123));
        assert_eq!(only_port(&served(&[1123, 1124])), None);
        assert_eq!(only_port(&[]), None);
    }
}
