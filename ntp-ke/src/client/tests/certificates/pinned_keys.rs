//! Pinned keys, which a chain must contain on top of being valid.

use super::super::peer::NAME;
use super::world_with;
use crate::client::Stage;
use crate::test_certificates::Authority;

#[tokio::test]
async fn a_pinned_key_may_be_that_of_the_server_or_of_whoever_vouches_for_it() {
    let mut world = world_with(|authority| authority.intermediate("Middle").issue(&[NAME])).await;
    let chain = world.establish().await.unwrap().certificate;
    for certificate in &chain {
        world.trust.pinned_keys = vec![[1; 32], certificate.key_sha256];
        world.establish().await.unwrap();
    }
}

#[tokio::test]
async fn without_a_pinned_key_in_it_a_valid_chain_is_refused() {
    let mut world = world_with(|authority| authority.issue(&[NAME])).await;
    let own = world.establish().await.unwrap().certificate[0].key_sha256;
    world.trust.pinned_keys = vec![[1; 32]];
    let failure = world.establish().await.unwrap_err();
    assert_eq!(
        (failure.stage, failure.word()),
        (Stage::Certificate, "pinned-key-mismatch")
    );
    let hex: String = own.iter().map(|octet| format!("{octet:02x}")).collect();
    assert!(failure.to_string().contains(&hex), "{failure}");
}

#[tokio::test]
async fn a_pinned_key_that_merely_lies_in_the_chain_is_not_enough() {
    let pinned = Authority::root("Pinned");
    let key = crate::CertificateFacts::from_der(pinned.der())
        .unwrap()
        .key_sha256;
    let mut world = world_with(|authority| {
        let mut identity = authority.issue(&[NAME]);
        identity.chain.push(pinned.der().clone());
        identity
    })
    .await;
    world.trust.pinned_keys = vec![key];
    let failure = world.establish().await.unwrap_err();
    assert_eq!(failure.certificate[1].key_sha256, key, "it was there");
    assert_eq!(failure.word(), "pinned-key-mismatch");
}

#[tokio::test]
async fn a_pinned_key_does_not_stand_in_for_a_valid_chain() {
    let identity = Authority::root("Nobody").issue(&[NAME]);
    let key = crate::CertificateFacts::from_der(&identity.chain[0])
        .unwrap()
        .key_sha256;
    let mut world = world_with(|_| identity).await;
    world.trust.pinned_keys = vec![key];
    assert_eq!(
        world.establish().await.unwrap_err().word(),
        "certificate-unknown-issuer"
    );
}
