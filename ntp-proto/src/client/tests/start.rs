//! The first decision: nobody decides alone.

use super::*;

#[test]
fn a_liar_that_answers_first_cannot_set_the_clock() {
    let servers = [(1, Server::Lying(100.0)), (2, Server::Honest), (3, Server::Honest)];
    let mut world = World::new(vec![pool(3)], 0.0, 0.0).serve(&servers);
    world.run(30.0);
    assert!(world.offset().abs() < 1e-3);
}

/// Servers that become reachable at some time.
fn network_up_at(world: &mut World, at: f64, servers: &[(u8, Server)]) {
    world.servers.clear();
    world.run(at);
    world.servers = servers.iter().map(|(last, server)| (address(*last), *server)).collect();
}

#[test]
fn a_liar_cannot_set_the_clock_when_the_network_comes_up_late() {
    let names = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"];
    for liar in 1..=4 {
        for late in [5.0, 12.0, 100.0, 1000.0] {
            let mut world = World::new(names.iter().map(|name| server(name)).collect(), 0.05, 0.0);
            let servers: Vec<_> =
                (1..=4).map(|n| (n, if n == liar { Server::Lying(5000.0) } else { Server::Honest })).collect();
            network_up_at(&mut world, late, &servers);
            world.run(late + 200.0);
            assert!(world.offset().abs() < 1e-3, "liar {liar}, network after {late} s: {}", world.offset());
        }
    }
}

#[test]
fn a_pool_that_resolves_late_does_not_leave_the_decision_to_one_server() {
    let servers = [(1, Server::Lying(5000.0)), (2, Server::Honest), (3, Server::Honest), (4, Server::Honest)];
    let mut world = World::new(vec![server("192.0.2.1"), pool(3)], 0.0, 0.0).serve(&servers);
    let found = world.names.remove("pool.example").unwrap();
    world.run(1.5);
    world.names.insert("pool.example".into(), found);
    world.run(60.0);
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
}
