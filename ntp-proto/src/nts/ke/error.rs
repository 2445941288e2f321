//! Errors of NTS-KE messages.

use super::record::RecordType;
use crate::stable_word::stable_words;

/// The code of an error record (RFC 8915 §4.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeErrorCode {
    /// A critical record was not understood.
    UnrecognizedCriticalRecord,
    /// The request violates RFC 8915.
    BadRequest,
    /// The server's own fault.
    InternalServerError,
    /// Any other code.
    Other(u16),
}

impl KeErrorCode {
    /// From the 16 bits of the wire.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        match bits {
            0 => Self::UnrecognizedCriticalRecord,
            1 => Self::BadRequest,
            2 => Self::InternalServerError,
            other => Self::Other(other),
        }
    }

    /// The 16 bits of the wire.
    #[must_use]
    pub const fn to_bits(self) -> u16 {
        match self {
            Self::UnrecognizedCriticalRecord => 0,
            Self::BadRequest => 1,
            Self::InternalServerError => 2,
            Self::Other(bits) => bits,
        }
    }
}

impl std::fmt::Display for KeErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnrecognizedCriticalRecord => f.write_str("unrecognized critical record"),
            Self::BadRequest => f.write_str("bad request"),
            Self::InternalServerError => f.write_str("internal server error"),
            Self::Other(bits) => write!(f, "code {bits}"),
        }
    }
}

/// The fault of the peer's message. No variant holds text of the peer's, so all may be logged as
/// they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeError {
    /// The connection ended before the message did.
    Truncated,
    /// The message is longer than we read.
    TooLong {
        /// The longest length allowed, in octets.
        limit: usize,
    },
    /// The message has more records than [`MAX_RECORDS`](super::MAX_RECORDS).
    TooManyRecords,
    /// We do not know a record that we must know.
    UnknownCritical(RecordType),
    /// A record that belongs into no message of this direction.
    Unexpected(RecordType),
    /// A record that must be there is not.
    Missing(RecordType),
    /// A record that may be there once is there twice.
    Duplicate(RecordType),
    /// The body of a record violates RFC 8915.
    BadBody(RecordType),
    /// The server sent an error record.
    ErrorRecord(KeErrorCode),
    /// The server sent a warning; no code is defined, and RFC 8915 has us abort at an unknown one.
    Warning(u16),
    /// The peers have no protocol in common.
    NoCommonProtocol,
    /// The server chose a protocol that we have not offered.
    UnofferedProtocol(u16),
    /// The peers have no AEAD algorithm in common.
    NoCommonAead,
    /// The server chose an AEAD algorithm that we have not offered.
    UnofferedAead(u16),
    /// The server gave no cookie.
    NoCookies,
    /// The server gave cookies, but none that fits into our packets.
    UnusableCookies {
        /// The length of the first of them in octets.
        length: usize,
    },
}

stable_words!(KeError {
    Self::Truncated => "truncated",
    Self::TooLong { .. } => "too-long",
    Self::TooManyRecords => "too-many-records",
    Self::UnknownCritical(_) => "unknown-critical-record",
    Self::Unexpected(_) => "unexpected-record",
    Self::Missing(_) => "missing-record",
    Self::Duplicate(_) => "duplicate-record",
    Self::BadBody(_) => "bad-record",
    Self::ErrorRecord(_) => "error-record",
    Self::Warning(_) => "warning",
    Self::NoCommonProtocol => "no-common-protocol",
    Self::UnofferedProtocol(_) => "unoffered-protocol",
    Self::NoCommonAead => "no-common-aead",
    Self::UnofferedAead(_) => "unoffered-aead",
    Self::NoCookies => "no-cookies",
    Self::UnusableCookies { .. } => "unusable-cookies",
});

impl std::fmt::Display for KeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("the connection ended before the message did"),
            Self::TooLong { limit } => write!(f, "the message is longer than {limit} octets"),
            Self::TooManyRecords => f.write_str("the message has too many records"),
            Self::UnknownCritical(kind) => write!(f, "the critical record of {kind} is not known"),
            Self::Unexpected(kind) => write!(f, "the {kind} record does not belong here"),
            Self::Missing(kind) => write!(f, "the {kind} record is missing"),
            Self::Duplicate(kind) => write!(f, "there is more than one {kind} record"),
            Self::BadBody(kind) => write!(f, "the {kind} record is malformed"),
            Self::ErrorRecord(code) => write!(f, "the server answered with an error: {code}"),
            Self::Warning(code) => write!(f, "the server answered with the unknown warning {code}"),
            Self::NoCommonProtocol => f.write_str("the server does not offer keys for NTPv4"),
            Self::UnofferedProtocol(id) => {
                write!(f, "the server chose protocol {id}, which was not offered")
            }
            Self::NoCommonAead => f.write_str("there is no AEAD algorithm that both sides have"),
            Self::UnofferedAead(id) => write!(
                f,
                "the server chose AEAD algorithm {id}, which was not offered"
            ),
            Self::NoCookies => f.write_str("the server gave no cookies"),
            Self::UnusableCookies { length } => {
                write!(
                    f,
                    "the server gave no cookie that fits into a packet (one has {length} octets)"
                )
            }
        }
    }
}

impl std::error::Error for KeError {}
