//! Many who begin a handshake of TLS and leave: the server computes a key exchange and a signature
//! for each, and they nothing at all, as all of them send the same first message.

use crate::loopback::{connect_from, member};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The limit for an answer of the server, however busy it is.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause after a connection that was refused, so that not only refusals are measured.
const BREATH: Duration = Duration::from_millis(5);

/// Threads that flood a server until they are stopped.
#[derive(Debug)]
pub struct HandshakeFlood {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    next: AtomicU32,
    answered: AtomicU32,
    refused: AtomicU32,
}

/// The outcome of a flood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flooded {
    /// Handshakes that the server has answered, with a signature each.
    pub answered: u32,
    /// Connections that were refused, closed or left without an answer.
    pub refused: u32,
}

impl HandshakeFlood {
    /// Starts so many threads, each with one connection at a time, from addresses all over
    /// 127.77.0.0/16.
    ///
    /// # Panics
    /// If the system gives no threads.
    #[must_use]
    pub fn start(server: SocketAddr, threads: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let hello: Arc<[u8]> = client_hello().into();
        let start = |_| {
            let (shared, hello) = (Arc::clone(&shared), Arc::clone(&hello));
            std::thread::Builder::new()
                .name("flood".into())
                .spawn(move || shared.run(server, &hello))
        };
        let threads = (0..threads)
            .map(start)
            .collect::<Result<_, _>>()
            .expect("the system gives threads");
        Self { shared, threads }
    }

    /// The number of handshakes that the server has answered so far.
    #[must_use]
    pub fn answered(&self) -> u32 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Ends it.
    ///
    /// # Panics
    /// If one of its threads has.
    #[must_use]
    pub fn stop(self) -> Flooded {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a thread of the flood ends well");
        }
        Flooded {
            answered: self.shared.answered.load(Ordering::Relaxed),
            refused: self.shared.refused.load(Ordering::Relaxed),
        }
    }
}

impl Shared {
    fn run(&self, server: SocketAddr, hello: &[u8]) {
        while !self.stop.load(Ordering::Relaxed) {
            let from = member(self.next.fetch_add(1, Ordering::Relaxed));
            let answer = connect_from(from, server).and_then(|mut stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.write_all(hello)?;
                stream.read(&mut [0; 4096])
            });
            if matches!(answer, Ok(1..)) {
                self.answered.fetch_add(1, Ordering::Relaxed);
            } else {
                self.refused.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(BREATH);
            }
        }
    }
}

/// The first message of an NTS client. It trusts no authority, which has no effect, as it never
/// reads an answer.
fn client_hello() -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("invariant: the provider has TLS 1.3")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"ntske/1".to_vec()];
    let name = ServerName::try_from("127.0.0.1").expect("invariant: an address");
    let mut client = ClientConnection::new(Arc::new(config), name)
        .expect("invariant: the configuration is sound");
    let mut hello = Vec::new();
    client
        .write_tls(&mut hello)
        .expect("invariant: writing to memory cannot fail");
    hello
}
