//! `ntp-ctl status` against servers that answer what cannot be used: the first line says what comes
//! and why it is of no use.

use crate::SOON;
use ntp_observe::{SourceReason, SystemReason};
use std::net::UdpSocket;
use std::time::Duration;
use test_support::{Daemon, DaemonConfig, Ended, Network, OddServer, Side, or_skip, until};

/// Waits until the first line is this one.
fn wait_for_first_line(daemon: &Daemon, expected: &str) -> Ended {
    let mut last = None;
    let found = until(SOON, || {
        let page = last.insert(daemon.ctl(&["status"]));
        (page.stdout.lines().next() == Some(expected)).then(|| page.clone())
    });
    found.unwrap_or_else(|| {
        panic!(
            "the first line never was `{expected}`; at last: {}",
            last.expect("it was asked")
        )
    })
}

/// Behaviors, and the first line that each must lead to.
const CAUSES: [(&str, &str); 9] = [
    (
        "unsynchronized",
        "the only source says that its own clock is not synchronized",
    ),
    (
        "no-timestamps",
        "the only source answers without valid timestamps",
    ),
    (
        "root-distance",
        "the only source says that it may be wrong by 20.0 s",
    ),
    (
        "kiss-rate",
        "the only source says only that it is asked too often (RATE)",
    ),
    ("kiss-deny", "the only source refuses to serve us (DENY)"),
    (
        "other-port",
        "the only source answers from another address or port",
    ),
    (
        "version5",
        "the only source answers in NTP version 5 instead of 1 to 4",
    ),
    (
        "wrong-origin",
        "the only source sends replies that match no request",
    ),
    ("silent", "the only source has not answered yet"),
];

#[test]
fn each_kind_of_useless_reply_is_named_in_the_first_line() {
    let started = CAUSES.map(|(behavior, _)| {
        let server = OddServer::behaving(behavior, &[])?;
        let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_source(server.address());
        Ok((Daemon::start(&config)?, server))
    });
    let started: Vec<(Daemon, OddServer)> = or_skip!(started.into_iter().collect());

    for ((daemon, _server), (_, cause)) in started.iter().zip(CAUSES) {
        let page = wait_for_first_line(daemon, &format!("NOT synchronized: {cause}."));
        assert_eq!(page.status.code(), Some(4), "{page}");
        assert!(page.stdout.contains("What to do: "), "{page}");
        assert!(
            page.stdout.lines().all(|line| line.chars().count() <= 80),
            "{page}"
        );
    }
}

#[test]
fn a_cause_of_all_sources_is_reported_once() {
    let servers = [(); 4].map(|()| OddServer::behaving("unsynchronized", &[]));
    let servers: Vec<OddServer> = or_skip!(servers.into_iter().collect());
    let config = servers.iter().fold(
        DaemonConfig::with_virtual_clock(0.0, 0.0),
        |config, server| config.and_source(server.address()),
    );
    let daemon = or_skip!(Daemon::start(&config));

    let page = wait_for_first_line(
        &daemon,
        "NOT synchronized: all 4 sources say that their clocks are not synchronized.",
    );

    assert_eq!(page.stdout.matches("synchronized.").count(), 1, "{page}");
    assert_eq!(page.stdout.matches("What to do").count(), 1, "{page}");
    assert!(page.stdout.lines().count() < 24, "{page}");
}

#[test]
fn a_closed_port_is_distinguished_from_other_network_errors() {
    let closed = UdpSocket::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a free port");
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_source(closed);
    let mut daemon = or_skip!(Daemon::start(&config));
    let expected = "NOT synchronized: the only source refuses requests: its port is closed (ICMP).";
    wait_for_first_line(&daemon, expected);
    daemon.process().kill();

    // No host has this address in the network of the namespace, so that its own kernel says
    // EHOSTUNREACH after a while.
    let network = or_skip!(Network::new());
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_source("192.0.2.77:123");
    let mut daemon = or_skip!(Daemon::start_at(&network, Side::Client, &config));
    let state = daemon.wait_until(
        "the network has said that the host is not there",
        SOON,
        |state| matches!(state.sources[0].reason, SourceReason::Unreachable { .. }),
    );
    assert!(
        !state.sources[0]
            .notes
            .contains(&SourceReason::PortUnreachable),
        "{:?}",
        state.sources[0]
    );
    wait_for_first_line(
        &daemon,
        "NOT synchronized: the only source cannot be reached: no route to the host.",
    );
}

#[test]
fn names_that_cannot_be_resolved_are_counted() {
    let server = or_skip!(OddServer::behaving("silent", &[]));
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and("[[source]]\nmode = \"server\"\naddress = \"no-such-host.invalid\"\n")
        .and_source(server.address());
    let mut daemon = or_skip!(Daemon::start(&config));

    let state = daemon.wait_until("the name is reported to be unknown", SOON, |state| {
        state
            .sources
            .iter()
            .any(|source| matches!(source.reason, SourceReason::NameNotResolved { .. }))
    });

    assert_eq!(state.system.source_counts.known, 2);
    assert!(
        daemon
            .ctl(&["status"])
            .stdout
            .contains("none of 2 sources can be used"),
        "{}",
        daemon.ctl(&["status"])
    );
}

#[test]
fn too_few_that_agree_do_not_contradict_one_another() {
    let (good, silent) = (
        OddServer::behaving("honest", &[]),
        OddServer::behaving("silent", &[]),
    );
    let (good, silent) = (or_skip!(good), or_skip!(silent));
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and_source(good.address())
        .and_source(silent.address())
        .and("[synchronization]\nminimum-agreeing-sources = 2\n");
    let mut daemon = or_skip!(Daemon::start(&config));

    daemon.wait_until("too few agree", SOON, |state| {
        matches!(
            state.system.reasons.first(),
            Some(SystemReason::TooFewAgreeing {
                agreeing: 1,
                needed: 2
            })
        )
    });

    let page = daemon.ctl(&["status", "-v"]);
    assert!(
        page.stdout
            .starts_with("NOT synchronized: only 1 source can be used, and it takes 2"),
        "{page}"
    );
    assert!(!page.stdout.contains("contradict"), "{page}");
}

#[test]
fn a_server_without_sources_that_serves_its_own_clock_is_healthy() {
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and_server("127.0.0.1:0")
        .and("[synchronization]\nlocal-stratum = 8\n");
    let mut daemon = or_skip!(Daemon::start(&config));
    daemon.wait_until_serving(SOON);

    let page = daemon.ctl(&["status"]);

    assert_eq!(page.status.code(), Some(0), "{page}");
    assert!(
        page.stdout.starts_with(
            "Healthy: serving this machine's own clock at stratum 8, as configured.\n"
        ),
        "{page}"
    );
    assert!(
        !page.stdout.contains("What to do") && !page.stdout.contains("!!"),
        "{page}"
    );
}

/// The first correction of a clock stays on trial for some seconds, in which a large offset is made
/// up for at once.
const TRIAL: Duration = Duration::from_secs(18);

#[test]
fn a_large_offset_of_a_single_source_is_shown_with_the_time_that_is_left() {
    let mut server = or_skip!(OddServer::behaving("honest", &[]));
    let address = server.address();
    let mut daemon = or_skip!(Daemon::start(
        &DaemonConfig::with_virtual_clock(0.0, 0.0).and_source(address)
    ));
    daemon.wait_until("it is synchronized", SOON, |state| {
        state.system.synchronized
    });
    std::thread::sleep(TRIAL);
    server.process().kill();
    let arguments = ["--behavior", "honest", "--offset", "300"];
    let _jumped = or_skip!(OddServer::start_on(
        None,
        &address.to_string(),
        "odd-server",
        &arguments
    ));

    let state = daemon.wait_until("the offset is watched", SOON, |state| {
        matches!(
            state.system.reasons.first(),
            Some(SystemReason::LargeOffsetWatched { .. })
        )
    });

    assert!(
        state
            .system
            .watched_offset_s
            .is_some_and(|offset| (offset - 300.0).abs() < 1.0),
        "{:?}",
        state.system
    );
    assert!(
        state
            .system
            .watched_for_s_more
            .is_some_and(|left| left > 200.0 && left <= 300.0),
        "{:?}",
        state.system
    );
    let page = daemon.ctl(&["status"]);
    let flat = page.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.starts_with("NOT synchronized: the clock is 300 s behind; it will be set in "),
        "{page}"
    );
    assert!(
        flat.contains("s unless that goes away.") && !flat.contains("last measurement"),
        "{page}"
    );
    daemon
        .process()
        .wait_for_line("the clock is 300 s behind; it will be set in ", SOON);
}
