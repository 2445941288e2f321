//! The failure of an establishment, with its stage.

use super::failure_reason::FailureReason;
use crate::certificate::CertificateFacts;
use ntp_config::HostPort;
use std::net::SocketAddr;

/// A stage of an establishment, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// Look-up of the NTS-KE server's name.
    Dns,
    /// TCP connection to the server.
    Tcp,
    /// TLS handshake, apart from the certificates.
    Tls,
    /// Verification of the certificates.
    Certificate,
    /// Negotiation of the protocol within TLS.
    Alpn,
    /// Exchange of the NTS-KE records.
    Records,
    /// Look-up of the NTP server that the NTS-KE server named.
    NtpAddress,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 7] = [
        Self::Dns,
        Self::Tcp,
        Self::Tls,
        Self::Certificate,
        Self::Alpn,
        Self::Records,
        Self::NtpAddress,
    ];

    /// The stable word for JSON, metrics and logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Certificate => "certificate",
            Self::Alpn => "alpn",
            Self::Records => "records",
            Self::NtpAddress => "ntp-address",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dns => "look-up of the name",
            Self::Tcp => "TCP connection",
            Self::Tls => "TLS handshake",
            Self::Certificate => "certificate",
            Self::Alpn => "TLS protocol (ALPN)",
            Self::Records => "NTS key establishment",
            Self::NtpAddress => "look-up of the NTP server",
        })
    }
}

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
    pub const fn word(&self) -> &'static str {
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
