//! Certificates for tests: an authority of their own and what it has signed.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The time for which certificates are valid before and after now.
const VALID_FOR: Duration = Duration::from_secs(30 * 86_400);

/// An authority whose certificate lies in a folder as `ca.pem`.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The certificate chain (PEM).
    pub chain: PathBuf,
    /// The private key (PEM).
    pub key: PathBuf,
}

impl Authority {
    /// A new authority.
    ///
    /// # Panics
    /// If the file cannot be written.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let mut params = valid_now(CertificateParams::default());
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "Truechimer test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate can be made");
        std::fs::write(folder.join("ca.pem"), issuer.pem()).expect("the folder can be written");
        Self {
            issuer,
            folder: folder.to_owned(),
        }
    }

    /// The file with its certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Signs a certificate for these names and addresses, in files called after `stem`.
    ///
    /// # Panics
    /// If the files cannot be written.
    #[must_use]
    pub fn sign(&self, stem: &str, names: &[&str]) -> CertificateFiles {
        let key = KeyPair::generate().expect("a key can be made");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("invariant: names of tests are names");
        let mut params = valid_now(params);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("a certificate can be made");
        let files = CertificateFiles {
            chain: self.folder.join(format!("{stem}.pem")),
            key: self.folder.join(format!("{stem}.key")),
        };
        std::fs::write(&files.chain, certificate.pem()).expect("the folder can be written");
        std::fs::write(&files.key, key.serialize_pem()).expect("the folder can be written");
        files
    }
}

fn valid_now(mut params: CertificateParams) -> CertificateParams {
    let now = SystemTime::now();
    params.not_before = (now - VALID_FOR).into();
    params.not_after = (now + VALID_FOR).into();
    params
}
