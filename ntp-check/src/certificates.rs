//! Checks the certificates and private keys of NTS-KE servers, and the authorities of sources with
//! NTS.

use crate::{Finding, Severity};
use ntp_config::{Config, NtsKeServerEntry, SourceKind};
use ntp_ke::client::{Connector, TrustError};
use ntp_ke::server::{KeyPairError, check_key_pair};
use std::io;
use std::path::Path;

pub(crate) fn findings(config: &Config, now: i64) -> Vec<Finding> {
    let pairs = config
        .nts_ke_servers
        .iter()
        .flat_map(|entry| pair(entry, now));
    let trusts = config
        .sources
        .iter()
        .filter_map(|source| match &source.kind {
            SourceKind::Nts { trust, .. } => Connector::new(trust).err(),
            SourceKind::Server { .. } | SourceKind::Pool { .. } => None,
        });
    pairs.chain(trusts.map(|error| authority(&error))).collect()
}

/// The findings about the certificate chain and the private key of one `[[nts-ke-server]]`.
fn pair(entry: &NtsKeServerEntry, now: i64) -> Vec<Finding> {
    match check_key_pair(&entry.certificate_chain, &entry.private_key, now) {
        Ok(doubts) => doubts
            .iter()
            .map(|doubt| doubtful(&entry.certificate_chain, doubt))
            .collect(),
        Err(KeyPairError::Unreadable { path, error }) => {
            vec![unreadable(&path, &error, Severity::Error)]
        }
        Err(error) => vec![Finding::from_sentence(Severity::Error, &error.to_string())],
    }
}

fn doubtful(chain: &Path, doubt: &str) -> Finding {
    Finding::from_sentence(Severity::Warning, &format!("{}: {doubt}", chain.display()))
}

/// A warning, because a source without authorities fails alone and reports it.
fn authority(error: &TrustError) -> Finding {
    match error {
        TrustError::Unreadable { path, error } => unreadable(path, error, Severity::Warning),
        error => Finding::from_sentence(Severity::Warning, &error.to_string()),
    }
}

fn unreadable(path: &Path, error: &io::Error, severity: Severity) -> Finding {
    let path = path.display();
    if error.kind() == io::ErrorKind::PermissionDenied {
        let message = format!("{path} cannot be checked, as this user may not read it");
        return Finding::warning(
            message,
            "check as root or as the daemon's user, and let that user read the file",
        );
    }
    let message = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => format!("{path} does not exist"),
        io::ErrorKind::IsADirectory => format!("{path} is a folder"),
        _ => format!("{path} cannot be read: {error}"),
    };
    Finding {
        severity,
        message,
        help: "put a file with PEM text there, or name another one".to_owned(),
    }
}
