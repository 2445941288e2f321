//! What a listening address shows of itself.

use super::certificates::{CertificateStatus, CertificateStore};
use super::counters::{Counters, KeServerStats};
use std::net::SocketAddr;
use std::sync::Arc;

/// Shows the state of one listening address to whoever wants to know, at any time and without
/// holding anything up.
#[derive(Clone, Debug)]
pub struct KeBoard {
    pub(super) address: SocketAddr,
    pub(super) counters: Arc<Counters>,
    pub(super) certificates: Arc<CertificateStore>,
}

impl KeBoard {
    /// The address and port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has happened to clients so far.
    #[must_use]
    pub fn stats(&self) -> KeServerStats {
        self.counters.snapshot()
    }

    /// Which certificate is in service.
    #[must_use]
    pub fn certificate(&self) -> CertificateStatus {
        self.certificates.status()
    }
}
