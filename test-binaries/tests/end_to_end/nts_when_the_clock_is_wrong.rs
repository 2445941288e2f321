//! A clock that was never right cannot judge certificates, and certificates are needed to set it
//! right.

use crate::{PROMPTLY, SOON};
use ntp_observe::{SourceReason, SystemReason};
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use test_support::{Authority, Daemon, DaemonConfig, Network, Side, Skip, folder, or_skip, until};

/// So far ahead is the clock of these tests, in seconds: twenty years, when all certificates of
/// today have expired.
const AHEAD: f64 = 631_152_000.0;

/// As many servers with NTS as there are names, one daemon each at an address of its own.
struct Scene {
    _servers: Vec<Daemon>,
    network: Network,
    folder: tempfile::TempDir,
}

fn scene(names: &[&str]) -> Result<Scene, Skip> {
    let network = Network::new()?;
    let folder = folder();
    let authority = Authority::new(folder.path());
    let mut known = Vec::new();
    let mut servers = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let address = format!("192.0.2.{}", 10 + place);
        network.add_server_address(address.parse().expect("invariant: an address"));
        known.push((*name, address.parse().expect("invariant: an address")));
        let files = authority.sign(name, &[name]);
        let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_server(format!("{address}:123")).and(&format!(
            "[synchronization]\nlocal-stratum = 1\n\n[[nts-ke-server]]\nlisten = \"{address}:4460\"\n\
             certificate-chain-path = \"{}\"\nprivate-key-path = \"{}\"\n",
            files.chain.display(),
            files.key.display()
        ));
        let mut server = Daemon::start_at(&network, Side::Server, &config)?;
        server.wait_until_serving(SOON);
        servers.push(server);
    }
    network.set_names(&known);
    Ok(Scene {
        _servers: servers,
        network,
        folder,
    })
}

/// Our client with these sources and a clock that is far ahead, at its first start.
fn client(scene: &Scene, names: &[&str]) -> Result<Daemon, Skip> {
    Daemon::start_at(&scene.network, Side::Client, &config(scene, names, AHEAD))
}

/// A client with these sources and a clock that is ahead by this many seconds.
fn config(scene: &Scene, names: &[&str], ahead: f64) -> DaemonConfig {
    let authority = scene.folder.path().join("ca.pem");
    let source = |name: &&str| {
        format!(
            "[[source]]\nmode = \"nts\"\naddress = \"{name}\"\ncertificate-authority = \"{}\"\n\
             poll-interval-limits = {{ min = 0, max = 1 }}\n",
            authority.display()
        )
    };
    DaemonConfig::with_virtual_clock(ahead, 0.0)
        .and(&names.iter().map(source).collect::<String>())
        .and("[synchronization]\nstartup-step-panic-threshold = \"inf\"\n")
}

/// Writes what an earlier run has left: a last known time that is ahead of the truth by this many
/// seconds.
fn leave_state(folder: &std::path::Path, ahead: u64) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("invariant: after 1970")
        .as_secs();
    let storage = folder.join("storage");
    std::fs::create_dir_all(&storage).unwrap();
    let text = format!(
        "{{\"last_known_unix_s\": {}, \"accumulated_steps_s\": 0.0}}",
        now + ahead
    );
    std::fs::write(storage.join("state"), text).unwrap();
}

#[test]
fn two_servers_that_agree_set_a_clock_by_which_their_certificates_have_expired() {
    let names = ["one.example", "two.example"];
    let scene = or_skip!(scene(&names));
    let mut client = or_skip!(client(&scene, &names));
    let state = client.wait_until_right(0.001, SOON);
    assert_eq!(state.system.step_count, 1);
    let confirmed = |state: &ntp_observe::Document| {
        state
            .sources
            .iter()
            .all(|source| source.nts.as_ref().is_some_and(|nts| !nts.provisional))
    };
    client.wait_until("the certificates count", SOON, confirmed);
}

#[test]
fn one_server_alone_does_not_and_the_reason_is_told() {
    let names = ["one.example"];
    let scene = or_skip!(scene(&names));
    let mut client = or_skip!(client(&scene, &names));
    let state = client.wait_until("the reason is reported", SOON, |state| {
        state
            .sources
            .first()
            .is_some_and(|source| source.reason == SourceReason::NtsCertificateTime)
    });
    assert!(!state.system.synchronized);
    assert_eq!(state.system.step_count, 0);
    assert!(
        matches!(
            state.system.reasons.first(),
            Some(SystemReason::CertificateUnproven { .. })
        ),
        "{state:#?}"
    );
}

#[test]
fn one_server_sets_a_clock_that_was_never_right_if_it_is_trusted_alone() {
    let names = ["one.example"];
    let scene = or_skip!(scene(&names));
    let config = config(&scene, &names, AHEAD).and("first-time-from = \"single\"\n");
    let mut client = or_skip!(Daemon::start_at(&scene.network, Side::Client, &config));
    client.wait_until_right(0.001, SOON);
}

#[test]
fn a_wrong_last_known_time_is_corrected_without_removing_the_file() {
    const YEAR: u64 = 31_557_600;
    let names = ["one.example"];
    let scene = or_skip!(scene(&names));
    // The first is implausible by itself; by the second, all certificates have expired.
    for ahead in [20 * YEAR, 5 * YEAR] {
        let folder = folder();
        leave_state(folder.path(), ahead);
        let config = config(&scene, &names, 0.0);
        let mut client = or_skip!(Daemon::start_again_at(
            &scene.network,
            Side::Client,
            folder,
            &config
        ));
        client.wait_until_right(0.001, SOON);
        // The file is written beside what the daemon does.
        let plausible = until(PROMPTLY, || {
            let text = std::fs::read_to_string(client.storage().join("state")).ok()?;
            let digits = text
                .split(|one: char| !one.is_ascii_digit())
                .find_map(|digits| digits.parse::<u64>().ok())?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
            (digits <= now).then_some(())
        });
        assert!(
            plausible.is_some(),
            "the state file holds a time in the future"
        );
    }
}

#[test]
fn two_names_of_one_server_count_once_and_ask_for_keys_once() {
    let names = ["one.example", "two.example"];
    let network = or_skip!(Network::new());
    let folder = folder();
    let authority = Authority::new(folder.path());
    let address: IpAddr = "192.0.2.10".parse().unwrap();
    network.add_server_address(address);
    let files = authority.sign("both", &names);
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_server(format!("{address}:123")).and(&format!(
        "[synchronization]\nlocal-stratum = 1\n\n[[nts-ke-server]]\nlisten = \"{address}:4460\"\n\
         certificate-chain-path = \"{}\"\nprivate-key-path = \"{}\"\n",
        files.chain.display(),
        files.key.display()
    ));
    let mut server = or_skip!(Daemon::start_at(&network, Side::Server, &config));
    server.wait_until_serving(SOON);
    network.set_names(&names.map(|name| (name, address)));
    let scene = Scene {
        _servers: vec![server],
        network,
        folder,
    };
    let config = self::config(&scene, &names, 0.0);
    let mut client = or_skip!(Daemon::start_at(&scene.network, Side::Client, &config));
    client.wait_until_right(0.001, SOON);
    std::thread::sleep(Duration::from_secs(8));
    let state = client.wait_until("the second one says why it is not used", SOON, |state| {
        state
            .sources
            .iter()
            .any(|source| matches!(source.reason, SourceReason::SameServer { .. }))
    });
    let attempts: Vec<u64> = state
        .sources
        .iter()
        .filter_map(|source| Some(source.nts.as_ref()?.ke_attempts))
        .collect();
    assert_eq!(attempts, [1, 1]);
    assert_eq!(state.system.source_counts.agreeing, 1);
}
