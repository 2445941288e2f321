//! Access rules: the same clients are answered.

use crate::Outcome;
use ntp_proto::server::AccessPolicy;
use proptest::prelude::*;
use std::net::IpAddr;

fn answers(policy: &AccessPolicy, address: &str) -> bool {
    policy.refusal(address.parse().unwrap()).is_none()
}

fn chrony(rules: &str) -> AccessPolicy {
    let result = Outcome::chrony(&format!("server a.example\n{rules}"));
    result.config.servers[0].config.access.clone()
}

#[test]
fn the_longest_prefix_decides_in_any_order() {
    for rules in [
        "allow 1.2.3.4\ndeny 1.2.3.0/24\nallow 1.2.0.0/16\n",
        "allow 1.2.0.0/16\nallow 1.2.3.4\ndeny 1.2.3.0/24\n",
    ] {
        let policy = chrony(rules);
        assert!(answers(&policy, "1.2.4.1"));
        assert!(!answers(&policy, "1.2.3.5"));
        assert!(answers(&policy, "1.2.3.4"));
        assert!(!answers(&policy, "1.3.0.1"));
        assert!(!answers(&policy, "2001:db8::1"));
    }
}

#[test]
fn all_overrides_what_was_said_about_parts() {
    let policy = chrony("allow 1.2.3.4\ndeny 1.2.3.0/24\nallow all 1.2.0.0/16\n");
    assert!(answers(&policy, "1.2.3.5"));
    let policy = chrony("deny 1.2.3.0/24\nallow all\n");
    assert!(answers(&policy, "1.2.3.5"));
    assert!(answers(&policy, "2001:db8::1"));
    assert!(policy.allow.is_none(), "everyone is not a list");
}

#[test]
fn short_forms_of_subnets_are_read() {
    let policy = chrony("allow 3.4.5\nallow 6.7\nallow 8.9.10.11/20\nallow 2001:db8::/32\n");
    for (address, answered) in [
        ("3.4.5.6", true),
        ("3.4.6.1", false),
        ("6.7.255.1", true),
        ("8.9.15.1", true),
        ("8.9.16.1", false),
        ("2001:db8:1::1", true),
        ("2001:db9::1", false),
    ] {
        assert_eq!(answers(&policy, address), answered, "{address}");
    }
}

#[test]
fn one_family_of_clients_needs_one_socket() {
    let listen = |rules: &str| {
        let result = Outcome::chrony(&format!("server a.example\n{rules}"));
        let servers = result.config.servers.iter();
        servers.map(|s| s.listen.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listen("allow 10.0.0.0/8\n"), ["0.0.0.0:123"]);
    assert_eq!(listen("allow 0/0\n"), ["0.0.0.0:123"]);
    assert_eq!(listen("allow\n"), ["0.0.0.0:123", "[::]:123"]);
}

#[test]
fn names_are_not_looked_up() {
    let result = Outcome::chrony("server a.example\nallow client.example\nallow 1.2.3.4\n");
    assert_eq!(result.verdict(2), ntp_migrate::Verdict::Dropped);
    assert!(answers(&result.config.servers[0].config.access, "1.2.3.4"));
}

/// The decision of the rules as written: the longest prefix that contains the address, of equal
/// ones the last.
fn expected(default: bool, rules: &[(u32, u32, bool)], address: u32) -> bool {
    let contains = |(bits, length, _): &&(u32, u32, bool)| {
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        address & mask == bits & mask
    };
    let matching = rules.iter().filter(contains);
    matching
        .enumerate()
        .max_by_key(|(index, (_, length, _))| (*length, *index))
        .map_or(default, |(_, (_, _, allow))| *allow)
}

proptest! {
    #[test]
    fn both_lists_decide_as_the_rules_of_chrony(
        rules in prop::collection::vec((any::<u32>(), 0_u32..=32, any::<bool>()), 1..12),
        near in prop::collection::vec((any::<prop::sample::Index>(), 0_u32..=32), 20),
    ) {
        // Few bits, so that prefixes nest.
        let rules: Vec<_> = rules.iter().map(|(b, l, a)| (b & 0xc000_0007, *l, *a)).collect();
        let mut text = String::from("server a.example\nallow 255.255.255.255\n");
        for (bits, length, allow) in &rules {
            let word = if *allow { "allow" } else { "deny" };
            let address = std::net::Ipv4Addr::from_bits(*bits);
            text += &format!("{word} {address}/{length}\n");
        }
        let result = Outcome::chrony(&text);
        let policy = result.config.servers.first().map(|s| s.config.access.clone());
        for (index, bit) in near {
            let base = rules[index.index(rules.len())].0;
            let address = base ^ 1_u32.checked_shl(bit).unwrap_or(0);
            let mut all = vec![(u32::MAX, 32, true)];
            all.extend(&rules);
            let ip = IpAddr::V4(std::net::Ipv4Addr::from_bits(address));
            let answered = policy.as_ref().is_some_and(|p| p.refusal(ip).is_none());
            prop_assert_eq!(answered, expected(false, &all, address), "{}: {}", ip, text);
        }
    }
}
