//! What certificates say, for people to look at. Whether they are to be believed is judged by
//! rustls, never by this.

mod der;
mod name;
mod public_key;

use crate::date;
use crate::harmless::harmless;
use crate::provider::sha256;
use der::{Reader, tag};
use ntp_proto::nts::Validity;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The most names of a certificate that are shown.
pub const MAX_CERTIFICATE_NAMES: usize = 32;

/// The most characters of a name that are shown.
const MAX_NAME_LENGTH: usize = 260;

/// The object identifier of the extension with the names (RFC 5280 §4.2.1.6), 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// What a certificate says. All text is harmless: control characters are escaped, and what is too
/// long is cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFacts {
    /// For whom it was issued, as `CN=…, O=…`; empty where only its names tell.
    pub subject: String,
    /// Who has issued it, in the same form.
    pub issuer: String,
    /// The host names and addresses that it is for, [`MAX_CERTIFICATE_NAMES`] at most.
    pub names: Vec<String>,
    /// From when until when it is valid.
    pub validity: Validity,
    /// The kind of its key in words, as `ECDSA P-256` or `RSA 2048`.
    pub key: String,
    /// SHA-256 over its public key (SubjectPublicKeyInfo, DER): what `pinned-keys` holds.
    pub key_sha256: [u8; 32],
}

impl CertificateFacts {
    /// Reads a certificate (DER). `None` if it is none.
    #[must_use]
    pub fn from_der(certificate: &[u8]) -> Option<Self> {
        let fields = Fields::read(certificate)?;
        Some(Self {
            subject: harmless(&name::text(fields.subject), MAX_NAME_LENGTH),
            issuer: harmless(&name::text(fields.issuer), MAX_NAME_LENGTH),
            names: fields.alternative_names().unwrap_or_default(),
            validity: fields.validity,
            key: public_key::kind(fields.public_key),
            key_sha256: sha256(fields.public_key),
        })
    }

    /// Whether it was issued with its own name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }
}

/// The parts of a certificate that we look at (RFC 5280 §4.1), as they are.
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

/// A host name or an address (RFC 5280 §4.2.1.6); other kinds of names do not matter to us.
fn general_name(kind: u8, name: &[u8]) -> Option<String> {
    match kind {
        tag::CONTEXT_2_PRIMITIVE => Some(harmless(&String::from_utf8_lossy(name), MAX_NAME_LENGTH)),
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
