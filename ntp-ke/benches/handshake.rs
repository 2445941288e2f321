//! The cost of NTS key establishment for the server: `cargo bench -p ntp-ke`. Handshake, request
//! and response, in memory.
//!
//! A client has its say in between, whose work is not to be counted. So there are two parts, of
//! which an establishment is the sum: `hello`, from the client's first message to the server's
//! answer, with key exchange and signature; and `grant`, from the client's last message of the
//! handshake to the response with eight cookies.
//!
//! `cargo bench -p ntp-ke -- count CASE N` does N establishments and nothing else, for tools that
//! count instructions; `bench/instructions` does so, and counts those below `server_says_hello` and
//! `server_grants` alone.

use divan::{Bencher, black_box};
use ntp_ke::server::CertificateStore;
use ntp_proto::nts::{AeadAlgorithm, KeClient, KeServer, KeServerConfig, KeySet};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair, SignatureAlgorithm};
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, NamedGroup, RootCertStore, ServerConfig, ServerConnection,
};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

/// Certificate and key exchange.
const CASES: [(&str, &SignatureAlgorithm, NamedGroup); 6] = [
    (
        "p256-x25519mlkem768",
        &rcgen::PKCS_ECDSA_P256_SHA256,
        NamedGroup::X25519MLKEM768,
    ),
    (
        "p384-x25519mlkem768",
        &rcgen::PKCS_ECDSA_P384_SHA384,
        NamedGroup::X25519MLKEM768,
    ),
    (
        "ed25519-x25519mlkem768",
        &rcgen::PKCS_ED25519,
        NamedGroup::X25519MLKEM768,
    ),
    (
        "p256-x25519",
        &rcgen::PKCS_ECDSA_P256_SHA256,
        NamedGroup::X25519,
    ),
    (
        "p384-x25519",
        &rcgen::PKCS_ECDSA_P384_SHA384,
        NamedGroup::X25519,
    ),
    ("ed25519-x25519", &rcgen::PKCS_ED25519, NamedGroup::X25519),
];

/// A server, and clients that trust it.
struct Case {
    tls: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    grant: Arc<KeServerConfig>,
    keys: KeySet,
    rng: ChaCha12Rng,
}

/// A server that has answered, and all that its client sends thereafter.
struct Answered {
    server: ServerConnection,
    rest: Vec<u8>,
}

impl Case {
    fn new(word: &str) -> Self {
        let case = CASES.into_iter().find(|(name, ..)| *name == word);
        let (_, algorithm, group) =
            case.unwrap_or_else(|| panic!("no case {word}; there are {:?}", words()));
        let folder = tempfile::tempdir().expect("a folder");
        let files = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));

        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
            .expect("an authority");
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let params = CertificateParams::new(["time.example".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        std::fs::write(&files[0], certificate.pem()).expect("a file");
        std::fs::write(&files[1], key.serialize_pem()).expect("a file");
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).expect("an authority");

        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.kx_groups.retain(|offered| offered.name() == group);
        let mut client = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = vec![b"ntske/1".to_vec()];
        client.resumption = rustls::client::Resumption::disabled();

        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let algorithms = AeadAlgorithm::ALL.to_vec();
        Self {
            tls: CertificateStore::open(&files[0], &files[1])
                .expect("a pair")
                .tls(),
            client: Arc::new(client),
            grant: Arc::new(KeServerConfig {
                algorithms,
                server: None,
                port: None,
            }),
            keys: KeySet::new(1, 0, &mut rng),
            rng,
        }
    }

    fn client_says_hello(&self) -> (ClientConnection, Vec<u8>) {
        let name = ServerName::try_from("time.example").expect("a name");
        let mut client = ClientConnection::new(Arc::clone(&self.client), name).expect("a client");
        let mut hello = Vec::new();
        client.write_tls(&mut hello).expect("room");
        (client, hello)
    }

    /// All up to the point at which the server waits for the client again.
    fn answered(&self) -> Answered {
        let (mut client, hello) = self.client_says_hello();
        let (server, answer) = server_says_hello(&self.tls, &hello);
        take(&mut client, &answer);
        client
            .writer()
            .write_all(&KeClient::new(&AeadAlgorithm::ALL).request())
            .expect("room");
        let mut rest = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut rest).expect("room");
        }
        Answered { server, rest }
    }
}

/// Takes octets in as they come from a socket.
fn take<Data>(
    connection: &mut impl std::ops::DerefMut<Target = rustls::ConnectionCommon<Data>>,
    mut octets: &[u8],
) {
    while !octets.is_empty() {
        connection.read_tls(&mut octets).expect("octets");
        connection.process_new_packets().expect("TLS");
    }
}

fn give(server: &mut ServerConnection) -> Vec<u8> {
    let mut answer = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut answer).expect("room");
    }
    answer
}

#[inline(never)]
fn server_says_hello(tls: &Arc<ServerConfig>, hello: &[u8]) -> (ServerConnection, Vec<u8>) {
    let mut server = ServerConnection::new(Arc::clone(tls)).expect("a server");
    take(&mut server, hello);
    let answer = give(&mut server);
    (server, answer)
}

#[inline(never)]
fn server_grants(
    answered: Answered,
    grant: &Arc<KeServerConfig>,
    keys: &KeySet,
    rng: &mut ChaCha12Rng,
) -> Vec<u8> {
    let Answered { mut server, rest } = answered;
    take(&mut server, &rest);
    let mut room = [0; 1024];
    let length = server.reader().read(&mut room).expect("a request");
    let request = KeServer::new(Arc::clone(grant)).handle_bytes(&room[..length]);
    let request = request.expect("a good request").expect("a whole request");
    let exporter = |label: &[u8], context: &[u8], out: &mut [u8]| {
        server
            .export_keying_material(out, label, Some(context))
            .map(drop)
    };
    let response = request.respond(exporter, keys, rng).expect("keys");
    server.writer().write_all(&response).expect("room");
    server.send_close_notify();
    give(&mut server)
}

fn words() -> Vec<&'static str> {
    CASES.iter().map(|(word, ..)| *word).collect()
}

#[divan::bench(args = words(), sample_count = 500)]
fn hello(bencher: Bencher<'_, '_>, word: &str) {
    let case = Case::new(word);
    bencher
        .with_inputs(|| case.client_says_hello())
        .bench_local_values(|(client, hello)| {
            (client, black_box(server_says_hello(&case.tls, &hello)))
        });
}

#[divan::bench(args = words(), sample_count = 500)]
fn grant(bencher: Bencher<'_, '_>, word: &str) {
    let mut case = Case::new(word);
    let (grant, keys) = (Arc::clone(&case.grant), case.keys.clone());
    let mut rng = ChaCha12Rng::from_rng(&mut case.rng);
    bencher
        .with_inputs(|| case.answered())
        .bench_local_values(|answered| black_box(server_grants(answered, &grant, &keys, &mut rng)));
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(place) = arguments.iter().position(|argument| argument == "count") else {
        return divan::main();
    };
    let mut case = Case::new(arguments.get(place + 1).expect("count CASE N"));
    let times: u64 = arguments
        .get(place + 2)
        .and_then(|times| times.parse().ok())
        .expect("count CASE N");
    for _ in 0..times {
        let answered = case.answered();
        black_box(server_grants(
            answered,
            &case.grant,
            &case.keys,
            &mut case.rng,
        ));
    }
}
