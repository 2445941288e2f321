//! Another configuration: what stays keeps its state, and the clock never notices.

use super::*;
use crate::client::entry::SourceEntryId;

/// Continues with these entries, under these identifiers.
fn configure(world: &mut World, entries: &[(usize, SourceEntryConfig)]) {
    let entries = entries
        .iter()
        .map(|(id, entry)| (SourceEntryId::new(*id), entry.clone()));
    let change = ClientChange {
        entries: entries.collect(),
        clock: *world.client.clock().config(),
    };
    let now = world.now();
    world.client.handle_config(now, change);
    world.drain();
}

/// Everything that an association has learned, in words.
fn memory(world: &World, last: u8) -> String {
    let member = world
        .client
        .members()
        .find(|member| member.association().address() == address(last));
    format!("{:?}", member.map(Member::association))
}

fn three() -> [(usize, SourceEntryConfig); 3] {
    [
        (0, server("192.0.2.1")),
        (1, server("192.0.2.2")),
        (2, server("192.0.2.3")),
    ]
}

fn started() -> World {
    let entries = three().map(|(_, entry)| entry).to_vec();
    let servers = [1, 2, 3, 4].map(|last| (last, Server::Honest));
    let mut world = World::new(entries, 0.1, 1e-5).serve(&servers);
    world.run(600.0);
    assert!(world.synchronized());
    world
}

#[test]
fn the_same_configuration_changes_nothing() {
    let mut world = started();
    let before = [1, 2, 3].map(|last| memory(&world, last));
    let clock = format!("{:?}", world.client.clock());
    world.events.clear();
    let sent = world.sent;
    for _ in 0..100 {
        configure(&mut world, &three());
    }
    assert_eq!(before, [1, 2, 3].map(|last| memory(&world, last)));
    assert_eq!(clock, format!("{:?}", world.client.clock()));
    assert!(world.events.is_empty(), "{:?}", world.events);
    assert_eq!(world.sent, sent, "a reload asks no server");
}

#[test]
fn an_entry_keeps_its_association_when_another_one_before_it_goes() {
    let mut world = started();
    let before = [2, 3].map(|last| memory(&world, last));
    let frequency = world.client.clock().frequency();
    configure(&mut world, &three()[1..]);
    assert_eq!(before, [2, 3].map(|last| memory(&world, last)));
    assert_eq!(world.states().len(), 2);
    assert!(world.synchronized());
    assert_eq!(frequency, world.client.clock().frequency());
    assert!(world.events.iter().any(|event| matches!(
        event,
        Event::AssociationRemoved { address: gone, reason: Removal::Configured, .. }
            if *gone == address(1)
    )));
}

#[test]
fn order_is_that_of_the_new_configuration() {
    let mut world = started();
    let [first, second, third] = three();
    configure(&mut world, &[third, first, second]);
    let order: Vec<usize> = world
        .client
        .entries()
        .iter()
        .map(|entry| entry.id().number())
        .collect();
    assert_eq!(order, [2, 0, 1]);
    assert_eq!(world.states().len(), 3);
}

#[test]
fn a_changed_entry_begins_again_and_a_new_one_joins_without_a_step() {
    let mut world = started();
    let before = [1, 2].map(|last| memory(&world, last));
    let steps = world.steps();
    let [first, second, _] = three();
    let changed = SourceEntryConfig {
        association: AssociationConfig {
            burst: 2,
            ..AssociationConfig::default()
        },
        ..server("192.0.2.3")
    };
    configure(
        &mut world,
        &[first, second, (3, changed), (4, server("192.0.2.4"))],
    );
    assert_eq!(before, [1, 2].map(|last| memory(&world, last)));
    world.run(660.0);
    assert_eq!(world.states().len(), 4);
    assert!(world.synchronized());
    assert_eq!(world.steps(), steps);
    let young = world
        .client
        .members()
        .filter(|member| [address(3), address(4)].contains(&member.association().address()));
    assert!(young.into_iter().all(|member| {
        let measured = member.association().counters().measured;
        (1..20).contains(&measured)
    }));
}

#[test]
fn the_first_of_all_new_sources_does_not_decide_alone() {
    let mut world = started();
    world.servers.insert(address(11), Server::Lying(50.0));
    for last in [12, 13] {
        world.servers.insert(address(last), Server::Honest);
    }
    let entries =
        [11, 12, 13].map(|last| (usize::from(last), server(&address(last).ip().to_string())));
    configure(&mut world, &entries);
    world.run(1200.0);
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
    assert!(world.synchronized());
}

#[test]
fn cookies_and_keys_stay_with_their_entry() {
    let mut world = nts::world(1);
    world.run(600.0);
    let nts = world.client.entries()[0].config().clone();
    world.servers.insert(address(9), Server::Honest);
    configure(&mut world, &[(1, server("192.0.2.9")), (0, nts)]);
    world.run(1200.0);
    assert_eq!(world.nts.establishments, 1);
    assert_eq!(world.client.sessions(world.mono).len(), 1);
    assert_eq!(world.states().len(), 2);
}

#[test]
fn an_entry_takes_the_server_of_a_rival_that_goes() {
    let [first, ..] = three();
    let twin = SourceEntryConfig {
        association: AssociationConfig {
            burst: 2,
            ..AssociationConfig::default()
        },
        ..first.1.clone()
    };
    let mut world = World::new(vec![first.1, twin.clone()], 0.0, 0.0).serve(&[(1, Server::Honest)]);
    world.run(60.0);
    assert_eq!(
        world.client.entries()[1].rival(),
        Some(SourceEntryId::new(0))
    );
    configure(&mut world, &[(1, twin)]);
    world.run(120.0);
    assert_eq!(world.states().len(), 1);
    assert_eq!(world.client.entries()[0].rival(), None);
    assert!(world.synchronized());
}

#[test]
fn answers_that_come_late_for_an_entry_that_has_gone_do_nothing() {
    let mut world = started();
    configure(&mut world, &three()[1..]);
    let now = world.now();
    let gone = SourceEntryId::new(0);
    world.client.handle_resolved(now, gone, Ok(&[address(1)]));
    world.client.remember(gone, &[address(1)]);
    assert_eq!(world.states().len(), 2);
}

#[test]
fn a_raised_panic_threshold_lets_the_clock_be_set() {
    let tight = StepLimits {
        forward: Some(Seconds::new(1.0)),
        backward: Some(Seconds::new(1.0)),
    };
    let mut clock = ClockConfig::default();
    clock.steps.startup = tight;
    clock.steps.running = tight;
    let entries = three().map(|(_, entry)| entry).to_vec();
    let servers = [1, 2, 3].map(|last| (last, Server::Honest));
    let mut world = World::with(entries, clock, &initial(), (100.0, 0.0)).serve(&servers);
    world.run(300.0);
    assert!(world.client.clock().halted().is_some());
    let change = ClientChange {
        entries: three()
            .map(|(id, entry)| (SourceEntryId::new(id), entry))
            .to_vec(),
        clock: ClockConfig::default(),
    };
    let now = world.now();
    world.client.handle_config(now, change);
    world.run(900.0);
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
    assert!(world.synchronized());
}

#[test]
fn an_ordered_step_goes_beyond_the_panic_threshold_once() {
    let tight = StepLimits {
        forward: Some(Seconds::new(1.0)),
        backward: Some(Seconds::new(1.0)),
    };
    let mut clock = ClockConfig::default();
    (clock.steps.startup, clock.steps.running) = (tight, tight);
    clock.steps.accumulated = Some(Seconds::new(1.0));
    let entries = three().map(|(_, entry)| entry).to_vec();
    let servers = [1, 2, 3].map(|last| (last, Server::Honest));
    let mut world = World::with(entries, clock, &initial(), (100.0, 0.0)).serve(&servers);
    world.run(300.0);
    assert!(world.client.clock().halted().is_some());
    let now = world.now();
    let known = world.client.handle_step_order(now).unwrap();
    assert!((known.unwrap().to_f64() - 100.0).abs() < 1.0, "{known:?}");
    world.run(310.0);
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
    assert!(world.synchronized());
    assert_eq!(world.steps().len(), 1);

    for last in [1, 2, 3] {
        world.servers.insert(address(last), Server::Lying(50.0));
    }
    world.run(900.0);
    assert_eq!(world.steps().len(), 1, "the order was for one step");
}

#[test]
fn an_ordered_step_that_no_majority_supports_is_forgotten() {
    let servers = [(1, Server::Honest), (2, Server::Lying(5.0))];
    let mut world =
        World::new(vec![server("192.0.2.1"), server("192.0.2.2")], 100.0, 0.0).serve(&servers);
    world.run(60.0);
    let now = world.now();
    world.client.handle_step_order(now).unwrap();
    world.run(180.0);
    assert!(world.steps().is_empty());
}

#[test]
fn a_clock_that_is_not_steered_is_not_stepped_by_order() {
    let initial = InitialClock {
        steers: false,
        ..initial()
    };
    let config = ClockConfig::default();
    let mut world = World::with(vec![server("192.0.2.1")], config, &initial, (1.0, 0.0))
        .serve(&[(1, Server::Honest)]);
    world.run(60.0);
    let now = world.now();
    assert!(world.client.handle_step_order(now).is_err());
}
