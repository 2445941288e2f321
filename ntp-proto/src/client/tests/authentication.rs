//! Sources with and without NTS side by side: who has an address, who is believed, and what one
//! source may not do alone.

use super::nts::{ALWAYS, Mood, host, nts};
use super::*;

/// A world with these entries, in which the servers 1 … `servers` are honest and the host of keys
/// `n` leads to the server `n`.
fn world(entries: Vec<SourceEntryConfig>, servers: u8) -> World {
    world_by(Authentication::Prefer, entries, servers)
}

fn world_by(authentication: Authentication, entries: Vec<SourceEntryConfig>, servers: u8) -> World {
    let list: Vec<_> = (1..=servers).map(|last| (last, Server::Honest)).collect();
    let clock = ClockConfig {
        authentication,
        ..ClockConfig::default()
    };
    let mut world = World::with(entries, clock, &initial(), (0.05, 0.0)).serve(&list);
    for last in 1..=servers {
        world.nts.hosts.insert(host(last), (address(last), ALWAYS));
    }
    world
}

/// The addresses that are asked, those with NTS first.
fn asked(world: &World) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
    let of = |sealed: bool| {
        let members = world
            .client
            .members()
            .filter(|member| member.association().session().is_some() == sealed);
        let mut addresses: Vec<_> = members
            .map(|member| member.association().address())
            .collect();
        addresses.sort();
        addresses
    };
    (of(true), of(false))
}

fn authenticated(world: &World) -> usize {
    match world.client.clock().selection().outcome {
        Outcome::Agreed { authenticated, .. } => authenticated,
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn a_source_with_nts_gets_the_address_that_a_plain_one_has_whichever_comes_first() {
    let (plain, sealed) = (server("192.0.2.1"), nts(&host(1)));
    for (entries, loser) in [
        (vec![plain.clone(), sealed.clone()], 0),
        (vec![sealed, plain], 1),
    ] {
        let mut world = world(entries, 1);
        world.run(3600.0);
        assert_eq!(asked(&world), (vec![address(1)], vec![]));
        assert_eq!((world.nts.establishments, authenticated(&world)), (1, 1));
        assert_eq!(
            world.client.entries()[loser].rival(),
            Some(SourceEntryId::new(1 - loser)),
            "and the reason is known"
        );
        let reported = |event: &&Event| matches!(event, Event::SameServer { .. });
        assert_eq!(world.events.iter().filter(reported).count(), 1);
    }
}

#[test]
fn a_pool_member_gives_way_to_a_source_with_nts_and_the_pool_takes_another_address() {
    for entries in [vec![pool(3), nts(&host(1))], vec![nts(&host(1)), pool(3)]] {
        let mut world = world(entries, 4);
        world.run(600.0);
        assert_eq!(
            asked(&world),
            (vec![address(1)], vec![address(2), address(3), address(4)])
        );
        assert_eq!(world.nts.establishments, 1);
    }
}

#[test]
fn a_plain_source_keeps_its_address_while_nothing_comes_back_with_nts() {
    let mut world = world(vec![server("192.0.2.1"), nts(&host(1))], 1);
    world.nts.mood = Mood::Silent;
    world.run(600.0);
    assert!(world.synchronized());
    assert_eq!(authenticated(&world), 0);
    world.nts.mood = Mood::Honest;
    world.run(600.0 + 1200.0);
    assert_eq!(asked(&world), (vec![address(1)], vec![]));
    assert!(world.synchronized());
}

#[test]
fn two_names_with_nts_that_lead_to_one_server_count_once_and_cost_one_handshake_each() {
    let mut world = world(vec![nts(&host(1)), nts(&host(2))], 2);
    world.nts.hosts.insert(host(2), (address(1), ALWAYS));
    world.run(6.0 * 3600.0);
    assert!(world.synchronized());
    assert_eq!(world.nts.establishments, 2);
    assert_eq!(asked(&world), (vec![address(1)], vec![]));
    assert_eq!(
        world.client.entries()[1].rival(),
        Some(SourceEntryId::new(0))
    );
    let reported = |event: &&Event| matches!(event, Event::SameServer { .. });
    assert_eq!(world.events.iter().filter(reported).count(), 1);

    // Once a day it is seen whether the second one has moved.
    world.nts.hosts.insert(host(2), (address(2), ALWAYS));
    world.run(90_000.0);
    assert_eq!(asked(&world), (vec![address(1), address(2)], vec![]));
    assert_eq!(world.client.entries()[1].rival(), None);
}

#[test]
fn plain_sources_that_lie_together_neither_move_the_clock_nor_stay_in_their_pool() {
    let mut world = world(vec![pool(3), nts(&host(4))], 7);
    for liar in 1..=3 {
        world.servers.insert(address(liar), Server::Lying(40.0));
    }
    world.run(60.0);
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
    assert_eq!(authenticated(&world), 1);
    let states = world.states();
    let contradicts = AssociationState::Judged(Standing::ContradictsAuthenticated {
        offset: Seconds::ZERO,
        missed_by: Seconds::ZERO,
        authenticated: 1,
    });
    let same = |state: &AssociationState| {
        std::mem::discriminant(state) == std::mem::discriminant(&contradicts)
    };
    assert!(
        (1..=3).all(|liar| same(&states[&address(liar)])),
        "{states:?}"
    );
    world.run(3600.0);
    assert_eq!(asked(&world).1, [address(5), address(6), address(7)]);
}

#[test]
fn at_a_start_plain_sources_wait_ten_seconds_for_keys_and_no_longer() {
    let mut world = world(vec![pool(3), nts("nowhere.example")], 3);
    world.run(5.0);
    assert_eq!(
        world.client.clock().selection().outcome,
        Outcome::AwaitingAuthenticated { plain: 3 }
    );
    assert!(!world.synchronized());
    world.run(30.0);
    assert!(world.synchronized());
    assert_eq!(authenticated(&world), 0);
}

#[test]
fn plain_sources_take_over_when_all_with_nts_have_been_silent_for_eight_polls_and_not_before() {
    let mut world = world(vec![pool(3), nts(&host(4))], 4);
    world.run(3600.0);
    assert_eq!(authenticated(&world), 1);
    world.nts.mood = Mood::Silent;
    let mut waited = false;
    for minute in 60..600 {
        world.run(f64::from(minute) * 60.0);
        match world.client.clock().selection().outcome {
            Outcome::AwaitingAuthenticated { .. } => waited = true,
            Outcome::Agreed {
                authenticated: 0, ..
            } => break,
            _ => {}
        }
    }
    assert!(waited);
    assert_eq!(authenticated(&world), 0);
    assert!(world.synchronized());
    world.nts.mood = Mood::Honest;
    world.run(43_200.0);
    assert_eq!(authenticated(&world), 1);
}

#[test]
fn a_clock_that_plain_sources_have_set_wrong_is_set_right_by_the_first_source_with_nts() {
    for lie in [7200.0, 5.0 * YEAR] {
        let mut world = world(vec![pool(3), nts("late.example"), nts("later.example")], 3);
        for liar in 1..=3 {
            world.servers.insert(address(liar), Server::Lying(lie));
        }
        world.run(30.0);
        assert!(
            (world.offset() + lie).abs() < 1.0,
            "plain sources stand in for one that cannot be reached"
        );
        for (host, last) in [("late.example", 8), ("later.example", 9)] {
            world.nts.hosts.insert(host.into(), (address(last), ALWAYS));
            world.servers.insert(address(last), Server::Honest);
        }
        world.run(400.0);
        assert!(world.offset().abs() < 1e-3, "{lie}: {}", world.offset());
        assert!(world.synchronized());
    }
}

#[test]
fn plain_sources_never_set_the_clock_if_nts_is_required() {
    let mut world = world_by(
        Authentication::Require,
        vec![pool(3), nts("nowhere.example")],
        3,
    );
    world.run(600.0);
    assert!(!world.synchronized());
    assert_eq!(world.steps().len(), 0);
    assert_eq!(
        world.client.clock().selection().outcome,
        Outcome::NoneAuthenticated { plain: 3 }
    );
    world
        .nts
        .hosts
        .insert("nowhere.example".into(), (address(9), ALWAYS));
    world.servers.insert(address(9), Server::Honest);
    world.run(3600.0);
    assert!(world.synchronized());
    assert_eq!(authenticated(&world), 1);
}

#[test]
fn all_sources_vote_alike_if_the_configuration_says_so() {
    let mut world = world_by(Authentication::Mix, vec![pool(3), nts(&host(4))], 4);
    world.servers.insert(address(4), Server::Lying(40.0));
    world.run(60.0);
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
    assert!(matches!(
        world.states()[&address(4)],
        AssociationState::Judged(Standing::Falseticker { .. })
    ));
}

#[test]
fn one_plain_source_alone_cannot_move_the_clock_by_decades_and_two_that_agree_can() {
    let lie = 20.0 * YEAR;
    let mut one = world(vec![server("192.0.2.1")], 1);
    one.servers.insert(address(1), Server::Lying(lie));
    one.run(600.0);
    assert_eq!(one.steps().len(), 0);
    let outcome = one.client.clock().selection().outcome;
    assert!(
        matches!(
            outcome,
            Outcome::Unwitnessed {
                doubt: Doubt::Implausible { .. },
                ..
            }
        ),
        "{outcome:?}"
    );

    let mut two = world(vec![server("192.0.2.1"), server("192.0.2.2")], 2);
    two.servers.insert(address(1), Server::Lying(lie));
    two.servers.insert(address(2), Server::Lying(lie));
    two.run(600.0);
    assert_eq!(two.steps().len(), 1);

    let mut plausible = world(vec![server("192.0.2.1")], 1);
    plausible
        .servers
        .insert(address(1), Server::Lying(5.0 * YEAR));
    plausible.run(600.0);
    assert_eq!(plausible.steps().len(), 1);
}
