//! Trusted authorities, and the errors of those that cannot be read.

use super::peer::trust;
use crate::client::authorities::{SystemAuthorities, read_files, with_system};
use crate::client::{Connector, TrustError};
use crate::test_certificates::{Authority, pem, write};
use ntp_config::Trust;
use rustls::RootCertStore;
use std::path::PathBuf;
use std::sync::Arc;

fn refusal(files: Vec<PathBuf>) -> String {
    let trust = Trust {
        certificate_authorities: files,
        system_authorities: false,
        ..Trust::default()
    };
    Connector::new(&trust).unwrap_err().to_string()
}

fn store(authority: &Authority) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    roots
}

fn system(roots: RootCertStore) -> SystemAuthorities {
    SystemAuthorities {
        roots: Arc::new(roots),
        detail: "no certificates were found".into(),
    }
}

#[test]
fn authorities_of_files_alone_replace_those_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let trust = trust(&folder, &Authority::root("Root"));
    assert_eq!(Connector::new(&trust).unwrap().authorities(), 1);
}

#[test]
fn authorities_of_files_and_of_the_system_are_both_believed() {
    let (ours, theirs) = (Authority::root("Ours"), Authority::root("Theirs"));
    assert_eq!(
        with_system(store(&ours), system(store(&theirs)))
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_system_without_authorities_is_an_error_only_if_there_are_no_others() {
    let text = with_system(RootCertStore::empty(), system(RootCertStore::empty()))
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("no certificates were found") && text.contains("ca-certificates"),
        "{text}"
    );
    let ours = Authority::root("Ours");
    assert_eq!(
        with_system(store(&ours), system(RootCertStore::empty()))
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_bundle_of_several_authorities_is_read_and_other_sections_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let text = [
        Authority::root("A").pem(),
        pem("PUBLIC KEY", b"whatever"),
        Authority::root("B").pem(),
    ]
    .concat();
    let bundle = write(&folder, "bundle.pem", &format!("# A comment\n{text}"));
    assert_eq!(read_files(&[bundle]).unwrap().0.len(), 2);
}

#[test]
fn a_changed_file_is_seen_by_the_next_connector() {
    let folder = tempfile::tempdir().unwrap();
    let trust = trust(&folder, &Authority::root("Old"));
    assert_eq!(Connector::new(&trust).unwrap().authorities(), 1);
    write(
        &folder,
        "authority.pem",
        &[Authority::root("New").pem(), Authority::root("Newer").pem()].concat(),
    );
    assert_eq!(Connector::new(&trust).unwrap().authorities(), 2);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let text = refusal(vec!["/nonexistent/authority.pem".into()]);
    assert!(
        text.contains("/nonexistent/authority.pem") && text.contains("correct the path"),
        "{text}"
    );
}

#[test]
fn a_file_without_certificates_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "key.pem", &pem("PRIVATE KEY", b"secret"));
    let text = refusal(vec![path]);
    assert!(
        text.contains("there is no certificate in") && text.contains("key.pem"),
        "{text}"
    );
}

#[test]
fn a_certificate_that_is_none_is_named_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let text = [
        Authority::root("A").pem(),
        pem("CERTIFICATE", b"not DER at all"),
    ]
    .concat();
    let text = refusal(vec![write(&folder, "bundle.pem", &text)]);
    assert!(
        text.contains("certificate number 2 in") && text.contains("bundle.pem"),
        "{text}"
    );
}

#[test]
fn a_damaged_file_is_named_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let text = refusal(vec![write(
        &folder,
        "cut.pem",
        "-----BEGIN CERTIFICATE-----\nTOPSECRET\n",
    )]);
    assert!(
        text.contains("no `-----END` line") && !text.contains("TOPSECRET"),
        "{text}"
    );
}

#[test]
fn to_believe_nobody_is_refused() {
    let trust = Trust {
        certificate_authorities: Vec::new(),
        system_authorities: false,
        ..Trust::default()
    };
    assert!(matches!(
        Connector::new(&trust),
        Err(TrustError::NoAuthorities)
    ));
}
