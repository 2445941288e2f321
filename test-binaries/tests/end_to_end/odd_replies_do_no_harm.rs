//! Strange replies: none is believed, and each is counted by its reason.

use crate::SOON;
use ntp_observe::{DiscardReason, SourceReason, SourceState};
use std::thread::sleep;
use std::time::Duration;
use test_support::{Daemon, DaemonConfig, Network, OddServer, Side, or_skip, source_at};

/// Behaviors whose reply is of no use, and the word for it.
const USELESS: [(&str, &str); 6] = [
    ("wrong-origin", "bogus-origin"),
    ("forged-kiss", "bogus-origin"),
    ("short", "malformed"),
    ("garbage", "malformed"),
    ("no-timestamps", "invalid-timestamps"),
    ("unsynchronized", "server-unsynchronized"),
];

#[test]
fn useless_replies_are_counted_by_their_reason_and_nothing_follows_them() {
    let servers = USELESS.map(|(behavior, _)| OddServer::behaving(behavior, &["--offset", "5"]));
    let servers: Vec<OddServer> = or_skip!(servers.into_iter().collect());
    let config = servers.iter().fold(
        DaemonConfig::with_virtual_clock(0.0, 0.0),
        |config, server| config.and_source(server.address()),
    );
    let mut daemon = or_skip!(Daemon::start(&config));

    let state = daemon.wait_until("each reply has been counted", SOON, |state| {
        servers.iter().zip(USELESS).all(|(server, (_, word))| {
            source_at(state, server.address())
                .discards
                .get(word)
                .is_some_and(|count| *count > 1)
        })
    });

    assert!(!state.system.synchronized);
    assert!(!state.system.reasons.is_empty(), "the reason must be shown");
    for source in &state.sources {
        assert_eq!(source.packets.valid, 0, "{source:#?}");
        assert_ne!(source.state, SourceState::Demobilized, "{source:#?}");
    }
    assert!(
        state
            .clock
            .virtual_minus_system_s
            .is_some_and(|off| off.abs() < 0.1),
        "the clock was moved"
    );
}

#[test]
fn a_forger_who_is_faster_than_the_server_changes_nothing() {
    const FORGERIES: [(&str, &str); 4] = [
        ("wrong-origin", "bogus-origin"),
        ("forged-kiss", "bogus-origin"),
        ("short", "malformed"),
        ("garbage", "malformed"),
    ];
    let servers = FORGERIES.map(|(behavior, _)| OddServer::behaving(behavior, &["--then-honest"]));
    let servers: Vec<OddServer> = or_skip!(servers.into_iter().collect());
    let config = servers.iter().fold(
        DaemonConfig::with_virtual_clock(0.2, 0.0),
        |config, server| config.and_source(server.address()),
    );
    let mut daemon = or_skip!(Daemon::start(&config));

    daemon.wait_until("each server has been believed", SOON, |state| {
        servers
            .iter()
            .all(|server| source_at(state, server.address()).packets.valid > 1)
    });

    let state = daemon.wait_until_right(0.005, SOON);
    for (server, (behavior, word)) in servers.iter().zip(FORGERIES) {
        let source = source_at(&state, server.address());
        assert!(
            source.discards.get(word).is_some_and(|count| *count > 0),
            "{behavior}: {:?}",
            source.discards
        );
    }
}

/// On the loopback interface all hosts have the same addresses, so that this needs another one.
#[test]
fn a_server_that_follows_us_is_not_followed() {
    let network = or_skip!(Network::new());
    let namespace = Some(network.namespace(Side::Server));
    let server = or_skip!(OddServer::start_on(
        namespace,
        "192.0.2.2:1123",
        "odd-server",
        &["--behavior", "loop"]
    ));
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0).and_source(server.address());
    let mut daemon = or_skip!(Daemon::start_at(&network, Side::Client, &config));

    let state = daemon.wait_until("the loop is seen", SOON, |state| {
        state.sources[0]
            .discards
            .get("synchronization-loop")
            .is_some_and(|count| *count > 1)
    });

    assert_eq!(state.sources[0].packets.valid, 0);
    assert!(!state.system.synchronized);
}

#[test]
fn repeated_replies_count_once() {
    let server = or_skip!(OddServer::behaving("duplicate", &[]));
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0).and_source(server.address());
    let mut daemon = or_skip!(Daemon::start(&config));

    let state = daemon.wait_until_right(0.005, SOON);

    let packets = state.sources[0].packets;
    assert!(packets.valid <= packets.sent, "{packets:?}");
}

#[test]
fn late_replies_are_of_no_use_and_not_taken_for_silence() {
    let server = or_skip!(OddServer::behaving(
        "late",
        &["--delay", "4.5", "--offset", "5"]
    ));
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_source(server.address());
    let mut daemon = or_skip!(Daemon::start(&config));

    let state = daemon.wait_until("replies come too late", SOON, |state| {
        state.sources[0].reason
            == SourceReason::RepliesDiscarded {
                last: DiscardReason::TooLate,
            }
    });
    assert!(
        state.sources[0].packets.unanswered >= 2,
        "{:#?}",
        state.sources[0]
    );
    sleep(Duration::from_secs(5));

    let state = daemon.state().expect("the daemon still runs");
    assert_eq!(state.sources[0].packets.valid, 0, "{:#?}", state.sources[0]);
    assert!(!state.system.synchronized);
}

#[test]
fn silence_is_told_as_silence() {
    let server = or_skip!(OddServer::behaving("silent", &[]));
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_source(server.address());
    let mut daemon = or_skip!(Daemon::start(&config));

    daemon.wait_until(
        "no reply has ever come",
        SOON,
        |state| matches!(state.sources[0].reason, SourceReason::NoReplyYet { sent } if sent >= 2),
    );
}
