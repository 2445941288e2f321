//! The reasons for which a server's certificates are refused.

use super::presented::Presented;
use crate::date::utc;
use data_encoding::HEXLOWER;
use ntp_config::sanitize;
use ntp_proto::nts::KeReason;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

/// The most characters of a name or message that comes from outside.
const MAX_TEXT: usize = 120;

/// The most names of a certificate in a sentence.
const MAX_NAMES: usize = 5;

/// The reason for which the certificates of a server are refused. Texts of the peer are sanitized.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CertificateReason {
    /// It is valid only after the time for which it was checked.
    NotYetValid {
        /// Its first second, in seconds of Unix time.
        not_before: i64,
        /// The time for which it was checked, in seconds of Unix time.
        checked_at: i64,
    },
    /// It expired before the time for which it was checked.
    Expired {
        /// Its last second, in seconds of Unix time.
        not_after: i64,
        /// The time for which it was checked, in seconds of Unix time.
        checked_at: i64,
    },
    /// No trusted authority has issued it.
    UnknownIssuer {
        /// The issuer of the last certificate of the chain.
        issuer: String,
        /// True if the server's own certificate is self-issued.
        self_issued: bool,
    },
    /// It is for other names.
    WrongName {
        /// The requested name.
        expected: String,
        /// The names in the certificate.
        names: Vec<String>,
    },
    /// The chain is valid but holds no pinned key.
    PinnedKeyMismatch {
        /// SHA-256 over the public key of the server's own certificate.
        key_sha256: Option<[u8; 32]>,
    },
    /// It is not for servers.
    WrongPurpose,
    /// It is the certificate of an authority, which cannot be a server's own.
    Authority,
    /// A signature of it, or one made with its key, is invalid.
    BadSignature,
    /// It cannot be parsed.
    Malformed,
    /// Another reason, with the library's message.
    Other(String),
}

/// The verifier's error for rustls: the chain is valid but holds no pinned key.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no pinned key")]
pub(super) struct PinnedKeyMismatch;

/// True if the only fault is that the server's own certificate is marked as that of an authority.
pub(super) fn is_authority_as_server(error: &CertificateError) -> bool {
    // rustls passes on only the name of this webpki error.
    matches!(error, CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity")
}

impl CertificateReason {
    /// The reason for an error of rustls about the certificates in `presented`.
    pub(super) fn new(error: &CertificateError, presented: &Presented) -> Self {
        let own = presented.facts.first();
        match error {
            CertificateError::NotValidYetContext { time, not_before } => Self::NotYetValid {
                not_before: unix(*not_before),
                checked_at: unix(*time),
            },
            CertificateError::ExpiredContext { time, not_after } => Self::Expired {
                not_after: unix(*not_after),
                checked_at: unix(*time),
            },
            CertificateError::UnknownIssuer => Self::UnknownIssuer {
                issuer: presented
                    .facts
                    .last()
                    .map(|last| last.issuer.clone())
                    .unwrap_or_default(),
                self_issued: own
                    .is_some_and(|own| presented.facts.len() == 1 && own.is_self_issued()),
            },
            CertificateError::NotValidForNameContext { expected, .. } => Self::WrongName {
                expected: sanitize(&expected.to_str(), MAX_TEXT),
                names: own.map(|own| own.names.clone()).unwrap_or_default(),
            },
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::WrongPurpose
            }
            CertificateError::BadSignature => Self::BadSignature,
            CertificateError::BadEncoding => Self::Malformed,
            CertificateError::Other(other) if other.0.is::<PinnedKeyMismatch>() => {
                Self::PinnedKeyMismatch {
                    key_sha256: own.map(|own| own.key_sha256),
                }
            }
            error if is_authority_as_server(error) => Self::Authority,
            other => Self::Other(sanitize(&other.to_string(), MAX_TEXT)),
        }
    }

    /// The reason without its details.
    #[must_use]
    pub const fn kind(&self) -> KeReason {
        match self {
            Self::NotYetValid { .. } => KeReason::CertificateNotYetValid,
            Self::Expired { .. } => KeReason::CertificateExpired,
            Self::UnknownIssuer { .. } => KeReason::CertificateUnknownIssuer,
            Self::WrongName { .. } => KeReason::CertificateWrongName,
            Self::PinnedKeyMismatch { .. } => KeReason::PinnedKeyMismatch,
            Self::WrongPurpose => KeReason::CertificateWrongPurpose,
            Self::Authority => KeReason::CertificateOfAuthority,
            Self::BadSignature => KeReason::CertificateBadSignature,
            Self::Malformed => KeReason::CertificateMalformed,
            Self::Other(_) => KeReason::CertificateInvalid,
        }
    }
}

fn unix(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// The first names and the number of the others, or "no host".
fn listed(names: &[String]) -> String {
    let (shown, more) = names.split_at_checked(MAX_NAMES).unwrap_or((names, &[]));
    match (shown.join(", "), more.len()) {
        (shown, _) if shown.is_empty() => "no host".to_owned(),
        (shown, 0) => shown,
        (shown, more) => format!("{shown} and {more} more"),
    }
}

impl std::fmt::Display for CertificateReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotYetValid {
                not_before,
                checked_at,
            } => write!(
                f,
                "the certificate is not yet valid: it is valid from {}, and it was checked for {}; \
                 either our clock is behind, or the certificate is wrong",
                utc(*not_before),
                utc(*checked_at)
            ),
            Self::Expired {
                not_after,
                checked_at,
            } => write!(
                f,
                "the certificate expired at {}, and it was checked for {}; either the server needs \
                 a new one, or our clock is ahead",
                utc(*not_after),
                utc(*checked_at)
            ),
            Self::UnknownIssuer {
                self_issued: true, ..
            } => f.write_str(
                "the certificate is self-signed; to trust it, name its file in \
                 certificate-authority",
            ),
            Self::UnknownIssuer { issuer, .. } => write!(
                f,
                "no trusted authority issued the certificate; the last one of the chain was issued \
                 by `{issuer}`: check that the chain is complete and that its authority is in \
                 certificate-authority"
            ),
            Self::WrongName { expected, names } => {
                let names = listed(names);
                write!(
                    f,
                    "the certificate is not for {expected}: it is for {names}"
                )
            }
            Self::PinnedKeyMismatch {
                key_sha256: Some(key),
            } => write!(
                f,
                "the certificate is valid, but no key of its chain is in pinned-keys; the key of \
                 the server is {}",
                HEXLOWER.encode(key)
            ),
            Self::PinnedKeyMismatch { key_sha256: None } => {
                f.write_str("the certificate is valid, but no key of its chain is in pinned-keys")
            }
            Self::WrongPurpose => {
                f.write_str("the certificate is not for servers (it lacks the purpose serverAuth)")
            }
            Self::Authority => f.write_str(
                "the server presents the certificate of an authority as its own (CA:TRUE); if that \
                 is intended, name this certificate in certificate-authority",
            ),
            Self::BadSignature => f.write_str("a signature of the certificate is invalid"),
            Self::Malformed => f.write_str("the certificate is malformed"),
            Self::Other(reason) => write!(f, "the certificate is not valid: {reason}"),
        }
    }
}
