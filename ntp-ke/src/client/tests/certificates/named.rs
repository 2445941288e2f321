//! Certificates that the administrator has named themselves, in place of an authority.

use super::super::peer::{NAME, PATIENCE, World, everything, tls};
use super::{AFTER, BEFORE, self_signed};
use crate::client::{CertificateReason, CertificateTime, FailureReason};
use crate::provider::ALPN;
use crate::test_certificates::{Authority, Identity, NOW, YEARS, params, write};
use rcgen::{BasicConstraints, IsCa, KeyPair};
use std::sync::Arc;

/// A server that presents `shown`, asked by a client whose administrator has named `named` and no
/// authority.
async fn world_naming(shown: &Identity, named: &Identity) -> (World, tempfile::TempDir) {
    let mut world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    world.trust.certificate_authorities = vec![write(&folder, "named.pem", &named.chain_pem())];
    world.grant_with(tls(shown, &[ALPN]), everything());
    (world, folder)
}

/// A certificate as `openssl req -x509` makes it; see openssl/README.md.
fn made_by_openssl() -> Identity {
    let (certificate, key) = (
        include_str!("../openssl/self-signed.pem"),
        include_str!("../openssl/self-signed.key"),
    );
    let chain = crate::pem::certificates(certificate.as_bytes()).unwrap();
    Identity {
        chain,
        key: KeyPair::from_pem(key).unwrap(),
    }
}

#[tokio::test]
async fn a_certificate_that_is_signed_by_itself_is_believed_if_its_file_is_named() {
    for identity in [self_signed(false), self_signed(true), made_by_openssl()] {
        let (world, _folder) = world_naming(&identity, &identity).await;
        for time in [CertificateTime::At(NOW), CertificateTime::Since(0)] {
            world.establish_at_time(time, PATIENCE).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_believed_if_it_is_named_itself() {
    let mut identity = Authority::root("Stranger")
        .intermediate("Middle")
        .issue(&[NAME]);
    let own = Identity {
        chain: vec![identity.chain[0].clone()],
        key: KeyPair::generate().unwrap(),
    };
    let (world, _folder) = world_naming(&identity, &own).await;
    world.establish().await.unwrap();

    identity.chain.truncate(1);
    let (world, _folder) = world_naming(&identity, &own).await;
    world.establish().await.unwrap();
}

#[tokio::test]
async fn a_named_certificate_is_not_believed_for_another_name() {
    let mut params = params(&["other.example.org"]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let identity = Identity {
        chain: vec![params.self_signed(&key).unwrap().der().clone()],
        key,
    };
    let (world, _folder) = world_naming(&identity, &identity).await;
    assert_eq!(
        world.establish().await.unwrap_err().word(),
        "certificate-wrong-name"
    );
}

#[tokio::test]
async fn a_named_certificate_is_not_believed_outside_its_dates() {
    let identity = self_signed(true);
    let (world, _folder) = world_naming(&identity, &identity).await;
    for (time, word) in [
        (CertificateTime::At(AFTER), "certificate-expired"),
        (CertificateTime::Since(AFTER), "certificate-expired"),
        (CertificateTime::At(BEFORE), "certificate-not-yet-valid"),
    ] {
        assert_eq!(
            world
                .establish_at_time(time, PATIENCE)
                .await
                .unwrap_err()
                .word(),
            word
        );
    }
    let established = world.establish().await.unwrap();
    assert_eq!(
        (
            established.validity.not_before,
            established.validity.not_after
        ),
        YEARS
    );
}

#[tokio::test]
async fn a_named_certificate_is_not_believed_without_its_key() {
    let identity = made_by_openssl();
    let thief = Identity {
        chain: identity.chain.clone(),
        key: KeyPair::generate().unwrap(),
    };
    // rustls itself would refuse to serve a key that does not belong to the certificate.
    let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(&thief.private_key()).unwrap();
    let certified = rustls::sign::CertifiedKey::new(thief.chain.clone(), signer);
    let mut config = tls(&identity, &[ALPN]);
    config.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    let mut world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    world.trust.certificate_authorities = vec![write(&folder, "named.pem", &identity.chain_pem())];
    world.grant_with(config, everything());
    let failure = world.establish().await.unwrap_err();
    assert_eq!(
        failure.reason,
        FailureReason::Certificate(CertificateReason::BadSignature),
        "{failure}"
    );
}

#[tokio::test]
async fn a_named_certificate_is_held_to_pinned_keys_as_well() {
    let identity = made_by_openssl();
    let (mut world, _folder) = world_naming(&identity, &identity).await;
    world.trust.pinned_keys = vec![[1; 32]];
    assert_eq!(
        world.establish().await.unwrap_err().word(),
        "pinned-key-mismatch"
    );
    world.trust.pinned_keys = vec![
        crate::CertificateFacts::from_der(&identity.chain[0])
            .unwrap()
            .key_sha256,
    ];
    world.establish().await.unwrap();
}

#[tokio::test]
async fn another_certificate_of_an_authority_is_no_servers_own() {
    // One with the same key and the same names, which is not the one that was named.
    let named = self_signed(true);
    let mut params = params(&[NAME]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let again = params.self_signed(&named.key).unwrap().der().clone();
    assert_ne!(again, named.chain[0]);
    let shown = Identity {
        chain: vec![again],
        key: KeyPair::from_pem(&named.key.serialize_pem()).unwrap(),
    };
    let (world, _folder) = world_naming(&shown, &named).await;
    let failure = world.establish().await.unwrap_err();
    assert_eq!(
        failure.reason,
        FailureReason::Certificate(CertificateReason::Authority)
    );
    assert!(
        failure
            .to_string()
            .contains("name this certificate in certificate-authority"),
        "{failure}"
    );
}
