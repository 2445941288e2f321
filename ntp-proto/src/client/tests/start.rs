//! The first decision: nobody decides alone.

use super::*;

#[test]
fn a_liar_that_answers_first_cannot_set_the_clock() {
    let servers = [
        (1, Server::Lying(100.0)),
        (2, Server::Honest),
        (3, Server::Honest),
    ];
    let mut world = World::new(vec![pool(3)], 0.0, 0.0).serve(&servers);
    world.run(30.0);
    assert!(world.offset().abs() < 1e-3);
}

/// Servers that become reachable at some time.
fn network_up_at(world: &mut World, at: f64, servers: &[(u8, Server)]) {
    world.servers.clear();
    world.run(at);
    world.servers = servers
        .iter()
        .map(|(last, server)| (address(*last), *server))
        .collect();
}

#[test]
fn a_liar_cannot_set_the_clock_when_the_network_comes_up_late() {
    let names = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"];
    for liar in 1..=4 {
        for late in [5.0, 12.0, 100.0, 1000.0] {
            let mut world = World::new(names.iter().map(|name| server(name)).collect(), 0.05, 0.0);
            let servers: Vec<_> = (1..=4)
                .map(|n| {
                    (
                        n,
                        if n == liar {
                            Server::Lying(5000.0)
                        } else {
                            Server::Honest
                        },
                    )
                })
                .collect();
            network_up_at(&mut world, late, &servers);
            world.run(late + 200.0);
            assert!(
                world.offset().abs() < 1e-3,
                "liar {liar}, network after {late} s: {}",
                world.offset()
            );
        }
    }
}

#[test]
fn a_pool_that_resolves_late_does_not_leave_the_decision_to_one_server() {
    let servers = [
        (1, Server::Lying(5000.0)),
        (2, Server::Honest),
        (3, Server::Honest),
        (4, Server::Honest),
    ];
    let mut world = World::new(vec![server("192.0.2.1"), pool(3)], 0.0, 0.0).serve(&servers);
    let found = world.names.remove("pool.example").unwrap();
    world.run(1.5);
    world.names.insert("pool.example".into(), found);
    world.run(60.0);
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
}

/// A reply that takes this much longer on its way back.
fn first_held_up(world: &mut World, last: u8, by: f64) {
    world.held_up = Some((address(last), by));
}

#[test]
fn a_first_exchange_that_was_held_up_does_not_move_a_clock_that_is_nearly_right() {
    for servers in [1, 4] {
        for late in [0.03, 0.3, 1.0] {
            let names = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"];
            let entries = names[..servers].iter().map(|name| server(name)).collect();
            let honest = [
                (1, Server::Honest),
                (2, Server::Honest),
                (3, Server::Honest),
                (4, Server::Honest),
            ];
            let mut world = World::new(entries, 0.005, 0.0).serve(&honest);
            first_held_up(&mut world, 1, late);
            for tenth in 1..300 {
                world.run(f64::from(tenth) * 0.1);
                let allowed = if tenth < 30 + (late * 10.0) as u32 {
                    0.006
                } else {
                    0.001
                };
                assert!(
                    world.offset().abs() < allowed,
                    "{servers} servers, {late} s, {tenth}/10 s: {}",
                    world.offset()
                );
            }
        }
    }
}

#[test]
fn a_clock_that_was_left_right_is_not_stepped_by_less_than_the_first_exchange_may_be_wrong_by() {
    let initial = InitialClock {
        left_synchronized: true,
        ..initial()
    };
    let mut world = World::with(
        vec![server("192.0.2.1")],
        ClockConfig::default(),
        &initial,
        (10e-6, 0.0),
    )
    .serve(&[(1, Server::Honest)]);
    first_held_up(&mut world, 1, 0.03);
    world.run(60.0);
    assert_eq!(world.steps(), [0.0; 0]);
    assert!(world.offset().abs() < 100e-6, "{}", world.offset());
}

#[test]
fn a_lone_wrong_first_reply_does_not_move_the_clock_by_more_than_a_second() {
    let mut world =
        World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Lying(1e8))]);
    world.run(0.5);
    world.servers.insert(address(1), Server::Honest);
    world.run(60.0);
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
    assert!(
        world.steps().iter().all(|step| step.abs() < 1.0),
        "{:?}",
        world.steps()
    );
}

#[test]
fn a_wrong_first_reply_of_a_lone_server_is_found_out_within_seconds_even_without_a_burst() {
    for lie in [0.9, -0.9, 5.0, 1e6] {
        let single = SourceEntryConfig {
            association: AssociationConfig {
                burst: 1,
                ..AssociationConfig::default()
            },
            ..server("192.0.2.1")
        };
        let mut world = World::new(vec![single], 0.0, 0.0).serve(&[(1, Server::Lying(lie))]);
        world.run(0.5);
        world.servers.insert(address(1), Server::Honest);
        world.run(4.5);
        assert!(world.offset().abs() < 1e-3, "{lie}: {}", world.offset());
    }
}
