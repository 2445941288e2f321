//! Starting the thread that accepts, and the handle of a running server.

use super::accept::Acceptance;
use super::certificates::{CertificateStatus, CertificateStore};
use super::connection::Service;
use super::counters::{Counters, KeServerStats};
use super::lifecycle::{KeStartError, ShutdownSignal};
use super::listener::KeListener;
use super::workers::{KePool, lower_priority};
use arc_swap::ArcSwap;
use ntp_proto::nts::{KeServerConfig, KeySet};
use rand::SeedableRng as _;
use rand::rngs::{ChaCha12Rng, SysRng};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The name of the thread, at most 15 characters.
const THREAD: &str = "nts-ke-accept";

/// A running server. Dropping it ends the server.
#[derive(Debug)]
pub struct KeServerHandle {
    status: KeServerStatus,
    shutdown: Arc<ShutdownSignal>,
    thread: Option<JoinHandle<()>>,
}

/// A view of the current state of one listening address. Reading it never blocks the server.
#[derive(Clone, Debug)]
pub struct KeServerStatus {
    address: SocketAddr,
    counters: Arc<Counters>,
    certificates: Arc<CertificateStore>,
}

impl KeServerStatus {
    /// The address and port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The counts of connections by their outcome.
    #[must_use]
    pub fn stats(&self) -> KeServerStats {
        self.counters.snapshot()
    }

    /// The certificate in service.
    #[must_use]
    pub fn certificate(&self) -> CertificateStatus {
        self.certificates.status()
    }
}

impl KeListener {
    /// Starts to serve clients: accepts them on a thread of its own, and runs their connections on
    /// the workers of `pool`. Each connection takes the certificate and the keys that are current
    /// at its start. The pool's `on_end` is called when the thread ends, unless the server was asked
    /// to end. The pool must outlive the server; without it no connection is served.
    ///
    /// # Errors
    /// If the system gives no thread, no descriptors or no random numbers.
    pub fn start(
        self,
        pool: &KePool,
        certificates: Arc<CertificateStore>,
        keys: Arc<ArcSwap<KeySet>>,
        grant: Arc<KeServerConfig>,
    ) -> Result<KeServerHandle, KeStartError> {
        let counters = Arc::new(Counters::default());
        let status = KeServerStatus {
            address: self.address,
            counters: Arc::clone(&counters),
            certificates: Arc::clone(&certificates),
        };
        let service = Service {
            certificates,
            keys,
            grant,
            counters,
        };
        let rng = ChaCha12Rng::try_from_rng(&mut SysRng)
            .map_err(|error| KeStartError::Random(error.to_string()))?;
        let shutdown = Arc::new(ShutdownSignal::new(self.socket, self.shared));
        let acceptance = Acceptance::new(
            Arc::clone(&shutdown),
            self.limits,
            service,
            pool.workers(),
            rng,
        )?;
        let supervisor = pool.supervisor().until(Arc::clone(&shutdown));
        let thread = supervisor.spawn(THREAD, move || {
            lower_priority();
            acceptance.run();
        })?;
        Ok(KeServerHandle {
            status,
            shutdown,
            thread: Some(thread),
        })
    }
}

impl KeServerHandle {
    /// The view of the server's state, which stays readable after the server has ended.
    #[must_use]
    pub fn status(&self) -> KeServerStatus {
        self.status.clone()
    }

    /// Ends the server, aborts its open connections, and waits for the end of its thread.
    pub fn stop(mut self) {
        self.request_shutdown();
        if let Some(thread) = self.thread.take() {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
    }

    fn request_shutdown(&self) {
        self.shutdown.request();
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for KeServerHandle {
    fn drop(&mut self) {
        self.request_shutdown();
    }
}
