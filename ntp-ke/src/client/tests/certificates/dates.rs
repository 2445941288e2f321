//! Certificates at times of which the client is sure, and since times of which it is.

use super::super::peer::{NAME, PATIENCE};
use super::{AFTER, BEFORE, world_with};
use crate::client::CertificateTime;
use crate::test_certificates::{Authority, NOW, YEARS, params};
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};

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
