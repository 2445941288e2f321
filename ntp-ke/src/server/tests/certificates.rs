//! The certificate in service, and its renewal.

use super::served::{PATIENCE, Served, write_pair};
use crate::server::{CertificateStore, KeyPairError};
use crate::test_certificates::{Authority, Identity, params, pem, write};
use rcgen::{KeyPair, PKCS_RSA_SHA256, date_time_ymd};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

fn open(folder: &tempfile::TempDir) -> Result<CertificateStore, KeyPairError> {
    CertificateStore::open(
        &folder.path().join("chain.pem"),
        &folder.path().join("key.pem"),
    )
}

fn refusal(chain: &str, key: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "chain.pem", chain);
    write(&folder, "key.pem", key);
    open(&folder).unwrap_err().to_string()
}

fn identity() -> Identity {
    Authority::root("Root").issue(&["ntp.example.org"])
}

/// The key within a PKCS #8 key (RFC 5208 §5): SEC 1 for curves, PKCS #1 for RSA.
fn inner_key(pkcs8: &[u8]) -> Vec<u8> {
    let (body, _) = split(pkcs8);
    let (_version, rest) = split(body);
    let (_algorithm, rest) = split(rest);
    split(rest).0.to_vec()
}

/// The content of the first value of DER, and what follows it.
fn split(der: &[u8]) -> (&[u8], &[u8]) {
    let (header, length) = match der[1] {
        0x81 => (3, usize::from(der[2])),
        0x82 => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
        short => (2, usize::from(short)),
    };
    der[header..].split_at(length)
}

#[test]
fn keys_in_all_three_forms_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let identity = identity();
    write_pair(&folder, &identity);
    open(&folder).unwrap();
    write(
        &folder,
        "key.pem",
        &pem("EC PRIVATE KEY", &inner_key(identity.key.serialized_der())),
    );
    open(&folder).unwrap();

    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let chain = vec![
        params(&["ntp.example.org"])
            .self_signed(&key)
            .unwrap()
            .der()
            .clone(),
    ];
    let identity = Identity { chain, key };
    write_pair(&folder, &identity);
    assert_eq!(open(&folder).unwrap().status().chain[0].key, "RSA 2048");
    write(
        &folder,
        "key.pem",
        &pem("RSA PRIVATE KEY", &inner_key(identity.key.serialized_der())),
    );
    open(&folder).unwrap();
}

#[test]
fn what_is_in_service_is_told() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(
        &folder,
        &Authority::root("Root")
            .intermediate("Middle")
            .issue(&["ntp.example.org"]),
    );
    let status = open(&folder).unwrap().status();
    assert_eq!(status.chain.len(), 2);
    assert_eq!(status.chain[0].names, ["ntp.example.org"]);
    assert_eq!(status.reload_error, None);
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let text = refusal(&identity().chain_pem(), &identity().key.serialize_pem());
    assert!(
        text.contains("does not belong to the first certificate in"),
        "{text}"
    );
}

#[test]
fn a_chain_in_the_wrong_order_is_refused() {
    let identity = Authority::root("Root")
        .intermediate("Middle")
        .issue(&["ntp.example.org"]);
    let text = [
        pem("CERTIFICATE", &identity.chain[1]),
        pem("CERTIFICATE", &identity.chain[0]),
    ]
    .concat();
    let text = refusal(&text, &identity.key.serialize_pem());
    assert!(text.contains("own certificate first"), "{text}");
}

#[test]
fn files_that_are_not_what_they_should_be_are_named() {
    let (chain, key) = (identity().chain_pem(), identity().key.serialize_pem());
    assert!(
        refusal("", &key)
            .contains("chain.pem is not a certificate chain: there is no certificate in it")
    );
    assert!(
        refusal(&pem("CERTIFICATE", b"?"), &key).contains("its first certificate is malformed")
    );
    assert!(
        refusal(&chain, "")
            .contains("key.pem is not a private key: it has no section of this kind")
    );
    assert!(
        refusal(&chain, &pem("ENCRYPTED PRIVATE KEY", b"?")).contains("locked with a passphrase")
    );
    assert!(refusal(&chain, &pem("PRIVATE KEY", b"?")).contains("key.pem is not a private key"));
    let folder = tempfile::tempdir().unwrap();
    let text = open(&folder).unwrap_err().to_string();
    assert!(
        text.contains("cannot read") && text.contains("chain.pem"),
        "{text}"
    );
}

#[test]
fn a_damaged_key_is_not_quoted() {
    let text = refusal(
        &identity().chain_pem(),
        "-----BEGIN PRIVATE KEY-----\nTOPSECRET===x\n-----END PRIVATE KEY-----\n",
    );
    assert!(!text.contains("TOPSECRET"), "{text}");
    let text = refusal(
        &identity().chain_pem(),
        "-----BEGIN PRIVATE KEY-----\nTOPSECRET\n",
    );
    assert!(!text.contains("TOPSECRET"), "{text}");
}

#[test]
fn neither_the_key_nor_its_file_can_be_printed() {
    let folder = tempfile::tempdir().unwrap();
    let identity = identity();
    write_pair(&folder, &identity);
    let printed = format!("{:?}", open(&folder).unwrap());
    let key = &inner_key(identity.key.serialized_der())[7..39];
    let decimal = format!("{key:?}");
    assert!(!printed.contains(decimal.trim_matches(['[', ']'])));
    let hex: String = key.iter().map(|octet| format!("{octet:02x}")).collect();
    assert!(!printed.to_lowercase().contains(&hex));
}

#[test]
fn a_doubtful_pair_is_used_and_its_doubts_are_told() {
    use crate::server::key_pair::Files;
    let folder = tempfile::tempdir().unwrap();
    let mut params = params(&[]);
    params.not_after = date_time_ymd(2026, 1, 1);
    let (chain, key) = write_pair(&folder, &Authority::root("Root").issue_with(&params));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let files = Files {
        certificate_chain: chain,
        private_key: key.clone(),
    };
    let doubts = files.load(1_800_000_000).unwrap().doubts.join("; ");
    for part in [
        "names no host",
        "expired at 2026-01-01 00:00:00 UTC; renew it",
        "run `chmod o-r ",
    ] {
        assert!(doubts.contains(part), "{part}: {doubts}");
    }
    assert!(
        files
            .load(1_000_000_000)
            .unwrap()
            .doubts
            .join("; ")
            .contains("not valid before 2025-01-01")
    );

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(
        !files
            .load(1_750_000_000)
            .unwrap()
            .doubts
            .join("; ")
            .contains("chmod")
    );
}

#[tokio::test]
async fn a_reloaded_pair_serves_the_next_client() {
    let served = Served::new();
    let before = served.establish().await.unwrap().certificate[0].key_sha256;
    write_pair(&served.folder, &served.authority.issue(&["127.0.0.1"]));
    assert_eq!(
        served.establish().await.unwrap().certificate[0].key_sha256,
        before
    );
    served.certificates.reload().unwrap();
    let after = served.establish().await.unwrap().certificate[0].key_sha256;
    assert_ne!(after, before);
    assert_eq!(
        served.handle.status().certificate().chain[0].key_sha256,
        after
    );
}

#[tokio::test]
async fn a_bad_pair_keeps_the_old_one_in_service() {
    let served = Served::new();
    let before = served.establish().await.unwrap().certificate[0].key_sha256;
    write(
        &served.folder,
        "chain.pem",
        &served.authority.issue(&["127.0.0.1"]).chain_pem(),
    );
    assert!(matches!(
        served.certificates.reload(),
        Err(KeyPairError::Mismatch { .. })
    ));
    assert_eq!(
        served.establish().await.unwrap().certificate[0].key_sha256,
        before
    );
    let error = served.handle.status().certificate().reload_error.unwrap();
    assert!(
        error.contains("does not belong to the first certificate"),
        "{error}"
    );

    write_pair(&served.folder, &served.authority.issue(&["127.0.0.1"]));
    served.certificates.reload().unwrap();
    assert_eq!(served.handle.status().certificate().reload_error, None);
}

#[tokio::test]
async fn a_changed_pair_is_taken_up_by_itself() {
    let served = Served::new();
    let before = served.certificates.status().chain[0].key_sha256;
    write_pair(&served.folder, &served.authority.issue(&["127.0.0.1"]));
    let started = Instant::now();
    while served.establish().await.unwrap().certificate[0].key_sha256 == before {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn a_change_is_taken_up_when_it_is_over_and_a_bad_one_is_tried_once() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::root("Root");
    write_pair(&folder, &authority.issue(&["a.example"]));
    let store = open(&folder).unwrap();
    let name = |store: &CertificateStore| store.status().chain[0].names[0].clone();
    let new = authority.issue(&["b.example"]);

    write(&folder, "chain.pem", &new.chain_pem());
    store.check_files();
    assert_eq!(
        store.status().reload_error,
        None,
        "the key may be on its way"
    );
    write(&folder, "key.pem", &new.key.serialize_pem());
    store.check_files();
    assert_eq!(name(&store), "a.example");
    store.check_files();
    assert_eq!(name(&store), "b.example");

    write(&folder, "key.pem", "");
    for _ in 0..3 {
        store.check_files();
    }
    assert!(store.status().reload_error.is_some());
    assert_eq!(name(&store), "b.example");

    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    for _ in 0..3 {
        store.check_files();
    }
    assert!(store.status().reload_error.unwrap().contains("cannot read"));
    write(&folder, "key.pem", &new.key.serialize_pem());
    for _ in 0..3 {
        store.check_files();
    }
    assert_eq!(store.status().reload_error, None);
}
