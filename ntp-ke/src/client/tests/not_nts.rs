//! Servers that are none of NTS key establishment, each with a sentence of its own.

use super::peer::{NAME, PATIENCE, World, everything, tls};
use crate::client::{CertificateTime, Failure, Stage, establish};
use crate::test_certificates::NOW;
use ntp_config::HostPort;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// The failure with a server that answers everything with these octets.
async fn failure_of(octets: &'static [u8]) -> Failure {
    let mut world = World::new().await;
    world.serve_plainly(move |mut stream| async move {
        let mut room = [0; 4096];
        let _ = stream.read(&mut room).await;
        let _ = stream.write_all(octets).await;
        let _ = stream.shutdown().await;
        while let Ok(1..) = stream.read(&mut room).await {}
    });
    world.establish().await.unwrap_err()
}

fn assert_is(failure: &Failure, stage: Stage, word: &str, part: &str) {
    assert_eq!((failure.stage, failure.word()), (stage, word), "{failure}");
    assert!(failure.to_string().contains(part), "{failure}");
}

#[tokio::test]
async fn a_web_server_that_ignores_alpn_is_recognized() {
    let mut world = World::new().await;
    let config = tls(&world.authority.issue(&[NAME]), &[]);
    world.grant_with(config, everything());
    let failure = world.establish().await.unwrap_err();
    assert_is(
        &failure,
        Stage::Alpn,
        "no-alpn",
        "speaks TLS but not NTS key establishment",
    );
    assert!(!failure.certificate.is_empty());
}

#[tokio::test]
async fn a_web_server_that_refuses_alpn_is_recognized() {
    let mut world = World::new().await;
    let config = tls(&world.authority.issue(&[NAME]), &[b"h2", b"http/1.1"]);
    world.grant_with(config, everything());
    assert_is(
        &world.establish().await.unwrap_err(),
        Stage::Alpn,
        "no-alpn",
        "ntske/1",
    );
}

#[tokio::test]
async fn a_plain_web_server_is_recognized() {
    let failure = failure_of(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
    assert_is(&failure, Stage::Tls, "not-tls", "does not speak TLS");
}

#[tokio::test]
async fn a_server_that_greets_in_plain_text_is_recognized() {
    let failure = failure_of(b"SSH-2.0-Some_Server\r\n").await;
    assert_is(&failure, Stage::Tls, "not-tls", "check the port");
}

#[tokio::test]
async fn a_server_of_tls_1_2_that_knows_of_1_3_is_recognized() {
    // A fatal alert, protocol_version.
    let failure = failure_of(&[21, 3, 3, 0, 2, 2, 70]).await;
    assert_is(
        &failure,
        Stage::Tls,
        "tls-version",
        "does not support TLS 1.3",
    );
}

#[tokio::test]
async fn a_server_of_tls_1_2_that_never_heard_of_1_3_is_recognized() {
    // A fatal alert, handshake_failure: it has no cipher suite in common with us.
    let failure = failure_of(&[21, 3, 3, 0, 2, 2, 40]).await;
    assert_is(
        &failure,
        Stage::Tls,
        "tls-alert",
        "`handshake_failure`: no parameters in common",
    );
}

#[tokio::test]
async fn a_server_that_agrees_to_tls_1_2_is_refused() {
    // ServerHello of TLS 1.2 with TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 and nothing else.
    const HELLO: [u8; 47] = {
        let mut hello = [0x5A; 47];
        let head = [22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3];
        let mut place = 0;
        while place < head.len() {
            hello[place] = head[place];
            place += 1;
        }
        (hello[43], hello[44], hello[45], hello[46]) = (0, 0xC0, 0x2B, 0);
        hello
    };
    assert_is(
        &failure_of(&HELLO).await,
        Stage::Tls,
        "tls-version",
        "does not support TLS 1.3",
    );
}

#[tokio::test]
async fn any_other_alert_is_called_by_its_name() {
    let failure = failure_of(&[21, 3, 3, 0, 2, 2, 80]).await;
    assert_is(
        &failure,
        Stage::Tls,
        "tls-alert",
        "`internal_error`: the error is the server's own",
    );
}

#[tokio::test]
async fn a_server_that_closes_at_once_is_recognized() {
    assert_is(
        &failure_of(b"").await,
        Stage::Tls,
        "connection-closed",
        "closed the connection without a reply",
    );
}

#[tokio::test]
async fn a_port_where_nothing_listens_is_told() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let target = HostPort {
        host: "127.0.0.1".into(),
        port,
    };
    let world = World::new().await;
    let failure = establish(
        &target,
        &world.connector(),
        CertificateTime::At(NOW),
        PATIENCE,
    )
    .await
    .unwrap_err();
    assert_is(
        &failure,
        Stage::Tcp,
        "connection-refused",
        "connection refused; check the port",
    );
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told() {
    // No resolver can ask for a label of more than 63 octets.
    let target = HostPort {
        host: format!("{}.example", "a".repeat(64)),
        port: 4460,
    };
    let world = World::new().await;
    let failure = establish(
        &target,
        &world.connector(),
        CertificateTime::At(NOW),
        PATIENCE,
    )
    .await
    .unwrap_err();
    assert_is(
        &failure,
        Stage::Dns,
        "name-not-resolved",
        "cannot be resolved",
    );
    assert_eq!(failure.peer, None);
}

#[tokio::test]
async fn of_several_addresses_a_dead_one_does_not_take_all_the_time() {
    let mut world = World::new().await;
    world.grant(everything());
    // It accepts, and that is all.
    let silent = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0))
        .await
        .unwrap();
    let refused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let addresses = [silent.local_addr().unwrap(), refused, world.address()];
    // A third of it goes to the one that stays silent.
    let patience = Duration::from_secs(15);
    let established = world
        .establish_via(&addresses, CertificateTime::At(NOW), patience)
        .await
        .unwrap();
    assert_eq!(established.peer, world.address());
    assert_eq!(established.addresses.len(), 3);
    assert_eq!(established.addresses[0].ip(), world.address().ip());
}

#[tokio::test]
async fn of_several_failures_the_one_that_came_furthest_is_told() {
    let mut world = World::new().await;
    let config = tls(
        &world.authority.issue(&["other.example"]),
        &[crate::provider::ALPN],
    );
    world.grant_with(config, everything());
    let refused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let addresses = [refused, world.address(), refused];
    let failure = world
        .establish_via(&addresses, CertificateTime::At(NOW), PATIENCE)
        .await
        .unwrap_err();
    assert_is(
        &failure,
        Stage::Certificate,
        "certificate-wrong-name",
        "(127.0.0.1:",
    );
    assert_eq!(failure.peer, Some(world.address()));
}
