//! A document for tests.

use ntp_observe::{
    CertificateFacts, ClockFacts, ClockMode, DaemonFacts, Date, Document, KeysetFacts, Leap,
    NtsFacts, NtsKeServerFacts, NtsKeState, PacketCounts, ServerFacts, SourceFacts, SourceMode,
    SourceReason, SourceState, SystemFacts, SystemReason, TimestampCounts,
};

/// A synchronized daemon with one good source, one without an address, and one listening address.
pub(crate) fn synchronized() -> Document {
    Document {
        daemon: DaemonFacts {
            version: "0.1.0".into(),
            uptime_s: 100.0,
            ..DaemonFacts::default()
        },
        clock: ClockFacts {
            requested: ClockMode::Auto,
            steering: true,
            ..ClockFacts::default()
        },
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
        mode: SourceMode::Server,
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
        packets: PacketCounts {
            sent: 20,
            received: 21,
            valid: 20,
            unanswered: 0,
        },
        discards: [("bogus-origin".to_owned(), 7)].into(),
        timestamps: TimestampCounts {
            transmit_kernel: 20,
            receive_kernel: 21,
            ..TimestampCounts::default()
        },
        ..SourceFacts::default()
    }
}

/// A daemon with a source with NTS, that serves authenticated time and hands out keys.
pub(crate) fn nts() -> Document {
    let mut document = synchronized();
    document.sources[0].nts = Some(NtsFacts {
        ke_server: "nts.example.org:4460".into(),
        ke_state: NtsKeState::Established,
        aead: Some("AES-128-GCM-SIV".into()),
        cookies: 8,
        keys_age_s: Some(3600.0),
        ke_attempts: 4,
        ke_successes: 1,
        ke_failures: [("connection-refused".to_owned(), 3)].into(),
        naks: 2,
        certificate_not_after: Some(Date::from_unix(1_772_323_200, 0)),
        ..NtsFacts::default()
    });
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
    document.nts_ke_servers = vec![NtsKeServerFacts {
        listen_address: "[::]:4460".into(),
        accepted: 120,
        granted: 110,
        refused: [("timeout".to_owned(), 7)].into(),
        open_connections: 3,
        connection_limit: 512,
        certificate: Some(CertificateFacts {
            subject: "time.example.org".into(),
            not_before: Date::from_unix(1_764_547_200, 0),
            not_after: Date::from_unix(1_772_323_200, 0),
        }),
        certificate_error: None,
        start_error: None,
    }];
    document.keyset = Some(KeysetFacts {
        current_key_id: "0badcafe".into(),
        key_count: 8,
        key_age_s: 10_800.0,
        next_rotation_in_s: Some(75_600.0),
        stored: true,
        storage_error: None,
    });
    document
}
