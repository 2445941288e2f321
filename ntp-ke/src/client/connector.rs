//! What it takes to speak TLS with a server that is to be believed.

use super::authorities::{self, Authorities, TrustError};
use super::look_up::Family;
use super::verifier::{CertificateTime, Verifier};
use crate::provider::{ALPN, VERSIONS, provider};
use ntp_config::Trust;
use ntp_proto::nts::AeadAlgorithm;
use rustls::ClientConfig;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// Which servers are believed, and what they are asked for. See the [module](super) for when to
/// build one.
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
    /// Reads the files of authorities, and those of the system if they are wanted.
    ///
    /// # Errors
    /// Says which file is at fault, or that nobody would be believed, and what to do.
    pub fn new(trust: &Trust) -> Result<Self, TrustError> {
        Self::judging_by(authorities::load(trust)?, trust)
    }

    fn judging_by(authorities: Authorities, trust: &Trust) -> Result<Self, TrustError> {
        let provider = provider();
        let webpki = WebPkiServerVerifier::builder_with_provider(
            Arc::clone(&authorities.roots),
            Arc::clone(&provider),
        );
        // It refuses only where there are no roots.
        let webpki = webpki.build().map_err(|_| TrustError::Nobody)?;
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

    /// Uses addresses of one family alone, for key establishment and for NTP; `None` uses both.
    #[must_use]
    pub fn over(self, family: Option<Family>) -> Self {
        Self { family, ..self }
    }

    /// The only family of addresses that is used, if there is one.
    #[must_use]
    pub const fn family(&self) -> Option<Family> {
        self.family
    }

    /// How many authorities are believed.
    #[must_use]
    pub fn authorities(&self) -> usize {
        self.authorities.roots.len()
    }

    /// The algorithms that are offered, the most wanted first.
    #[must_use]
    pub fn algorithms(&self) -> &[AeadAlgorithm] {
        &self.algorithms
    }

    /// Judges one server's certificates.
    pub(super) fn verifier(&self, time: CertificateTime) -> Verifier {
        Verifier::new(
            Arc::clone(&self.webpki),
            self.authorities.clone(),
            self.pinned_keys.clone(),
            time,
        )
    }

    /// TLS as a test of the server wants it.
    #[cfg(test)]
    pub(crate) fn tls_by(&self, provider: CryptoProvider) -> ClientConfig {
        let time = CertificateTime::At(crate::test_certificates::NOW);
        Self {
            provider: Arc::new(provider),
            ..self.clone()
        }
        .tls(Arc::new(self.verifier(time)))
    }

    /// TLS for one connection.
    pub(super) fn tls(&self, verifier: Arc<Verifier>) -> ClientConfig {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&VERSIONS)
            .expect("invariant: the provider has TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Each establishment is to yield keys of its own.
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
