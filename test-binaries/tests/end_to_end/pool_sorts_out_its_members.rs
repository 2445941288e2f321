//! A pool of one dead, one lying and two honest servers.

use crate::SOON;
use ntp_observe::{Document, SourceFacts, SourceMode, SourceReason, SourceState};
use std::net::IpAddr;
use test_support::{Daemon, DaemonConfig, Network, OddServer, Side, Skip, or_skip};

const PORT: u16 = 1123;
const DEAD: &str = "192.0.2.10";
const LIAR: &str = "192.0.2.11";
const HONEST: [&str; 2] = ["192.0.2.12", "2001:db8::13"];
const SPARE: &str = "192.0.2.14";

fn address(ip: &str) -> IpAddr {
    ip.parse().expect("an address")
}

fn with_port(ip: &str) -> String {
    std::net::SocketAddr::new(address(ip), PORT).to_string()
}

/// A server at an address of its own.
fn serve(network: &Network, ip: &str, arguments: &[&str]) -> Result<OddServer, Skip> {
    network.add_server_address(address(ip));
    OddServer::start_on(
        Some(network.namespace(Side::Server)),
        &with_port(ip),
        "odd-server",
        arguments,
    )
}

fn member<'a>(state: &'a Document, ip: &str) -> Option<&'a SourceFacts> {
    state
        .sources
        .iter()
        .find(|source| source.address.as_deref() == Some(&with_port(ip)))
}

fn is_used(state: &Document, ip: &str) -> bool {
    let used = [
        SourceState::Selected,
        SourceState::Combined,
        SourceState::Outlier,
    ];
    member(state, ip).is_some_and(|source| used.contains(&source.state))
}

#[test]
fn the_liar_is_named_and_the_dead_one_replaced() {
    let network = or_skip!(Network::new());
    // Nothing listens at the dead one, and no ICMP message reports that.
    let _dead = or_skip!(serve(&network, DEAD, &["--behavior", "silent"]));
    let _liar = or_skip!(serve(&network, LIAR, &["--offset", "0.3"]));
    let _honest = HONEST.map(|ip| serve(&network, ip, &[]));
    let _spare = or_skip!(serve(&network, SPARE, &[]));
    let mut names: Vec<(&str, IpAddr)> = [DEAD, LIAR, HONEST[0], HONEST[1]]
        .map(|ip| ("pool.test", address(ip)))
        .to_vec();
    network.set_names(&names);
    let config = DaemonConfig::with_virtual_clock(0.35, 40e-6).and(&format!(
        "[[source]]\nmode = \"pool\"\naddress = \"pool.test:{PORT}\"\ncount = 4\n\
         poll-interval-limits = {{ min = 0, max = 1 }}\n"
    ));
    let mut daemon = or_skip!(Daemon::start_at(&network, Side::Client, &config));

    let state = daemon.wait_until("the liar is named", SOON, |state| {
        member(state, LIAR).is_some_and(|liar| liar.state == SourceState::Falseticker)
    });
    let liar = member(&state, LIAR).expect("it was just there");
    let SourceReason::IntervalDisagrees { by_s, majority, .. } = liar.reason else {
        panic!("{:?}", liar.reason)
    };
    assert!(
        (0.2..0.4).contains(&by_s.abs()),
        "it lies by 0.3 s, and is said to miss the others by {by_s} s"
    );
    assert_eq!(majority, 2);
    let state = daemon.wait_until("the honest ones are used", SOON, |state| {
        HONEST.iter().all(|ip| is_used(state, ip))
    });
    assert!(
        state
            .sources
            .iter()
            .all(|source| source.name.contains("pool.test") && source.mode == SourceMode::Pool)
    );
    daemon.wait_until_right(0.001, SOON);

    names.push(("pool.test", address(SPARE)));
    network.set_names(&names);

    daemon.wait_until("the dead one is replaced", SOON, |state| {
        member(state, DEAD).is_none() && is_used(state, SPARE)
    });
    let state = daemon.wait_until_right(0.001, SOON);
    assert!(!is_used(&state, LIAR));
}
