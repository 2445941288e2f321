//! Sources with and without NTS side by side: what is authenticated goes first, and one server
//! counts once.

use crate::{PROMPTLY, SOON};
use ntp_observe::{
    DiscardReason, Document, SourceFacts, SourceMode, SourceReason, SourceState, SystemReason,
};
use std::net::TcpListener;
use std::time::Duration;
use test_support::{
    Authority, Daemon, DaemonConfig, NtsAddresses, NtsLoopback, OddServer, folder, or_skip,
};

/// A source with NTS, asked as often as a test wants it.
fn nts_source(address: impl std::fmt::Display, authority: &std::path::Path) -> String {
    format!(
        "[[source]]\nmode = \"nts\"\naddress = \"{address}\"\ncertificate-authority = \"{}\"\n\
         poll-interval-limits = {{ min = 0, max = 1 }}\n",
        authority.display()
    )
}

fn sealed(state: &Document) -> &SourceFacts {
    state
        .sources
        .iter()
        .find(|source| source.mode == SourceMode::Nts)
        .expect("a source with NTS is configured")
}

fn plain(state: &Document) -> &SourceFacts {
    state
        .sources
        .iter()
        .find(|source| source.mode == SourceMode::Server)
        .expect("a plain source is configured")
}

/// The text of `ntp-ctl status`, on one line.
fn status(daemon: &Daemon) -> String {
    daemon
        .ctl(&["status"])
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_plain_source_gives_way_to_one_with_nts_that_leads_to_the_same_server() {
    let loopback = NtsLoopback::new();
    let mut server = or_skip!(Daemon::start(&loopback.server("")));
    let at = NtsAddresses::of(&mut server);
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0)
        .and_source(at.time)
        .and(&nts_source(at.keys, &loopback.authority.file()));
    let mut client = or_skip!(Daemon::start(&config));
    client.wait_until_right(0.005, SOON);
    let state = client.wait_until("NTS has the address", PROMPTLY, |state| {
        sealed(state).state == SourceState::Selected && plain(state).address.is_none()
    });
    assert_eq!(
        plain(&state).reason,
        SourceReason::SameServer {
            source: sealed(&state).name.clone()
        }
    );
    assert_eq!(
        sealed(&state).nts.as_ref().map(|nts| nts.ke_attempts),
        Some(1)
    );
    let page = status(&client);
    assert!(page.contains("leads to the same server as"), "{page}");
}

#[test]
fn plain_sources_that_agree_on_a_wrong_time_are_named_and_not_followed() {
    let loopback = NtsLoopback::new();
    let mut server = or_skip!(Daemon::start(&loopback.server("")));
    let at = NtsAddresses::of(&mut server);
    let liars = [(); 3].map(|()| OddServer::behaving("honest", &["--offset", "40"]));
    let mut config = DaemonConfig::with_virtual_clock(0.2, 0.0)
        .and(&nts_source(at.keys, &loopback.authority.file()));
    let mut kept = Vec::new();
    for liar in liars {
        let liar = or_skip!(liar);
        config = config.and_source(liar.address());
        kept.push(liar);
    }
    let mut client = or_skip!(Daemon::start(&config));
    client.wait_until_right(0.005, SOON);
    let state = client.wait_until("the liars are named", PROMPTLY, |state| {
        let contradicts = |source: &&SourceFacts| {
            source.state == SourceState::Falseticker
                && matches!(
                    source.reason,
                    SourceReason::ContradictsAuthenticated {
                        authenticated: 1,
                        ..
                    }
                )
        };
        state.sources.iter().filter(contradicts).count() == 3
    });
    assert_eq!(sealed(&state).state, SourceState::Selected);
    let page = status(&client);
    assert!(page.contains("contradicts 1 source with NTS"), "{page}");
}

#[test]
fn keys_that_do_not_come_are_reported_after_five_seconds_and_not_called_a_start() {
    let folder = folder();
    let authority = Authority::new(folder.path());
    // Connections are made, and nothing is ever read from them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let keys = listener.local_addr().unwrap();
    let config =
        DaemonConfig::with_virtual_clock(0.0, 0.0).and(&nts_source(keys, &authority.file()));
    let mut client = or_skip!(Daemon::start(&config));
    let silent = |state: &Document| {
        matches!(
            state.system.reasons.first(),
            Some(SystemReason::KeyEstablishmentSilent { .. })
        )
    };
    let state = client.wait_until("the silence is reported", Duration::from_secs(14), silent);
    assert!(
        matches!(sealed(&state).reason, SourceReason::NtsKeSilent { waited_s } if waited_s >= 5.0)
    );
    let page = status(&client);
    assert!(
        page.starts_with(&format!(
            "NOT synchronized: the NTS-KE server {keys} has not answered"
        )),
        "{page}"
    );
    assert!(
        page.contains(&format!("TCP port {}", keys.port())),
        "{page}"
    );
}

#[test]
fn a_server_cannot_move_a_clock_beyond_the_end_of_its_certificate() {
    const YEARS: f64 = 20.0 * 31_557_600.0;
    let loopback = NtsLoopback::new();
    let ahead = DaemonConfig::with_virtual_clock(YEARS, 0.0)
        .and("[[source]]\nmode = \"server\"\naddress = \"192.0.2.1\"\n");
    let mut server = or_skip!(Daemon::start(&loopback.serving_as(ahead, "")));
    let at = NtsAddresses::of(&mut server);
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and(&nts_source(at.keys, &loopback.authority.file()));
    let mut client = or_skip!(Daemon::start(&config));
    let refused = SourceReason::RepliesDiscarded {
        last: DiscardReason::CertificateTime,
    };
    let state = client.wait_until("the time is refused", SOON, |state| {
        sealed(state).reason == refused
    });
    assert_eq!(
        (state.system.synchronized, state.system.step_count),
        (false, 0)
    );

    // Without NTS nothing vouches for it at all.
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_source(at.time);
    let mut client = or_skip!(Daemon::start(&config));
    let state = client.wait_until("the time is refused", SOON, |state| {
        matches!(
            state.system.reasons.first(),
            Some(SystemReason::ImplausibleTime { .. })
        )
    });
    assert_eq!(
        (state.system.synchronized, state.system.step_count),
        (false, 0)
    );
}
