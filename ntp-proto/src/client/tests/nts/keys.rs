//! NTS keys come back when they are lost, and are not established more often than that.

use super::*;

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
