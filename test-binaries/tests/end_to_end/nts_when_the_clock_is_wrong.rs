//! A clock that was never right cannot judge certificates, and certificates are needed to set it right.

use ntp_observe::SourceReason;
use test_binaries::harness::{Authority, Daemon, DaemonConfig, Network, Side, Skip, folder};
use test_binaries::or_skip;

use crate::SOON;

/// So far ahead is the clock of these tests, in seconds: twenty years, when all certificates of today have expired.
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
    Ok(Scene { _servers: servers, network, folder })
}

/// Our client with these sources and a clock that is far ahead, at its first start.
fn client(scene: &Scene, names: &[&str]) -> Result<Daemon, Skip> {
    let authority = scene.folder.path().join("ca.pem");
    let source = |name: &&str| {
        format!(
            "[[source]]\nmode = \"nts\"\naddress = \"{name}\"\ncertificate-authority = \"{}\"\n\
             poll-interval-limits = {{ min = 0, max = 1 }}\n",
            authority.display()
        )
    };
    let config = DaemonConfig::with_virtual_clock(AHEAD, 0.0)
        .and(&names.iter().map(source).collect::<String>())
        .and("[synchronization]\nstartup-step-panic-threshold = \"inf\"\n");
    Daemon::start_at(&scene.network, Side::Client, &config)
}

#[test]
fn two_servers_that_agree_set_a_clock_by_which_their_certificates_have_expired() {
    let names = ["one.example", "two.example"];
    let scene = or_skip!(scene(&names));
    let mut client = or_skip!(client(&scene, &names));
    let state = client.wait_until_right(0.001, SOON);
    assert_eq!(state.system.step_count, 1);
    let confirmed = |state: &ntp_observe::Document| {
        state.sources.iter().all(|source| source.nts.as_ref().is_some_and(|nts| !nts.provisional))
    };
    client.wait_until("the certificates count", SOON, confirmed);
}

#[test]
fn one_server_alone_does_not_and_the_reason_is_told() {
    let names = ["one.example"];
    let scene = or_skip!(scene(&names));
    let mut client = or_skip!(client(&scene, &names));
    let state = client.wait_until("the reason is told", SOON, |state| {
        state.sources.first().is_some_and(|source| source.reason == SourceReason::NtsCertificateTime)
    });
    assert!(!state.system.synchronized);
    assert_eq!(state.system.step_count, 0);
}
