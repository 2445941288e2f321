//! The certificate chain and private key in service, and their renewal.

use super::fingerprint::FileFingerprint;
use super::key_pair::{Files, KeyPair, KeyPairError};
use crate::certificate::CertificateFacts;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The interval between two checks of the files. A change is loaded when it is seen twice.
const INTERVAL: Duration = Duration::from_secs(2);

/// Holds the certificate chain and private key in service, and reloads them when their files
/// change.
///
/// Renewal writes two files, and a check may fall between the two writes: a change is loaded only
/// if both files are the same at the next check. A pair that cannot be used is reported once per
/// change, and the old one stays in service.
#[derive(Debug)]
pub struct CertificateStore {
    files: Files,
    current: ArcSwap<KeyPair>,
    watch: Mutex<Watch>,
}

/// The state of a [`CertificateStore`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateStatus {
    /// The chain in service, the server's own certificate first.
    pub chain: Vec<CertificateFacts>,
    /// The error of the last reload; `None` if it succeeded.
    pub reload_error: Option<String>,
}

/// The fingerprints of the certificate chain and the private key.
type Fingerprints = (Option<FileFingerprint>, Option<FileFingerprint>);

#[derive(Debug)]
struct Watch {
    /// The files at the last reading, successful or not.
    read: Fingerprints,
    /// The files at the last check, if they differ from `read`.
    seen: Option<Fingerprints>,
    error: Option<String>,
}

impl CertificateStore {
    /// Reads both files (PEM). The chain must begin with the server's own certificate; the key may
    /// be in PKCS #8, SEC 1 or PKCS #1. Doubts are logged as warnings.
    ///
    /// # Errors
    /// Names the file at fault and the remedy.
    pub fn open(certificate_chain: &Path, private_key: &Path) -> Result<Self, KeyPairError> {
        let files = Files {
            certificate_chain: certificate_chain.to_owned(),
            private_key: private_key.to_owned(),
        };
        // Taken before the reading, so that a change in between is found by the next check.
        let read = fingerprints(&files);
        let pair = files.load(now())?;
        warn(&files, &pair);
        let watch = Mutex::new(Watch {
            read,
            seen: None,
            error: None,
        });
        Ok(Self {
            files,
            current: ArcSwap::from_pointee(pair),
            watch,
        })
    }

    /// Reloads both files, changed or not. The next connection uses the new pair.
    ///
    /// # Errors
    /// Names the file at fault, which is also logged; the old pair stays in service.
    pub fn reload(&self) -> Result<(), KeyPairError> {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        self.reload_locked(&mut watch)
    }

    /// The chain in service, and the result of the last reload.
    #[must_use]
    pub fn status(&self) -> CertificateStatus {
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        CertificateStatus {
            chain: self.current.load().chain.clone(),
            reload_error: watch.error.clone(),
        }
    }

    /// The TLS configuration for the next connection, also for one that is not served by
    /// [`KeListener`](super::KeListener).
    #[must_use]
    pub fn tls(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().tls)
    }

    /// The interval at which [`check_files`](Self::check_files) must be called.
    pub(super) const fn interval() -> Duration {
        INTERVAL
    }

    /// Reloads the files if they have changed, and not again since the last check.
    pub(super) fn check_files(&self) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let found = fingerprints(&self.files);
        if found == watch.read {
            watch.seen = None;
        } else if watch.seen != Some(found) {
            watch.seen = Some(found);
        } else {
            // The error has been logged.
            let _ = self.reload_locked(&mut watch);
        }
    }

    fn reload_locked(&self, watch: &mut Watch) -> Result<(), KeyPairError> {
        (watch.read, watch.seen) = (fingerprints(&self.files), None);
        match self.files.load(now()) {
            Ok(pair) => {
                warn(&self.files, &pair);
                let until = pair
                    .chain
                    .first()
                    .map(|own| crate::utc(own.validity.not_after))
                    .unwrap_or_default();
                let file = self.files.certificate_chain.display();
                tracing::info!("the certificate in {file} was reloaded; it is valid until {until}");
                self.current.store(Arc::new(pair));
                watch.error = None;
                Ok(())
            }
            Err(error) => {
                tracing::error!(
                    "the new certificate cannot be used, the old one stays in service: {error}"
                );
                watch.error = Some(error.to_string());
                Err(error)
            }
        }
    }
}

fn fingerprints(files: &Files) -> Fingerprints {
    (
        FileFingerprint::of(&files.certificate_chain),
        FileFingerprint::of(&files.private_key),
    )
}

fn warn(files: &Files, pair: &KeyPair) {
    for doubt in &pair.doubts {
        tracing::warn!("{}: {doubt}", files.certificate_chain.display());
    }
}

/// The system clock in seconds of Unix time. It is only used for warnings.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
