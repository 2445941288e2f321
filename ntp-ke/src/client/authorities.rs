//! The trusted certificate authorities: those of the system, and those of files.

use crate::pem;
use ntp_config::Trust;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The authorities of the system are read again after this time, because packages update them while
/// a daemon runs.
const SYSTEM_AGE: Duration = Duration::from_secs(3600);

/// The remedy at the end of errors about a file.
const REMEDY: &str = "name a PEM file with certificates in certificate-authority";

/// The reason for which no server can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file cannot be read.
    #[error("cannot read the certificate authorities in {}: {error}; correct the path or its \
             permissions", path.display())]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// A file is not in PEM.
    #[error("{} is not a file of certificate authorities: {reason}; {REMEDY}", path.display())]
    NotPem {
        /// The path of the file.
        path: PathBuf,
        /// The defect.
        reason: String,
    },
    /// A file has no certificate.
    #[error("there is no certificate in {}; {REMEDY}", path.display())]
    NoCertificate {
        /// The path of the file.
        path: PathBuf,
    },
    /// A certificate in a file cannot be used as an authority.
    #[error("certificate number {number} in {} cannot be used: {reason}; replace or remove \
             it", path.display())]
    BadCertificate {
        /// The path of the file.
        path: PathBuf,
        /// The number of the certificate in the file, from 1.
        number: usize,
        /// The defect.
        reason: String,
    },
    /// The system has no authorities, and no file was named.
    #[error(
        "this system has no certificate authorities ({detail}); install the package \
         ca-certificates, or name the authority of the server in certificate-authority"
    )]
    NoSystemAuthorities {
        /// The system's message.
        detail: String,
    },
    /// The configuration names no authorities.
    #[error(
        "no certificate authority is trusted; name one in certificate-authority, or set \
         system-authorities = true"
    )]
    NoAuthorities,
}

/// The authorities of one source.
#[derive(Clone, Debug)]
pub(super) struct Authorities {
    /// The trust anchors: the authorities of files, and those of the system if they are enabled.
    pub(super) roots: Arc<RootCertStore>,
    /// The certificates of the files. A server may present one of these as its own.
    pub(super) named: Arc<[CertificateDer<'static>]>,
}

/// Reads the authorities that `trust` names, and those of the system only if it enables them.
///
/// # Errors
/// Names the file at fault, or the lack of any authority.
pub(super) fn load(trust: &Trust) -> Result<Authorities, TrustError> {
    let (files, named) = read_files(&trust.certificate_authorities)?;
    let roots = if trust.system_authorities {
        with_system(files, system())
    } else {
        alone(files)
    }?;
    Ok(Authorities {
        roots,
        named: named.into(),
    })
}

/// The authorities of the system, and a message about those that could not be read.
#[derive(Clone, Debug)]
pub(super) struct SystemAuthorities {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) detail: String,
}

fn alone(files: RootCertStore) -> Result<Arc<RootCertStore>, TrustError> {
    if files.is_empty() {
        Err(TrustError::NoAuthorities)
    } else {
        Ok(Arc::new(files))
    }
}

/// The authorities of files and of the system. Without files, the system's store is shared.
pub(super) fn with_system(
    mut files: RootCertStore,
    system: SystemAuthorities,
) -> Result<Arc<RootCertStore>, TrustError> {
    match (files.is_empty(), system.roots.is_empty()) {
        (true, true) => Err(TrustError::NoSystemAuthorities {
            detail: system.detail,
        }),
        (true, false) => Ok(system.roots),
        // The server's certificate may be issued by an authority of the files.
        (false, true) => Ok(Arc::new(files)),
        (false, false) => {
            files.roots.extend(system.roots.roots.iter().cloned());
            Ok(Arc::new(files))
        }
    }
}

/// The authorities of the system, which are read at the first use.
fn system() -> SystemAuthorities {
    static LOADED: Mutex<Option<(Instant, SystemAuthorities)>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*loaded {
        Some((at, system)) if at.elapsed() < SYSTEM_AGE && !system.roots.is_empty() => {
            system.clone()
        }
        _ => {
            let system = read_system();
            *loaded = Some((Instant::now(), system.clone()));
            system
        }
    }
}

fn read_system() -> SystemAuthorities {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Unusable certificates do not make the others unusable.
    let (_, unusable) = roots.add_parsable_certificates(found.certs);
    let detail = match found.errors.first() {
        Some(error) => error.to_string(),
        None if unusable > 0 => format!("{unusable} certificates cannot be used"),
        None => "no certificates were found".to_owned(),
    };
    SystemAuthorities {
        roots: Arc::new(roots),
        detail,
    }
}

/// The certificates of these files, as trust anchors and as they are.
pub(super) fn read_files(
    paths: &[PathBuf],
) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TrustError> {
    let mut roots = RootCertStore::empty();
    let mut named = Vec::new();
    for path in paths {
        for (index, certificate) in read_file(path)?.into_iter().enumerate() {
            roots
                .add(certificate.clone())
                .map_err(|error| TrustError::BadCertificate {
                    path: path.clone(),
                    number: index + 1,
                    reason: error.to_string(),
                })?;
            named.push(certificate);
        }
    }
    Ok((roots, named))
}

fn read_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let text = crate::read_regular_file(path).map_err(|error| TrustError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let certificates = pem::certificates(&text).map_err(|reason| TrustError::NotPem {
        path: path.to_owned(),
        reason,
    })?;
    if certificates.is_empty() {
        return Err(TrustError::NoCertificate {
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}
