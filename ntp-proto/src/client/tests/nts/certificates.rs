//! The dates of certificates bound the time that a server can set.

use super::*;

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
