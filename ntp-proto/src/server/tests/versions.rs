//! Requests of all versions and modes: which are answered, and in which form.

use super::*;

/// A request of this version in this mode, 48 octets.
fn in_mode(version: u8, mode: u8) -> Vec<u8> {
    let mut octets = request(Version::from_bits(version));
    octets[0] = version << 3 | mode;
    octets
}

#[test]
fn versions_1_to_4_are_answered_as_clients_as_peers_and_version_1_without_a_mode() {
    for mode in 0..8 {
        for version in 0..8 {
            let outcome = ask_once(&in_mode(version, mode));
            let expected = match (mode, version) {
                (1 | 3, 1..=4) | (0, 1) => Ok(ReplyKind::Time),
                (1 | 3, _) => Err(DropReason::BadVersion),
                _ => Err(DropReason::NotClientMode),
            };
            assert_eq!(kind(&outcome), expected, "mode {mode}, version {version}");
            if expected.is_ok() {
                let reply_mode = if mode == 1 { 2 } else { 4 };
                assert_eq!(
                    outcome.reply[0],
                    0b01 << 6 | version << 3 | reply_mode,
                    "mode {mode}, version {version}"
                );
                assert_eq!(outcome.reply.len(), 48);
            }
        }
    }
}

#[test]
fn the_default_call_of_pythons_ntplib_is_answered() {
    // Version 2, mode 3, its transmit timestamp, and nothing else.
    let mut octets = vec![0b00_010_011];
    octets.extend([0; 39]);
    octets.extend(ORIGIN.to_bits().to_be_bytes());

    let (kind, reply) = emitted(&ask_once(&octets));

    assert_eq!(kind, ReplyKind::Time);
    assert_eq!(
        (reply.version, reply.mode, reply.origin),
        (Version::V2, Mode::Server, ORIGIN)
    );
    assert_eq!(
        (reply.stratum, reply.receive, reply.transmit),
        (SYNCHRONIZED.stratum, RECEIVE, TRANSMIT)
    );
}

#[test]
fn a_peer_gets_the_same_reply_as_a_client_but_for_its_mode() {
    let (_, to_client) = emitted(&ask_once(&in_mode(3, 3)));
    let (_, to_peer) = emitted(&ask_once(&in_mode(3, 1)));
    assert_eq!(
        to_peer,
        Header {
            mode: Mode::SymmetricPassive,
            ..to_client
        }
    );
}

#[test]
fn version_1_from_the_port_of_servers_may_be_a_reply_and_is_left_alone() {
    // Without modes, a server's reply looks the same as a request.
    let octets = in_mode(1, 0);
    let from = |port| SocketAddr::new("192.0.2.7".parse().unwrap(), port);
    let mut server = server(ServerConfig::default());
    let mut ask = |from| kind(&ask(&mut server, &octets, from, MonoTime::ZERO));
    assert_eq!(ask(from(123)), Err(DropReason::NotClientMode));
    assert_eq!(ask(from(1023)), Ok(ReplyKind::Time));
}

#[test]
fn only_the_versions_of_the_configuration_are_answered() {
    for allowed in [&[4][..], &[3, 4], &[1], &[2, 5], &[1, 2, 3, 4]] {
        let versions = allowed
            .iter()
            .map(|version| Version::from_bits(*version))
            .collect();
        let mut server = server(ServerConfig {
            versions,
            ..ServerConfig::default()
        });
        for version in 0..8 {
            // A version that we do not speak stays unanswered even if it is in the set.
            let answered = allowed.contains(&version) && version <= 4;
            let expected = if answered {
                Ok(ReplyKind::Time)
            } else {
                Err(DropReason::BadVersion)
            };
            let modes: &[u8] = if version == 1 { &[0, 1, 3] } else { &[1, 3] };
            for mode in modes {
                let outcome = ask(
                    &mut server,
                    &in_mode(version, *mode),
                    client("::1"),
                    MonoTime::ZERO,
                );
                assert_eq!(
                    kind(&outcome),
                    expected,
                    "{allowed:?}: mode {mode}, version {version}"
                );
            }
        }
    }
}

#[test]
fn access_lists_limits_and_required_nts_hold_for_peers_and_old_versions() {
    let access = AccessPolicy {
        deny: "198.51.100.0/24".parse::<Prefix>().into_iter().collect(),
        deny_action: FilterAction::Deny,
        ..AccessPolicy::default()
    };
    let limit = RateLimit {
        burst: 1,
        leak_log2: 64,
        ..RateLimit::default()
    };
    let config = ServerConfig {
        access,
        ..limited(limit)
    };
    for (version, mode) in [(1, 0), (1, 3), (2, 3), (3, 1), (4, 1)] {
        let octets = in_mode(version, mode);
        let mut served = server(config.clone());
        let mut ask_from = |from| kind(&ask(&mut served, &octets, client(from), MonoTime::ZERO));
        assert_eq!(ask_from("198.51.100.1"), Ok(ReplyKind::DenyKiss));
        assert_eq!(ask_from("192.0.2.7"), Ok(ReplyKind::Time));
        assert_eq!(ask_from("192.0.2.7"), Ok(ReplyKind::RateKiss));
        let mut strict = server(ServerConfig {
            require_nts: Some(FilterAction::Ignore),
            ..ServerConfig::default()
        });
        let verdict = ask(&mut strict, &octets, client("192.0.2.7"), MonoTime::ZERO);
        assert_eq!(
            kind(&verdict),
            Err(DropReason::NtsRequired),
            "mode {mode}, version {version}"
        );
    }
}

#[test]
fn no_answer_to_any_version_and_mode_is_answered_by_another_server() {
    let (mut one, mut other) = (
        server(ServerConfig::default()),
        server(ServerConfig::default()),
    );
    for version in 1..=4 {
        for mode in [0, 1, 3] {
            for port in [123, 50_123] {
                let from = SocketAddr::new("192.0.2.8".parse().unwrap(), port);
                let outcome = ask(&mut one, &in_mode(version, mode), from, MonoTime::ZERO);
                if outcome.kind.is_ok() {
                    let answer = ask(&mut other, &outcome.reply, from, MonoTime::ZERO);
                    assert_eq!(
                        kind(&answer),
                        Err(DropReason::NotClientMode),
                        "mode {mode}, version {version}"
                    );
                }
            }
        }
    }
}
