//! A network that comes late, names that lead nowhere, and a server that lists itself.

use crate::{PROMPTLY, SOON};
use ntp_observe::SourceReason;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use test_support::{Daemon, DaemonConfig, Network, OddServer, Side, or_skip, source_at, until};

const PORT: u16 = 1123;
/// At the far end of the cable.
const FAR: &str = "192.0.2.2";
const FARTHER: &str = "192.0.2.3";

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn far_server(network: &Network) -> OddServer {
    server_at(network, FAR)
}

fn server_at(network: &Network, address: &str) -> OddServer {
    let listen = SocketAddr::new(ip(address), PORT).to_string();
    OddServer::start_on(
        Some(network.namespace(Side::Server)),
        &listen,
        "odd-server",
        &[],
    )
    .expect("a server")
}

fn named(name: &str) -> DaemonConfig {
    DaemonConfig::with_virtual_clock(0.35, 40e-6).and_source(format!("{name}:{PORT}"))
}

#[test]
fn a_daemon_that_starts_long_before_its_network_is_right_as_soon_as_that_comes_up() {
    let network = or_skip!(Network::new());
    network.add_server_address(ip(FARTHER));
    let _servers = [FAR, FARTHER].map(|address| server_at(&network, address));
    network.set_names(&[]);
    network.plug(false);
    let config = named("ntp.test").and_source(format!("{FARTHER}:{PORT}"));
    let mut daemon = or_skip!(Daemon::start_at(&network, Side::Client, &config));
    daemon.wait_until("the next look-up is some time away", SOON, |state| {
        state.sources.iter().any(|source| {
            matches!(&source.reason, SourceReason::NameNotResolved { retry_in_s: Some(wait), .. } if *wait > 6.0)
        })
    });

    network.set_names(&[("ntp.test", ip(FAR))]);
    network.plug(true);
    let plugged = Instant::now();

    daemon.wait_until_right(0.01, SOON);
    let state = daemon.wait_until("the name has led somewhere", PROMPTLY, |state| {
        state.sources.iter().all(|source| source.address.is_some())
    });
    assert!(
        plugged.elapsed() < Duration::from_secs(5),
        "{:?}: {:#?}",
        plugged.elapsed(),
        state.sources
    );
}

#[test]
fn the_addresses_of_the_last_run_are_used_where_names_cannot_be_looked_up() {
    let network = or_skip!(Network::new());
    let _server = far_server(&network);
    network.set_names(&[("ntp.test", ip(FAR))]);
    let mut daemon = or_skip!(Daemon::start_at(&network, Side::Client, &named("ntp.test")));
    daemon.wait_until_right(0.01, SOON);
    let kept = daemon.storage().join("addresses");
    assert!(
        until(PROMPTLY, || kept.exists().then_some(())).is_some(),
        "nothing is kept"
    );
    let folder = daemon.into_folder();

    network.set_names(&[]);
    let mut daemon = or_skip!(Daemon::start_again_at(
        &network,
        Side::Client,
        folder,
        &named("ntp.test")
    ));

    daemon.wait_until_right(0.01, SOON);
    assert!(
        daemon
            .process()
            .output()
            .contains("addresses that the name had in an earlier run")
    );
}

#[test]
fn addresses_that_no_server_has_are_reported_and_not_asked() {
    let network = or_skip!(Network::new());
    let _server = far_server(&network);
    let impossible = ["0.0.0.0", "224.0.1.1", "255.255.255.255", "::"];
    let names: Vec<_> = impossible
        .iter()
        .chain([&FAR])
        .map(|address| ("pool.test", ip(address)))
        .collect();
    network.set_names(&names);
    let config = DaemonConfig::with_virtual_clock(0.35, 0.0).and(&format!(
        "[[source]]\nmode = \"pool\"\naddress = \"pool.test:{PORT}\"\ncount = 3\n"
    ));
    let mut daemon = or_skip!(Daemon::start_at(&network, Side::Client, &config));

    let state = daemon.wait_until_right(0.01, SOON);

    let used: Vec<_> = state
        .sources
        .iter()
        .filter_map(|source| source.address.clone())
        .collect();
    assert_eq!(used, [format!("{FAR}:{PORT}")]);
    let refused = &state.sources[0].refused_addresses;
    assert_eq!(
        refused.get("224.0.1.1").map(String::as_str),
        Some("multicast"),
        "{refused:?}"
    );
    assert!(
        daemon
            .process()
            .output()
            .contains("addresses that no server can have")
    );
}

#[test]
fn a_name_with_ipv6_addresses_is_of_use_on_a_host_that_has_none() {
    let network = or_skip!(Network::new());
    let _server = far_server(&network);
    let addresses = [
        "2001:db8:ffff::1",
        "2001:db8:ffff::2",
        "2001:db8:ffff::3",
        FAR,
    ];
    network.set_names(&addresses.map(|address| ("pool.test", ip(address))));
    let config = DaemonConfig::with_virtual_clock(0.35, 0.0).and(&format!(
        "[[source]]\nmode = \"pool\"\naddress = \"pool.test:{PORT}\"\ncount = 1\n"
    ));
    let mut daemon = or_skip!(Daemon::start_at(&network, Side::Client, &config));

    let started = Instant::now();
    let state = daemon.wait_until_right(0.01, SOON);

    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}: {:#?}",
        started.elapsed(),
        state.sources
    );
}

#[test]
fn time_is_served_at_an_address_as_soon_as_the_machine_has_it() {
    let late = SocketAddr::new(ip("192.0.2.77"), PORT);
    let network = or_skip!(Network::new());
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and("[synchronization]\nlocal-stratum = 1\n")
        .and_server(late);
    let mut daemon = or_skip!(Daemon::start_at(&network, Side::Client, &config));
    assert_eq!(daemon.wait_until_serving(PROMPTLY), [late]);

    network.add_client_address(late.ip());

    let asking = DaemonConfig::with_virtual_clock(0.35, 0.0).and_source(late);
    let mut client = or_skip!(Daemon::start_at(&network, Side::Server, &asking));
    client.wait_until_right(0.01, SOON);
}

#[test]
fn a_server_that_lists_itself_takes_no_time_from_itself() {
    let network = or_skip!(Network::new());
    let own =
        ["192.0.2.1", "127.0.0.1", "[2001:db8::1]", "[::1]"].map(|host| format!("{host}:{PORT}"));
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and("[synchronization]\nlocal-stratum = 8\n")
        .and_server(format!("[::]:{PORT}"));
    let config = own.iter().fold(config, DaemonConfig::and_source);
    let mut daemon = or_skip!(Daemon::start_at(&network, Side::Client, &config));

    let state = daemon.wait_until("all know who they are", SOON, |state| {
        state.sources.len() == own.len()
            && state
                .sources
                .iter()
                .all(|source| source.reason == SourceReason::SynchronizationLoop)
    });

    for own in own {
        assert_eq!(
            source_at(&state, own.parse().expect("an address"))
                .packets
                .valid,
            0
        );
    }
    assert!(
        !daemon
            .process()
            .output()
            .contains("the clock is synchronized")
    );
}
