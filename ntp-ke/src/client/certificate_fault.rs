//! Why a server's certificates were not believed.

use super::verifier::Presented;
use crate::date::utc;
use crate::harmless::harmless;
use ntp_proto::nts::KeReason;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

/// The most characters of a name or a reason of somebody else's.
const MAX_TEXT: usize = 120;

/// The most names of a certificate in a sentence.
const MAX_NAMES: usize = 5;

/// What is wrong with the certificates of a server. All text is harmless.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CertificateFault {
    /// It begins later than the time at which it was judged.
    NotYetValid {
        /// Its first second, in seconds of Unix time.
        not_before: i64,
        /// The time at which it was judged, in seconds of Unix time.
        judged_at: i64,
    },
    /// It ended before the time at which it was judged.
    Expired {
        /// Its last second, in seconds of Unix time.
        not_after: i64,
        /// The time at which it was judged, in seconds of Unix time.
        judged_at: i64,
    },
    /// No authority that we believe has issued it.
    UnknownIssuer {
        /// Who has issued the last certificate of the chain.
        issuer: String,
        /// Whether the server's own certificate was issued by itself.
        self_issued: bool,
    },
    /// It is for other names.
    WrongName {
        /// The name that was asked for.
        expected: String,
        /// The names that it is for.
        names: Vec<String>,
    },
    /// The chain is valid, but has no key that is pinned.
    PinnedKeyMismatch {
        /// SHA-256 over the public key of the server's own certificate.
        key_sha256: Option<[u8; 32]>,
    },
    /// It is not for servers.
    WrongPurpose,
    /// It is one of an authority, and such cannot be a server's own.
    Authority,
    /// A signature in it or with it is wrong.
    BadSignature,
    /// It cannot be read.
    Malformed,
    /// Anything else.
    Other(String),
}

/// The chain is valid, but no pinned key is in it: what the verifier tells rustls.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no pinned key")]
pub(super) struct PinnedKeyMismatch;

/// Says whether a server was refused for no more than that its own certificate is marked as one of
/// an authority.
pub(super) fn is_authority_as_server(error: &CertificateError) -> bool {
    // rustls passes on only the name of this one.
    matches!(error, CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity")
}

impl CertificateFault {
    /// From what rustls says, and what the server has presented.
    pub(super) fn new(error: &CertificateError, presented: &Presented) -> Self {
        let own = presented.facts.first();
        match error {
            CertificateError::NotValidYetContext { time, not_before } => Self::NotYetValid {
                not_before: unix(*not_before),
                judged_at: unix(*time),
            },
            CertificateError::ExpiredContext { time, not_after } => Self::Expired {
                not_after: unix(*not_after),
                judged_at: unix(*time),
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
                expected: harmless(&expected.to_str(), MAX_TEXT),
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
            other => Self::Other(harmless(&other.to_string(), MAX_TEXT)),
        }
    }

    /// The reason without its details.
    #[must_use]
    pub const fn reason(&self) -> KeReason {
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

/// Some names, and how many more there are.
fn listed(names: &[String]) -> String {
    let (shown, more) = names.split_at_checked(MAX_NAMES).unwrap_or((names, &[]));
    let shown = shown.join(", ");
    if more.is_empty() {
        shown
    } else {
        format!("{shown} and {} more", more.len())
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

impl std::fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotYetValid { not_before, judged_at } => write!(
                f,
                "the certificate is not yet valid: it begins at {}, and it was judged as of {}; which of the two is wrong, \
                 our clock or the certificate?",
                utc(*not_before),
                utc(*judged_at)
            ),
            Self::Expired { not_after, judged_at } => write!(
                f,
                "the certificate has expired: it ended at {}, and it was judged as of {}; either the server needs a new \
                 one, or our clock is ahead",
                utc(*not_after),
                utc(*judged_at)
            ),
            Self::UnknownIssuer { self_issued: true, .. } => f.write_str(
                "the certificate is signed by itself; to believe it nevertheless, name its file in \
                 certificate-authority",
            ),
            Self::UnknownIssuer { issuer, .. } => write!(
                f,
                "no trusted authority has issued the certificate; the last of its chain is by `{issuer}`: is that the \
                 whole chain, and is its authority in certificate-authority?"
            ),
            Self::WrongName { expected, names } if names.is_empty() => {
                write!(f, "the certificate is not for {expected}: it names no host at all")
            }
            Self::WrongName { expected, names } => {
                write!(f, "the certificate is not for {expected}: it is for {}", listed(names))
            }
            Self::PinnedKeyMismatch { key_sha256: Some(key) } => write!(
                f,
                "the certificate is valid, but no key in its chain is one of pinned-keys; the server's own is {}",
                hex(key)
            ),
            Self::PinnedKeyMismatch { key_sha256: None } => {
                f.write_str("the certificate is valid, but no key in its chain is one of pinned-keys")
            }
            Self::WrongPurpose => {
                f.write_str("the certificate is not for servers (serverAuth is missing in its purposes)")
            }
            Self::Authority => f.write_str(
                "the server presents the certificate of an authority as its own (it is marked CA:TRUE); if that is \
                 intended, name this very certificate in certificate-authority",
            ),
            Self::BadSignature => f.write_str("a signature of the certificate is wrong"),
            Self::Malformed => f.write_str("the certificate is malformed"),
            Self::Other(why) => write!(f, "the certificate cannot be used: {why}"),
        }
    }
}
