//! The stages of NTS key establishment, and the reasons of its failures.

use crate::stable_word::stable_words;

/// A stage of NTS key establishment (NTS-KE, RFC 8915 §4), in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NtsKeStage {
    /// Resolving the name of the NTS-KE server.
    Dns,
    /// The TCP connection.
    Tcp,
    /// The TLS handshake, apart from the certificates.
    Tls,
    /// Checking the certificates.
    Certificate,
    /// Agreeing on NTS-KE within TLS (ALPN).
    Alpn,
    /// The exchange of NTS-KE records.
    Records,
    /// Resolving the name of the NTP server.
    NtpAddress,
    /// A word of a newer daemon.
    Other(String),
}

stable_words!(NtsKeStage {
    Dns => "dns",
    Tcp => "tcp",
    Tls => "tls",
    Certificate => "certificate",
    Alpn => "alpn",
    Records => "records",
    NtpAddress => "ntp-address",
});

impl Default for NtsKeStage {
    fn default() -> Self {
        Self::Other("unknown".to_owned())
    }
}

/// The reason of a failed NTS key establishment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NtsKeReason {
    /// The name has no address, or the resolver does not answer.
    NameNotResolved,
    /// The name has only addresses that no server can have.
    NoUsableAddress,
    /// The name has no address of the family asked for.
    NoAddressOfFamily,
    /// The name cannot stand in a certificate.
    NotAHostName,
    /// The time limit of the stage was reached.
    TimedOut,
    /// Nothing listens at the port.
    ConnectionRefused,
    /// There is no route to the host.
    Unreachable,
    /// The server has reset the connection.
    ConnectionReset,
    /// The server has closed the connection before the end.
    ConnectionClosed,
    /// Another error of the network.
    NetworkError,
    /// The server does not speak TLS.
    NotTls,
    /// The server does not speak TLS 1.3.
    TlsVersion,
    /// The server has sent a TLS alert.
    TlsAlert,
    /// The server violates TLS.
    TlsError,
    /// The certificate authorities cannot be read.
    NoAuthorities,
    /// The certificate is not valid yet.
    CertificateNotYetValid,
    /// The certificate has expired.
    CertificateExpired,
    /// No trusted authority has issued the certificate.
    CertificateUnknownIssuer,
    /// The certificate is for other names.
    CertificateWrongName,
    /// No key in the chain is among `pinned-keys`.
    PinnedKeyMismatch,
    /// The certificate is not for a TLS server.
    CertificateWrongPurpose,
    /// The certificate is that of an authority.
    CertificateOfAuthority,
    /// A signature in the chain is wrong.
    CertificateBadSignature,
    /// The certificate cannot be parsed.
    CertificateMalformed,
    /// The certificate is invalid in another way.
    CertificateInvalid,
    /// The server does not offer NTS-KE (RFC 8915 §4, ALPN `ntske/1`).
    NoAlpn,
    /// The records end too early.
    Truncated,
    /// The response is too long.
    TooLong,
    /// The response has too many records.
    TooManyRecords,
    /// A critical record is of an unknown type.
    UnknownCriticalRecord,
    /// A record does not belong into a response.
    UnexpectedRecord,
    /// A required record is missing.
    MissingRecord,
    /// A record occurs twice.
    DuplicateRecord,
    /// The body of a record is malformed.
    BadRecord,
    /// The server has sent an Error record (RFC 8915 §4.1.3).
    ErrorRecord,
    /// The server has sent a Warning record (RFC 8915 §4.1.4).
    Warning,
    /// The server does not support NTPv4.
    NoCommonProtocol,
    /// The server chose a protocol that was not offered.
    UnofferedProtocol,
    /// The server supports none of the AEAD algorithms offered.
    NoCommonAead,
    /// The server chose an AEAD algorithm that was not offered.
    UnofferedAead,
    /// The server sent no cookie.
    NoCookies,
    /// No cookie fits into an NTP packet.
    UnusableCookies,
    /// A word of a newer daemon.
    Other(String),
}

stable_words!(NtsKeReason {
    NameNotResolved => "name-not-resolved",
    NoUsableAddress => "no-usable-address",
    NoAddressOfFamily => "no-address-of-family",
    NotAHostName => "not-a-host-name",
    TimedOut => "timed-out",
    ConnectionRefused => "connection-refused",
    Unreachable => "unreachable",
    ConnectionReset => "connection-reset",
    ConnectionClosed => "connection-closed",
    NetworkError => "network-error",
    NotTls => "not-tls",
    TlsVersion => "tls-version",
    TlsAlert => "tls-alert",
    TlsError => "tls-error",
    NoAuthorities => "no-authorities",
    CertificateNotYetValid => "certificate-not-yet-valid",
    CertificateExpired => "certificate-expired",
    CertificateUnknownIssuer => "certificate-unknown-issuer",
    CertificateWrongName => "certificate-wrong-name",
    PinnedKeyMismatch => "pinned-key-mismatch",
    CertificateWrongPurpose => "certificate-wrong-purpose",
    CertificateOfAuthority => "certificate-of-authority",
    CertificateBadSignature => "certificate-bad-signature",
    CertificateMalformed => "certificate-malformed",
    CertificateInvalid => "certificate-invalid",
    NoAlpn => "no-alpn",
    Truncated => "truncated",
    TooLong => "too-long",
    TooManyRecords => "too-many-records",
    UnknownCriticalRecord => "unknown-critical-record",
    UnexpectedRecord => "unexpected-record",
    MissingRecord => "missing-record",
    DuplicateRecord => "duplicate-record",
    BadRecord => "bad-record",
    ErrorRecord => "error-record",
    Warning => "warning",
    NoCommonProtocol => "no-common-protocol",
    UnofferedProtocol => "unoffered-protocol",
    NoCommonAead => "no-common-aead",
    UnofferedAead => "unoffered-aead",
    NoCookies => "no-cookies",
    UnusableCookies => "unusable-cookies",
});

impl Default for NtsKeReason {
    fn default() -> Self {
        Self::Other("unknown".to_owned())
    }
}
