//! Clients that do TLS in odd ways, or none at all.

use super::served::{Served, end_of};
use crate::client::{CertificateTime, Connector, Failure, establish};
use crate::test_certificates::{Authority, NOW, write};
use ntp_config::{HostPort, Trust};
use rustls::{AlertDescription, Error, NamedGroup};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

fn alert(error: &std::io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

#[tokio::test]
async fn a_client_without_alpn_is_refused_with_the_alert_for_that() {
    let served = Served::new();
    for protocols in [vec![], vec![b"h2".to_vec(), b"http/1.1".to_vec()]] {
        let mut config = served.client_config();
        config.alpn_protocols = protocols;
        let error = served.tls_with(config).await.unwrap_err();
        assert_eq!(
            alert(&error),
            Some(AlertDescription::NoApplicationProtocol),
            "{error}"
        );
    }
    served
        .until(|stats| stats.no_alpn == 2 && stats.open == 0)
        .await;
}

#[tokio::test]
async fn of_several_protocols_that_of_nts_is_taken() {
    let served = Served::new();
    let mut config = served.client_config();
    config.alpn_protocols = vec![b"h2".to_vec(), b"ntske/1".to_vec()];
    let stream = served.tls_with(config).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"ntske/1"[..]));
}

#[tokio::test]
async fn the_hybrid_key_exchange_is_used_with_whoever_has_it_and_another_with_others() {
    let served = Served::new();
    let group = |established: crate::client::Established| established.tls.key_exchange;
    assert_eq!(group(served.establish().await.unwrap()), "X25519MLKEM768");

    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider
        .kx_groups
        .retain(|group| group.name() == NamedGroup::secp256r1);
    let config = served.connector().tls_by(provider);
    let stream = served.tls_with(config).await.unwrap();
    let negotiated = stream.get_ref().1.negotiated_key_exchange_group().unwrap();
    assert_eq!(negotiated.name(), NamedGroup::secp256r1);
}

#[tokio::test]
async fn a_client_of_tls_1_2_is_refused_with_the_alert_for_that() {
    let served = Served::new();
    // ClientHello of TLS 1.2: ECDHE_ECDSA_AES_128_GCM, one curve, one signature scheme, ALPN
    // ntske/1.
    let extensions = [
        &[0, 10, 0, 4, 0, 2, 0, 23][..],
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 4, 0, 2, 4, 3],
        &[0, 16, 0, 10, 0, 8, 7],
        b"ntske/1",
    ]
    .concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0],
        &[0, 2, 0xC0, 0x2B],
        &[1, 0],
        &[0, extensions.len() as u8],
        &extensions,
    ]
    .concat();
    let hello = [
        &[22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8][..],
        &body,
    ]
    .concat();
    let mut stream = served.tcp().await;
    stream.write_all(&hello).await.unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(
        (answer[0], answer[5], answer[6]),
        (21, 2, 70),
        "a fatal alert, protocol_version"
    );
    served
        .until(|stats| stats.tls_failed == 1 && stats.open == 0)
        .await;
}

#[tokio::test]
async fn plain_text_is_counted_and_ended() {
    let served = Served::new();
    let mut stream = served.tcp().await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: ntp.example.org\r\n\r\n")
        .await
        .unwrap();
    assert!(end_of(&mut stream).await < super::served::PATIENCE / 2);
    served
        .until(|stats| stats.tls_failed == 1 && stats.open == 0)
        .await;
}

#[tokio::test]
async fn a_test_of_the_port_is_counted_as_such() {
    let served = Served::new();
    drop(served.tcp().await);
    served
        .until(|stats| stats.closed_early == 1 && stats.open == 0)
        .await;
}

#[tokio::test]
async fn a_client_that_does_not_believe_our_certificate_is_counted() {
    let served = Served::new();
    let folder = tempfile::tempdir().unwrap();
    let stranger = write(&folder, "stranger.pem", &Authority::root("Stranger").pem());
    let trust = Trust {
        certificate_authorities: vec![stranger],
        system_authorities: false,
        ..Trust::default()
    };
    let failure: Failure = served
        .establish_with(&Connector::new(&trust).unwrap())
        .await
        .unwrap_err();
    assert_eq!(failure.word(), "certificate-unknown-issuer");
    served
        .until(|stats| stats.tls_failed == 1 && stats.open == 0)
        .await;
}

#[tokio::test]
async fn a_client_hello_in_many_records_is_fine() {
    let served = Served::new();
    let mut config = served.client_config();
    config.max_fragment_size = Some(32);
    served.tls_with(config).await.unwrap();
}

#[tokio::test]
async fn a_client_hello_octet_by_octet_is_fine() {
    let served = Served::new();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(served.client_config()));
    let stream = served.tcp().await;
    stream.set_nodelay(true).unwrap();
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    connector.connect(name, OctetByOctet(stream)).await.unwrap();
}

/// Sends each octet in a packet of its own.
struct OctetByOctet(TcpStream);

impl AsyncRead for OctetByOctet {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, room)
    }
}

impl AsyncWrite for OctetByOctet {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let one = octets.get(..1).unwrap_or_default();
        Pin::new(&mut self.0).poll_write(cx, one)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_socket_at_any_address_serves_both_families() {
    if tokio::net::TcpListener::bind("[::1]:0").await.is_err() {
        eprintln!("skipped: there is no IPv6");
        return;
    }
    let served = Served::with(|listen| listen.at = "[::]:0".parse().unwrap());
    for host in ["127.0.0.1", "::1"] {
        let target = HostPort {
            host: host.into(),
            port: served.address.port(),
        };
        establish(
            &target,
            &served.connector(),
            CertificateTime::At(NOW),
            super::served::PATIENCE,
        )
        .await
        .unwrap();
    }
}
