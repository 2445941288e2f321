//! The certificate chain and private key in service, and their renewal.

use super::fingerprint::Stamp;
use super::key_pair::{Files, KeyPair, KeyPairError};
use crate::certificate::CertificateFacts;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// How often the files are looked at. A change is taken up when it has been there for two looks.
const INTERVAL: Duration = Duration::from_secs(2);

/// Holds the pair that serves connections, and takes up a new one when its files have changed.
///
/// Renewal writes two files, and we may look between the two: so a change is taken up only when
/// both files have been still for one more look. A new pair that is not good is reported once per
/// change, and the old one goes on serving.
#[derive(Debug)]
pub struct CertificateStore {
    files: Files,
    current: ArcSwap<KeyPair>,
    watch: Mutex<Watch>,
}

/// What is in service, for people to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateStatus {
    /// The chain in service, the server's own certificate first.
    pub chain: Vec<CertificateFacts>,
    /// Why the last change of the files was not taken up; `None` if it was.
    pub reload_error: Option<String>,
}

/// The stamps of both files.
type Stamps = (Option<Stamp>, Option<Stamp>);

#[derive(Debug)]
struct Watch {
    /// The files as they were when last read, well or not.
    read: Stamps,
    /// The files as they were at the last look, if they have changed.
    seen: Option<Stamps>,
    error: Option<String>,
}

impl CertificateStore {
    /// Reads both files (PEM). Of the chain, the server's own certificate has to come first; the
    /// key may be in PKCS #8, SEC 1 or PKCS #1. What is doubtful is logged as a warning.
    ///
    /// # Errors
    /// Says which file is at fault and what to do.
    pub fn open(certificate_chain: &Path, private_key: &Path) -> Result<Self, KeyPairError> {
        let files = Files {
            certificate_chain: certificate_chain.to_owned(),
            private_key: private_key.to_owned(),
        };
        // Looked at before they are read: a change in between is then seen afterwards.
        let read = stamps(&files);
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

    /// Reads both files again, changed or not. If they are good, the next connection is served by
    /// them.
    ///
    /// # Errors
    /// Says which file is at fault, which is also logged; the old pair stays in service.
    pub fn reload(&self) -> Result<(), KeyPairError> {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_again(&mut watch)
    }

    /// What is in service, and whether the last change was good.
    #[must_use]
    pub fn status(&self) -> CertificateStatus {
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        CertificateStatus {
            chain: self.current.load().chain.clone(),
            reload_error: watch.error.clone(),
        }
    }

    /// TLS for the next connection, also for one that is not served by
    /// [`KeListener`](super::KeListener).
    #[must_use]
    pub fn tls(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().tls)
    }

    /// How often [`look`](Self::look) is to be called.
    pub(super) const fn interval() -> Duration {
        INTERVAL
    }

    /// Takes up a change of the files, if there was one and it is over.
    pub(super) fn look(&self) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.files);
        if stamps == watch.read {
            watch.seen = None;
        } else if watch.seen != Some(stamps) {
            watch.seen = Some(stamps);
        } else {
            // It is logged, and there is nobody to tell.
            let _ = self.read_again(&mut watch);
        }
    }

    fn read_again(&self, watch: &mut Watch) -> Result<(), KeyPairError> {
        (watch.read, watch.seen) = (stamps(&self.files), None);
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

fn stamps(files: &Files) -> Stamps {
    (
        Stamp::of(&files.certificate_chain),
        Stamp::of(&files.private_key),
    )
}

fn warn(files: &Files, pair: &KeyPair) {
    for doubt in &pair.doubts {
        tracing::warn!("{}: {doubt}", files.certificate_chain.display());
    }
}

/// Seconds of Unix time by the system's clock, good enough for a warning.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
