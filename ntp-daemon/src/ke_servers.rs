//! Our own key establishment: one listening address, opened and served.

use crate::key_ring::SharedKeys;
use ntp_config::{NTP_PORT, NtsKeServerEntry};
use ntp_ke::server::{
    CertificateStore, KeBindError, KeListener, KePool, KeServerHandle, KeServerStatus,
    KeStartError, KeyPairError,
};
use ntp_proto::nts::KeServerConfig;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// The most threads that handshakes get unless the file says otherwise.
const MOST_THREADS: NonZeroUsize = NonZeroUsize::new(8).expect("eight is not zero");

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
pub(crate) enum KeServiceBoard {
    /// Clients get keys there.
    Running {
        /// The state and the counters of the server.
        board: KeServerStatus,
        /// The limit of simultaneous connections.
        connection_limit: usize,
    },
    /// It could not be started yet.
    Waiting {
        /// The address at which it is to listen.
        listen: SocketAddr,
        /// The limit of simultaneous connections.
        connection_limit: usize,
        /// The cause for which it could not start, in a sentence.
        error: String,
    },
}

impl KeServiceBoard {
    /// The cause for which it could not start, if it could not.
    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Running { .. } => None,
            Self::Waiting { error, .. } => Some(error),
        }
    }
}

impl KeService {
    /// Opens the socket and reads the certificate. `served` are the addresses at which we serve
    /// time.
    ///
    /// # Errors
    /// Says what cannot be had and what to do.
    pub(crate) fn open(
        entry: &NtsKeServerEntry,
        dual_stack: bool,
        served: &[SocketAddr],
    ) -> Result<Self, KeServiceError> {
        let certificates = Arc::new(CertificateStore::open(
            &entry.certificate_chain,
            &entry.private_key,
        )?);
        let listener = KeListener::bind(entry, dual_stack)?;
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

    /// The address and port, the latter as the system chose it if it was to.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Serves clients from now on, on the threads of the pool.
    ///
    /// # Errors
    /// Says what the system refuses.
    pub(crate) fn start(
        self,
        pool: &KePool,
        keys: SharedKeys,
    ) -> Result<(RunningKeService, KeServiceBoard), KeStartError> {
        let handle = self
            .listener
            .start(pool, Arc::clone(&self.certificates), keys, self.grant)?;
        tracing::info!(address = %handle.status().address(), "serving key establishment for NTS");
        let board = KeServiceBoard::Running {
            board: handle.status(),
            connection_limit: self.limit,
        };
        Ok((
            RunningKeService {
                handle,
                certificates: self.certificates,
            },
            board,
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

/// How many threads handshakes get where the file does not say it: half of the processors, so that
/// even a flood of handshakes leaves the other half to replies, and no more than eight, which do
/// tens of thousands of handshakes a second.
pub(crate) fn handshake_threads(processors: usize) -> NonZeroUsize {
    NonZeroUsize::new(processors / 2)
        .unwrap_or(NonZeroUsize::MIN)
        .min(MOST_THREADS)
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
    fn handshakes_get_half_of_the_processors_and_eight_at_most() {
        let threads =
            [0, 1, 2, 3, 4, 15, 16, 17, 256].map(|processors| handshake_threads(processors).get());
        assert_eq!(threads, [1, 1, 1, 1, 2, 7, 8, 8, 8]);
    }

    #[test]
    fn clients_are_told_a_port_only_where_they_would_not_guess_it() {
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
