//! Establishments with servers that work.

use super::peer::{NAME, PATIENCE, World, everything, tls};
use crate::client::{CertificateTime, FailureReason, Stage, establish};
use crate::provider::ALPN;
use crate::test_certificates::{NOW, YEARS};
use ntp_config::HostPort;
use ntp_proto::nts::{AeadAlgorithm, KeServerConfig};
use std::net::Ipv6Addr;

#[tokio::test]
async fn each_algorithm_is_granted_with_keys_of_its_length() {
    for algorithm in AeadAlgorithm::ALL {
        let mut world = World::new().await;
        world.trust.aead_algorithms = vec![algorithm];
        world.grant(everything());
        let established = world.establish().await.unwrap();
        assert_eq!(established.reply.aead, algorithm);
        assert_eq!(established.reply.cookies.len(), 8);
        assert_eq!(
            established.keys.primary.c2s.secret().len(),
            algorithm.key_length()
        );
        assert_ne!(
            established.keys.primary.c2s.secret(),
            established.keys.primary.s2c.secret()
        );
        assert!(established.keys.alternate.is_none(), "{algorithm}");
    }
}

#[tokio::test]
async fn without_record_1024_the_keys_of_128_gcm_siv_come_in_both_ways() {
    let mut world = World::new().await;
    world.trust.aead_algorithms = vec![AeadAlgorithm::Aes128GcmSiv];
    // Next protocol NTPv4, AEAD 30, a cookie of four octets, the end.
    world.answer(vec![
        0x80, 1, 0, 2, 0, 0, 0x80, 4, 0, 2, 0, 30, 0, 5, 0, 4, 1, 2, 3, 4, 0x80, 0, 0, 0,
    ]);
    let established = world.establish().await.unwrap();
    assert!(!established.reply.compliant_128gcm);
    let alternate = established.keys.alternate.unwrap();
    assert_ne!(
        established.keys.primary.c2s.secret(),
        alternate.c2s.secret()
    );
    assert_ne!(
        established.keys.primary.s2c.secret(),
        alternate.s2c.secret()
    );
}

#[tokio::test]
async fn what_was_established_is_told_in_full() {
    let mut world = World::new().await;
    world.grant(everything());
    let established = world.establish().await.unwrap();
    assert_eq!(
        (established.ntp_server.as_str(), established.ntp_port),
        (NAME, 123)
    );
    let mut ntp = world.address();
    ntp.set_port(123);
    assert_eq!(
        (established.peer, established.addresses),
        (world.address(), vec![ntp])
    );
    assert_eq!(established.certificate.len(), 1);
    assert_eq!(established.certificate[0].names, [NAME]);
    assert_eq!(
        (
            established.validity.not_before,
            established.validity.not_after
        ),
        YEARS
    );
    assert_eq!(established.tls.key_exchange, "X25519MLKEM768");
    assert!(
        established.tls.cipher_suite.starts_with("TLS13_AES_"),
        "{:?}",
        established.tls
    );
    assert!(established.took < PATIENCE);
}

#[tokio::test]
async fn neither_keys_nor_cookies_can_be_printed() {
    let mut world = World::new().await;
    world.grant(everything());
    let mut established = world.establish().await.unwrap();
    let printed = format!("{established:?}");
    let key = established.keys.primary.c2s.secret();
    let cookie = established.reply.cookies.take().unwrap();
    for secret in [key, cookie.octets()] {
        let (decimal, hex) = (format!("{secret:?}"), format!("{secret:02x?}"));
        assert!(
            !printed.contains(decimal.trim_matches(['[', ']']))
                && !printed.contains(hex.trim_matches(['[', ']']))
        );
    }
}

#[tokio::test]
async fn the_named_server_and_port_are_looked_up() {
    let mut world = World::new().await;
    world.grant(KeServerConfig {
        server: Some("127.0.0.9".into()),
        port: Some(1123),
        ..everything()
    });
    let established = world.establish().await.unwrap();
    assert_eq!(
        (established.ntp_server.as_str(), established.ntp_port),
        ("127.0.0.9", 1123)
    );
    assert_eq!(established.addresses, ["127.0.0.9:1123".parse().unwrap()]);
}

#[tokio::test]
async fn a_named_server_that_does_not_resolve_fails_at_its_own_stage() {
    let mut world = World::new().await;
    world.grant(KeServerConfig {
        server: Some("0.0.0.0".into()),
        ..everything()
    });
    let failure = world.establish().await.unwrap_err();
    assert_eq!(
        (failure.stage, failure.word()),
        (Stage::NtpAddress, "no-usable-address")
    );
    assert!(!failure.certificate.is_empty());
}

#[tokio::test]
async fn a_server_that_names_itself_keeps_the_address_that_answered() {
    let mut world = World::new().await;
    world.grant(KeServerConfig {
        server: Some("NTP.Example.ORG".into()),
        ..everything()
    });
    let established = world.establish().await.unwrap();
    assert_eq!(established.addresses[0].ip(), established.peer.ip());
}

#[tokio::test]
async fn a_host_may_be_an_address() {
    let mut world = World::new().await;
    world.target.host = "127.0.0.1".into();
    let config = tls(&world.authority.issue(&["127.0.0.1"]), &[ALPN]);
    world.grant_with(config, everything());
    let established = establish(
        &world.target,
        &world.connector(),
        CertificateTime::At(NOW),
        PATIENCE,
    )
    .await
    .unwrap();
    assert_eq!(established.ntp_server, "127.0.0.1");
}

#[tokio::test]
async fn a_host_may_be_an_address_of_ipv6() {
    if tokio::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0))
        .await
        .is_err()
    {
        eprintln!("skipped: there is no IPv6");
        return;
    }
    let mut world = World::at((Ipv6Addr::LOCALHOST, 0).into()).await;
    world.target.host = "::1".into();
    let config = tls(&world.authority.issue(&["::1"]), &[ALPN]);
    world.grant_with(config, everything());
    let established = establish(
        &world.target,
        &world.connector(),
        CertificateTime::At(NOW),
        PATIENCE,
    )
    .await
    .unwrap();
    assert_eq!(established.addresses, ["[::1]:123".parse().unwrap()]);
}

#[tokio::test]
async fn the_dot_of_the_root_makes_no_difference() {
    let mut world = World::new().await;
    world.target.host = format!("{NAME}.");
    world.grant(everything());
    assert_eq!(
        world.establish().await.unwrap().ntp_server,
        "ntp.example.org."
    );
}

#[tokio::test]
async fn a_name_that_cannot_stand_in_a_certificate_is_refused() {
    let mut world = World::new().await;
    world.target = HostPort {
        host: "a b".into(),
        port: 1,
    };
    let failure = world.establish().await.unwrap_err();
    assert_eq!(
        failure.reason,
        FailureReason::NotAHostName { name: "a b".into() }
    );
}
