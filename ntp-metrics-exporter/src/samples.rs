//! The shared sample documents, with what only metrics show.

use ntp_observe::{ClockMode, Document, SourceFacts, SourceState, SystemReason};
use test_support::samples;

/// A synchronized daemon with one good source, one without an address, and one listening address.
pub(crate) fn synchronized() -> Document {
    let mut document = samples::synchronized();
    document.clock.requested = ClockMode::Auto;
    document.system.accumulated_steps_threshold_s = None;
    document.system.warnings = vec![SystemReason::FewSources { count: 2 }];
    document.sources.truncate(1);
    (
        document.sources[0].reach,
        document.sources[0].unanswered_polls,
    ) = (0b0000_1111, 2);
    document.sources.push(SourceFacts {
        id: 2,
        name: "ntp2.example.org".into(),
        state: SourceState::Unresolved,
        ..SourceFacts::default()
    });
    document.servers[0].send_errors = 3;
    document
}

/// A daemon with an NTS source that is an NTP server with NTS and an NTS-KE server.
pub(crate) fn nts() -> Document {
    let serving = samples::serving_nts();
    let mut document = synchronized();
    document.sources[0].nts = samples::nts_source(8).nts;
    if let Some(nts) = &mut document.sources[0].nts {
        (nts.ke_attempts, nts.naks) = (4, 2);
        nts.ke_failures = [("connection-refused".to_owned(), 3)].into();
    }
    let server = &mut document.servers[0];
    (server.nts_answered, server.nts_naks_sent) = (400, 6);
    server.nts_refused = [("denied".to_owned(), 1), ("nts-malformed".to_owned(), 3)].into();
    server.nts_cookies_refused = [
        ("bad-length", 0),
        ("forged", 2),
        ("no-such-key", 40),
        ("unknown-content", 0),
    ]
    .map(|(word, n)| (word.to_owned(), n))
    .into();
    document.nts_ke_servers = serving.nts_ke_servers;
    document.keyset = serving.keyset;
    document
}
