//! Granted keys and cookies, as octets on the wire.

use super::served::Served;
use ntp_proto::nts::{AeadAlgorithm, KeServerConfig, KeyPair, MAX_KE_REQUEST, Record, RecordType};
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const AEAD_30: [u8; 6] = [0x80, 4, 0, 2, 0, 30];
const RECORD_1024: [u8; 4] = [4, 0, 0, 0];
const NTPV4: [u8; 6] = [0x80, 1, 0, 2, 0, 0];
const END: [u8; 4] = [0x80, 0, 0, 0];

/// Sends a request as it is, and brings the whole response.
async fn response_to(stream: &mut TlsStream<TcpStream>, request: &[u8]) -> Vec<u8> {
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    let mut response = Vec::new();
    stream
        .read_to_end(&mut response)
        .await
        .expect("the server says farewell");
    response
}

fn records(mut octets: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    while let Some((record, rest)) = Record::split_first(octets) {
        records.push(record);
        octets = rest;
    }
    assert!(octets.is_empty(), "nothing is left over");
    records
}

fn bodies<'a>(records: &[Record<'a>], kind: RecordType) -> Vec<&'a [u8]> {
    records
        .iter()
        .filter(|record| record.kind == kind)
        .map(|record| record.body)
        .collect()
}

/// The keys that the client exports for this algorithm with this one in the context.
fn exported(
    stream: &TlsStream<TcpStream>,
    algorithm: AeadAlgorithm,
    context: AeadAlgorithm,
) -> KeyPair {
    let tls = stream.get_ref().1;
    KeyPair::export(algorithm, context, |label, context, out| {
        tls.export_keying_material(out, label, Some(context))
            .map(drop)
    })
    .unwrap()
}

fn assert_cookies_hold(served: &Served, records: &[Record<'_>], pair: &KeyPair) {
    let cookies = bodies(records, RecordType::COOKIE);
    assert_eq!(cookies.len(), 8);
    for cookie in &cookies {
        let opened = served.keys.load().open_cookie(cookie).unwrap();
        assert_eq!(opened.algorithm(), pair.algorithm());
        assert_eq!(opened.c2s.secret(), pair.c2s.secret());
        assert_eq!(opened.s2c.secret(), pair.s2c.secret());
    }
    assert!(
        cookies
            .iter()
            .enumerate()
            .all(|(place, cookie)| !cookies[..place].contains(cookie)),
        "each is another"
    );
}

#[tokio::test]
async fn each_algorithm_is_granted_with_the_keys_that_the_client_has() {
    let served = Served::new();
    for algorithm in AeadAlgorithm::ALL {
        let mut established = served
            .establish_with(&served.connector_for(&[algorithm]))
            .await
            .unwrap();
        assert_eq!(established.reply.aead, algorithm);
        assert!(established.keys.alternate.is_none(), "{algorithm}");
        assert_eq!(established.reply.cookies.len(), 8);
        while let Some(cookie) = established.reply.cookies.take() {
            let opened = served.keys.load().open_cookie(cookie.octets()).unwrap();
            assert_eq!(opened.c2s.secret(), established.keys.primary.c2s.secret());
            assert_eq!(opened.s2c.secret(), established.keys.primary.s2c.secret());
        }
    }
    let stats = served.until(|stats| stats.open == 0).await;
    assert_eq!((stats.accepted, stats.granted), (4, 4));
}

#[tokio::test]
async fn a_client_that_sends_record_1024_gets_it_back_and_keys_by_the_rfc() {
    let served = Served::new();
    let mut stream = served.tls().await;
    let response = response_to(
        &mut stream,
        &[&NTPV4[..], &AEAD_30, &RECORD_1024, &END].concat(),
    )
    .await;
    let records = records(&response);
    assert_eq!(
        bodies(&records, RecordType::COMPLIANT_128_GCM_SIV),
        [&[] as &[u8]]
    );
    let pair = exported(
        &stream,
        AeadAlgorithm::Aes128GcmSiv,
        AeadAlgorithm::Aes128GcmSiv,
    );
    assert_cookies_hold(&served, &records, &pair);
}

#[tokio::test]
async fn an_older_client_without_record_1024_gets_keys_of_the_older_context() {
    let served = Served::new();
    let mut stream = served.tls().await;
    let response = response_to(&mut stream, &[&NTPV4[..], &AEAD_30, &END].concat()).await;
    let records = records(&response);
    assert!(bodies(&records, RecordType::COMPLIANT_128_GCM_SIV).is_empty());
    let pair = exported(
        &stream,
        AeadAlgorithm::Aes128GcmSiv,
        AeadAlgorithm::SivCmac256,
    );
    assert_cookies_hold(&served, &records, &pair);
}

#[tokio::test]
async fn record_1024_is_not_sent_back_with_another_algorithm() {
    let served = Served::new();
    let mut stream = served.tls().await;
    let request = [
        &NTPV4[..],
        &[0x80, 4, 0, 4, 0, 15, 0, 30],
        &RECORD_1024,
        &END,
    ]
    .concat();
    let response = response_to(&mut stream, &request).await;
    let records = records(&response);
    assert!(bodies(&records, RecordType::COMPLIANT_128_GCM_SIV).is_empty());
    assert_eq!(bodies(&records, RecordType::AEAD), [&[0, 15]]);
    let pair = exported(
        &stream,
        AeadAlgorithm::SivCmac256,
        AeadAlgorithm::SivCmac256,
    );
    assert_cookies_hold(&served, &records, &pair);
}

#[tokio::test]
async fn the_server_and_port_of_the_configuration_are_told() {
    let grant = KeServerConfig {
        algorithms: vec![AeadAlgorithm::SivCmac256],
        server: Some("127.0.0.7".into()),
        port: Some(1123),
    };
    let served = Served::granting(grant, |_| ());
    let established = served.establish().await.unwrap();
    assert_eq!(
        established.reply.aead,
        AeadAlgorithm::SivCmac256,
        "the only one that the server has"
    );
    assert_eq!(established.addresses, ["127.0.0.7:1123".parse().unwrap()]);
}

#[tokio::test]
async fn refusals_are_told_and_counted_by_their_word() {
    let served = Served::new();
    let aead = [0x80, 4, 0, 2, 0, 99];
    let requests: [(&str, Vec<u8>, &[u8]); 5] = [
        (
            "no-common-aead",
            [&NTPV4[..], &aead, &END].concat(),
            &[0x80, 4, 0, 0],
        ),
        (
            "no-common-protocol",
            [&[0x80, 1, 0, 2, 0, 9][..], &AEAD_30, &END].concat(),
            &[0x80, 1, 0, 0],
        ),
        ("missing-record", END.to_vec(), &[0x80, 2, 0, 2, 0, 1]),
        (
            "unknown-critical-record",
            [&NTPV4[..], &AEAD_30, &[0x80, 99, 0, 0], &END].concat(),
            &[0x80, 2, 0, 2, 0, 0],
        ),
        (
            "too-long",
            vec![0x7F; MAX_KE_REQUEST + 1],
            &[0x80, 2, 0, 2, 0, 1],
        ),
    ];
    for (word, request, answer) in requests {
        let response = response_to(&mut served.tls().await, &request).await;
        assert!(
            response.windows(answer.len()).any(|part| part == answer),
            "{word}: {response:02x?}"
        );
        let stats = served.until(|stats| stats.refused_for(word) == 1).await;
        assert_eq!(stats.granted, 0);
    }
}

#[tokio::test]
async fn a_client_that_ends_in_the_midst_of_its_request_is_counted_as_such() {
    let served = Served::new();
    let mut stream = served.tls().await;
    stream.write_all(&NTPV4).await.unwrap();
    stream.shutdown().await.unwrap();
    served
        .until(|stats| stats.refused_for("truncated") == 1 && stats.open == 0)
        .await;
}

#[tokio::test]
async fn a_request_octet_by_octet_is_granted() {
    let served = Served::new();
    let mut stream = served.tls().await;
    for octet in [&NTPV4[..], &AEAD_30, &END].concat() {
        stream.write_all(&[octet]).await.unwrap();
        stream.flush().await.unwrap();
    }
    assert!(!response_to(&mut stream, &[]).await.is_empty());
}

#[tokio::test]
async fn new_keys_seal_the_cookies_of_the_next_client() {
    use rand::SeedableRng as _;
    let served = Served::new();
    served.establish().await.unwrap();
    let mut rng = rand::rngs::ChaCha12Rng::from_seed([8; 32]);
    let mut keys = (**served.keys.load()).clone();
    keys.rotate(1, &mut rng);
    let id = keys.current_id();
    served.keys.store(Arc::new(keys));
    let cookie = served
        .establish()
        .await
        .unwrap()
        .reply
        .cookies
        .take()
        .unwrap();
    assert_eq!(cookie.octets()[..4], id.to_be_bytes());
}

/// Counts the tickets that a server sends.
#[derive(Debug)]
struct Tickets {
    within: ClientSessionMemoryCache,
    count: Arc<AtomicUsize>,
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, name: ServerName<'static>, group: rustls::NamedGroup) {
        self.within.set_kx_hint(name, group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<rustls::NamedGroup> {
        self.within.kx_hint(name)
    }

    fn set_tls12_session(
        &self,
        name: ServerName<'static>,
        session: rustls::client::Tls12ClientSessionValue,
    ) {
        self.within.set_tls12_session(name, session);
    }

    fn tls12_session(
        &self,
        name: &ServerName<'_>,
    ) -> Option<rustls::client::Tls12ClientSessionValue> {
        self.within.tls12_session(name)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.within.remove_tls12_session(name);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.within.insert_tls13_ticket(name, ticket);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.within.take_tls13_ticket(name)
    }
}

#[tokio::test]
async fn no_tickets_are_sent() {
    let served = Served::new();
    let count = Arc::new(AtomicUsize::new(0));
    let mut config = served.client_config();
    let store = Tickets {
        within: ClientSessionMemoryCache::new(8),
        count: Arc::clone(&count),
    };
    config.resumption = Resumption::store(Arc::new(store));
    let mut stream = served.tls_with(config).await.unwrap();
    assert!(
        !response_to(&mut stream, &[&NTPV4[..], &AEAD_30, &END].concat())
            .await
            .is_empty()
    );
    assert_eq!(count.load(Ordering::Relaxed), 0);
}
