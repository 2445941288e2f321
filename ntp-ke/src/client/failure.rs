//! The failure of an establishment, with its stage.

pub use ntp_proto::nts::KeStage as Stage;

use super::failure_reason::FailureReason;
use crate::certificate::CertificateFacts;
use ntp_config::HostPort;
use ntp_proto::StableWord;
use std::net::SocketAddr;

/// A failed establishment. Its `Display` is a whole sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The stage that failed, or at which the time ran out.
    pub stage: Stage,
    /// The reason for the failure.
    pub reason: FailureReason,
    /// The requested server.
    pub target: HostPort,
    /// The address of the attempt; of several, that of the one that came furthest.
    pub peer: Option<SocketAddr>,
    /// The certificates that the server presented, accepted or not, its own first.
    pub certificate: Vec<CertificateFacts>,
}

impl Failure {
    /// The stable word of the reason in kebab-case, the same at all stages.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.reason.word()
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            stage,
            reason,
            target,
            peer,
            ..
        } = self;
        match peer {
            Some(peer) if peer.ip().to_string() != target.host => {
                write!(f, "{target} ({peer}), {stage}: {reason}")
            }
            _ => write!(f, "{target}, {stage}: {reason}"),
        }
    }
}

impl std::error::Error for Failure {}

/// The failure of an attempt at one address of the target.
#[derive(Clone, Debug)]
pub(super) struct AttemptFailure {
    pub(super) stage: Stage,
    pub(super) reason: FailureReason,
    pub(super) peer: Option<SocketAddr>,
    pub(super) certificate: Vec<CertificateFacts>,
}

impl AttemptFailure {
    pub(super) const fn new(stage: Stage, reason: FailureReason) -> Self {
        Self {
            stage,
            reason,
            peer: None,
            certificate: Vec::new(),
        }
    }

    pub(super) fn into_failure(self, target: &HostPort) -> Failure {
        let Self {
            stage,
            reason,
            peer,
            certificate,
        } = self;
        Failure {
            stage,
            reason,
            target: target.clone(),
            peer,
            certificate,
        }
    }
}

impl From<(Stage, FailureReason)> for AttemptFailure {
    fn from((stage, reason): (Stage, FailureReason)) -> Self {
        Self::new(stage, reason)
    }
}
