//! Reads the fields of certificates, for people to look at and for the dates of a chain.
//!
//! webpki verifies names, purposes, signatures and dates; this module verifies nothing. But the
//! dates that it reads decide at which time webpki verifies a chain while our clock is unknown
//! (`client/verifier.rs`), and are kept with the keys. A misread date cannot make webpki accept a
//! chain that was never valid after the lower bound, because webpki reads the dates again.
//!
//! It is as lenient as webpki. A stricter parser could refuse a certificate of the path that webpki
//! accepts, and its dates would be missing.

mod der;
mod name;
mod public_key;

use crate::date;
use crate::provider::sha256;
use der::{Reader, tag};
use ntp_config::sanitize;
use ntp_proto::nts::Validity;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The most names of a certificate in [`CertificateFacts`].
pub const MAX_CERTIFICATE_NAMES: usize = 32;

/// The most characters of one name.
const MAX_NAME_LENGTH: usize = 260;

/// The object identifier of subjectAltName (RFC 5280 §4.2.1.6), 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The contents of a certificate. All text is [sanitized](ntp_config::sanitize).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFacts {
    /// The subject, as `CN=…, O=…`; empty if the certificate has only alternative names.
    pub subject: String,
    /// The issuer, in the same form.
    pub issuer: String,
    /// The host names and addresses, at most [`MAX_CERTIFICATE_NAMES`].
    pub names: Vec<String>,
    /// The time in which it is valid.
    pub validity: Validity,
    /// The kind of its key, as `ECDSA P-256` or `RSA 2048`.
    pub key: String,
    /// SHA-256 over its public key (SubjectPublicKeyInfo, DER), as in `pinned-keys`.
    pub key_sha256: [u8; 32],
}

impl CertificateFacts {
    /// Reads a certificate (DER); `None` if it is malformed.
    #[must_use]
    pub fn from_der(certificate: &[u8]) -> Option<Self> {
        let fields = Fields::read(certificate)?;
        Some(Self {
            subject: sanitize(&name::text(fields.subject), MAX_NAME_LENGTH),
            issuer: sanitize(&name::text(fields.issuer), MAX_NAME_LENGTH),
            names: fields.alternative_names().unwrap_or_default(),
            validity: fields.validity,
            key: public_key::kind(fields.public_key),
            key_sha256: sha256(fields.public_key),
        })
    }

    /// True if the subject and the issuer are the same.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }
}

/// The fields of a certificate (RFC 5280 §4.1) that are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    /// The content of the name, without its outer tag and length.
    pub(crate) issuer: &'a [u8],
    /// The content of the name, without its outer tag and length.
    pub(crate) subject: &'a [u8],
    pub(crate) validity: Validity,
    /// The SubjectPublicKeyInfo with its outer tag and length.
    public_key: &'a [u8],
    extensions: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    pub(crate) fn read(certificate: &'a [u8]) -> Option<Self> {
        let mut certificate = Reader::new(Reader::new(certificate).take(tag::SEQUENCE)?);
        let mut body = Reader::new(certificate.take(tag::SEQUENCE)?);
        let _version = body.take(tag::CONTEXT_0);
        let _serial_number = body.take(tag::INTEGER)?;
        let _signature_algorithm = body.take(tag::SEQUENCE)?;
        let issuer = body.take(tag::SEQUENCE)?;
        let mut validity = Reader::new(body.take(tag::SEQUENCE)?);
        let validity = Validity {
            not_before: time(&mut validity)?,
            not_after: time(&mut validity)?,
        };
        let subject = body.take(tag::SEQUENCE)?;
        let public_key = body.take_whole(tag::SEQUENCE)?;
        let _issuer_id = body.take(tag::CONTEXT_1_PRIMITIVE);
        let _subject_id = body.take(tag::CONTEXT_2_PRIMITIVE);
        let extensions = body.take(tag::CONTEXT_3);
        Some(Self {
            issuer,
            subject,
            validity,
            public_key,
            extensions,
        })
    }

    fn alternative_names(&self) -> Option<Vec<String>> {
        let mut extensions = Reader::new(Reader::new(self.extensions?).take(tag::SEQUENCE)?);
        while let Some(extension) = extensions.take(tag::SEQUENCE) {
            let mut extension = Reader::new(extension);
            let id = extension.take(tag::OBJECT_IDENTIFIER)?;
            let _critical = extension.take(tag::BOOLEAN);
            if id == SUBJECT_ALT_NAME {
                let mut names = Reader::new(
                    Reader::new(extension.take(tag::OCTET_STRING)?).take(tag::SEQUENCE)?,
                );
                let shown = std::iter::from_fn(|| names.next())
                    .filter_map(|(kind, name)| general_name(kind, name));
                return Some(shown.take(MAX_CERTIFICATE_NAMES).collect());
            }
        }
        None
    }
}

/// A host name or an address (RFC 5280 §4.2.1.6); `None` for other kinds of names.
fn general_name(kind: u8, name: &[u8]) -> Option<String> {
    match kind {
        tag::CONTEXT_2_PRIMITIVE => Some(sanitize(&String::from_utf8_lossy(name), MAX_NAME_LENGTH)),
        tag::CONTEXT_7_PRIMITIVE => {
            let v4 = || <[u8; 4]>::try_from(name).map(|octets| Ipv4Addr::from(octets).to_string());
            let v6 = || <[u8; 16]>::try_from(name).map(|octets| Ipv6Addr::from(octets).to_string());
            v4().or_else(|_| v6()).ok()
        }
        _ => None,
    }
}

fn time(reader: &mut Reader<'_>) -> Option<i64> {
    let (kind, text) = reader.next()?;
    matches!(kind, tag::UTC_TIME | tag::GENERALIZED_TIME)
        .then(|| date::from_asn1(text))
        .flatten()
}

#[cfg(test)]
mod tests;
