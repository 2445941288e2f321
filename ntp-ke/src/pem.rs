//! Reading files of certificates.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};

/// All certificates of a PEM file, in their order. Other sections are skipped.
///
/// # Errors
/// Says what is wrong with the text, for people.
pub(crate) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| fault(&error))
}

/// What is wrong with a PEM file. The library would print lines of it, which in the file of a
/// private key are secret.
pub(crate) fn fault(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            "a section has a `-----BEGIN` line and no `-----END` line".into()
        }
        pem::Error::IllegalSectionStart { .. } => "a `-----BEGIN` line is damaged".into(),
        pem::Error::Base64Decode(_) => "a section is not in Base64".into(),
        pem::Error::SectionTooLarge => "a section is far too long".into(),
        pem::Error::NoItemsFound => "it has no section of this kind".into(),
        _ => "it cannot be read as PEM".into(),
    }
}
