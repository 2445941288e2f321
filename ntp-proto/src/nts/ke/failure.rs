//! Failed key establishments: the stages and the reasons, of connection, TLS and records alike.

use super::error::KeError;
use crate::stable_word::stable_words;

/// A stage of key establishment. The order is that of an establishment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum KeStage {
    /// Look-up of the NTS-KE server's name.
    Dns,
    /// TCP connection to the server.
    Tcp,
    /// TLS handshake, apart from the certificates.
    Tls,
    /// Verification of the certificates.
    Certificate,
    /// Negotiation of NTS-KE within TLS (ALPN).
    Alpn,
    /// Exchange of the NTS-KE records.
    Records,
    /// Look-up of the NTP server that the NTS-KE server named.
    NtpAddress,
}

stable_words!(KeStage {
    Dns => "dns",
    Tcp => "tcp",
    Tls => "tls",
    Certificate => "certificate",
    Alpn => "alpn",
    Records => "records",
    NtpAddress => "ntp-address",
});

impl std::fmt::Display for KeStage {
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

/// The reason of a failed key establishment. It is the same at every stage.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeReason {
    /// The name has no address, or the resolver does not answer.
    NameNotResolved,
    /// The name has only addresses that no server can have.
    NoUsableAddress,
    /// The name has no address of the family asked for.
    NoAddressOfFamily,
    /// The name cannot stand in a certificate.
    NotAHostName,
    /// The deadline was reached.
    TimedOut,
    /// Nothing listens at the port.
    ConnectionRefused,
    /// There is no route to the host.
    Unreachable,
    /// The server reset the connection.
    ConnectionReset,
    /// The server closed the connection before the end.
    ConnectionClosed,
    /// Another error of the network.
    NetworkError,
    /// The server does not speak TLS.
    NotTls,
    /// The server does not speak TLS 1.3.
    TlsVersion,
    /// The server sent a TLS alert.
    TlsAlert,
    /// The server violates TLS.
    TlsError,
    /// The certificate authorities cannot be read.
    NoAuthorities,
    /// The certificate is not valid yet.
    CertificateNotYetValid,
    /// The certificate had expired at the time by which it was judged.
    CertificateExpired,
    /// No trusted authority has issued the certificate.
    CertificateUnknownIssuer,
    /// The certificate is for other names.
    CertificateWrongName,
    /// No key in the chain is a pinned one.
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
    /// The server does not offer NTS-KE (ALPN `ntske/1`).
    NoAlpn,
    /// The records of the server.
    Records(KeError),
}

stable_words!(KeReason {
    Self::NameNotResolved => "name-not-resolved",
    Self::NoUsableAddress => "no-usable-address",
    Self::NoAddressOfFamily => "no-address-of-family",
    Self::NotAHostName => "not-a-host-name",
    Self::TimedOut => "timed-out",
    Self::ConnectionRefused => "connection-refused",
    Self::Unreachable => "unreachable",
    Self::ConnectionReset => "connection-reset",
    Self::ConnectionClosed => "connection-closed",
    Self::NetworkError => "network-error",
    Self::NotTls => "not-tls",
    Self::TlsVersion => "tls-version",
    Self::TlsAlert => "tls-alert",
    Self::TlsError => "tls-error",
    Self::NoAuthorities => "no-authorities",
    Self::CertificateNotYetValid => "certificate-not-yet-valid",
    Self::CertificateExpired => "certificate-expired",
    Self::CertificateUnknownIssuer => "certificate-unknown-issuer",
    Self::CertificateWrongName => "certificate-wrong-name",
    Self::PinnedKeyMismatch => "pinned-key-mismatch",
    Self::CertificateWrongPurpose => "certificate-wrong-purpose",
    Self::CertificateOfAuthority => "certificate-of-authority",
    Self::CertificateBadSignature => "certificate-bad-signature",
    Self::CertificateMalformed => "certificate-malformed",
    Self::CertificateInvalid => "certificate-invalid",
    Self::NoAlpn => "no-alpn",
} and Self::Records => KeError);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stable_word::assert_distinct;

    #[test]
    fn every_stage_and_reason_has_a_word_of_its_own() {
        assert_distinct(&[&KeReason::WORDS[..], &KeError::WORDS].concat());
        assert_distinct(&KeStage::WORDS);
    }
}
