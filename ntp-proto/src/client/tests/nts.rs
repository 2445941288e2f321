//! Sources with NTS: never a word without protection, no cookie twice, and keys that come back when
//! they are lost.

use super::*;
use crate::client::entry::EstablishFailure;
use crate::nts::{
    AeadAlgorithm, AeadKey, ClientKeys, Cookie, CookieJar, KeReason, KeStage, KeyPair, KeySet,
    NtsRefusal, Validity, open_request, write_nak,
};
use crate::packet::{FieldType, Packet};
use rand::SeedableRng;
use std::collections::HashSet;

/// What the servers with NTS of a [`World`] know and do. They share their keys.
pub(super) struct Servers {
    keys: KeySet,
    rng: ChaCha12Rng,
    /// The addresses that a host of key establishment names, each with when its certificate is
    /// valid.
    pub(super) hosts: HashMap<String, (SocketAddr, Validity)>,
    pub(super) mood: Mood,
    /// Whether the keys in cookies are those that the client has as alternate ones.
    strict: bool,
    pub(super) establishments: usize,
    cookies: HashSet<Vec<u8>>,
    reused: usize,
    plain_requests: usize,
}

/// How the servers answer protected requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Honest,
    /// They answer as if they knew nothing of NTS.
    Plain,
    /// Somebody on the way sends a NAK before each honest reply.
    NakFirst,
    /// Somebody on the way sends NAKs and swallows the replies.
    OnlyNaks,
    /// Nothing comes back.
    Silent,
    /// The authenticator is wrong.
    Forged,
}

pub(super) const ALWAYS: Validity = Validity {
    not_before: 1_700_000_000,
    not_after: 1_900_000_000,
};

impl Servers {
    pub(super) fn new() -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(11);
        Self {
            keys: KeySet::new(7, 0, &mut rng),
            rng,
            hosts: HashMap::new(),
            mood: Mood::Honest,
            strict: false,
            establishments: 0,
            cookies: HashSet::new(),
            reused: 0,
            plain_requests: 0,
        }
    }

    /// `since` is that of [`Event::Establish`], and `local` what our clock shows in Unix seconds.
    pub(super) fn establish(
        &mut self,
        host: &str,
        since: Option<i64>,
        local: i64,
    ) -> Result<NtsGrant, EstablishFailure> {
        self.establishments += 1;
        let provisional = since.is_some();
        let refused = || EstablishFailure {
            stage: KeStage::Tcp,
            reason: KeReason::ConnectionRefused,
            message: "connection refused".into(),
        };
        let (address, validity) = *self.hosts.get(host).ok_or_else(refused)?;
        if since.unwrap_or(local) > validity.not_after {
            return Err(EstablishFailure {
                stage: KeStage::Certificate,
                reason: KeReason::CertificateExpired,
                message: "the certificate has expired".into(),
            });
        }
        let algorithm = AeadAlgorithm::Aes128GcmSiv;
        let mut pair = || KeyPair {
            c2s: AeadKey::random(algorithm, &mut self.rng),
            s2c: AeadKey::random(algorithm, &mut self.rng),
        };
        let (primary, other) = (pair(), pair());
        let sealed = if self.strict { &other } else { &primary };
        let mut cookies = CookieJar::new();
        for _ in 0..8 {
            cookies.put(Cookie::new(&self.keys.seal_cookie(sealed, &mut self.rng)).unwrap());
        }
        let keys = ClientKeys {
            primary,
            alternate: Some(other),
        };
        Ok(NtsGrant {
            addresses: vec![address],
            keys,
            cookies,
            validity,
            provisional,
            age: Duration::ZERO,
        })
    }

    /// What comes back for a request; `None` if it is not for these servers.
    pub(super) fn replies(&mut self, octets: &[u8], reply: &Header) -> Option<Vec<Vec<u8>>> {
        let packet = Packet::decode(octets).unwrap();
        if packet.extensions.is_empty() {
            self.plain_requests += 1;
            return None;
        }
        for field in packet
            .extensions
            .iter()
            .filter(|field| field.kind == FieldType::COOKIE)
        {
            self.reused += usize::from(!self.cookies.insert(field.value.to_vec()));
        }
        let nak = |unique_id| {
            let kiss = Header {
                stratum: Stratum::UNSPECIFIED,
                reference_id: ReferenceId::from_letters(*b"NTSN"),
                ..*reply
            };
            let mut buffer = [0; 200];
            let length = write_nak(&kiss, unique_id, &mut buffer).unwrap();
            buffer[..length].to_vec()
        };
        let opened = match open_request(&packet, octets, &self.keys) {
            Ok(opened) => opened,
            Err(NtsRefusal::BadCookie(_, id) | NtsRefusal::Forged(id)) => {
                return Some(vec![nak(&id)]);
            }
            Err(refusal) => panic!("{refusal:?}"),
        };
        let unique_id = opened.value().unique_id;
        let mut buffer = [0; 1280];
        let length = opened
            .prepare(&self.keys, &mut self.rng)
            .emit(reply, &mut buffer)
            .unwrap();
        let honest = buffer[..length].to_vec();
        Some(match self.mood {
            Mood::Honest => vec![honest],
            Mood::Plain => vec![reply.encode().to_vec()],
            Mood::NakFirst => vec![nak(&unique_id), honest],
            Mood::OnlyNaks => vec![nak(&unique_id); 1000],
            Mood::Silent => Vec::new(),
            Mood::Forged => {
                let mut forged = honest;
                *forged.last_mut().unwrap() ^= 1;
                vec![forged]
            }
        })
    }
}

pub(super) fn nts(host: &str) -> SourceEntryConfig {
    SourceEntryConfig {
        port: 4460,
        kind: SourceEntryKind::Nts,
        ..server(host)
    }
}

pub(super) fn host(last: u8) -> String {
    format!("nts{last}.example")
}

/// A world of honest servers with NTS and an honest certificate each.
fn world(count: u8) -> World {
    with_validity(count, ALWAYS, None)
}

fn with_validity(count: u8, validity: Validity, unproven_since: Option<i64>) -> World {
    let entries = (1..=count).map(|last| nts(&host(last))).collect();
    with_groups(entries, count, validity, unproven_since)
}

fn with_groups(
    entries: Vec<SourceEntryConfig>,
    count: u8,
    validity: Validity,
    unproven_since: Option<i64>,
) -> World {
    let servers: Vec<_> = (1..=count).map(|last| (last, Server::Honest)).collect();
    let mut world = World::new(Vec::new(), 0.25, 10e-6).serve(&servers);
    for last in 1..=count {
        world
            .nts
            .hosts
            .insert(host(last), (address(last), validity));
    }
    let config = ClientConfig {
        unproven_since,
        ..config(entries, ClockConfig::default())
    };
    world.client = Client::new(config, &initial(), [7; 32], world.now());
    world
}

fn cookies(world: &World) -> Vec<usize> {
    world
        .client
        .members()
        .map(|member| member.association().session().unwrap().cookies())
        .collect()
}

fn measured(world: &World) -> u64 {
    world
        .client
        .members()
        .map(|member| member.association().counters().measured)
        .sum()
}

#[test]
fn a_source_with_nts_synchronizes_and_its_cookies_stay_eight_and_are_used_once() {
    let mut world = world(1);
    world.run(3000.0);
    assert!(world.synchronized());
    assert!(world.offset().abs() < 1e-4, "{}", world.offset());
    assert_eq!(cookies(&world), [8]);
    assert_eq!(
        (
            world.nts.establishments,
            world.nts.reused,
            world.nts.plain_requests
        ),
        (1, 0, 0)
    );
    assert!(world.nts.cookies.len() > 20);
}

#[test]
fn plain_or_forged_replies_are_never_believed_and_nothing_is_ever_asked_plainly() {
    for mood in [Mood::Plain, Mood::Forged] {
        let mut world = world(1);
        world.nts.mood = mood;
        world.run(2000.0);
        assert!(!world.synchronized());
        assert_eq!(
            (
                measured(&world),
                world.nts.plain_requests,
                world.steps().len()
            ),
            (0, 0, 0)
        );
        let member = world.client.members().next().unwrap();
        assert!(member.association().session().unwrap().unauthentic() > 0);
    }
}

#[test]
fn a_server_that_has_lost_its_keys_costs_one_poll() {
    let mut world = world(1);
    world.run(3000.0);
    let (sent, before) = (world.sent, measured(&world));
    world.nts.keys = KeySet::new(7, 1, &mut ChaCha12Rng::seed_from_u64(99));
    while measured(&world) == before {
        world.run(world.mono.since_epoch().as_secs_f64() + 1.0);
    }
    assert_eq!(
        world.sent - sent,
        2,
        "one request in vain and one after key establishment"
    );
    assert_eq!(world.nts.establishments, 2);
    assert!(world.synchronized());
    // What was measured before is still there.
    assert!(
        world
            .client
            .members()
            .next()
            .unwrap()
            .association()
            .filter()
            .samples()
            .count()
            > 3
    );
}

#[test]
fn a_forged_nak_beside_the_true_reply_does_no_harm() {
    let mut world = world(1);
    world.nts.mood = Mood::NakFirst;
    world.run(3000.0);
    assert!(world.synchronized());
    assert_eq!((world.nts.establishments, cookies(&world)), (1, vec![8]));
}

#[test]
fn a_thousand_naks_cause_one_establishment_per_back_off() {
    let mut world = world(1);
    world.run(600.0);
    world.nts.mood = Mood::OnlyNaks;
    world.run(600.0 + 3600.0);
    // 2 s, 4 s, … 1024 s and then each 17 minutes; each of them a quarter less at most.
    assert!(
        (2..20).contains(&world.nts.establishments),
        "{}",
        world.nts.establishments
    );
    world.nts.mood = Mood::Honest;
    world.run(600.0 + 3600.0 + 1500.0);
    assert!(world.synchronized());
}

#[test]
fn keys_exported_with_the_other_context_are_tried_once_the_first_are_refused() {
    let mut world = world(1);
    world.nts.strict = true;
    world.run(60.0);
    assert!(world.synchronized());
    assert_eq!((world.nts.establishments, world.nts.reused), (1, 0));
}

#[test]
fn silence_uses_up_the_cookies_and_then_new_ones_are_fetched() {
    let mut world = world(1);
    world.run(600.0);
    world.nts.mood = Mood::Silent;
    world.run(1800.0);
    assert!(world.nts.establishments > 1);
    assert_eq!((world.nts.reused, world.nts.plain_requests), (0, 0));
    world.nts.mood = Mood::Honest;
    world.run(1800.0 + 1100.0);
    assert!(world.synchronized());
    assert_eq!(cookies(&world), [8]);
}

#[test]
fn failing_key_establishment_is_retried_with_back_off_told_once_and_holds_nobody_up() {
    let mut world = with_groups(
        vec![nts("nowhere.example"), nts(&host(1)), server("192.0.2.2")],
        2,
        ALWAYS,
        None,
    );
    world.run(3600.0);
    assert!(world.synchronized());
    // 2 s, 4 s, … 1024 s.
    assert!(
        (9..20).contains(&world.nts.establishments),
        "{}",
        world.nts.establishments
    );
    let reported = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::NotEstablished { .. }))
        .count();
    assert_eq!(reported, 1);
    let establishment = world.client.entries()[0].establishment();
    assert_eq!(
        establishment.last_failure().unwrap().0.reason,
        KeReason::ConnectionRefused
    );
    assert_eq!(
        establishment.failures().next().unwrap().1,
        establishment.attempts()
    );
}

#[test]
fn keys_that_were_kept_are_used_without_establishing_any() {
    let mut first = world(2);
    first.run(600.0);
    let kept = first.client.sessions(first.mono);
    assert_eq!(kept.len(), 2);

    let mut second = world(2);
    second.nts.keys = first.nts.keys.clone();
    second.nts.rng = ChaCha12Rng::seed_from_u64(12);
    let entries = (1..=2).map(|last| nts(&host(last))).collect();
    let config = ClientConfig {
        sessions: kept,
        ..config(entries, ClockConfig::default())
    };
    second.client = Client::new(config, &initial(), [8; 32], second.now());
    second.nts.cookies = first.nts.cookies.clone();
    second.run(600.0);
    assert!(second.synchronized());
    assert_eq!((second.nts.establishments, second.nts.reused), (0, 0));
}

#[test]
fn keys_that_were_kept_and_are_of_no_use_any_more_are_replaced() {
    let mut first = world(1);
    first.run(600.0);
    let mut second = world(1);
    second.nts.keys = KeySet::new(7, 1, &mut ChaCha12Rng::seed_from_u64(99));
    let sessions = first.client.sessions(first.mono);
    let config = ClientConfig {
        sessions,
        ..config(vec![nts(&host(1))], ClockConfig::default())
    };
    second.client = Client::new(config, &initial(), [8; 32], second.now());
    second.run(30.0);
    assert!(second.synchronized());
    assert_eq!(second.nts.establishments, 1);
}

#[test]
fn a_server_that_moves_is_followed() {
    let mut world = world(1);
    world.run(600.0);
    world.servers.insert(address(1), Server::Dead);
    world.servers.insert(address(9), Server::Honest);
    world.nts.hosts.insert(host(1), (address(9), ALWAYS));
    world.run(3600.0);
    assert!(world.synchronized());
    assert_eq!(
        world
            .client
            .members()
            .map(|member| member.association().address())
            .collect::<Vec<_>>(),
        [address(9)]
    );
}

#[test]
fn before_the_clock_was_ever_right_one_server_alone_does_not_set_it() {
    let mut world = with_validity(1, ALWAYS, Some(1_750_000_000));
    world.run(600.0);
    assert!(!world.synchronized());
    let outcome = world.client.clock().selection().outcome;
    assert!(
        matches!(
            outcome,
            Outcome::Unwitnessed {
                doubt: Doubt::CertificateUnproven,
                usable: 1,
                ..
            }
        ),
        "{outcome:?}"
    );
    assert_eq!(world.steps().len(), 0);
}

#[test]
fn before_the_clock_was_ever_right_two_servers_that_agree_set_it_and_their_certificates_count_from_then_on()
 {
    let mut world = with_validity(2, ALWAYS, Some(1_750_000_000));
    world.run(600.0);
    assert!(world.synchronized());
    assert!(
        world.client.members().all(|member| !member
            .association()
            .session()
            .unwrap()
            .is_provisional())
    );
}

#[test]
fn a_time_at_which_the_certificate_is_not_valid_is_refused() {
    let expired = Validity {
        not_before: 1_700_000_000,
        not_after: START - 86_400,
    };
    let mut world = with_validity(2, expired, Some(1_750_000_000));
    world.run(600.0);
    assert!(!world.synchronized());
    assert_eq!(world.steps().len(), 0);
    let states: Vec<_> = world.states().into_values().collect();
    assert!(
        states
            .iter()
            .all(|state| *state == AssociationState::Unusable(Discard::CertificateTime)),
        "{states:?}"
    );
}

#[test]
fn a_server_cannot_serve_a_time_beyond_the_end_of_its_certificate_even_if_the_clock_is_known() {
    let mut world = world(1);
    // Twenty years on, where a certificate that is valid today has long ended.
    world.servers.insert(address(1), Server::Lying(20.0 * YEAR));
    world.run(600.0);
    assert!(!world.synchronized());
    assert_eq!(world.steps().len(), 0);
    assert_eq!(
        world.states()[&address(1)],
        AssociationState::Unusable(Discard::CertificateTime)
    );
}

#[test]
fn a_certificate_that_ends_while_its_keys_are_in_use_does_no_harm() {
    let ends_soon = Validity {
        not_before: START - 86_400,
        not_after: START + 600,
    };
    let mut world = with_validity(1, ends_soon, None);
    world.run(7200.0);
    assert!(world.synchronized());
    assert_eq!(world.nts.establishments, 1);
}

#[test]
fn one_server_alone_sets_a_clock_that_was_never_right_if_the_configuration_says_so() {
    let mut world = with_validity(1, ALWAYS, Some(BUILT));
    let clock = ClockConfig {
        first_time: FirstTime::Single,
        ..ClockConfig::default()
    };
    let config = ClientConfig {
        unproven_since: Some(BUILT),
        ..config(vec![nts(&host(1))], clock)
    };
    world.client = Client::new(config, &initial(), [7; 32], world.now());
    world.run(600.0);
    assert!(world.synchronized());

    // Its certificate still bounds it.
    let mut world = with_validity(1, ALWAYS, Some(BUILT));
    let config = ClientConfig {
        unproven_since: Some(BUILT),
        ..self::config(vec![nts(&host(1))], clock)
    };
    world.client = Client::new(config, &initial(), [7; 32], world.now());
    world.servers.insert(address(1), Server::Lying(20.0 * YEAR));
    world.run(600.0);
    assert_eq!(world.steps().len(), 0);
}

/// A world in which the last known time was five years ahead of the truth, and our clock was set
/// forward to it.
fn after_a_wrong_last_known_time(servers: u8) -> World {
    let ahead = 5.0 * YEAR;
    let list: Vec<_> = (1..=servers).map(|last| (last, Server::Honest)).collect();
    let mut world = World::new(Vec::new(), -ahead, 0.0).serve(&list);
    for last in 1..=servers {
        world.nts.hosts.insert(host(last), (address(last), ALWAYS));
    }
    let entries = (1..=servers).map(|last| nts(&host(last))).collect();
    let last_known = START + 5 * 31_557_600;
    let config = ClientConfig {
        unproven_since: Some(last_known),
        ..config(entries, ClockConfig::default())
    };
    let initial = InitialClock {
        assumed_step: Seconds::new(ahead),
        accumulated: Some(Seconds::ZERO),
        ..initial()
    };
    world.client = Client::new(config, &initial, [7; 32], world.now());
    world
}

#[test]
fn a_last_known_time_by_which_all_certificates_have_expired_heals_by_itself() {
    let mut world = after_a_wrong_last_known_time(2);
    world.run(60.0);
    assert!(world.synchronized());
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
    assert_eq!(
        world
            .events
            .iter()
            .filter(|event| **event == Event::TimeDoubted)
            .count(),
        1
    );
}

#[test]
fn one_certificate_that_has_expired_does_not_make_the_time_doubtful() {
    let ended = Validity {
        not_before: 1_700_000_000,
        not_after: START - 86_400,
    };
    let mut world = with_groups(vec![nts(&host(1)), nts(&host(2))], 2, ALWAYS, None);
    world.nts.hosts.insert(host(2), (address(2), ended));
    world.run(3600.0);
    assert!(world.synchronized());
    assert!(!world.events.contains(&Event::TimeDoubted));
    assert_eq!(world.client.members().count(), 1);
}
