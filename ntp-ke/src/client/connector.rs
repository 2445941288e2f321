//! The TLS configuration and the trusted authorities of a client.

use super::authorities::{self, Authorities, TrustError};
use super::family::Family;
use super::verifier::{CertificateTime, Verifier};
use crate::provider::{ALPN, VERSIONS, provider};
use ntp_config::Trust;
use ntp_proto::nts::AeadAlgorithm;
use rustls::ClientConfig;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The trusted authorities, pinned keys and offered algorithms of one source. The
/// [module](super) describes when to build one.
#[derive(Clone)]
pub struct Connector {
    provider: Arc<CryptoProvider>,
    authorities: Authorities,
    webpki: Arc<WebPkiServerVerifier>,
    pinned_keys: Vec<[u8; 32]>,
    algorithms: Vec<AeadAlgorithm>,
    family: Option<Family>,
}

impl Connector {
    /// Reads the certificate authorities of `trust`.
    ///
    /// # Errors
    /// Names the file at fault, or the lack of any authority, and the remedy.
    pub fn new(trust: &Trust) -> Result<Self, TrustError> {
        Self::with_authorities(authorities::load(trust)?, trust)
    }

    fn with_authorities(authorities: Authorities, trust: &Trust) -> Result<Self, TrustError> {
        let provider = provider();
        let webpki = WebPkiServerVerifier::builder_with_provider(
            Arc::clone(&authorities.roots),
            Arc::clone(&provider),
        );
        // The only possible error is a lack of roots.
        let webpki = webpki.build().map_err(|_| TrustError::NoAuthorities)?;
        let (pinned_keys, algorithms) = (trust.pinned_keys.clone(), trust.aead_algorithms.clone());
        Ok(Self {
            provider,
            authorities,
            webpki,
            pinned_keys,
            algorithms,
            family: None,
        })
    }

    /// Restricts key establishment and NTP to addresses of one family; `None` allows both.
    #[must_use]
    pub fn over(self, family: Option<Family>) -> Self {
        Self { family, ..self }
    }

    /// The only allowed family of addresses; `None` if both are.
    #[must_use]
    pub const fn family(&self) -> Option<Family> {
        self.family
    }

    /// The number of trusted authorities.
    #[must_use]
    pub fn authorities(&self) -> usize {
        self.authorities.roots.len()
    }

    /// The offered algorithms in order of preference.
    #[must_use]
    pub fn algorithms(&self) -> &[AeadAlgorithm] {
        &self.algorithms
    }

    /// The verifier for one connection.
    pub(super) fn verifier(&self, time: CertificateTime) -> Verifier {
        Verifier::new(
            Arc::clone(&self.webpki),
            self.authorities.clone(),
            self.pinned_keys.clone(),
            time,
        )
    }

    /// The TLS configuration with another provider, for tests of the server.
    #[cfg(test)]
    pub(crate) fn tls_by(&self, provider: CryptoProvider) -> ClientConfig {
        let time = CertificateTime::At(crate::test_certificates::NOW);
        Self {
            provider: Arc::new(provider),
            ..self.clone()
        }
        .tls(Arc::new(self.verifier(time)))
    }

    /// The TLS configuration for one connection.
    pub(super) fn tls(&self, verifier: Arc<Verifier>) -> ClientConfig {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&VERSIONS)
            .expect("invariant: the provider has TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        // No resumption: each establishment yields keys of its own.
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        config
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("authorities", &self.authorities.roots.len())
            .field("pinned_keys", &self.pinned_keys.len())
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}
