//! A process that runs out of file descriptors. As that concerns all of it, it is a process of its
//! own.
#![forbid(unsafe_code)]

use arc_swap::ArcSwap;
use ntp_config::{HostPort, Trust};
use ntp_ke::client::{CertificateTime, Connector, establish};
use ntp_ke::server::{CertificateStore, ConnectionLimits, KeListener, KePool, KeServerStatus};
use ntp_proto::nts::{AeadAlgorithm, KeServerConfig, KeySet};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use std::fs::File;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpStream};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The limit on descriptors of the process: more than it needs, and few enough to use them up.
const LIMIT: usize = 64;

/// Set in the process with the limit.
const CONFINED: &str = "NTP_KE_TEST_CONFINED";

const PATIENCE: Duration = Duration::from_secs(120);

/// The shell sets the limit, as doing it by ourselves would need unsafe code.
#[test]
fn out_of_descriptors_clients_are_turned_away_and_served_again_afterwards() {
    if std::env::var_os(CONFINED).is_some() {
        return confined();
    }
    let this = std::env::current_exe().unwrap();
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -n {LIMIT} && exec \"$0\" --nocapture"))
        .arg(this)
        .env(CONFINED, "1")
        .status();
    assert!(status.unwrap().success());
}

fn confined() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = write_pair(folder.path());
    let limits = ConnectionLimits {
        total: 10,
        per_client: 10,
        timeout: PATIENCE,
    };
    let listener = KeListener::bind((Ipv4Addr::LOCALHOST, 0).into(), false, limits).unwrap();
    let address = listener.address();
    let certificates = CertificateStore::open(&chain, &key).unwrap();
    let keys = KeySet::new(1, 0, &mut ChaCha12Rng::from_seed([7; 32]));
    let grant = KeServerConfig {
        algorithms: AeadAlgorithm::ALL.to_vec(),
        server: None,
        port: None,
    };
    let pool = KePool::start(NonZeroUsize::new(2).unwrap(), || ()).unwrap();
    let handle = listener
        .start(
            &pool,
            Arc::new(certificates),
            Arc::new(ArcSwap::from_pointee(keys)),
            Arc::new(grant),
        )
        .unwrap();
    let status = handle.status();

    let target = HostPort {
        host: "127.0.0.1".into(),
        port: address.port(),
    };
    let trust = Trust {
        certificate_authorities: vec![chain],
        system_authorities: false,
        ..Trust::default()
    };
    let connector = Connector::new(&trust).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let granted = || {
        runtime
            .block_on(establish(
                &target,
                &connector,
                CertificateTime::At(now),
                PATIENCE,
            ))
            .is_ok()
    };
    assert!(granted());
    until(&status, |status| status.stats().open == 0);

    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
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
    while !granted() {
        assert!(started.elapsed() < PATIENCE, "{:?}", status.stats());
    }
    handle.stop();
    pool.stop();
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
