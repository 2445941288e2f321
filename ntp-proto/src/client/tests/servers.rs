//! Whom we ask and whom we believe.

use super::*;

#[test]
fn the_liar_of_a_pool_is_named_and_the_dead_member_replaced() {
    let servers = [
        (1, Server::Dead),
        (2, Server::Lying(0.3)),
        (3, Server::Honest),
        (4, Server::Honest),
        (5, Server::Honest),
    ];
    let mut world = World::new(vec![pool(4)], 0.1, 0.0).serve(&servers);
    world.run(8.0);
    assert!(world.synchronized());
    assert!(world.offset().abs() < 1e-3);
    let states = world.states();
    assert!(
        matches!(
            states[&address(2)],
            AssociationState::Judged(Standing::Falseticker { .. })
        ),
        "{states:?}"
    );

    world.run(60.0);
    let states = world.states();
    assert!(
        !states.contains_key(&address(1)),
        "the dead one was replaced: {states:?}"
    );
    assert!(states.contains_key(&address(5)));
    assert_eq!(states.len(), 4);
}

#[test]
fn a_persistent_liar_is_replaced_when_there_is_somebody_else() {
    let servers = [
        (1, Server::Lying(0.3)),
        (2, Server::Honest),
        (3, Server::Honest),
        (4, Server::Honest),
    ];
    let mut world = World::new(vec![pool(3)], 0.0, 0.0).serve(&servers);
    world.run(600.0);
    let removed = |event: &&Event| {
        matches!(
            event,
            Event::AssociationRemoved {
                reason: Removal::Falseticker,
                ..
            }
        )
    };
    assert_eq!(world.events.iter().filter(removed).count(), 1);
    assert!(!world.states().contains_key(&address(1)));
    assert_eq!(world.states().len(), 3);
}

#[test]
fn without_a_majority_the_clock_is_left_alone_and_the_numbers_are_told() {
    let mut world =
        World::new(vec![pool(2)], 0.05, 0.0).serve(&[(1, Server::Honest), (2, Server::Lying(5.0))]);
    world.run(60.0);
    assert!(!world.synchronized());
    assert!((world.offset() - 0.05).abs() < 1e-6);
    let outcome = world.client.clock().selection().outcome;
    assert_eq!(
        outcome,
        Outcome::NoMajority {
            usable: 2,
            agreeing: 1,
            needed: 2
        }
    );
}

#[test]
fn deny_demobilizes_a_configured_server_and_it_is_tried_again_much_later() {
    let mut world =
        World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Kiss(b"DENY"))]);
    world.run(3000.0);
    assert_eq!(world.sent, 1);
    assert_eq!(
        world.states()[&address(1)],
        AssociationState::Demobilized(KissCode::Deny)
    );
    world.servers.insert(address(1), Server::Honest);
    world.run(5000.0);
    assert!(world.synchronized());
}

#[test]
fn a_pool_member_that_denies_is_replaced_at_once() {
    let mut world = World::new(vec![pool(1)], 0.0, 0.0)
        .serve(&[(1, Server::Kiss(b"RSTR")), (2, Server::Honest)]);
    world.run(10.0);
    assert_eq!(world.states().keys().collect::<Vec<_>>(), [&address(2)]);
}

#[test]
fn forged_packets_of_an_observer_do_not_silence_a_client() {
    for code in [b"DENY", b"RSTR", b"RATE", b"NTSN", b"STEP"] {
        let raced: Vec<_> = (1..=4).map(|last| (last, Server::Raced(code))).collect();
        let mut world = World::new(vec![pool(4)], 0.1, 0.0).serve(&raced);
        world.run(3600.0);
        // The true replies are 20 ms late, all on the way back.
        assert!(
            world.synchronized() && world.offset().abs() < 0.011,
            "{code:?}: {}",
            world.offset()
        );
        assert!(
            world.sent > 4 * 20,
            "{} requests in an hour of {code:?}",
            world.sent
        );
        assert_eq!(world.states().len(), 4);
        assert!(
            world
                .client
                .members()
                .all(|member| !member.association().is_rate_limited()),
            "{code:?}"
        );
    }
}

#[test]
fn rate_kisses_slow_us_down() {
    let mut world =
        World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Kiss(b"RATE"))]);
    world.run(600.0);
    assert!(world.sent < 8, "{}", world.sent);
}

#[test]
fn a_name_that_does_not_resolve_is_retried_every_minute() {
    let mut world = World::new(vec![server("nowhere.example")], 0.0, 0.0);
    world.run(600.0);
    let asked = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::Resolve { .. }))
        .count();
    assert!((12..18).contains(&asked), "{asked}");
    assert!(world.client.entries()[0].failure().is_some());
    assert_eq!(
        world
            .events
            .iter()
            .filter(|event| matches!(event, Event::Unresolved { .. }))
            .count(),
        1,
        "told once"
    );
}

#[test]
fn a_server_that_moved_is_found_at_its_new_address() {
    let mut world =
        World::new(vec![server("pool.example")], 0.0, 0.0).serve(&[(1, Server::Honest)]);
    world.run(30.0);
    world.servers = HashMap::from([(address(2), Server::Honest)]);
    world.names.insert("pool.example".into(), vec![address(2)]);
    world.run(3600.0);
    assert_eq!(world.states().keys().collect::<Vec<_>>(), [&address(2)]);
    assert!(world.synchronized());
}

#[test]
fn when_all_servers_die_the_clock_ends_up_unsynchronized_but_not_at_once() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Honest)]);
    world.run(100.0);
    world.servers.clear();
    world.run(3600.0);
    assert!(world.synchronized());
    assert!(matches!(
        world.states()[&address(1)],
        AssociationState::Unreachable { .. }
    ));
    world.run(110_000.0);
    assert!(!world.synchronized());
    assert!(world.events.contains(&Event::Clock(ClockEvent::Lost)));
}

#[test]
fn dead_addresses_are_not_tried_in_a_frenzy() {
    let mut world = World::new(vec![server("pool.example")], 0.0, 0.0)
        .serve(&[(1, Server::Dead), (2, Server::Dead)]);
    world.run(3600.0);
    let lookups = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::Resolve { .. }))
        .count();
    assert!(world.sent < 200, "{} requests", world.sent);
    assert!(lookups < 30, "{lookups} look-ups");
}

#[test]
fn a_day_of_rate_kisses_is_forgiven_within_hours() {
    let mut world =
        World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Kiss(b"RATE"))]);
    world.run(86_400.0);
    world.servers.insert(address(1), Server::Honest);
    world.run(86_400.0 + 8.0 * 3600.0);
    assert!(
        !world
            .client
            .members()
            .next()
            .unwrap()
            .association()
            .is_rate_limited()
    );
    assert!(world.synchronized());
}

#[test]
fn a_source_that_turns_liar_is_told_once() {
    let servers = [
        (1, Server::Honest),
        (2, Server::Honest),
        (3, Server::Honest),
    ];
    let mut world = World::new(vec![pool(3)], 0.0, 0.0).serve(&servers);
    world.run(100.0);
    world.servers.insert(address(1), Server::Lying(0.3));
    world.run(400.0);
    let reported = |event: &&Event| {
        matches!(
            event,
            Event::AssociationChanged {
                to: AssociationState::Judged(Standing::Falseticker { .. }),
                ..
            }
        )
    };
    assert_eq!(world.events.iter().filter(reported).count(), 1);
}

#[test]
fn when_the_leader_dies_the_others_go_on() {
    let servers = [
        (1, Server::Honest),
        (2, Server::Honest),
        (3, Server::Honest),
    ];
    let mut world = World::new(vec![pool(3)], 0.0, 0.0).serve(&servers);
    world.run(1000.0);
    let leader = world
        .states()
        .into_iter()
        .find(|(_, state)| *state == AssociationState::Judged(Standing::SystemPeer))
        .unwrap();
    world.servers.insert(leader.0, Server::Dead);
    let mut last = world.client.clock().system().unwrap().updated;
    for step in 1..=40 {
        world.run(1000.0 + f64::from(step) * 100.0);
        let updated = world.client.clock().system().unwrap().updated;
        if updated != last {
            last = updated;
        }
        let free = world.client.clock().timescale().to_free(world.local);
        let poll = world
            .client
            .members()
            .map(|member| member.association().poll().seconds().to_f64())
            .fold(0.0, f64::max);
        assert!(
            (free - last).to_f64() < 4.0 * poll + 100.0,
            "no update for {:?} at step {step}",
            free - last
        );
    }
}

#[test]
fn a_server_that_is_never_synchronized_says_so_even_after_a_bad_start() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Dead)]);
    world.run(5.0);
    world.servers.insert(address(1), Server::Unsynchronized);
    world.run(600.0);
    assert_eq!(
        world.states()[&address(1)],
        AssociationState::Unusable(Discard::Unsynchronized)
    );
}
