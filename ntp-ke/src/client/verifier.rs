//! Judging a server's certificates at a time that need not be that of the machine's clock.

use super::authorities::Authorities;
use super::certificate_fault::{PinnedKeyMismatch, is_authority_as_server};
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

/// The most certificates of a server that are looked at, beyond which no path is followed by webpki
/// either.
const MAX_CHAIN: usize = 8;

/// When certificates have to be valid, in seconds of Unix time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CertificateTime {
    /// At this time: it is known.
    At(u64),
    /// At this time or at any later one: the clock has never been right, and all that is known is
    /// that this time has passed. A certificate that ended before is refused; one that begins later
    /// is believed. Everything else, the chain, the name and the purpose, is judged as ever.
    Since(u64),
}

/// What a server has presented, whether it was believed or not.
#[derive(Clone, Debug, Default)]
pub(super) struct Presented {
    pub(super) facts: Vec<CertificateFacts>,
    /// When all certificates from the server's own up to the authority are valid.
    pub(super) validity: Option<Validity>,
}

/// Judges the certificates of one connection, and remembers them.
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

    /// What the server has presented; empty before it has.
    pub(super) fn presented(&self) -> Presented {
        self.presented.get().cloned().unwrap_or_default()
    }

    /// The time to ask webpki about. With [`CertificateTime::Since`] it is the first moment at
    /// which all certificates of the path have begun: if they were ever valid together since the
    /// lower bound, they are valid then.
    fn asked(&self, path: Validity) -> UnixTime {
        let seconds = match self.time {
            CertificateTime::At(time) => time,
            CertificateTime::Since(lower) => lower.max(u64::try_from(path.not_before).unwrap_or(0)),
        };
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    /// When all certificates are valid that lead from the server's own to an authority. What a
    /// server presents beyond them, such as another authority's certificate that expired years ago,
    /// does not count.
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

    /// Says whether the administrator has named exactly this certificate.
    fn is_named(&self, certificate: &CertificateDer<'_>) -> bool {
        self.authorities
            .named
            .iter()
            .any(|named| named == certificate)
    }

    /// Judges a server's own certificate that the administrator has named: dates and name have to
    /// be right, and the signature of the handshake is verified with its key as ever. No authority
    /// need vouch for it, and it may be marked as one itself, as `openssl req -x509` marks it.
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
            // webpki looks at the dates before both of these.
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

    /// Whether the certificate at `place` has a pinned key and vouches for the server's own. That
    /// it merely lies in the chain would not do: anybody can put it there.
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
        // A connection asks once.
        let _ = self.presented.set(Presented { facts, validity });

        // What we cannot read to its end of validity we could not watch either.
        let now = self.asked(validity.ok_or(CertificateError::BadEncoding)?);
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
