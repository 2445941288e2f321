//! The certificate of our NTS-KE server: renewed on disk, broken on disk, and not there in the
//! first place.

use crate::PROMPTLY;
use ntp_observe::Document;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use test_support::{
    CertificateFiles, Daemon, DaemonConfig, NtsAddresses, NtsLoopback, Skip, or_skip, until,
};

/// The limit until a change of the files is seen without a signal: they are looked at
/// every two seconds, and have to be still for two looks. On an idle machine that is four seconds
/// at most.
const NOTICED: Duration = Duration::from_secs(120);

/// The limit until a server that could not start is tried again, which is done every ten seconds.
const RETRIED: Duration = Duration::from_secs(40);

/// The key of the certificate that a new client sees.
fn shown(scene: &NtsLoopback, addresses: NtsAddresses) -> [u8; 32] {
    let established = scene
        .client()
        .establish(addresses.keys)
        .expect("keys are to be had");
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
fn a_renewed_certificate_is_shown_without_a_signal() {
    let scene = NtsLoopback::new();
    let mut daemon = or_skip!(Daemon::start(&scene.server("")));
    let addresses = NtsAddresses::of(&mut daemon);
    let first = shown(&scene, addresses);

    renew(&scene);

    let changed = until(NOTICED, || {
        (shown(&scene, addresses) != first).then_some(())
    });
    assert!(changed.is_some(), "the old certificate is still shown");
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

    daemon.process().wait_for_line("was reloaded", PROMPTLY);
    assert_ne!(shown(&scene, addresses), first);
    daemon
        .process()
        .wait_for_line("certificates and keys again", PROMPTLY);
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
    let state = daemon.wait_until("the mismatch is reported", NOTICED, |state| {
        error(state).is_some()
    });
    let text = error(&state).unwrap();
    assert!(
        text.contains(&key_name) && text.contains("renew both files together"),
        "{text}"
    );
    assert_eq!(shown(&scene, addresses), first);

    std::fs::write(&chain, "-----BEGIN CERTIFICATE-----\nno\n").unwrap();
    let broken = |state: &Document| {
        error(state).is_some_and(|text| text.contains("not a certificate chain"))
    };
    let state = daemon.wait_until("the broken file is reported", NOTICED, broken);
    assert!(
        error(&state).unwrap().contains(&chain_name),
        "{:?}",
        error(&state)
    );
    assert_eq!(shown(&scene, addresses), first);

    std::fs::remove_file(&chain).unwrap();
    let gone = |state: &Document| error(state).is_some_and(|text| text.contains("cannot read"));
    daemon.wait_until("the missing file is reported", NOTICED, gone);
    assert_eq!(shown(&scene, addresses), first);

    std::fs::write(&chain, good).unwrap();
    renew(&scene);
    daemon.wait_until("all is well", NOTICED, |state| error(state).is_none());
    assert_ne!(shown(&scene, addresses), first);
}

/// The cause for which no keys are handed out at the first address.
fn start_error(state: &Document) -> Option<&str> {
    state.nts_ke_servers.first()?.start_error.as_deref()
}

/// Starts a daemon that cannot serve keys yet; it has to say why with these words, in its log and
/// its status, and to serve time.
fn serves_time_and_says(config: &DaemonConfig, words: &[&str]) -> Result<Daemon, Skip> {
    let mut daemon = Daemon::start(config)?;
    let state = daemon.wait_until("the cause is reported", PROMPTLY, |state| {
        start_error(state).is_some()
    });
    let cause = start_error(&state).expect("it has been seen").to_owned();
    let log = daemon.process().output();
    let logged = log
        .lines()
        .find(|line| line.contains("cannot start"))
        .unwrap_or_else(|| panic!("{log}"));
    for word in words {
        assert!(
            cause.contains(word) && logged.contains(word),
            "{word}: {cause}; {logged}"
        );
    }
    let address = state.servers[0]
        .listen_address
        .parse()
        .expect("an address with a port");
    assert!(time_is_served(address), "time is served all the same");
    Ok(daemon)
}

/// True if a server answers a plain request.
fn time_is_served(address: SocketAddr) -> bool {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a timeout above 0");
    let mut request = [0; 48];
    request[0] = 0b00_100_011;
    let answered = until(PROMPTLY, || {
        let _ = socket.send_to(&request, address);
        socket.recv(&mut [0; 48]).ok()
    });
    answered == Some(48)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn without_its_private_key_time_is_served_and_keys_as_soon_as_it_is_there() {
    let scene = NtsLoopback::new();
    let CertificateFiles { key, .. } = &scene.certificate;
    let aside = key.with_extension("aside");
    std::fs::rename(key, &aside).unwrap();
    let mut daemon = or_skip!(serves_time_and_says(
        &scene.server(""),
        &["cannot read", text(key), "correct the path"]
    ));

    std::fs::rename(&aside, key).unwrap();

    let running = |state: &Document| start_error(state).is_none();
    daemon.wait_until("keys are handed out without a signal", RETRIED, running);
    let _ = shown(&scene, NtsAddresses::of(&mut daemon));
}

#[test]
fn with_the_key_of_another_certificate_time_is_served_and_a_signal_tries_again() {
    let scene = NtsLoopback::new();
    let stranger = scene.authority.sign("stranger", &["127.0.0.1"]);
    std::fs::copy(stranger.key, &scene.certificate.key).unwrap();
    let CertificateFiles { chain, key } = &scene.certificate;
    let words = [text(chain), text(key), "renew both files together"];
    let mut daemon = or_skip!(serves_time_and_says(&scene.server(""), &words));

    renew(&scene);
    daemon.process().hang_up();

    daemon.wait_until("keys are handed out", PROMPTLY, |state| {
        start_error(state).is_none()
    });
}

#[test]
fn time_is_served_and_the_port_is_named_if_another_server_of_keys_listens_there() {
    let scene = NtsLoopback::new();
    let occupier = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = occupier.local_addr().unwrap().port();
    let CertificateFiles { chain, key } = &scene.certificate;
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and_server("127.0.0.1:0")
        .and(&format!(
            "[[nts-ke-server]]\nlisten = \"127.0.0.1:{port}\"\ncertificate-chain-path = \"{}\"\n\
         private-key-path = \"{}\"\n",
            chain.display(),
            key.display()
        ));
    let place = format!("127.0.0.1:{port}");
    let words = [
        place.as_str(),
        "in use",
        "another port in [[nts-ke-server]]",
    ];
    let mut daemon = or_skip!(serves_time_and_says(&config, &words));

    drop(occupier);

    daemon.wait_until("keys are handed out", RETRIED, |state| {
        start_error(state).is_none()
    });
}

#[test]
fn a_host_that_only_hands_out_keys_does_so() {
    let scene = NtsLoopback::new();
    let CertificateFiles { chain, key } = &scene.certificate;
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and(&format!(
        "[[nts-ke-server]]\nlisten = \"127.0.0.1:0\"\ncertificate-chain-path = \"{}\"\nprivate-key-path = \"{}\"\n\
         ntp-server = \"192.0.2.1\"\n",
        chain.display(),
        key.display()
    ));
    let mut daemon = or_skip!(Daemon::start(&config));
    let state = daemon.wait_until("it hands out keys", PROMPTLY, |state| {
        !state.nts_ke_servers.is_empty()
    });
    assert_eq!(start_error(&state), None);
    assert_eq!(state.servers, []);
    let keys = state.nts_ke_servers[0]
        .listen_address
        .parse()
        .expect("an address with a port");
    let established = scene.client().establish(keys).expect("keys are to be had");
    assert!(!established.reply.cookies.is_empty());
}

#[test]
fn a_private_key_that_everybody_can_read_is_warned_about_with_the_command_that_helps() {
    let scene = NtsLoopback::new();
    let key = &scene.certificate.key;
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut daemon = or_skip!(Daemon::start(&scene.server("")));
    daemon
        .process()
        .wait_for_line(&format!("chmod o-r {}", key.display()), PROMPTLY);
}
