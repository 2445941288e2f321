//! The parameters of TLS that client and server share.

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::Arc;

/// The ALPN protocol name of NTS-KE (RFC 8915 §4).
pub(crate) const ALPN: &[u8] = b"ntske/1";

/// The supported versions of TLS (RFC 8915 §3 allows no older one).
pub(crate) const VERSIONS: [&rustls::SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

/// The cryptography of TLS. Its key exchange prefers the hybrid of X25519 and ML-KEM, which
/// protects recorded sessions from later quantum computers.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// SHA-256.
pub(crate) fn sha256(octets: &[u8]) -> [u8; 32] {
    let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let suite = suite.tls13().expect("invariant: it is a suite of TLS 1.3");
    let hash = suite.common.hash_provider.hash(octets);
    hash.as_ref()
        .try_into()
        .expect("invariant: SHA-256 has 32 octets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_is_that_of_the_standard() {
        let empty = sha256(b"");
        assert_eq!(empty[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    }

    #[test]
    fn the_hybrid_key_exchange_is_preferred() {
        assert_eq!(
            provider().kx_groups[0].name(),
            rustls::NamedGroup::X25519MLKEM768
        );
    }
}
