//! Verifies a server's certificates at a time that need not be that of the machine's clock.

use super::authorities::Authorities;
use super::certificate_reason::{PinnedKeyMismatch, is_authority_as_server};
use super::presented::Presented;
use crate::certificate::{CertificateFacts, Fields};
use crate::provider::sha256;
use ntp_proto::nts::Validity;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The most certificates of a server that are considered. webpki follows no longer path either.
const MAX_CHAIN: usize = 8;

/// The time at which certificates must be valid, in seconds of Unix time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CertificateTime {
    /// At this time, which is known.
    At(u64),
    /// At this time or at any later one: the clock has never been right, and it is only known that
    /// this time has passed. A certificate that expired before is refused; one that begins later is
    /// accepted. The chain, the name and the purpose are verified in any case.
    Since(u64),
}

/// Verifies the certificates of one connection, and keeps them.
#[derive(Debug)]
pub(super) struct Verifier {
    webpki: Arc<WebPkiServerVerifier>,
    authorities: Authorities,
    pinned_keys: Vec<[u8; 32]>,
    time: CertificateTime,
    presented: OnceLock<Presented>,
}

impl Verifier {
    pub(super) const fn new(
        webpki: Arc<WebPkiServerVerifier>,
        authorities: Authorities,
        pinned_keys: Vec<[u8; 32]>,
        time: CertificateTime,
    ) -> Self {
        Self {
            webpki,
            authorities,
            pinned_keys,
            time,
            presented: OnceLock::new(),
        }
    }

    /// The certificates that the server has presented; empty before it has.
    pub(super) fn presented(&self) -> Presented {
        self.presented.get().cloned().unwrap_or_default()
    }

    /// The time for which webpki verifies the chain. With [`CertificateTime::Since`] it is the
    /// first moment at which all certificates of the path have begun: if they were ever valid
    /// together since the lower bound, they are valid then.
    fn verification_time(&self, path: Validity) -> UnixTime {
        let seconds = match self.time {
            CertificateTime::At(time) => time,
            CertificateTime::Since(lower) => lower.max(u64::try_from(path.not_before).unwrap_or(0)),
        };
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    /// The time in which all certificates of the path from the server's own to an authority are
    /// valid. Other certificates in the chain, such as an authority's that expired years ago, do
    /// not count.
    fn validity_of_path(&self, chain: &[&CertificateDer<'_>]) -> Option<Validity> {
        let (first, rest) = chain.split_first()?;
        let mut current = Fields::read(first)?;
        let mut validity = current.validity;
        if self.is_named(first) {
            return Some(validity);
        }
        for _ in 0..MAX_CHAIN {
            if self
                .authorities
                .roots
                .roots
                .iter()
                .any(|root| root.subject.as_ref() == current.issuer)
            {
                break;
            }
            let above = rest
                .iter()
                .filter_map(|certificate| Fields::read(certificate));
            let Some(issuer) = above
                .into_iter()
                .find(|above| above.subject == current.issuer)
            else {
                break;
            };
            validity = validity.and(issuer.validity);
            current = issuer;
        }
        Some(validity)
    }

    /// True if the configuration names exactly this certificate.
    fn is_named(&self, certificate: &CertificateDer<'_>) -> bool {
        self.authorities
            .named
            .iter()
            .any(|named| named == certificate)
    }

    /// Verifies a server's own certificate that the configuration names: its dates and name must
    /// match, and rustls verifies the handshake's signature with its key. It needs no authority,
    /// and may be marked as one itself, as `openssl req -x509` marks it.
    fn verify_named(
        own: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(own)?;
        let mut anchor = RootCertStore::empty();
        anchor.add(own.clone())?;
        let algorithms = aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .all;
        match verify_server_cert_signed_by_trust_anchor(&parsed, &anchor, &[], now, algorithms) {
            // webpki checks the dates before it returns either of these.
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
            Err(Error::InvalidCertificate(error)) if is_authority_as_server(&error) => {}
            other => other?,
        }
        verify_server_name(&parsed, name)
    }

    fn check_pinned(&self, chain: &[&CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        if self.pinned_keys.is_empty()
            || chain
                .iter()
                .enumerate()
                .any(|(place, _)| self.is_pinned(chain, place, now))
        {
            return Ok(());
        }
        Err(CertificateError::Other(OtherError(Arc::new(PinnedKeyMismatch))).into())
    }

    /// True if the certificate at `place` has a pinned key and a path leads from the server's own
    /// certificate to it. Its mere presence proves nothing, because a server can present any
    /// certificate.
    fn is_pinned(&self, chain: &[&CertificateDer<'_>], place: usize, now: UnixTime) -> bool {
        let Some((own, intermediates)) = chain.split_first() else {
            return false;
        };
        let Some(candidate) = chain.get(place) else {
            return false;
        };
        let has_pinned_key = ParsedCertificate::try_from(*candidate).is_ok_and(|parsed| {
            self.pinned_keys
                .contains(&sha256(&parsed.subject_public_key_info()))
        });
        if !has_pinned_key || place == 0 {
            return has_pinned_key;
        }
        let mut anchor = RootCertStore::empty();
        let intermediates: Vec<CertificateDer<'_>> =
            intermediates.iter().map(|der| (*der).clone()).collect();
        let algorithms = aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .all;
        anchor.add((*candidate).clone()).is_ok()
            && ParsedCertificate::try_from(*own).is_ok_and(|own| {
                verify_server_cert_signed_by_trust_anchor(
                    &own,
                    &anchor,
                    &intermediates,
                    now,
                    algorithms,
                )
                .is_ok()
            })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _clock: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain: Vec<_> = std::iter::once(end_entity)
            .chain(intermediates)
            .take(MAX_CHAIN)
            .collect();
        let validity = self.validity_of_path(&chain);
        let facts = chain
            .iter()
            .filter_map(|certificate| CertificateFacts::from_der(certificate))
            .collect();
        // rustls calls this once per connection.
        let _ = self.presented.set(Presented { facts, validity });

        // A certificate that cannot be parsed has no known end of validity, so it is refused.
        let now = self.verification_time(validity.ok_or(CertificateError::BadEncoding)?);
        if self.is_named(end_entity) {
            Self::verify_named(end_entity, server_name, now)?;
        } else {
            self.webpki.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            )?;
        }
        self.check_pinned(&chain, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}
