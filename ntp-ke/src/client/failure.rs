//! How far an establishment came, and why not further.

use super::cause::Cause;
use crate::certificate::CertificateFacts;
use ntp_config::HostPort;
use ntp_proto::StableWord;
pub use ntp_proto::nts::KeStage as Stage;
use std::net::SocketAddr;

/// An establishment that came to nothing. Its `Display` is the whole sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What was being done when it failed. With [`Cause::TimedOut`] it is where the time ran out.
    pub stage: Stage,
    /// Why it failed.
    pub cause: Cause,
    /// Who was asked.
    pub target: HostPort,
    /// Which address was tried. With several, it is that of the attempt that came furthest.
    pub peer: Option<SocketAddr>,
    /// What the server presented, its own certificate first, whether it was believed or not.
    pub certificate: Vec<CertificateFacts>,
}

impl Failure {
    /// The word of the cause: kebab-case, never changing, the same wherever it fails.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.cause.reason().word()
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            stage,
            cause,
            target,
            peer,
            ..
        } = self;
        match peer {
            Some(peer) if peer.ip().to_string() != target.host => {
                write!(f, "{target} ({peer}), {stage}: {cause}")
            }
            _ => write!(f, "{target}, {stage}: {cause}"),
        }
    }
}

impl std::error::Error for Failure {}

/// A failure at some address of the target.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) stage: Stage,
    pub(super) cause: Cause,
    pub(super) peer: Option<SocketAddr>,
    pub(super) certificate: Vec<CertificateFacts>,
}

impl Fault {
    pub(super) const fn new(stage: Stage, cause: Cause) -> Self {
        Self {
            stage,
            cause,
            peer: None,
            certificate: Vec::new(),
        }
    }

    pub(super) fn of(self, target: &HostPort) -> Failure {
        let Self {
            stage,
            cause,
            peer,
            certificate,
        } = self;
        Failure {
            stage,
            cause,
            target: target.clone(),
            peer,
            certificate,
        }
    }
}

impl From<(Stage, Cause)> for Fault {
    fn from((stage, cause): (Stage, Cause)) -> Self {
        Self::new(stage, cause)
    }
}
