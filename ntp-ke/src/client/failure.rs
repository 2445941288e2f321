//! How far an establishment came, and why not further.

use super::cause::Cause;
use crate::certificate::CertificateFacts;
use ntp_config::HostPort;
use std::net::SocketAddr;

/// What was being done. The order is that of an establishment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// Looking up the name of the server of key establishment.
    Dns,
    /// Connecting to it.
    Tcp,
    /// The handshake of TLS, apart from the certificates.
    Tls,
    /// Judging the certificates.
    Certificate,
    /// Agreeing on the protocol within TLS.
    Alpn,
    /// Asking for keys and cookies.
    Records,
    /// Looking up the NTP server that was named.
    NtpAddress,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Dns,
        Self::Tcp,
        Self::Tls,
        Self::Certificate,
        Self::Alpn,
        Self::Records,
        Self::NtpAddress,
    ];

    /// The word by which the outside world knows it; it never changes.
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
        self.cause.word()
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
