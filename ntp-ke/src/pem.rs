//! Reading certificates in PEM.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};

/// The certificates of a PEM file, in their order. Other sections are skipped.
///
/// # Errors
/// Describes the defect of the text.
pub(crate) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| defect(&error))
}

/// Describes the defect of a PEM file. The library's own message would contain lines of it, which
/// are secret in the file of a private key.
pub(crate) fn defect(error: &pem::Error) -> String {
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
