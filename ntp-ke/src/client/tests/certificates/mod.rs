//! Accepted and refused certificates.

use super::peer::{NAME, PATIENCE, World, everything, tls};
use crate::client::{CertificateReason, CertificateTime, Connector, Failure, FailureReason, Stage};
use crate::provider::ALPN;
use crate::test_certificates::{Authority, Identity, NOW, YEARS, params, write};
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd};
use std::sync::Arc;

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
async fn an_expired_certificate_is_refused_with_both_dates() {
    let world = world_with(|authority| authority.issue(&[NAME])).await;
    let failure = world
        .establish_at_time(CertificateTime::At(AFTER), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(failure.word(), "certificate-expired");
    let text = failure.to_string();
    assert!(
        text.contains("2035-01-01 00:00:00 UTC") && text.contains("2036-01-01"),
        "{text}"
    );
}

#[tokio::test]
async fn a_certificate_that_is_not_yet_valid_is_refused_with_both_dates_and_both_possible_faults() {
    let world = world_with(|authority| authority.issue(&[NAME])).await;
    let failure = world
        .establish_at_time(CertificateTime::At(BEFORE), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(failure.word(), "certificate-not-yet-valid");
    let text = failure.to_string();
    assert!(
        text.contains("2025-01-01 00:00:00 UTC") && text.contains("2024-01-01"),
        "{text}"
    );
    assert!(
        text.contains("either our clock is behind, or the certificate is wrong"),
        "{text}"
    );
}

#[tokio::test]
async fn since_a_time_a_certificate_that_begins_later_is_believed() {
    let world = world_with(|authority| authority.issue(&[NAME])).await;
    for lower in [0, BEFORE, NOW] {
        let established = world
            .establish_at_time(CertificateTime::Since(lower), PATIENCE)
            .await
            .unwrap();
        assert_eq!(
            (
                established.validity.not_before,
                established.validity.not_after
            ),
            YEARS
        );
    }
}

#[tokio::test]
async fn since_a_time_a_certificate_that_ended_before_is_refused() {
    let world = world_with(|authority| authority.issue(&[NAME])).await;
    let failure = world
        .establish_at_time(CertificateTime::Since(AFTER), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(failure.word(), "certificate-expired");
}

#[tokio::test]
async fn since_a_time_chain_name_and_purpose_are_judged_as_ever() {
    let since = CertificateTime::Since(0);
    let stranger = world_with(|_| Authority::root("Nobody").issue(&[NAME])).await;
    let failure = stranger
        .establish_at_time(since, PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(failure.word(), "certificate-unknown-issuer");

    let other = world_with(|authority| authority.issue(&["other.example"])).await;
    assert_eq!(
        other
            .establish_at_time(since, PATIENCE)
            .await
            .unwrap_err()
            .word(),
        "certificate-wrong-name"
    );

    let client = world_with(|authority| {
        let mut params = params(&[NAME]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        authority.issue_with(&params)
    });
    assert_eq!(
        client
            .await
            .establish_at_time(since, PATIENCE)
            .await
            .unwrap_err()
            .word(),
        "certificate-wrong-purpose"
    );
}

#[tokio::test]
async fn since_a_time_certificates_that_were_never_valid_together_are_refused() {
    let world = world_with(|authority| {
        let ended = authority.intermediate_with("Ended", |params| {
            params.not_after = date_time_ymd(2026, 1, 1);
        });
        let mut params = params(&[NAME]);
        params.not_before = date_time_ymd(2027, 1, 1);
        ended.issue_with(&params)
    })
    .await;
    let failure = world
        .establish_at_time(CertificateTime::Since(0), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(failure.word(), "certificate-expired");
}

#[tokio::test]
async fn the_validity_is_that_of_the_whole_path_and_of_nothing_else() {
    let world = world_with(|authority| {
        let intermediate = authority.intermediate_with("Shorter", |params| {
            params.not_after = date_time_ymd(2031, 1, 1);
        });
        let mut identity = intermediate.issue(&[NAME]);
        // An authority's certificate that ended long ago and leads nowhere.
        let stray = Authority::root("Stray").intermediate_with("Old", |params| {
            (params.not_before, params.not_after) =
                (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
        });
        identity.chain.push(stray.der().clone());
        identity
    })
    .await;
    let established = world.establish().await.unwrap();
    assert_eq!(
        crate::utc(established.validity.not_after),
        "2031-01-01 00:00:00 UTC"
    );
    assert_eq!(
        crate::utc(established.validity.not_before),
        "2025-01-01 00:00:00 UTC"
    );
    assert_eq!(established.certificate.len(), 3);
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

#[tokio::test]
async fn a_time_beyond_all_calendars_is_only_too_late() {
    let world = world_with(|authority| authority.issue(&[NAME])).await;
    for time in [
        CertificateTime::At(u64::MAX),
        CertificateTime::Since(u64::MAX),
    ] {
        assert_eq!(
            world
                .establish_at_time(time, PATIENCE)
                .await
                .unwrap_err()
                .word(),
            "certificate-expired"
        );
    }
}
