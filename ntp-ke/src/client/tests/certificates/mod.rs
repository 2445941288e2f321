//! Accepted and refused certificates.

mod dates;
mod named;
mod pinned_keys;

use super::peer::{NAME, World, everything, tls};
use crate::client::{Connector, Failure, Stage};
use crate::provider::ALPN;
use crate::test_certificates::{Authority, Identity, YEARS, params};
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyPair};

const YEAR: u64 = 31_557_600;
const BEFORE: u64 = YEARS.0.unsigned_abs() - YEAR;
const AFTER: u64 = YEARS.1.unsigned_abs() + YEAR;

async fn world_with(identity: impl FnOnce(&Authority) -> Identity) -> World {
    let mut world = World::new().await;
    let config = tls(&identity(&world.authority), &[ALPN]);
    world.grant_with(config, everything());
    world
}

async fn failure_of(identity: impl FnOnce(&Authority) -> Identity) -> Failure {
    let failure = world_with(identity).await.establish().await.unwrap_err();
    assert_eq!(failure.stage, Stage::Certificate, "{failure}");
    assert!(
        !failure.certificate.is_empty(),
        "what was presented is shown"
    );
    failure
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let failure =
        failure_of(|authority| authority.issue(&["other.example.org", "127.0.0.1"])).await;
    assert_eq!(failure.word(), "certificate-wrong-name");
    let text = failure.to_string();
    assert!(
        text.contains("not for ntp.example.org: it is for other.example.org, 127.0.0.1"),
        "{text}"
    );
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let failure = failure_of(|_| Authority::root("Nobody").issue(&[NAME])).await;
    assert_eq!(failure.word(), "certificate-unknown-issuer");
    assert!(failure.to_string().contains("CN=Nobody"), "{failure}");
}

#[tokio::test]
async fn a_certificate_that_is_signed_by_itself_is_refused_and_called_so() {
    let failure = failure_of(|_| self_signed(false)).await;
    assert_eq!(failure.word(), "certificate-unknown-issuer");
    assert!(failure.to_string().contains("self-signed"), "{failure}");
}

fn self_signed(authority: bool) -> Identity {
    let mut params = params(&[NAME]);
    params.is_ca = if authority {
        IsCa::Ca(BasicConstraints::Unconstrained)
    } else {
        IsCa::ExplicitNoCa
    };
    let key = KeyPair::generate().unwrap();
    Identity {
        chain: vec![params.self_signed(&key).unwrap().der().clone()],
        key,
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_for_servers_is_refused() {
    let failure = failure_of(|authority| {
        let mut params = params(&[NAME]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        authority.issue_with(&params)
    })
    .await;
    assert_eq!(failure.word(), "certificate-wrong-purpose");
}

#[tokio::test]
async fn an_intermediate_authority_leads_to_the_root() {
    let world = world_with(|authority| authority.intermediate("Middle").issue(&[NAME])).await;
    assert_eq!(world.establish().await.unwrap().certificate.len(), 2);
}

#[tokio::test]
async fn without_its_intermediate_a_certificate_is_of_an_unknown_issuer() {
    let failure = failure_of(|authority| {
        let mut identity = authority.intermediate("Middle").issue(&[NAME]);
        identity.chain.truncate(1);
        identity
    })
    .await;
    assert_eq!(failure.word(), "certificate-unknown-issuer");
    assert!(
        failure.to_string().contains("that the chain is complete"),
        "{failure}"
    );
}

#[tokio::test]
async fn names_of_a_hostile_certificate_can_do_no_harm() {
    let failure = failure_of(|authority| authority.issue(&["a\x1b[2Jb", "c\nd"])).await;
    assert!(
        failure
            .to_string()
            .chars()
            .all(|character| !character.is_control()),
        "{failure}"
    );
}

#[test]
fn a_connector_prints_no_more_than_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let trust = super::peer::trust(&folder, &Authority::root("Root"));
    let printed = format!("{:?}", Connector::new(&trust).unwrap());
    assert!(
        printed.starts_with("Connector { authorities: 1, pinned_keys: 0"),
        "{printed}"
    );
}
