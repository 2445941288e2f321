//! What a client, or somebody who wants to abuse one, gets from a whole server.

mod batch;
mod nts;
mod versions;

use super::*;
use crate::packet::{
    FieldType, KissCode, LeapIndicator, Mode, ReferenceId, Stratum, Version, Writer,
};
use crate::time::{
    Frequency, NtpDuration, NtpShort, NtpTimestamp, PollInterval, Precision, Seconds,
};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// When requests of these tests arrive, by our clock.
const RECEIVE: NtpTimestamp = NtpTimestamp::from_bits(0xEC00_0020_0000_0001);
/// What the driver's clock reads when it sends the reply.
const TRANSMIT: NtpTimestamp = NtpTimestamp::from_bits(0xEC00_0020_0001_0000);
/// What clients of these tests put into their requests.
const ORIGIN: NtpTimestamp = NtpTimestamp::from_bits(0x0123_4567_89AB_CDEF);

const SYNCHRONIZED: ServedState = ServedState {
    leap: LeapIndicator::Insert,
    stratum: Stratum::from_bits(2),
    precision: Precision::from_log2(-23),
    root_delay: Seconds::new(0.025),
    root_dispersion: Seconds::new(0.010),
    dispersion_rate: Frequency::new(15e-6),
    at: NtpTimestamp::from_bits(0xEC00_0010_0000_0001),
    reference_id: ReferenceId::from_bits(0xC000_0201),
    reference_time: NtpTimestamp::from_bits(0xEC00_0001_8000_0000),
    is_own_reference: false,
};

fn server(config: ServerConfig) -> Server {
    Server::new(Arc::new(config), [7; 32])
}

fn limited(limit: RateLimit) -> ServerConfig {
    ServerConfig {
        rate_limit: Some(limit),
        ..ServerConfig::default()
    }
}

fn request(version: Version) -> Vec<u8> {
    Header::request(version, PollInterval::clamped(6), ORIGIN)
        .encode()
        .to_vec()
}

fn request_with(extra: &[u8]) -> Vec<u8> {
    [&request(Version::V4), extra].concat()
}

fn client(text: &str) -> SocketAddr {
    SocketAddr::new(text.parse().unwrap(), 50_123)
}

fn at(seconds: f64) -> MonoTime {
    MonoTime::from_epoch(Duration::from_secs_f64(seconds))
}

/// What a server made of one datagram.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Outcome {
    kind: Result<ReplyKind, DropReason>,
    reply: Vec<u8>,
}

impl Outcome {
    fn of(verdict: &Verdict<'_>) -> Self {
        match verdict {
            Verdict::Drop(reason) => Self {
                kind: Err(*reason),
                reply: Vec::new(),
            },
            Verdict::Reply(reply) => {
                let mut buffer = [0xFF; 1500];
                let length = reply.emit(TRANSMIT, &mut buffer).unwrap();
                assert_eq!(length, reply.len());
                Self {
                    kind: Ok(reply.kind()),
                    reply: buffer[..length].to_vec(),
                }
            }
        }
    }
}

/// One datagram to a server, at `now`.
fn ask(server: &mut Server, octets: &[u8], from: SocketAddr, now: MonoTime) -> Outcome {
    ask_with(server, octets, from, now, None)
}

/// The same, with the keys of cookies.
fn ask_with(
    server: &mut Server,
    octets: &[u8],
    from: SocketAddr,
    now: MonoTime,
    keys: Option<&KeySet>,
) -> Outcome {
    let snapshots = Snapshots {
        state: &SYNCHRONIZED,
        keys,
    };
    Outcome::of(&server.handle_request(
        Request {
            octets,
            from,
            receive: RECEIVE,
            now,
        },
        snapshots,
    ))
}

/// One datagram to a new server that answers everybody.
fn ask_once(octets: &[u8]) -> Outcome {
    ask(
        &mut server(ServerConfig::default()),
        octets,
        client("192.0.2.7"),
        MonoTime::ZERO,
    )
}

fn emitted(outcome: &Outcome) -> (ReplyKind, Header) {
    (
        outcome.kind.expect("a reply"),
        Header::decode(&outcome.reply).unwrap(),
    )
}

fn kind(outcome: &Outcome) -> Result<ReplyKind, DropReason> {
    outcome.kind
}

#[test]
fn a_reply_tells_the_time_and_all_that_the_state_says() {
    for version in [Version::V1, Version::V2, Version::V3, Version::V4] {
        let (kind, reply) = emitted(&ask_once(&request(version)));
        assert_eq!(kind, ReplyKind::Time);
        assert_eq!(
            reply,
            Header {
                leap: LeapIndicator::Insert,
                version,
                mode: Mode::Server,
                stratum: Stratum::from_bits(2),
                poll: 6,
                precision: Precision::from_log2(-23),
                root_delay: NtpShort::from_seconds_up(Seconds::new(0.025)),
                // 10 ms and 15 ppm of 16 s.
                root_dispersion: NtpShort::from_seconds_up(Seconds::new(0.01024)),
                reference_id: ReferenceId::from_bits(0xC000_0201),
                reference_time: SYNCHRONIZED.reference_time,
                origin: ORIGIN,
                receive: RECEIVE,
                transmit: TRANSMIT,
            }
        );
    }
}

#[test]
fn no_reply_of_any_kind_is_answered_so_no_loop_can_start() {
    let deny = AccessPolicy {
        deny: "192.0.2.9".parse::<Prefix>().into_iter().collect(),
        deny_action: FilterAction::Deny,
        ..AccessPolicy::default()
    };
    let limit = RateLimit {
        burst: 1,
        leak_log2: 64,
        ..RateLimit::default()
    };
    let config = ServerConfig {
        access: deny,
        ..limited(limit)
    };
    let (mut one, mut other) = (server(config.clone()), server(config));
    for (from, expected) in [
        ("192.0.2.8", ReplyKind::Time),
        ("192.0.2.8", ReplyKind::RateKiss),
        ("192.0.2.9", ReplyKind::DenyKiss),
    ] {
        let (kind_of_reply, reply) = emitted(&ask(
            &mut one,
            &request(Version::V4),
            client(from),
            MonoTime::ZERO,
        ));
        assert_eq!(kind_of_reply, expected);
        let answer_to_it = ask(&mut other, &reply.encode(), client(from), MonoTime::ZERO);
        assert_eq!(kind(&answer_to_it), Err(DropReason::NotClientMode));
    }
}

#[test]
fn an_unsynchronized_server_says_so() {
    let octets = request(Version::V4);
    let request = Request {
        octets: &octets,
        from: client("::1"),
        receive: RECEIVE,
        now: MonoTime::ZERO,
    };
    let mut server = server(ServerConfig::default());
    let verdict = server.handle_request(
        request,
        Snapshots {
            state: &ServedState::UNSYNCHRONIZED,
            keys: None,
        },
    );
    let (_, reply) = emitted(&Outcome::of(&verdict));
    assert_eq!(
        (reply.leap, reply.stratum.to_bits()),
        (LeapIndicator::Unsynchronized, 16)
    );
    assert_eq!(reply.kiss(), None);
    assert!(reply.root_dispersion.to_seconds() >= Seconds::new(16.0));
}

#[test]
fn requests_of_absurd_sizes_are_dropped() {
    for length in [0, 1, 12, 47] {
        assert_eq!(
            kind(&ask_once(&request(Version::V4)[..length])),
            Err(DropReason::TooShort),
            "{length}"
        );
    }
    let longest = [vec![0x12, 0x34, 0x04, 0xD0], vec![0; 1228]].concat();
    assert_eq!(
        kind(&ask_once(&request_with(&longest))),
        Ok(ReplyKind::Time)
    );
    for length in [1, 3, 1233, 1280 - 48 + 4, 9000, 65_507 - 48] {
        assert_eq!(
            kind(&ask_once(&request_with(&vec![0; length]))),
            Err(DropReason::BadSize),
            "{length}"
        );
    }
}

#[test]
fn well_formed_fields_that_we_do_not_know_are_answered_plainly() {
    let mut octets = [0; 1280];
    let mut writer = Writer::new(&mut octets);
    writer.bytes(&request(Version::V4)).unwrap();
    writer
        .extension(FieldType::from_bits(0x1234), &[1; 30])
        .unwrap();
    writer
        .last_extension(FieldType::from_bits(0xF323), &[2; 1000])
        .unwrap();
    let length = writer.written();
    let outcome = ask_once(&octets[..length]);
    assert_eq!(
        (kind(&outcome), outcome.reply.len()),
        (Ok(ReplyKind::Time), 48)
    );
}

#[test]
fn broken_fields_and_trailers_are_dropped() {
    for told in [0_u16, 3, 12, 17, 44, 65_535] {
        let mut field = [0; 40];
        field[2..4].copy_from_slice(&told.to_be_bytes());
        assert_eq!(
            kind(&ask_once(&request_with(&field))),
            Err(DropReason::BadExtension),
            "length {told}"
        );
    }
    for length in [8, 12, 16] {
        assert_eq!(
            kind(&ask_once(&request_with(&vec![0; length]))),
            Err(DropReason::BadTrailer),
            "{length}"
        );
    }
    for version in [Version::V1, Version::V2, Version::V3] {
        let with_a_field = [request(version), vec![1, 4, 0, 28], vec![0; 24]].concat();
        assert_eq!(
            kind(&ask_once(&with_a_field)),
            Err(DropReason::BadTrailer),
            "{version:?}"
        );
    }
}

#[test]
fn a_mac_that_nobody_can_verify_is_dropped() {
    for version in [Version::V3, Version::V4] {
        for length in [4, 20, 24] {
            let octets = [request(version), vec![0xAB; length]].concat();
            assert_eq!(
                kind(&ask_once(&octets)),
                Err(DropReason::UnverifiableMac),
                "{length}"
            );
        }
    }
}

#[test]
fn senders_that_are_not_one_host_are_dropped() {
    let mut server = server(ServerConfig::default());
    for from in [
        "192.0.2.7:0",
        "0.0.0.0:123",
        "224.0.1.1:123",
        "255.255.255.255:123",
        "[ff02::101]:123",
        "[::]:123",
    ] {
        let verdict = ask(
            &mut server,
            &request(Version::V4),
            from.parse().unwrap(),
            MonoTime::ZERO,
        );
        assert_eq!(kind(&verdict), Err(DropReason::BadSource), "{from}");
    }
}

#[test]
fn who_may_not_ask_is_kissed_or_ignored_and_deny_comes_first() {
    let block = |text: &str| text.parse::<Prefix>().into_iter().collect::<AccessList>();
    let access = AccessPolicy {
        deny: block("192.0.2.128/25"),
        deny_action: FilterAction::Deny,
        allow: Some(block("192.0.2.0/24")),
        allow_action: FilterAction::Ignore,
    };
    let mut server = server(ServerConfig {
        access,
        ..ServerConfig::default()
    });
    let mut ask = |from| {
        ask(
            &mut server,
            &request(Version::V3),
            client(from),
            MonoTime::ZERO,
        )
    };

    assert_eq!(kind(&ask("192.0.2.1")), Ok(ReplyKind::Time));
    assert_eq!(kind(&ask("::ffff:192.0.2.1")), Ok(ReplyKind::Time));
    assert_eq!(kind(&ask("198.51.100.1")), Err(DropReason::Ignored));
    let (_, kiss) = emitted(&ask("::ffff:192.0.2.200"));
    assert_eq!(kiss.kiss(), Some(KissCode::Deny));
    assert_eq!(
        (kiss.leap, kiss.origin, kiss.version),
        (LeapIndicator::Unsynchronized, ORIGIN, Version::V3)
    );
}

#[test]
fn a_rate_kiss_tells_the_limit_and_is_sent_once_per_admitted_request() {
    let limit = RateLimit {
        interval: Duration::from_secs(1000),
        burst: 3,
        leak_log2: 64,
        ..RateLimit::default()
    };
    let mut server = server(limited(limit));
    let verdicts: Vec<_> = (0..10)
        .map(|_| {
            ask(
                &mut server,
                &request(Version::V4),
                client("192.0.2.7"),
                MonoTime::ZERO,
            )
        })
        .collect();

    assert!(
        verdicts[..3]
            .iter()
            .all(|verdict| kind(verdict) == Ok(ReplyKind::Time))
    );
    let (kind_of_reply, kiss) = emitted(&verdicts[3]);
    assert_eq!(kind_of_reply, ReplyKind::RateKiss);
    assert_eq!(
        (kiss.kiss(), kiss.poll, kiss.origin),
        (Some(KissCode::Rate), 10, ORIGIN)
    );
    assert!(
        verdicts[4..]
            .iter()
            .all(|verdict| kind(verdict) == Err(DropReason::RateLimited))
    );
}

#[test]
fn a_client_that_means_to_ask_less_often_than_it_may_is_not_told_to_ask_more() {
    let mut octets = request(Version::V4);
    octets[2] = 14;
    for leak_log2 in [0, 64] {
        let limit = RateLimit {
            interval: Duration::from_secs(1000),
            burst: 1,
            leak_log2,
            ..RateLimit::default()
        };
        let mut server = server(limited(limit));
        for _ in 0..2 {
            let (_, reply) = emitted(&ask(
                &mut server,
                &octets,
                client("192.0.2.7"),
                MonoTime::ZERO,
            ));
            assert_eq!(reply.poll, 14);
        }
    }
}

#[test]
fn a_leaked_reply_tells_the_time_and_the_limit() {
    let limit = RateLimit {
        interval: Duration::from_secs(1000),
        burst: 1,
        leak_log2: 0,
        ..RateLimit::default()
    };
    let mut server = server(limited(limit));
    let mut ask = || {
        emitted(&ask(
            &mut server,
            &request(Version::V4),
            client("192.0.2.7"),
            MonoTime::ZERO,
        ))
    };
    assert_eq!((ask().1.poll, ask().1.poll), (6, 10));
    let (kind, reply) = ask();
    assert_eq!(
        (kind, reply.stratum),
        (ReplyKind::TimeOverLimit, SYNCHRONIZED.stratum)
    );
}

#[test]
fn all_ports_of_an_address_share_a_bucket() {
    let limit = RateLimit {
        burst: 5,
        leak_log2: 64,
        ..RateLimit::default()
    };
    let mut server = server(limited(limit));
    for port in 1..=u16::MAX {
        let from = SocketAddr::new("192.0.2.7".parse().unwrap(), port);
        let _ = ask(&mut server, &request(Version::V4), from, MonoTime::ZERO);
    }
    assert_eq!(server.stats().replied(ReplyKind::Time), 5);
    assert_eq!(server.stats().over_limit(), 65_530);
}

#[test]
fn a_mapped_address_shares_the_bucket_of_its_ipv4_address_and_not_of_all_others() {
    let limit = RateLimit {
        burst: 1,
        leak_log2: 64,
        ..RateLimit::default()
    };
    let mut server = server(limited(limit));
    let mut ask = |from| {
        kind(&ask(
            &mut server,
            &request(Version::V4),
            client(from),
            MonoTime::ZERO,
        ))
    };
    assert_eq!(ask("192.0.2.7"), Ok(ReplyKind::Time));
    assert_eq!(ask("::ffff:192.0.2.7"), Ok(ReplyKind::RateKiss));
    assert_eq!(ask("::ffff:192.0.2.8"), Ok(ReplyKind::Time));
}

#[test]
fn a_victim_of_a_hundredfold_spoofed_flood_is_still_served_and_hardly_ever_kissed() {
    let mut server = server(limited(RateLimit::default()));
    let victim = client("192.0.2.7");
    let (mut served, mut kissed) = (0, 0);
    for poll in 0..1000 {
        let start = f64::from(poll) * 64.0;
        for spoofed in 0..100 {
            let now = at(start + f64::from(spoofed) * 0.64);
            let _ = ask(
                &mut server,
                &request(Version::V4),
                SocketAddr::new(victim.ip(), 123),
                now,
            );
        }
        match kind(&ask(
            &mut server,
            &request(Version::V4),
            victim,
            at(start + 63.99),
        )) {
            Ok(ReplyKind::Time | ReplyKind::TimeOverLimit) => served += 1,
            Ok(ReplyKind::RateKiss) => kissed += 1,
            Ok(_) | Err(_) => {}
        }
    }
    // One in four is 250, with a standard deviation of 14.
    assert!(served > 200, "served {served} of 1000");
    assert!(kissed < 50, "kissed {kissed} times of 1000");
}

#[test]
fn kisses_keep_to_their_budgets_and_the_two_kinds_do_not_share_one() {
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
    let mut server = server(ServerConfig {
        access,
        kisses_per_second: 10,
        ..limited(limit)
    });
    for number in 0..10_000_u32 {
        // Ten seconds with a thousand clients in each, who ask twice and are joined by one who may
        // not ask.
        let now = at(f64::from(number) / 1000.0);
        let eager = SocketAddr::new(Ipv4Addr::from_bits(0x0A00_0000 + number).into(), 123);
        for from in [eager, eager, client("198.51.100.1")] {
            let _ = ask(&mut server, &request(Version::V4), from, now);
        }
    }
    let stats = server.stats();
    for (kissed, silent) in [
        (
            stats.replied(ReplyKind::RateKiss),
            stats.dropped(DropReason::RateLimited),
        ),
        (
            stats.replied(ReplyKind::DenyKiss),
            stats.dropped(DropReason::Denied),
        ),
    ] {
        assert!((100..=110).contains(&kissed), "{kissed}");
        assert_eq!(kissed + silent, 10_000);
    }
    assert_eq!(stats.replied(ReplyKind::Time), 10_000);
}

#[test]
fn new_settings_keep_the_buckets_and_counters_that_they_do_not_change() {
    let limit = RateLimit {
        burst: 1,
        leak_log2: 64,
        ..RateLimit::default()
    };
    let mut server = server(limited(limit));
    let ask = |server: &mut Server| {
        kind(&ask(
            server,
            &request(Version::V4),
            client("192.0.2.7"),
            MonoTime::ZERO,
        ))
    };
    assert_eq!(ask(&mut server), Ok(ReplyKind::Time));

    server.handle_config(Arc::new(ServerConfig {
        versions: VersionSet::NONE.with(Version::V4),
        ..limited(limit)
    }));
    assert_eq!(ask(&mut server), Ok(ReplyKind::RateKiss));
    server.handle_config(Arc::new(limited(RateLimit { burst: 2, ..limit })));
    assert_eq!(ask(&mut server), Ok(ReplyKind::Time));
    server.handle_config(Arc::new(ServerConfig::default()));
    assert_eq!(
        (0..9)
            .filter(|_| ask(&mut server) == Ok(ReplyKind::Time))
            .count(),
        9
    );
    assert_eq!(server.stats().received(), 12);
}

#[test]
fn a_reply_does_not_go_into_a_buffer_that_is_too_short() {
    let mut server = server(ServerConfig::default());
    let octets = request(Version::V4);
    let request = Request {
        octets: &octets,
        from: client("192.0.2.7"),
        receive: RECEIVE,
        now: MonoTime::ZERO,
    };
    let verdict = server.handle_request(
        request,
        Snapshots {
            state: &SYNCHRONIZED,
            keys: None,
        },
    );
    let Verdict::Reply(reply) = verdict else {
        panic!("dropped")
    };
    assert!(reply.emit(TRANSMIT, &mut [0; 47]).is_err());
    assert_eq!(reply.emit(TRANSMIT, &mut [0; 48]), Ok(48));
}

/// Datagrams that are requests, nearly so, or anything.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let nearly =
        (any::<u8>(), prop::collection::vec(any::<u8>(), 0..100)).prop_map(|(first, extra)| {
            let mut octets = request_with(&extra);
            octets[0] = first;
            octets
        });
    let fields = prop::collection::vec((any::<u16>(), 0_usize..200), 1..6).prop_map(|fields| {
        let mut octets = [0; 1300];
        let mut writer = Writer::new(&mut octets);
        writer.bytes(&request(Version::V4)).unwrap();
        for (kind, length) in fields {
            writer
                .last_extension(FieldType::from_bits(kind), &vec![0x77; length])
                .unwrap();
        }
        let length = writer.written();
        octets[..length].to_vec()
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..1400), nearly, fields]
}

proptest! {
    #[test]
    fn a_reply_is_never_longer_than_its_request(
        datagrams in prop::collection::vec((datagram(), any::<u8>(), any::<bool>()), 1..40),
    ) {
        let access = AccessPolicy {
            deny: ["0.0.0.0/6", "2001:db8:7::/48"].iter().map(|text| text.parse::<Prefix>().unwrap()).collect(),
            deny_action: FilterAction::Deny,
            ..AccessPolicy::default()
        };
        let limit = RateLimit { burst: 2, table_entries: 8, ..RateLimit::default() };
        let mut server = server(ServerConfig { access, ..limited(limit) });
        for (octets, host, v4) in &datagrams {
            let ip: IpAddr = if *v4 {
                Ipv4Addr::new(*host % 8, 0, 0, 1).into()
            } else {
                Ipv6Addr::new(0x2001, 0xdb8, u16::from(*host % 8), 0, 0, 0, 0, 1).into()
            };
            let outcome = ask(&mut server, octets, SocketAddr::new(ip, 123), MonoTime::ZERO);
            if outcome.kind.is_ok() {
                prop_assert!(outcome.reply.len() <= octets.len());
                let header = Header::decode(&outcome.reply).unwrap();
                let request = Header::decode(octets).unwrap();
                let active = request.mode == Mode::SymmetricActive;
                prop_assert_eq!(header.mode, if active { Mode::SymmetricPassive } else { Mode::Server });
                prop_assert_eq!(header.version, request.version);
                prop_assert_eq!(header.origin, request.transmit);
            }
        }
        prop_assert_eq!(server.stats().received(), datagrams.len() as u64);
    }

    #[test]
    fn no_state_and_no_time_make_the_server_panic(
        bits in any::<[u64; 4]>(), numbers in any::<[f64; 3]>(), now in any::<Duration>(),
    ) {
        let state = ServedState {
            root_delay: Seconds::new(numbers[0]),
            root_dispersion: Seconds::new(numbers[1]),
            dispersion_rate: Frequency::new(numbers[2]),
            at: NtpTimestamp::from_bits(bits[0]),
            reference_time: NtpTimestamp::from_bits(bits[1]),
            ..SYNCHRONIZED
        };
        let mut server = server(limited(RateLimit { interval: now, ..RateLimit::default() }));
        let octets = request(Version::V4);
        let receive = NtpTimestamp::from_bits(bits[2]) + NtpDuration::SECOND;
        for now in [MonoTime::ZERO, MonoTime::from_epoch(now), MonoTime::from_epoch(Duration::MAX)] {
            let _ = server.handle_request(
                Request { octets: &octets, from: client("::1"), receive, now },
                Snapshots { state: &state, keys: None },
            );
        }
    }
}
