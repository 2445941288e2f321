//! Documents of daemons in typical states.

use ntp_observe::{
    CertificateFacts, ClientTable, ClockFacts, ClockMode, ConfigurationFacts, DaemonFacts, Date,
    DisciplineFacts, DisciplineName, DisciplineState, Document, KeysetFacts, Leap, NtsFacts,
    NtsKeErrorFacts, NtsKeReason, NtsKeServerFacts, NtsKeStage, NtsKeState, OneWay, PacketCounts,
    ServerFacts, SourceCounts, SourceFacts, SourceMode, SourceReason, SourceState,
    SteeringObstacle, SystemFacts, SystemReason, TimestampCounts,
};

fn daemon() -> DaemonFacts {
    DaemonFacts {
        version: "0.1.0".into(),
        pid: 1234,
        started: Date::from_unix(1_767_225_600, 0),
        uptime_s: 11_105.0,
        config_path: Some("/etc/truechimer/ntp.toml".into()),
        sandbox: None,
        configuration: ConfigurationFacts::default(),
    }
}

/// A source of which nothing is known but its name and address.
#[must_use]
pub fn source(id: u64, name: &str, address: &str) -> SourceFacts {
    SourceFacts {
        id,
        name: name.into(),
        address: Some(address.into()),
        mode: SourceMode::Server,
        ..SourceFacts::default()
    }
}

/// A source that is used in the mean.
#[must_use]
pub fn good_source(id: u64, name: &str, address: &str) -> SourceFacts {
    SourceFacts {
        state: SourceState::Combined,
        reason: SourceReason::UsedInTheMean,
        stratum: Some(2),
        leap: Some(Leap::None),
        version: Some(4),
        reference_id: Some("GPS".into()),
        poll_s: Some(64.0),
        reach: 0o377,
        offset_s: Some(-123e-6),
        delay_s: Some(12.34e-3),
        dispersion_s: Some(0.9e-3),
        jitter_s: Some(45.6e-6),
        root_delay_s: Some(0.5e-3),
        root_dispersion_s: Some(1e-3),
        error_bound_s: Some(8.3e-3),
        one_way: Some(OneWay {
            outbound_s: 6.1e-3,
            inbound_s: 6.24e-3,
        }),
        last_reply_ago_s: Some(12.0),
        next_poll_in_s: Some(52.0),
        packets: PacketCounts {
            sent: 20,
            received: 21,
            valid: 20,
            unanswered: 0,
        },
        discards: [("duplicate".to_owned(), 1)].into(),
        timestamps: TimestampCounts {
            transmit_kernel: 20,
            receive_kernel: 21,
            ..TimestampCounts::default()
        },
        ..source(id, name, address)
    }
}

fn synchronized_system() -> SystemFacts {
    SystemFacts {
        synchronized: true,
        stratum: 3,
        leap: Leap::None,
        reference_id: Some("192.0.2.1".into()),
        last_update_ago_s: Some(12.0),
        offset_s: Some(-12.3e-6),
        jitter_s: Some(3.1e-6),
        frequency_ratio: Some(-12.345e-6),
        frequency_uncertainty_ratio: Some(0.01e-6),
        root_delay_s: Some(1.38e-3),
        root_dispersion_s: Some(0.5e-3),
        error_bound_s: Some(1.2e-3),
        poll_s: Some(64.0),
        accumulated_steps_s: 1.5,
        accumulated_steps_threshold_s: Some(1800.0),
        step_count: 2,
        discipline: DisciplineFacts {
            name: DisciplineName::PllFll,
            state: DisciplineState::Synchronized,
        },
        source_counts: SourceCounts {
            known: 4,
            usable: 4,
            agreeing: 3,
            needed: 3,
        },
        ..SystemFacts::default()
    }
}

/// Three sources agree, one lies; the daemon serves time.
#[must_use]
pub fn synchronized() -> Document {
    let liar = SourceFacts {
        state: SourceState::Falseticker,
        reason: SourceReason::IntervalDisagrees {
            offset_s: 0.103,
            by_s: 0.09,
            majority: 3,
        },
        offset_s: Some(0.103),
        ..good_source(4, "ntp4.example.org", "[2001:db8:85a3::8a2e:370:7334]:123")
    };
    let peer = SourceFacts {
        state: SourceState::Selected,
        reason: SourceReason::SystemPeer,
        ..good_source(1, "ntp1.example.org", "192.0.2.1:123")
    };
    Document {
        daemon: daemon(),
        clock: ClockFacts {
            steering: true,
            now: Date::from_unix(1_767_236_705, 250_000_000),
            ..ClockFacts::default()
        },
        system: synchronized_system(),
        sources: vec![
            peer,
            good_source(2, "ntp2.example.org", "192.0.2.2:123"),
            good_source(3, "ntp3.example.org", "192.0.2.3:1123"),
            liar,
        ],
        servers: vec![ServerFacts {
            listen_address: "0.0.0.0:123".into(),
            received: 1000,
            answered: 990,
            denied: 4,
            rate_limited: 1,
            dropped: [("too-short".to_owned(), 5)].into(),
            clients: Some(ClientTable {
                size: 1024,
                used: 7,
            }),
            ..ServerFacts::default()
        }],
        ..Document::default()
    }
}

/// Not synchronized for one reason.
#[must_use]
pub fn unsynchronized(reason: SystemReason) -> Document {
    Document {
        daemon: daemon(),
        clock: ClockFacts {
            steering: true,
            ..ClockFacts::default()
        },
        system: SystemFacts {
            stratum: 16,
            reasons: vec![reason],
            ..SystemFacts::default()
        },
        sources: vec![
            good_source(1, "ntp1.example.org", "192.0.2.1:123"),
            source(2, "ntp2.example.org", "192.0.2.2:123"),
        ],
        ..Document::default()
    }
}

/// Two servers that never answer.
#[must_use]
pub fn dead() -> Document {
    let dead = |id, name, address| SourceFacts {
        state: SourceState::Waiting,
        reason: SourceReason::NoReplyYet { sent: 3 },
        poll_s: Some(16.0),
        ..source(id, name, address)
    };
    Document {
        sources: vec![
            dead(1, "ntp1.example.org", "192.0.2.1:123"),
            dead(2, "ntp2.example.org", "192.0.2.2:123"),
        ],
        ..unsynchronized(SystemReason::WaitingForFirstReplies { asked: 2 })
    }
}

/// A daemon that only measures, as it is configured to.
#[must_use]
pub fn measuring() -> Document {
    let obstacle = SteeringObstacle::AsConfigured;
    let mut document = synchronized();
    document.clock = ClockFacts {
        mode: ClockMode::None,
        requested: ClockMode::None,
        steering: false,
        obstacle: Some(obstacle),
        ..document.clock
    };
    document.system.synchronized = false;
    document.system.reasons = vec![SystemReason::MeasuringOnly];
    document
}

/// A daemon that keeps a virtual clock, as it is configured to.
#[must_use]
pub fn virtual_clock() -> Document {
    let mut document = synchronized();
    document.clock = ClockFacts {
        mode: ClockMode::Virtual,
        requested: ClockMode::Auto,
        obstacle: Some(SteeringObstacle::AsConfigured),
        virtual_minus_system_s: Some(-0.012),
        ..document.clock
    };
    document
}

/// The expiry of the certificates in the samples.
fn certificate_end() -> Date {
    Date::from_unix(1_772_323_200, 0)
}

/// A good source with NTS that has this many cookies left.
#[must_use]
pub fn nts_source(cookies: u32) -> SourceFacts {
    SourceFacts {
        mode: SourceMode::Nts,
        nts: Some(NtsFacts {
            ke_server: "nts.example.org:4461".into(),
            ke_state: NtsKeState::Established,
            aead: Some("AES-SIV-CMAC-256".into()),
            cookies,
            cookie_length: Some(100),
            keys_age_s: Some(3600.0),
            ke_attempts: 1,
            ke_successes: 1,
            certificate_not_after: Some(certificate_end()),
            ..NtsFacts::default()
        }),
        ..good_source(1, "nts.example.org:4461", "192.0.2.1:123")
    }
}

/// A refused connection to the NTS-KE server.
#[must_use]
pub fn ke_error() -> NtsKeErrorFacts {
    NtsKeErrorFacts {
        stage: NtsKeStage::Tcp,
        reason: NtsKeReason::ConnectionRefused,
        message:
            "nts.example.org:4461, TCP connection: connection refused; check the port and the \
             firewalls"
                .into(),
        ago_s: 12.0,
    }
}

/// A source with NTS whose NTS-KE server refuses the connection.
#[must_use]
pub fn nts_without_keys() -> SourceFacts {
    let error = ke_error();
    SourceFacts {
        id: 2,
        name: "nts.example.org:4461".into(),
        mode: SourceMode::Nts,
        state: SourceState::Waiting,
        reason: SourceReason::NtsKeFailed {
            stage: error.stage.clone(),
            reason: error.reason.clone(),
            message: error.message.clone(),
            retry_in_s: Some(64.0),
        },
        nts: Some(NtsFacts {
            ke_server: "nts.example.org:4461".into(),
            ke_state: NtsKeState::Failed,
            ke_attempts: 3,
            ke_failures: [
                ("connection-refused".to_owned(), 2),
                ("timed-out".to_owned(), 1),
            ]
            .into(),
            last_ke_error: Some(error),
            next_ke_in_s: Some(64.0),
            ..NtsFacts::default()
        }),
        ..SourceFacts::default()
    }
}

/// A source with NTS is the system peer, one without keys waits, and a plain one agrees.
#[must_use]
pub fn authenticated() -> Document {
    let peer = SourceFacts {
        state: SourceState::Selected,
        reason: SourceReason::SystemPeer,
        ..nts_source(8)
    };
    let plain = good_source(3, "ntp3.example.org", "192.0.2.3:1123");
    Document {
        sources: vec![peer, nts_without_keys(), plain],
        ..synchronized()
    }
}

/// A daemon that is an NTP server and an NTS-KE server.
#[must_use]
pub fn serving_nts() -> Document {
    let mut document = synchronized();
    let server = &mut document.servers[0];
    (server.nts_answered, server.nts_naks_sent) = (400, 6);
    server.nts_refused = [
        ("nts-malformed".to_owned(), 2),
        ("nts-forged".to_owned(), 0),
    ]
    .into();
    document.nts_ke_servers = vec![NtsKeServerFacts {
        listen_address: "[::]:4460".into(),
        accepted: 120,
        granted: 110,
        refused: [("tls".to_owned(), 5), ("timeout".to_owned(), 2)].into(),
        open_connections: 3,
        connection_limit: 512,
        certificate: Some(CertificateFacts {
            subject: "time.example.org".into(),
            not_before: Date::from_unix(1_764_547_200, 0),
            not_after: certificate_end(),
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
