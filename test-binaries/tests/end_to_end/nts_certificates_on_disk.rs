//! The certificate of our server of keys: renewed on disk, broken on disk, and not there in the first place.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use ntp_observe::Document;
use test_binaries::harness::{CertificateFiles, Daemon, DaemonConfig, NtsAddresses, NtsLoopback, Skip, until};
use test_binaries::or_skip;

use crate::PROMPTLY;

/// How long it may take until a change of the files is seen without a signal: they are looked at every two seconds, and
/// have to be still for two looks. On an idle machine that is four seconds at most.
const NOTICED: Duration = Duration::from_secs(120);

/// The key of the certificate that a new client sees.
fn shown(scene: &NtsLoopback, addresses: NtsAddresses) -> [u8; 32] {
    let established = scene.client().establish(addresses.keys).expect("keys are to be had");
    established.certificate[0].key_sha256
}

/// Another certificate in the same files.
fn renew(scene: &NtsLoopback) {
    let CertificateFiles { chain, key } = scene.authority.sign("next", &["127.0.0.1"]);
    std::fs::rename(key, &scene.certificate.key).unwrap();
    std::fs::rename(chain, &scene.certificate.chain).unwrap();
}

fn error(state: &Document) -> Option<&str> {
    state.nts_ke_servers[0].certificate_error.as_deref()
}

#[test]
fn a_renewed_certificate_is_shown_without_anybody_telling() {
    let scene = NtsLoopback::new();
    let mut daemon = or_skip!(Daemon::start(&scene.server("")));
    let addresses = NtsAddresses::of(&mut daemon);
    let first = shown(&scene, addresses);

    renew(&scene);

    let changed = until(NOTICED, || (shown(&scene, addresses) != first).then_some(()));
    assert!(changed.is_some(), "the old certificate is shown for ever");
    assert_eq!(error(&daemon.state().unwrap()), None);
}

#[test]
fn a_signal_makes_a_renewed_certificate_be_shown_at_once() {
    let scene = NtsLoopback::new();
    let mut daemon = or_skip!(Daemon::start(&scene.server("")));
    let addresses = NtsAddresses::of(&mut daemon);
    let first = shown(&scene, addresses);

    renew(&scene);
    daemon.process().hang_up();

    daemon.process().wait_for_line("was read again", PROMPTLY);
    assert_ne!(shown(&scene, addresses), first);
    daemon.process().wait_for_line("reading certificates and keys anew", PROMPTLY);
}

#[test]
fn a_broken_certificate_leaves_the_old_one_in_service_and_status_tells() {
    let scene = NtsLoopback::new();
    let mut daemon = or_skip!(Daemon::start(&scene.server("")));
    let addresses = NtsAddresses::of(&mut daemon);
    let first = shown(&scene, addresses);
    let CertificateFiles { chain, key } = scene.certificate.clone();
    let good = std::fs::read(&chain).unwrap();
    let key_name = key.display().to_string();
    let chain_name = chain.display().to_string();

    let stranger = scene.authority.sign("stranger", &["127.0.0.1"]);
    std::fs::copy(stranger.key, &key).unwrap();
    daemon.process().hang_up();
    let state = daemon.wait_until("the mismatch is told", NOTICED, |state| error(state).is_some());
    let told = error(&state).unwrap();
    assert!(told.contains(&key_name) && told.contains("renewed together"), "{told}");
    assert_eq!(shown(&scene, addresses), first);

    std::fs::write(&chain, "-----BEGIN CERTIFICATE-----\nno\n").unwrap();
    let broken = |state: &Document| error(state).is_some_and(|told| told.contains("not a certificate chain"));
    let state = daemon.wait_until("the broken file is told", NOTICED, broken);
    assert!(error(&state).unwrap().contains(&chain_name), "{:?}", error(&state));
    assert_eq!(shown(&scene, addresses), first);

    std::fs::remove_file(&chain).unwrap();
    let gone = |state: &Document| error(state).is_some_and(|told| told.contains("cannot read"));
    daemon.wait_until("the missing file is told", NOTICED, gone);
    assert_eq!(shown(&scene, addresses), first);

    std::fs::write(&chain, good).unwrap();
    renew(&scene);
    daemon.wait_until("all is well", NOTICED, |state| error(state).is_none());
    assert_ne!(shown(&scene, addresses), first);
}

/// Starts a daemon that cannot serve keys, and returns its last words.
fn refused(config: &DaemonConfig) -> Result<String, Skip> {
    let mut daemon = Daemon::start(config)?;
    let status = daemon.process().wait(PROMPTLY);
    let log = daemon.process().output();
    assert_eq!(status.code(), Some(1), "{log}");
    Ok(log)
}

fn assert_told(log: &str, words: &[&str]) {
    let line = log.lines().rev().find(|line| words.iter().all(|word| line.contains(word)));
    assert!(line.is_some(), "no line tells {words:?}:\n{log}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn without_its_private_key_the_daemon_does_not_start_and_names_the_file() {
    let scene = NtsLoopback::new();
    std::fs::remove_file(&scene.certificate.key).unwrap();
    let log = or_skip!(refused(&scene.server("")));
    assert_told(&log, &["cannot read", text(&scene.certificate.key), "correct the path"]);
}

#[test]
fn with_the_key_of_another_certificate_the_daemon_does_not_start_and_names_both_files() {
    let scene = NtsLoopback::new();
    let stranger = scene.authority.sign("stranger", &["127.0.0.1"]);
    std::fs::copy(stranger.key, &scene.certificate.key).unwrap();
    let log = or_skip!(refused(&scene.server("")));
    let CertificateFiles { chain, key } = &scene.certificate;
    assert_told(&log, &[text(chain), text(key), "renewed together"]);
}

#[test]
fn where_another_server_of_keys_listens_the_daemon_does_not_start_and_names_the_port() {
    let scene = NtsLoopback::new();
    let occupier = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = occupier.local_addr().unwrap().port();
    let CertificateFiles { chain, key } = &scene.certificate;
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_server("127.0.0.1:0").and(&format!(
        "[[nts-ke-server]]\nlisten = \"127.0.0.1:{port}\"\ncertificate-chain-path = \"{}\"\n\
         private-key-path = \"{}\"\n",
        chain.display(),
        key.display()
    ));
    let log = or_skip!(refused(&config));
    assert_told(&log, &[&format!("127.0.0.1:{port}"), "in use", "another port in [[nts-ke-server]]"]);
}

#[test]
fn a_private_key_that_everybody_can_read_is_warned_about_with_the_command_that_helps() {
    let scene = NtsLoopback::new();
    let key = &scene.certificate.key;
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut daemon = or_skip!(Daemon::start(&scene.server("")));
    daemon.process().wait_for_line(&format!("chmod o-r {}", key.display()), PROMPTLY);
}
