//! Claims about an entry and the addresses behind its name.

use super::*;
use crate::StableWord;
use rand::SeedableRng;
use rand::rngs::ChaCha12Rng;

fn pool(count: usize) -> SourceEntry {
    let kind = SourceEntryKind::Pool {
        count,
        ignore: vec!["192.0.2.66".parse().unwrap()],
    };
    let config = SourceEntryConfig {
        host: "pool.example".into(),
        port: 123,
        kind,
        association: AssociationConfig::default(),
    };
    SourceEntry::new(SourceEntryId::new(0), config)
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn resolved(entry: &mut SourceEntry, found: &[&str]) {
    assert!(entry.poll_resolve(MonoTime::ZERO));
    entry.handle_addresses(MonoTime::ZERO, &addresses(found), &[]);
}

#[test]
fn addresses_are_distinct_and_ignored_ones_left_out() {
    let mut entry = pool(4);
    resolved(
        &mut entry,
        &[
            "192.0.2.1:123",
            "192.0.2.1:123",
            "[::ffff:192.0.2.1]:123",
            "192.0.2.66:123",
        ],
    );
    assert_eq!(
        entry.take_candidate(&[], &[]),
        Some("192.0.2.1:123".parse().unwrap())
    );
    assert_eq!(entry.take_candidate(&[], &[]), None);
}

#[test]
fn members_are_spread_over_both_families() {
    let mut entry = pool(4);
    resolved(
        &mut entry,
        &[
            "192.0.2.1:123",
            "192.0.2.2:123",
            "192.0.2.3:123",
            "[2001:db8::1]:123",
            "[2001:db8::2]:123",
        ],
    );
    let mut members = Vec::new();
    while members.len() < 4 {
        members.push(entry.take_candidate(&members, &members.clone()).unwrap());
    }
    assert_eq!(members.iter().filter(|member| member.is_ipv6()).count(), 2);
}

#[test]
fn an_address_that_somebody_uses_is_not_taken() {
    let mut entry = pool(4);
    resolved(&mut entry, &["192.0.2.1:123"]);
    let in_use = addresses(&["192.0.2.1:123"]);
    assert!(!entry.has_candidate(&in_use));
    assert_eq!(entry.take_candidate(&[], &in_use), None);
}

#[test]
fn a_shunned_address_comes_back_after_an_hour() {
    let mut entry = pool(1);
    entry.ban("192.0.2.1".parse().unwrap(), MonoTime::ZERO);
    resolved(&mut entry, &["192.0.2.1:123"]);
    assert!(!entry.has_candidate(&[]));
    let later = MonoTime::ZERO + Duration::from_secs(3601);
    entry.want_addresses(later, &mut ChaCha12Rng::seed_from_u64(1));
    assert!(entry.poll_resolve(later));
    entry.handle_addresses(later, &addresses(&["192.0.2.1:123"]), &[]);
    assert!(entry.has_candidate(&[]));
}

#[test]
fn failures_back_off_exponentially_up_to_minutes() {
    let mut entry = pool(1);
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let (mut now, mut waits) = (MonoTime::ZERO, Vec::new());
    for _ in 0..14 {
        assert!(entry.poll_resolve(now));
        assert!(!entry.poll_resolve(now), "one look-up at a time");
        let news = entry.handle_failure(now, "no such host".into(), &mut rng);
        assert_eq!(news, waits.is_empty());
        let (error, at) = entry.failure().unwrap();
        assert_eq!(error, "no such host");
        waits.push(at.since(now).as_secs_f64());
        now = at;
    }
    assert!((1.5..=2.5).contains(&waits[0]), "{waits:?}");
    assert!(
        (48.0..=64.0).contains(&waits[13]),
        "before the first success the network may still come up: {waits:?}"
    );

    assert!(entry.poll_resolve(now));
    entry.handle_addresses(now, &addresses(&["192.0.2.1:123"]), &[]);
    waits.clear();
    for _ in 0..14 {
        entry.want_addresses(now, &mut rng);
        now = entry.retry_at().unwrap();
        assert!(entry.poll_resolve(now));
        entry.handle_failure(now, "no such host".into(), &mut rng);
        waits.push(entry.failure().unwrap().1.since(now).as_secs_f64());
        now = entry.failure().unwrap().1;
    }
    assert!((768.0..=1280.0).contains(&waits[13]), "{waits:?}");
}

#[test]
fn the_reason_of_a_failure_is_known_while_the_name_is_looked_up_again() {
    let mut entry = pool(1);
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    assert!(entry.poll_resolve(MonoTime::ZERO) && entry.failure().is_none());
    entry.handle_failure(MonoTime::ZERO, "no such host".into(), &mut rng);
    let again = entry.retry_at().unwrap();
    assert!(entry.poll_resolve(again));
    assert_eq!(entry.failure(), Some(("no such host", again)));
    assert_eq!(entry.retry_at(), None, "it is on its way");
    entry.handle_addresses(again, &addresses(&["192.0.2.1:123"]), &[]);
    assert_eq!(entry.failure(), None);
}

#[test]
fn addresses_that_no_server_has_are_refused_with_a_reason() {
    let mut entry = pool(4);
    let mut linked: SocketAddr = "[fe80::2]:123".parse().unwrap();
    if let SocketAddr::V6(v6) = &mut linked {
        v6.set_scope_id(2);
    }
    let texts = [
        "0.0.0.0:123",
        "[::]:123",
        "224.0.1.1:123",
        "[ff05::101]:123",
        "255.255.255.255:123",
        "[::ffff:0.0.0.0]:123",
        "[fe80::1]:123",
        "250.1.2.3:123",
        "127.0.0.1:123",
    ];
    let found: Vec<SocketAddr> = addresses(&texts).into_iter().chain([linked]).collect();
    assert!(entry.poll_resolve(MonoTime::ZERO));
    assert!(entry.handle_addresses(MonoTime::ZERO, &found, &[]));
    let words: Vec<_> = entry
        .refused_addresses()
        .iter()
        .map(|refused| (refused.address.to_string(), refused.fault.word()))
        .collect();
    let expected = [
        ("0.0.0.0", "unspecified"),
        ("224.0.1.1", "multicast"),
        ("250.1.2.3", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("::", "unspecified"),
        ("fe80::1", "link-local-without-interface"),
        ("ff05::101", "multicast"),
    ];
    assert_eq!(
        words,
        expected.map(|(address, word)| (address.to_owned(), word))
    );
    let mut usable = Vec::new();
    while let Some(candidate) = entry.take_candidate(&[], &[]) {
        usable.push(candidate);
    }
    assert_eq!(
        usable,
        [linked, "127.0.0.1:123".parse().unwrap()]
            .map(|address| address)
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_look_up_that_fails_while_the_network_comes_up_is_repeated_at_once() {
    let mut entry = pool(1);
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let now = MonoTime::ZERO + Duration::from_secs(100);
    assert!(entry.poll_resolve(now));
    entry.handle_network_change(now);
    entry.handle_failure(now, "no such host".into(), &mut rng);
    assert_eq!(entry.retry_at(), Some(now + Duration::from_secs(1)));
}

#[test]
fn a_literal_address_needs_no_look_up() {
    let config = SourceEntryConfig {
        host: "2001:db8::1".into(),
        port: 1123,
        kind: SourceEntryKind::Server,
        association: AssociationConfig::default(),
    };
    let mut entry = SourceEntry::new(SourceEntryId::new(0), config);
    assert!(!entry.poll_resolve(MonoTime::ZERO));
    assert_eq!(
        entry.take_candidate(&[], &[]),
        Some("[2001:db8::1]:1123".parse().unwrap())
    );
}

#[test]
fn a_name_with_one_address_of_each_family_is_one_host() {
    let config = SourceEntryConfig {
        host: "dual.example".into(),
        port: 123,
        kind: SourceEntryKind::Server,
        association: AssociationConfig::default(),
    };
    let of = |found: &[&str], in_use: &[&str]| {
        let mut entry = SourceEntry::new(SourceEntryId::new(0), config.clone());
        resolved(&mut entry, found);
        entry.take_candidate(&[], &addresses(in_use))
    };
    let dual = ["192.0.2.1:123", "[2001:db8::1]:123"];
    assert_eq!(of(&dual, &[]), Some("192.0.2.1:123".parse().unwrap()));
    assert_eq!(of(&dual, &["192.0.2.1:123"]), None, "it would count twice");
    let several = ["192.0.2.1:123", "192.0.2.2:123", "[2001:db8::1]:123"];
    assert_eq!(
        of(&several, &["192.0.2.1:123"]),
        Some("192.0.2.2:123".parse().unwrap())
    );
}
