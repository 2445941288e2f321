//! Names, addresses and the network of this machine: what comes late, moves, or leads nowhere.

use super::*;
use crate::association::OwnServers;
use crate::client::entry::AddressFault;
use crate::time::{PollInterval, PollLimits};

const DAY: f64 = 86_400.0;
/// `ENETUNREACH`.
const UNREACHABLE: i32 = 101;

fn address6(last: u16) -> SocketAddr {
    SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 123))
}

/// A world whose name `pool.example` has these addresses, which all answer alike.
fn named(entry: SourceEntryConfig, addresses: &[SocketAddr]) -> World {
    let mut world = World::new(vec![entry], 0.0, 0.0);
    world.servers = addresses
        .iter()
        .map(|address| (*address, Server::Honest))
        .collect();
    world
        .names
        .insert("pool.example".into(), addresses.to_vec());
    world
}

/// The same with sources that are asked every 68 min, so that days pass quickly.
fn calm(entry: SourceEntryConfig) -> SourceEntryConfig {
    let poll = PollInterval::clamped(12);
    let poll_limits = PollLimits::new(poll, poll).unwrap();
    SourceEntryConfig {
        association: AssociationConfig {
            poll_limits,
            initial_poll: poll,
            ..entry.association
        },
        ..entry
    }
}

fn look_ups(world: &World) -> usize {
    world
        .events
        .iter()
        .filter(|event| matches!(event, Event::Resolve { .. }))
        .count()
}

fn used(world: &World) -> Vec<SocketAddr> {
    let mut used: Vec<_> = world.states().into_keys().collect();
    used.sort_unstable();
    used
}

#[test]
fn a_name_that_comes_late_is_found_within_about_a_minute_without_any_sign_of_the_network() {
    for late in [20.0, 300.0, 4000.0] {
        let mut world = named(pool(2), &[address(1), address(2)]);
        let found = world.names.remove("pool.example").unwrap();
        world.run(late);
        world.names.insert("pool.example".into(), found);
        world.run(late + 66.0);
        assert!(world.synchronized(), "after {late} s");
    }
}

#[test]
fn a_name_is_looked_up_and_silent_servers_are_asked_as_soon_as_the_network_comes_up() {
    let mut world = World::new(vec![server("192.0.2.1"), server("pool.example")], 0.0, 0.0);
    world.run(4000.0);
    world.names.insert("pool.example".into(), vec![address(2)]);
    world.servers = HashMap::from([(address(1), Server::Honest), (address(2), Server::Honest)]);
    for _ in 0..20 {
        // A link, its addresses and its routes.
        world.client.handle_network_change(world.now());
    }
    let before = (look_ups(&world), world.sent);
    world.run(4000.5);
    assert_eq!(look_ups(&world), before.0 + 1);
    assert!(world.synchronized());
    assert_eq!(
        world
            .client
            .members()
            .filter(|member| member.association().counters().measured > 0)
            .count(),
        2
    );
}

#[test]
fn an_interface_that_comes_and_goes_all_the_time_causes_no_flood_of_requests() {
    let mut world = World::new(
        vec![server("192.0.2.1"), server("nowhere.example")],
        0.0,
        0.0,
    );
    world.run(100.0);
    let before = (look_ups(&world), world.sent);
    for tenth in 0..600 {
        world.client.handle_network_change(world.now());
        world.run(100.0 + f64::from(tenth) * 0.1);
    }
    assert!(
        look_ups(&world) - before.0 <= 60,
        "{}",
        look_ups(&world) - before.0
    );
    assert!(world.sent - before.1 <= 60, "{}", world.sent - before.1);
}

#[test]
fn a_host_whose_containers_come_and_go_all_day_asks_no_dead_server_in_a_frenzy() {
    let mut world = World::new(
        vec![server("192.0.2.1"), server("nowhere.example")],
        0.0,
        0.0,
    );
    world.run(1000.0);
    let before = (look_ups(&world), world.sent);
    for second in 0..3600 {
        world.client.handle_network_change(world.now());
        world.run(1000.0 + f64::from(second));
    }
    assert!(
        look_ups(&world) - before.0 <= 3600 / 64 + 70,
        "{}",
        look_ups(&world) - before.0
    );
    assert!(
        world.sent - before.1 <= 3600 / 16 + 40,
        "{}",
        world.sent - before.1
    );
}

#[test]
fn a_name_that_works_is_looked_up_once_a_day() {
    let mut world = named(calm(server("pool.example")), &[address(1), address(2)]);
    world.run(20.5 * DAY);
    assert!(
        (20..=22).contains(&look_ups(&world)),
        "{}",
        look_ups(&world)
    );
    assert_eq!(
        used(&world),
        [address(1)],
        "and nothing is moved that works"
    );
}

#[test]
fn a_server_whose_name_leads_elsewhere_for_good_is_left_although_it_answers() {
    for entry in [server("pool.example"), pool(1)] {
        let mut world = named(calm(entry), &[address(1)]);
        world.run(DAY);
        world.servers.insert(address(2), Server::Honest);
        world.names.insert("pool.example".into(), vec![address(2)]);
        world.run(3.1 * DAY);
        assert_eq!(used(&world), [address(2)]);
        assert!(world.synchronized());
    }
}

#[test]
fn a_name_whose_answers_rotate_moves_nothing() {
    let mut world = named(calm(pool(2)), &[address(1), address(2)]);
    for day in 1..10_u8 {
        world.run(f64::from(day) * DAY + 600.0);
        let next = [address(2 * day + 1), address(2 * day + 2)];
        world
            .servers
            .extend(next.map(|address| (address, Server::Honest)));
        world.names.insert("pool.example".into(), next.to_vec());
    }
    assert_eq!(used(&world), [address(1), address(2)]);
}

#[test]
fn addresses_that_no_server_has_hold_no_place_and_are_reported_once() {
    let impossible = [[0, 0, 0, 0], [224, 0, 1, 1], [255, 255, 255, 255]]
        .map(|octets| SocketAddr::from((octets, 123)));
    let mut world = named(pool(3), &[&impossible[..], &[address(1)]].concat());
    world.run(3600.0);
    assert_eq!(used(&world), [address(1)]);
    let faults: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::AddressesRefused { refused, .. } => Some(
                refused
                    .iter()
                    .map(|refused| refused.fault)
                    .collect::<Vec<_>>(),
            ),
            _ => None,
        })
        .collect();
    assert_eq!(
        faults,
        [[
            AddressFault::Unspecified,
            AddressFault::Multicast,
            AddressFault::Broadcast
        ]]
    );
}

#[test]
fn addresses_of_a_family_without_a_way_out_do_not_hold_places() {
    let all: Vec<_> = (1..=4).map(address6).chain((1..=4).map(address)).collect();
    let mut world = named(pool(4), &all);
    world
        .servers
        .extend((1..=4).map(|last| (address6(last), Server::Unsendable(UNREACHABLE))));
    world.run(10.0);
    assert_eq!(used(&world), [1, 2, 3, 4].map(address));
    assert!(world.synchronized());

    // A configured server with both kinds of addresses is asked where it can be reached.
    let mut world = named(server("pool.example"), &[address6(1), address(1)]);
    world
        .servers
        .insert(address6(1), Server::Unsendable(UNREACHABLE));
    world.run(10.0);
    assert_eq!(used(&world), [address(1)]);
    assert!(world.synchronized());
}

#[test]
fn a_family_that_gets_a_way_out_is_used_again() {
    let mut world = named(pool(2), &[address6(1), address6(2)]);
    world.servers = [1, 2]
        .map(|last| (address6(last), Server::Unsendable(UNREACHABLE)))
        .into();
    world.run(1000.0);
    assert!(
        !used(&world).is_empty(),
        "there is nothing else, so it is seen why nothing works"
    );
    world.servers = [1, 2].map(|last| (address6(last), Server::Honest)).into();
    world.client.handle_network_change(world.now());
    world.run(1010.0);
    assert_eq!(used(&world), [1, 2].map(address6));
    assert!(world.synchronized());
}

#[test]
fn without_any_network_members_are_not_exchanged_for_one_another() {
    let all: Vec<_> = (1..=8).map(address6).chain((1..=8).map(address)).collect();
    let mut world = named(pool(4), &all);
    world.servers = all
        .iter()
        .map(|address| (*address, Server::Unsendable(UNREACHABLE)))
        .collect();
    world.run(600.0);
    let removed = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::AssociationRemoved { .. }))
        .count();
    assert!(removed < 20, "{removed}");
    assert!(world.sent < 200, "{}", world.sent);
}

#[test]
fn the_last_known_addresses_help_when_dns_is_dead() {
    for hangs in [false, true] {
        let mut world = named(pool(2), &[address(1), address(2)]);
        world.names.clear();
        world.resolver_hangs = hangs;
        world
            .client
            .remember(SourceEntryId::new(0), &[address(1), address(2)]);
        world.run(5.0);
        assert!(world.synchronized(), "resolver hangs: {hangs}");
        assert!(world.events.contains(&Event::LastKnownAddresses {
            entry: SourceEntryId::new(0),
            addresses: 2
        }));
    }
}

#[test]
fn last_known_addresses_do_not_come_before_those_that_the_name_has() {
    let mut world = named(pool(2), &[address(1), address(2)]);
    world
        .client
        .remember(SourceEntryId::new(0), &[address(7), address(8)]);
    world.run(60.0);
    assert_eq!(used(&world), [address(1), address(2)]);
}

#[test]
fn a_server_that_lists_itself_does_not_believe_itself_from_the_first_reply_on() {
    for own in ["127.0.0.1", "192.0.2.7", "::1"] {
        let clock = ClockConfig {
            local_stratum: Stratum::from_bits(8),
            ..ClockConfig::default()
        };
        let mut world = World::with(vec![server(own)], clock, &initial(), (0.0, 0.0));
        let at = SocketAddr::new(own.parse().unwrap(), 123);
        world.servers.insert(at, Server::Ourselves);
        let listens = ["0.0.0.0:123", "[::]:123"].map(|listen| listen.parse().unwrap());
        let interfaces = ["127.0.0.1", "192.0.2.7", "::1"].map(|ip| ip.parse().unwrap());
        world
            .client
            .handle_own_servers(OwnServers::new(listens.to_vec(), interfaces.to_vec()));
        for second in 1..600 {
            world.run(f64::from(second));
            let served = world.client.served_state(world.now());
            assert_eq!(
                served.stratum,
                Stratum::from_bits(8),
                "{own} after {second} s"
            );
        }
        assert_eq!(
            world.states()[&at],
            AssociationState::Unusable(Discard::Loop)
        );
        assert_eq!(
            world
                .client
                .members()
                .next()
                .unwrap()
                .association()
                .counters()
                .measured,
            0
        );
    }
}
