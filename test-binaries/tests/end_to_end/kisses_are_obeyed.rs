//! Kiss codes: a client demobilizes on DENY, and slows down on RATE.

use crate::chrony::Chronyd;
use crate::{PROMPTLY, SOON};
use ntp_observe::{SourceReason, SourceState};
use std::thread::sleep;
use std::time::{Duration, Instant};
use test_support::{Daemon, DaemonConfig, OddServer, Peers, or_skip, source_at, until};

/// The poll interval to which `rate-limit-server` forces clients.
const FORCED_POLL: f64 = 32.0;

#[test]
fn our_client_goes_when_it_is_denied() {
    let server = or_skip!(OddServer::start("demobilize-server", &[]));
    let address = server.address();
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_source(address);
    let mut daemon = or_skip!(Daemon::start(&config));

    let state = daemon.wait_until("the source is demobilized", PROMPTLY, |state| {
        state
            .sources
            .iter()
            .any(|source| source.state == SourceState::Demobilized)
    });

    let before = source_at(&state, address);
    assert_eq!(before.reason, SourceReason::KissDeny);
    assert!(
        before.retry_in_s.is_some_and(|retry| retry > 600.0),
        "one forged packet must not end it"
    );
    sleep(Duration::from_secs(5));
    let state = daemon.state().expect("the daemon still runs");
    let after = source_at(&state, address);
    assert_eq!(after.packets.sent, before.packets.sent, "it still polls");
    assert!(!state.system.synchronized);
}

#[test]
fn chronyd_does_not_follow_a_server_that_denies() {
    let peers = or_skip!(Peers::find());
    let mut server = or_skip!(OddServer::start("demobilize-server", &[]));
    let chronyd = or_skip!(Chronyd::ask(
        &peers,
        server.address(),
        "iburst minpoll 0 maxpoll 4"
    ));
    server.process().wait_for_line("DENY", PROMPTLY);

    sleep(Duration::from_secs(6));

    // chronyd 4.3 knows no DENY: it goes on asking, and takes the reply for that of a server that
    // is not synchronized.
    let source = chronyd.source().expect("chronyd answers");
    assert_eq!(&source[1], "?", "{source:?}");
    let tracking = chronyd.chronyc("tracking");
    assert!(tracking.stdout.contains("Not synchronised"), "{tracking}");
}

#[test]
fn our_client_slows_down_on_a_rate_kiss_and_stays_synchronized() {
    let server = or_skip!(OddServer::start("rate-limit-server", &[]));
    let address = server.address();
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0).and(&format!(
        "[[source]]\nmode = \"server\"\naddress = \"{address}\"\n"
    ));
    let mut daemon = or_skip!(Daemon::start(&config));

    let started = Instant::now();
    let state = daemon.wait_until("it asks every 32 s", SOON, |state| {
        state
            .sources
            .iter()
            .any(|source| source.poll_s == Some(FORCED_POLL))
    });

    let slowed = source_at(&state, address);
    assert!(slowed.rate_limited, "{slowed:#?}");
    assert_eq!(
        slowed.discards.get("kiss"),
        Some(&1),
        "{:?}",
        slowed.discards
    );
    // Two more polls at the slow pace.
    let until_then = started + Duration::from_secs(75);
    let state = daemon.wait_until("it is served at the slow pace", SOON, |state| {
        Instant::now() > until_then && state.sources.iter().any(|source| source.packets.valid >= 3)
    });
    let source = source_at(&state, address);
    assert_eq!(source.poll_s, Some(FORCED_POLL));
    assert_eq!(
        source.discards.get("kiss"),
        Some(&1),
        "it got one kiss: {:?}",
        source.discards
    );
    assert!(state.system.synchronized, "{:?}", state.system.reasons);
    assert!(
        state
            .clock
            .virtual_minus_system_s
            .is_some_and(|off| off.abs() < 0.1)
    );
}

#[test]
fn chronyd_slows_down_on_a_rate_kiss() {
    let peers = or_skip!(Peers::find());
    let server = or_skip!(OddServer::start("rate-limit-server", &[]));
    // chronyd 4.3 ends its burst and then waits for four of its poll intervals, here 32 s, once for
    // each kiss.
    let _chronyd = or_skip!(Chronyd::ask(
        &peers,
        server.address(),
        "iburst minpoll 3 maxpoll 3"
    ));

    let served_again = until(SOON, || {
        let output = server.output();
        (output.matches(": the time").count() == 2).then_some(output)
    });

    let output =
        served_again.unwrap_or_else(|| panic!("it was not patient enough: {}", server.output()));
    assert_eq!(
        output.matches(": RATE").count(),
        1,
        "one kiss was enough: {output}"
    );
}

#[test]
fn chronyd_that_asks_too_often_gets_kisses_and_is_still_served() {
    let peers = or_skip!(Peers::find());
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and("[synchronization]\nlocal-stratum = 1\n")
        .and_server("127.0.0.1:0")
        // They belong to the server above.
        .and("rate-limiting-cache-size = 16\nrate-limiting-cutoff-ms = 2000\n");
    let mut daemon = or_skip!(Daemon::start(&config));
    let address = daemon.wait_until_serving(PROMPTLY)[0];
    let chronyd = or_skip!(Chronyd::ask(&peers, address, "minpoll -3 maxpoll -3"));

    let state = daemon.wait_until(
        "it has sent a kiss and served the time afterwards",
        SOON,
        |state| {
            let server = &state.servers[0];
            server.kisses_sent > 0 && server.rate_limited > 10 && server.answered > 6
        },
    );

    let server = &state.servers[0];
    assert!(
        server.kisses_sent < server.rate_limited,
        "not each refusal is worth a datagram: {server:?}"
    );
    let understood = until(PROMPTLY, || {
        chronyd.output().contains("Received KoD RATE").then_some(())
    });
    assert!(understood.is_some(), "{}", chronyd.output());
}
