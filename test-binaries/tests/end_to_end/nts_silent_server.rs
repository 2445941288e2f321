//! An NTS-KE server that accepts connections and says nothing: one source less, and nothing worse
//! (security class 9).

use crate::SOON;
use ntp_observe::{NtsKeReason, NtsKeStage, NtsKeState, SourceFacts, SourceReason};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use test_support::{Authority, Daemon, DaemonConfig, OddServer, folder, or_skip, source_at};

/// Accepts connections and holds them, as many as come in the time of a test.
fn silent(listener: TcpListener) -> JoinHandle<Vec<TcpStream>> {
    std::thread::spawn(move || {
        listener
            .incoming()
            .take(16)
            .filter_map(Result::ok)
            .collect()
    })
}

#[test]
fn a_server_of_keys_that_stays_silent_keeps_no_other_source_from_setting_the_clock() {
    let folder = folder();
    let authority = Authority::new(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let keys = listener.local_addr().unwrap();
    let _held = silent(listener);
    let honest = or_skip!(OddServer::behaving("honest", &[]));
    let config = DaemonConfig::with_virtual_clock(0.2, 20e-6)
        .and(&format!(
            "[[source]]\nmode = \"nts\"\naddress = \"{keys}\"\ncertificate-authority = \"{}\"\n",
            authority.file().display()
        ))
        .and_source(honest.address())
        .and("[synchronization]\nminimum-agreeing-sources = 1\n");
    let mut daemon = or_skip!(Daemon::start(&config));

    // Long before the other side is given up.
    let state = daemon.wait_until_right(0.005, SOON);
    let with_nts = |sources: &[SourceFacts]| {
        sources
            .iter()
            .find(|source| source.nts.is_some())
            .cloned()
            .unwrap()
    };
    let waiting = with_nts(&state.sources).nts.unwrap();
    assert!(
        matches!(
            waiting.ke_state,
            NtsKeState::Establishing | NtsKeState::Failed
        ),
        "{waiting:?}"
    );

    let state = daemon.wait_until("the silence is reported", SOON, |state| {
        matches!(
            with_nts(&state.sources).reason,
            SourceReason::NtsKeFailed { .. }
        )
    });
    let source = with_nts(&state.sources);
    let SourceReason::NtsKeFailed {
        stage,
        reason,
        message,
        retry_in_s,
    } = &source.reason
    else {
        panic!("{source:?}")
    };
    assert_eq!(
        (stage, reason),
        (&NtsKeStage::Tls, &NtsKeReason::TimedOut),
        "{source:?}"
    );
    assert!(message.contains(&keys.to_string()), "{message}");
    assert!(
        retry_in_s.is_some_and(|wait| wait > 0.0),
        "it is tried again, and not at once: {source:?}"
    );
    assert_eq!(source.packets.sent, 0, "nothing is asked without keys");

    let page = daemon.ctl(&["sources"]);
    let text = page.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("no TLS connection to the NTS-KE server can be made"),
        "{page}"
    );
    assert!(
        text.contains(
            "is the server overloaded, or does something on the path interfere with TLS?"
        ),
        "{page}"
    );

    let state = daemon.wait_until_right(0.005, SOON);
    assert!(source_at(&state, honest.address()).packets.valid > 3);
}
