//! Reading and checking a certificate chain and its private key.

use crate::certificate::CertificateFacts;
use crate::pem;
use crate::provider::{ALPN, VERSIONS, provider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys, ServerConfig};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The permission bit that lets all users read.
const READABLE_BY_ALL: u32 = 0o004;

/// The reason for which a certificate chain and a private key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyPairError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}; correct the path, or let the daemon's user read \
             it", path.display())]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// The file does not hold a certificate chain.
    #[error("{} is not a certificate chain: {reason}; it must be in PEM, the server's own \
             certificate first", path.display())]
    BadChain {
        /// The path of the file.
        path: PathBuf,
        /// The defect.
        reason: String,
    },
    /// The file does not hold a private key.
    #[error("{} is not a private key: {reason}; it must be in PEM and without a \
             passphrase", path.display())]
    BadKey {
        /// The path of the file.
        path: PathBuf,
        /// The defect.
        reason: String,
    },
    /// The private key does not belong to the certificate.
    #[error(
        "the private key in {} does not belong to the first certificate in {}; put the server's \
         own certificate first, and renew both files together",
        private_key.display(), certificate_chain.display()
    )]
    Mismatch {
        /// The file with the certificate chain.
        certificate_chain: PathBuf,
        /// The file with the private key.
        private_key: PathBuf,
    },
}

/// A certificate chain with its private key, ready for TLS.
#[derive(Debug)]
pub(super) struct KeyPair {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) chain: Vec<CertificateFacts>,
    /// Doubts about a pair that can be used, in sentences.
    pub(super) doubts: Vec<String>,
}

/// The files of a certificate chain and its private key.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) certificate_chain: PathBuf,
    pub(super) private_key: PathBuf,
}

impl Files {
    /// Reads both files. Dates are compared with `now`, in seconds of Unix time, and only raise
    /// doubts, because our clock may be wrong.
    pub(super) fn load(&self, now: i64) -> Result<KeyPair, KeyPairError> {
        let chain = self.chain()?;
        let facts: Vec<_> = chain
            .iter()
            .filter_map(|certificate| CertificateFacts::from_der(certificate))
            .collect();
        let key = self.key()?;
        let mut doubts = doubts(&facts, now);
        doubts.extend(self.doubt_of_permissions());
        let certified =
            CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => KeyPairError::Mismatch {
                    certificate_chain: self.certificate_chain.clone(),
                    private_key: self.private_key.clone(),
                },
                Error::InvalidCertificate(error) => self.bad_chain(error.to_string()),
                error => self.bad_key(error.to_string()),
            })?;
        Ok(KeyPair {
            tls: Arc::new(tls(certified)),
            chain: facts,
            doubts,
        })
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, KeyPairError> {
        let text = read(&self.certificate_chain)?;
        let chain = pem::certificates(&text).map_err(|reason| self.bad_chain(reason))?;
        match chain.first().map(|own| CertificateFacts::from_der(own)) {
            None => Err(self.bad_chain("there is no certificate in it".into())),
            Some(None) => Err(self.bad_chain("its first certificate is malformed".into())),
            Some(Some(_)) => Ok(chain),
        }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, KeyPairError> {
        let text = read(&self.private_key)?;
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
            let is_locked = text.windows(20).any(|part| part == b"BEGIN ENCRYPTED PRIV");
            self.bad_key(if is_locked {
                "it is locked with a passphrase".into()
            } else {
                pem::defect(&error)
            })
        })
    }

    fn bad_chain(&self, reason: String) -> KeyPairError {
        KeyPairError::BadChain {
            path: self.certificate_chain.clone(),
            reason,
        }
    }

    fn bad_key(&self, reason: String) -> KeyPairError {
        KeyPairError::BadKey {
            path: self.private_key.clone(),
            reason,
        }
    }

    fn doubt_of_permissions(&self) -> Option<String> {
        let mode = std::fs::metadata(&self.private_key)
            .ok()?
            .permissions()
            .mode();
        let path = self.private_key.display();
        (mode & READABLE_BY_ALL != 0).then(|| {
            format!(
                "every user of this machine can read the private key {path}; run `chmod o-r {path}`"
            )
        })
    }
}

/// Reads both files as a server does at its start, and returns doubts about them, in sentences.
/// `now` is in seconds of Unix time.
///
/// # Errors
/// Names the file at fault and the remedy.
pub fn check_key_pair(
    certificate_chain: &Path,
    private_key: &Path,
    now: i64,
) -> Result<Vec<String>, KeyPairError> {
    let files = Files {
        certificate_chain: certificate_chain.to_owned(),
        private_key: private_key.to_owned(),
    };
    files.load(now).map(|pair| pair.doubts)
}

/// The content of a file, which is wiped when it is dropped.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyPairError> {
    let read = crate::read_regular_file(path).map(Zeroizing::new);
    read.map_err(|error| KeyPairError::Unreadable {
        path: path.to_owned(),
        error,
    })
}

fn doubts(chain: &[CertificateFacts], now: i64) -> Vec<String> {
    let mut doubts = Vec::new();
    let Some(own) = chain.first() else {
        return doubts;
    };
    if own.names.is_empty() {
        doubts.push("the certificate names no host, so no client will accept it".to_owned());
    }
    for certificate in chain {
        let (begin, end) = (
            certificate.validity.not_before,
            certificate.validity.not_after,
        );
        let of_whom = if certificate == own {
            String::new()
        } else {
            format!(" of {}", certificate.subject)
        };
        if now > end {
            doubts.push(format!(
                "the certificate{of_whom} expired at {}; renew it",
                crate::utc(end)
            ));
        } else if now < begin {
            let begin = crate::utc(begin);
            doubts.push(format!(
                "the certificate{of_whom} is not valid before {begin}; our clock may be behind"
            ));
        }
    }
    doubts
}

fn tls(certified: CertifiedKey) -> ServerConfig {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&VERSIONS)
        .expect("invariant: the provider has TLS 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No resumption: each establishment yields keys of its own.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    config
}
