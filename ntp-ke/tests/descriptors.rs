//! A process that runs out of file descriptors. As that concerns all of it, it is a process of its
//! own.
#![forbid(unsafe_code)]

use arc_swap::ArcSwap;
use ntp_config::{HostPort, Trust};
use ntp_ke::client::{CertificateTime, Connector, establish};
use ntp_ke::server::{
    CertificateStore, ConnectionLimits, KeListener, KePool, KeServerHandle, KeServerStatus,
};
use ntp_proto::nts::{AeadAlgorithm, KeServerConfig, KeySet};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use std::fs::File;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpStream};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The limit on descriptors of the process: more than it needs, and few enough to use them up.
const LIMIT: usize = 64;

/// Set in the process with the limit.
const CONFINED: &str = "NTP_KE_TEST_CONFINED";

const PATIENCE: Duration = Duration::from_secs(120);

/// Runs `test`, of this name, in a process of its own that has few descriptors. The shell sets the
/// limit, as doing it by ourselves would need unsafe code.
fn confined(name: &str, test: fn()) {
    if std::env::var_os(CONFINED).is_some() {
        return test();
    }
    let this = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "ulimit -n {LIMIT} && exec \"$0\" --nocapture --exact {name}"
        ))
        .arg(this)
        .env(CONFINED, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{output:?}");
}

#[test]
fn out_of_descriptors_clients_are_turned_away_and_served_again_afterwards() {
    confined(
        "out_of_descriptors_clients_are_turned_away_and_served_again_afterwards",
        turned_away_and_served_again,
    );
}

fn turned_away_and_served_again() {
    let set_up = SetUp::new();
    let address = set_up.listener.address();
    let client = Client::new(&set_up);
    let pool = KePool::start(NonZeroUsize::new(2).unwrap(), || ()).unwrap();
    let handle = set_up.serve(&pool);
    let status = handle.status();
    assert!(client.is_granted_keys());
    until(&status, |status| status.stats().open == 0);

    let mut taken = all_descriptors();
    assert!(taken.len() > 3, "{}", taken.len());

    for round in 1..=3 {
        // One for the client, none for the server.
        taken.pop();
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let end = client.read(&mut [0; 16]);
        assert!(
            matches!(end, Ok(0))
                || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        );
        until(&status, |status| status.stats().over_limit_total == round);
        assert!(status.stats().accept_errors >= 1);
        drop(client);
        taken.push(File::open("/dev/null").unwrap());
    }

    taken.clear();
    let started = Instant::now();
    while !client.is_granted_keys() {
        assert!(started.elapsed() < PATIENCE, "{:?}", status.stats());
    }
    handle.stop();
    pool.stop();
}

#[test]
fn a_pool_that_gets_fewer_threads_than_it_wants_serves_with_those() {
    confined(
        "a_pool_that_gets_fewer_threads_than_it_wants_serves_with_those",
        served_with_fewer_threads,
    );
}

fn served_with_fewer_threads() {
    let set_up = SetUp::new();
    let client = Client::new(&set_up);
    let mut taken = all_descriptors();
    let (ended, ends) = std::sync::mpsc::channel();
    let start = || {
        let ended = ended.clone();
        let ended = Mutex::new(ended);
        KePool::start(NonZeroUsize::new(LIMIT).unwrap(), move || {
            ended.lock().unwrap().send(()).unwrap();
        })
    };
    assert!(start().is_err());
    assert_eq!(ends.try_iter().count(), 0, "no thread, no end");

    // Each thread has an event queue of some descriptors: enough for one at least, and not for all.
    taken.truncate(taken.len() - LIMIT / 4);
    let pool = start().unwrap();
    assert_eq!(ends.try_iter().count(), 0, "all go on");
    taken.clear();
    let handle = set_up.serve(&pool);
    assert!(client.is_granted_keys());
    handle.stop();
    assert_eq!(ends.try_iter().count(), 0, "its end was asked for");
    pool.stop();
    let threads = ends.try_iter().count();
    assert!((2..LIMIT / 4).contains(&threads), "{threads}");
}

/// Takes all descriptors that are left.
fn all_descriptors() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// All that a server consists of but its threads.
struct SetUp {
    listener: KeListener,
    certificates: CertificateStore,
    grant: KeServerConfig,
    authority: PathBuf,
    _folder: TempDir,
}

impl SetUp {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = write_pair(folder.path());
        let limits = ConnectionLimits {
            total: 10,
            per_client: 10,
            timeout: PATIENCE,
        };
        let listen = (Ipv4Addr::LOCALHOST, 0).into();
        Self {
            listener: KeListener::bind(listen, false, limits).unwrap(),
            certificates: CertificateStore::open(&chain, &key).unwrap(),
            grant: KeServerConfig {
                algorithms: AeadAlgorithm::ALL.to_vec(),
                server: None,
                port: None,
            },
            authority: chain,
            _folder: folder,
        }
    }

    fn serve(self, pool: &KePool) -> KeServerHandle {
        let keys = KeySet::new(1, 0, &mut ChaCha12Rng::from_seed([7; 32]));
        self.listener
            .start(
                pool,
                Arc::new(self.certificates),
                Arc::new(ArcSwap::from_pointee(keys)),
                Arc::new(self.grant),
            )
            .unwrap()
    }
}

struct Client {
    target: HostPort,
    connector: Connector,
    runtime: Runtime,
}

impl Client {
    fn new(set_up: &SetUp) -> Self {
        let trust = Trust {
            certificate_authorities: vec![set_up.authority.clone()],
            system_authorities: false,
            ..Trust::default()
        };
        Self {
            target: HostPort {
                host: "127.0.0.1".into(),
                port: set_up.listener.address().port(),
            },
            connector: Connector::new(&trust).unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    fn is_granted_keys(&self) -> bool {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        self.runtime
            .block_on(establish(
                &self.target,
                &self.connector,
                CertificateTime::At(now),
                PATIENCE,
            ))
            .is_ok()
    }
}

fn until(status: &KeServerStatus, wanted: impl Fn(&KeServerStatus) -> bool) {
    let started = Instant::now();
    while !wanted(status) {
        assert!(started.elapsed() < PATIENCE, "{:?}", status.stats());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes a certificate and its key; returns the paths.
fn write_pair(folder: &Path) -> (PathBuf, PathBuf) {
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&chain, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    (chain, key)
}
