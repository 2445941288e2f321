//! A document for tests.

use ntp_observe::{
    ClockFacts, ClockMode, DaemonFacts, Document, Leap, PacketCounts, ServerFacts, SourceFacts, SourceReason,
    SourceState, SystemFacts, SystemReason, TimestampCounts,
};

/// A synchronised daemon with one good source, one without an address, and one listening address.
pub(crate) fn synchronized() -> Document {
    Document {
        daemon: DaemonFacts { version: "0.1.0".into(), uptime_s: 100.0, ..DaemonFacts::default() },
        clock: ClockFacts { requested: ClockMode::Auto, steering: true, ..ClockFacts::default() },
        system: SystemFacts {
            synchronized: true,
            stratum: 3,
            leap: Leap::None,
            offset_s: Some(-12e-6),
            frequency_ratio: Some(1e-5),
            root_delay_s: Some(0.001),
            root_dispersion_s: Some(0.0005),
            error_bound_s: Some(0.0012),
            poll_s: Some(64.0),
            accumulated_steps_s: 1.5,
            step_count: 2,
            warnings: vec![SystemReason::FewSources { count: 2 }],
            ..SystemFacts::default()
        },
        sources: vec![
            good_source(),
            SourceFacts {
                id: 2,
                name: "ntp2.example.org".into(),
                state: SourceState::Unresolved,
                ..SourceFacts::default()
            },
        ],
        servers: vec![ServerFacts {
            listen_address: "0.0.0.0:123".into(),
            received: 1000,
            answered: 990,
            denied: 4,
            rate_limited: 1,
            send_errors: 3,
            dropped: [("too-short".to_owned(), 5)].into(),
            ..ServerFacts::default()
        }],
        ..Document::default()
    }
}

fn good_source() -> SourceFacts {
    SourceFacts {
        id: 1,
        name: "ntp1.example.org".into(),
        address: Some("192.0.2.1:123".into()),
        mode: "server".into(),
        state: SourceState::Selected,
        reason: SourceReason::SystemPeer,
        poll_s: Some(64.0),
        reach: 0b0000_1111,
        unanswered_polls: 2,
        offset_s: Some(-123e-6),
        delay_s: Some(0.012),
        jitter_s: Some(40e-6),
        root_delay_s: Some(0.002),
        root_dispersion_s: Some(0.003),
        packets: PacketCounts { sent: 20, received: 21, valid: 20, unanswered: 0 },
        discards: [("bogus-origin".to_owned(), 7)].into(),
        timestamps: TimestampCounts { transmit_kernel: 20, receive_kernel: 21, ..TimestampCounts::default() },
        ..SourceFacts::default()
    }
}
