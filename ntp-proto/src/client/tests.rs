//! The client against small worlds: servers on a network with fixed delays, and a clock that obeys.

use super::*;
use crate::clock::{ClockEvent, Halt, Outcome, StampOrigin, Standing, StepLimits};
use crate::packet::{Header, KissCode, Mode, ReferenceId};
use crate::pool::GroupKind;
use crate::source::SourceConfig;
use crate::time::{Frequency, NtpDuration, NtpTimestamp, Precision};
use std::collections::HashMap;
use std::net::SocketAddr;

/// How a server behaves.
#[derive(Clone, Copy, Debug)]
enum Server {
    Honest,
    Lying(f64),
    Dead,
    Unsynchronized,
    Kiss(&'static [u8; 4]),
}

/// A world in steps of events: its truth, our clock in it, and its servers, 1 ms away each.
struct World {
    client: Client,
    mono: MonoTime,
    local: NtpTimestamp,
    rate: f64,
    error: f64,
    servers: HashMap<SocketAddr, Server>,
    names: HashMap<String, Vec<SocketAddr>>,
    events: Vec<Event>,
    sent: usize,
    /// The delay in each direction, in seconds.
    one_way: f64,
    /// Whether our clock refuses to be set.
    refuses: bool,
}

fn truth(mono: MonoTime) -> NtpTimestamp {
    NtpTimestamp::from_unix(1_800_000_000, 0) + NtpDuration::from(mono.since_epoch())
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 123))
}

fn server(host: &str) -> GroupConfig {
    GroupConfig { host: host.into(), port: 123, kind: GroupKind::Server, source: SourceConfig::default() }
}

fn pool(count: usize) -> GroupConfig {
    GroupConfig { kind: GroupKind::Pool { count, ignore: Vec::new() }, ..server("pool.example") }
}

fn initial() -> InitialClock {
    InitialClock {
        steers: true,
        applied: Frequency::ZERO,
        frequency: None,
        assumed_step: Seconds::ZERO,
        accumulated: None,
        precision: Precision::from_log2(-25),
    }
}

impl World {
    /// A clock that is `offset` seconds behind and loses `drift` seconds per second.
    fn new(groups: Vec<GroupConfig>, offset: f64, drift: f64) -> Self {
        Self::with(groups, ClockConfig::default(), &initial(), (offset, drift))
    }

    fn with(groups: Vec<GroupConfig>, clock: ClockConfig, initial: &InitialClock, (offset, drift): (f64, f64)) -> Self {
        let local = truth(MonoTime::ZERO) - NtpDuration::from_seconds(offset);
        let now = Now { mono: MonoTime::ZERO, local };
        Self {
            client: Client::new(ClientConfig { groups, clock }, initial, [7; 32], now),
            mono: MonoTime::ZERO,
            local,
            rate: 0.0,
            error: -drift,
            servers: HashMap::new(),
            names: HashMap::new(),
            events: Vec::new(),
            sent: 0,
            one_way: 0.001,
            refuses: false,
        }
    }

    fn serve(mut self, servers: &[(u8, Server)]) -> Self {
        self.servers = servers.iter().map(|(last, server)| (address(*last), *server)).collect();
        self.names.insert("pool.example".into(), servers.iter().map(|(last, _)| address(*last)).collect());
        self
    }

    fn now(&self) -> Now {
        Now { mono: self.mono, local: self.local }
    }

    /// Truth minus our clock.
    fn offset(&self) -> f64 {
        (truth(self.mono) - self.local).to_seconds()
    }

    fn pass(&mut self, seconds: f64) {
        self.mono = self.mono + Duration::from_secs_f64(seconds);
        self.local = self.local + NtpDuration::from_seconds(seconds * (1.0 + self.error) * (1.0 + self.rate));
    }

    /// Lives until `end` seconds after the start.
    fn run(&mut self, end: f64) {
        let end = MonoTime::from_epoch(Duration::from_secs_f64(end));
        while self.mono < end {
            self.drain();
            let wake = self.client.poll_timeout(self.now()).unwrap_or(end).min(end);
            self.pass(wake.since(self.mono).as_secs_f64().max(0.000_1));
            self.client.handle_timeout(self.now());
        }
        self.drain();
    }

    fn drain(&mut self) {
        let mut buffer = [0; 1024];
        while let Some(transmit) = self.client.poll_transmit(self.now(), &mut buffer) {
            self.sent += 1;
            let request = Header::decode(&buffer[..transmit.length]).unwrap();
            let stamp = Stamp { at: self.local, origin: StampOrigin::Kernel };
            self.client.handle_transmitted(self.now(), transmit.token, stamp).unwrap();
            self.answer(&request, transmit.source, transmit.to);
            self.obey();
        }
        self.obey();
    }

    fn answer(&mut self, request: &Header, source: SourceId, to: SocketAddr) {
        let behaviour = self.servers.get(&to).copied().unwrap_or(Server::Dead);
        let lie = if let Server::Lying(lie) = behaviour { lie } else { 0.0 };
        self.pass(self.one_way);
        let at = truth(self.mono) + NtpDuration::from_seconds(lie);
        let honest = Header {
            mode: Mode::Server,
            stratum: Stratum::from_bits(1),
            reference_id: ReferenceId::from_letters(*b"GPS\0"),
            precision: Precision::from_log2(-25),
            origin: request.transmit,
            receive: at,
            transmit: at,
            ..*request
        };
        self.pass(self.one_way);
        let reply = match behaviour {
            Server::Dead => return,
            Server::Kiss(code) => Header {
                leap: LeapIndicator::Unsynchronized,
                stratum: Stratum::UNSPECIFIED,
                reference_id: ReferenceId::from_letters(*code),
                ..honest
            },
            Server::Unsynchronized => Header { leap: LeapIndicator::Unsynchronized, ..honest },
            Server::Honest | Server::Lying(_) => honest,
        };
        let received = Stamp { at: self.local, origin: StampOrigin::Kernel };
        let datagram = Datagram { from: to, to: None, received, bytes: &reply.encode() };
        let _ = self.client.handle_datagram(self.now(), source, &datagram);
    }

    fn obey(&mut self) {
        while let Some(action) = self.client.poll_action() {
            match action {
                ClockAction::SetStatus(_) => {}
                _ if self.refuses => self.client.handle_clock_change(ClockChange::Failed),
                ClockAction::Step(step) => {
                    let before = self.local;
                    self.local = before + step;
                    self.client.handle_clock_change(ClockChange::Stepped { before, step });
                }
                ClockAction::SetFrequency(frequency) => {
                    self.rate = frequency.to_f64();
                    self.client.handle_clock_change(ClockChange::FrequencySet { at: self.local, frequency });
                }
            }
        }
        while let Some(event) = self.client.poll_event() {
            if let Event::Resolve { group, host, .. } = &event {
                let found = self.names.get(host).cloned().ok_or_else(|| "no such host".to_owned());
                let found = found.as_deref().map_err(Clone::clone);
                self.client.handle_resolved(Now { mono: self.mono, local: self.local }, *group, found);
            }
            self.events.push(event);
        }
    }

    fn synchronized(&self) -> bool {
        let free = self.client.clock().timescale().to_free(self.local);
        self.client.clock().is_synchronized(free)
    }

    fn states(&self) -> HashMap<SocketAddr, SourceState> {
        self.client.members().map(|member| (member.source().address(), self.client.state_of(member))).collect()
    }

    fn steps(&self) -> Vec<f64> {
        let step = |event: &Event| match event {
            Event::Clock(ClockEvent::Stepped(step)) => Some(step.to_f64()),
            _ => None,
        };
        self.events.iter().filter_map(step).collect()
    }

    fn error_bound(&self) -> f64 {
        let free = self.client.clock().timescale().to_free(self.local);
        self.client.clock().system().unwrap().root_distance_at(free).to_f64()
    }
}

#[test]
fn a_wrong_clock_is_right_within_a_second_and_stays_right() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.35, 40e-6).serve(&[(1, Server::Honest)]);
    world.run(1.0);
    assert!(world.synchronized());
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
    assert_eq!(world.steps().len(), 1);
    for minute in 1..=20 {
        world.run(60.0 * f64::from(minute));
        assert!(world.offset().abs() < 20e-6, "minute {minute}: {}", world.offset());
    }
    assert_eq!(world.steps().len(), 1, "later only slews");
    assert!((world.client.clock().frequency().to_f64() - 40e-6).abs() < 0.1e-6);
}

#[test]
fn a_clock_decades_off_is_set_precisely() {
    let mut world = World::new(vec![server("192.0.2.1")], 1.5e9, 40e-6).serve(&[(1, Server::Honest)]);
    world.run(300.0);
    assert!(world.offset().abs() < 20e-6, "{}", world.offset());
}

#[test]
fn the_claimed_error_bound_holds_all_the_time() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.05, 80e-6).serve(&[(1, Server::Honest)]);
    for second in 1..1500 {
        world.run(f64::from(second));
        assert!(world.offset().abs() <= world.error_bound(), "second {second}");
    }
}

#[test]
fn the_liar_of_a_pool_is_named_and_the_dead_member_replaced() {
    let servers =
        [(1, Server::Dead), (2, Server::Lying(0.3)), (3, Server::Honest), (4, Server::Honest), (5, Server::Honest)];
    let mut world = World::new(vec![pool(4)], 0.1, 0.0).serve(&servers);
    world.run(8.0);
    assert!(world.synchronized());
    assert!(world.offset().abs() < 1e-3);
    let states = world.states();
    assert!(matches!(states[&address(2)], SourceState::Judged(Standing::Falseticker { .. })), "{states:?}");

    world.run(60.0);
    let states = world.states();
    assert!(!states.contains_key(&address(1)), "the dead one was replaced: {states:?}");
    assert!(states.contains_key(&address(5)));
    assert_eq!(states.len(), 4);
}

#[test]
fn a_persistent_liar_is_replaced_when_there_is_somebody_else() {
    let servers = [(1, Server::Lying(0.3)), (2, Server::Honest), (3, Server::Honest), (4, Server::Honest)];
    let mut world = World::new(vec![pool(3)], 0.0, 0.0).serve(&servers);
    world.run(600.0);
    let removed = |event: &&Event| matches!(event, Event::SourceRemoved { reason: Removal::Falseticker, .. });
    assert_eq!(world.events.iter().filter(removed).count(), 1);
    assert!(!world.states().contains_key(&address(1)));
    assert_eq!(world.states().len(), 3);
}

#[test]
fn a_liar_that_answers_first_cannot_set_the_clock() {
    let servers = [(1, Server::Lying(100.0)), (2, Server::Honest), (3, Server::Honest)];
    let mut world = World::new(vec![pool(3)], 0.0, 0.0).serve(&servers);
    world.run(30.0);
    assert!(world.offset().abs() < 1e-3);
}

#[test]
fn without_a_majority_the_clock_is_left_alone_and_the_numbers_are_told() {
    let mut world = World::new(vec![pool(2)], 0.05, 0.0).serve(&[(1, Server::Honest), (2, Server::Lying(5.0))]);
    world.run(60.0);
    assert!(!world.synchronized());
    assert!((world.offset() - 0.05).abs() < 1e-6);
    let outcome = world.client.clock().selection().outcome;
    assert_eq!(outcome, Outcome::NoMajority { usable: 2, agreeing: 1, needed: 2 });
}

#[test]
fn deny_demobilises_a_configured_server_and_it_is_tried_again_much_later() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Kiss(b"DENY"))]);
    world.run(3000.0);
    assert_eq!(world.sent, 1);
    assert_eq!(world.states()[&address(1)], SourceState::Demobilized(KissCode::Deny));
    world.servers.insert(address(1), Server::Honest);
    world.run(5000.0);
    assert!(world.synchronized());
}

#[test]
fn a_pool_member_that_denies_is_replaced_at_once() {
    let mut world = World::new(vec![pool(1)], 0.0, 0.0).serve(&[(1, Server::Kiss(b"RSTR")), (2, Server::Honest)]);
    world.run(10.0);
    assert_eq!(world.states().keys().collect::<Vec<_>>(), [&address(2)]);
}

#[test]
fn rate_kisses_slow_us_down() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Kiss(b"RATE"))]);
    world.run(600.0);
    assert!(world.sent < 8, "{}", world.sent);
}

#[test]
fn a_name_that_does_not_resolve_is_retried_with_patience() {
    let mut world = World::new(vec![server("nowhere.example")], 0.0, 0.0);
    world.run(600.0);
    let asked = world.events.iter().filter(|event| matches!(event, Event::Resolve { .. })).count();
    assert!((7..12).contains(&asked), "{asked}");
    assert!(world.client.groups()[0].failure().is_some());
    assert_eq!(world.events.iter().filter(|event| matches!(event, Event::Unresolved { .. })).count(), 1, "told once");
}

#[test]
fn a_server_that_moved_is_found_at_its_new_address() {
    let mut world = World::new(vec![server("pool.example")], 0.0, 0.0).serve(&[(1, Server::Honest)]);
    world.run(30.0);
    world.servers = HashMap::from([(address(2), Server::Honest)]);
    world.names.insert("pool.example".into(), vec![address(2)]);
    world.run(3600.0);
    assert_eq!(world.states().keys().collect::<Vec<_>>(), [&address(2)]);
    assert!(world.synchronized());
}

#[test]
fn a_step_beyond_the_panic_threshold_is_refused_and_explained() {
    let mut config = ClockConfig::default();
    config.steps.startup = StepLimits::both(Some(Seconds::new(10.0)));
    let mut world =
        World::with(vec![server("192.0.2.1")], config, &initial(), (100.0, 0.0)).serve(&[(1, Server::Honest)]);
    world.run(60.0);
    assert!((world.offset() - 100.0).abs() < 1e-6);
    assert!(matches!(world.client.clock().halted(), Some(Halt::Panic { limit, .. }) if limit == Seconds::new(10.0)));
    let told = world.events.iter().filter(|event| matches!(event, Event::Clock(ClockEvent::Halted(_)))).count();
    assert_eq!(told, 1, "once, not at every poll");
}

#[test]
fn steps_add_up_across_restarts_until_the_limit() {
    let mut config = ClockConfig::default();
    config.steps.accumulated = Some(Seconds::new(1.0));
    let mut accumulated = None;
    let mut total = 0.0;
    for _ in 0..50 {
        let initial = InitialClock { accumulated, ..initial() };
        let mut world =
            World::with(vec![server("192.0.2.1")], config, &initial, (0.3, 0.0)).serve(&[(1, Server::Honest)]);
        world.run(20.0);
        total += world.steps().iter().sum::<f64>();
        accumulated = world.client.clock().accumulated_steps();
    }
    assert!(total <= 1.0 + 0.3 + 1e-3, "{total}");
}

#[test]
fn a_clock_that_does_not_obey_is_measured_and_never_called_synchronised() {
    let measuring = InitialClock { steers: false, ..initial() };
    let mut world = World::with(vec![server("192.0.2.1")], ClockConfig::default(), &measuring, (0.25, 0.0))
        .serve(&[(1, Server::Honest)]);
    world.run(60.0);
    assert!(!world.synchronized());
    let measured = world.client.clock().remaining_offset(world.now()).unwrap();
    assert!((measured.to_f64() - 0.25).abs() < 1e-6);
    assert!((world.offset() - 0.25).abs() < 1e-6);
}

#[test]
fn at_the_end_the_plain_frequency_is_left_applied() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.000_9, 40e-6).serve(&[(1, Server::Honest)]);
    world.run(30.0);
    world.client.handle_shutdown(world.now());
    world.obey();
    assert_eq!(world.rate, world.client.clock().frequency().to_f64());
    assert!((world.rate - 40e-6).abs() < 2e-6, "{}", world.rate);
}

#[test]
fn when_all_servers_die_the_clock_ends_up_unsynchronised_but_not_at_once() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Honest)]);
    world.run(100.0);
    world.servers.clear();
    world.run(3600.0);
    assert!(world.synchronized());
    assert!(matches!(world.states()[&address(1)], SourceState::Unreachable { .. }));
    world.run(110_000.0);
    assert!(!world.synchronized());
    assert!(world.events.contains(&Event::Clock(ClockEvent::Lost)));
}

#[test]
fn what_we_serve_follows_what_we_know() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Honest)]);
    assert_eq!(world.client.served_state(world.now()).leap, LeapIndicator::Unsynchronized);
    world.run(10.0);
    let served = world.client.served_state(world.now());
    assert_eq!(served.stratum, Stratum::from_bits(2));
    assert_eq!(served.reference_id.as_ipv4().to_string(), "192.0.2.1");
    assert!(served.root_dispersion < Seconds::new(0.01));
}

#[test]
fn a_local_stratum_serves_without_sources() {
    let config = ClockConfig { local_stratum: Stratum::from_bits(5), ..ClockConfig::default() };
    let world = World::with(vec![], config, &initial(), (0.0, 0.0));
    let served = world.client.served_state(world.now());
    assert_eq!((served.leap, served.stratum), (LeapIndicator::NoWarning, Stratum::from_bits(5)));
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

#[test]
fn after_a_pause_of_the_machine_the_bound_is_honest_at_once_and_the_clock_right_in_minutes() {
    for pause in [0.5, 3.0, 30.0] {
        let servers = [(1, Server::Honest), (2, Server::Honest), (3, Server::Honest), (4, Server::Honest)];
        let mut world = World::new(vec![pool(4)], 0.0, 0.0).serve(&servers);
        world.run(86_400.0);
        world.local = world.local - NtpDuration::from_seconds(pause);
        let poll = world.client.members().next().unwrap().source().poll().seconds().to_f64();
        // Nobody can know before the next two polls.
        world.run(86_400.0 + 2.1 * poll);
        assert!(!world.synchronized() || world.error_bound() >= world.offset().abs(), "pause {pause}");
        world.run(86_400.0 + 2.1 * poll + 400.0);
        assert!(world.offset().abs() < 1e-3, "pause {pause}: {}", world.offset());
    }
}

#[test]
fn dead_addresses_are_not_tried_in_a_frenzy() {
    let mut world = World::new(vec![server("pool.example")], 0.0, 0.0).serve(&[(1, Server::Dead), (2, Server::Dead)]);
    world.run(3600.0);
    let lookups = world.events.iter().filter(|event| matches!(event, Event::Resolve { .. })).count();
    assert!(world.sent < 200, "{} requests", world.sent);
    assert!(lookups < 30, "{lookups} look-ups");
}

#[test]
fn a_day_of_rate_kisses_is_forgiven_within_hours() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Kiss(b"RATE"))]);
    world.run(86_400.0);
    world.servers.insert(address(1), Server::Honest);
    world.run(86_400.0 + 8.0 * 3600.0);
    assert!(!world.client.members().next().unwrap().source().is_rate_limited());
    assert!(world.synchronized());
}

#[test]
fn the_frequency_is_worth_keeping_over_long_ways_too() {
    for one_way in [0.001, 0.03, 0.15] {
        let mut world = World::new(vec![server("192.0.2.1")], 0.0, 10e-6).serve(&[(1, Server::Honest)]);
        world.one_way = one_way;
        world.run(4.0 * 3600.0);
        let kept = world.client.clock().frequency_worth_keeping();
        assert!(kept.is_some_and(|kept| (kept.to_f64() - 10e-6).abs() < 0.5e-6), "{one_way} s one way: {kept:?}");
    }
}

#[test]
fn a_source_that_turns_liar_is_told_once() {
    let servers = [(1, Server::Honest), (2, Server::Honest), (3, Server::Honest)];
    let mut world = World::new(vec![pool(3)], 0.0, 0.0).serve(&servers);
    world.run(100.0);
    world.servers.insert(address(1), Server::Lying(0.3));
    world.run(400.0);
    let told = |event: &&Event| {
        matches!(event, Event::SourceChanged { to: SourceState::Judged(Standing::Falseticker { .. }), .. })
    };
    assert_eq!(world.events.iter().filter(told).count(), 1);
}

#[test]
fn steps_after_a_start_without_one_count_towards_the_limit() {
    let mut config = ClockConfig::default();
    config.steps.accumulated = Some(Seconds::new(1.0));
    let mut world =
        World::with(vec![server("192.0.2.1")], config, &initial(), (0.0, 0.0)).serve(&[(1, Server::Honest)]);
    world.run(1000.0);
    world.servers.insert(address(1), Server::Lying(500.0));
    world.run(3000.0);
    assert_eq!(world.steps(), [0.0; 0]);
    assert!(matches!(world.client.clock().halted(), Some(Halt::AccumulatedSteps { .. })));
}

#[test]
fn a_clock_that_refuses_is_reported_once_and_no_step_is_counted() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.35, 0.0).serve(&[(1, Server::Honest)]);
    world.refuses = true;
    world.run(3600.0);
    assert_eq!(world.client.clock().step_count(), 0);
    assert!(!world.synchronized());
    let told = world.events.iter().filter(|event| matches!(event, Event::Clock(_))).count();
    assert!(told <= 2, "{told} events");
    world.refuses = false;
    world.run(7200.0);
    assert!(world.synchronized());
    assert!(world.offset().abs() < 1e-3);
}

#[test]
fn when_the_leader_dies_the_others_go_on() {
    let servers = [(1, Server::Honest), (2, Server::Honest), (3, Server::Honest)];
    let mut world = World::new(vec![pool(3)], 0.0, 0.0).serve(&servers);
    world.run(1000.0);
    let leader =
        world.states().into_iter().find(|(_, state)| *state == SourceState::Judged(Standing::SystemPeer)).unwrap();
    world.servers.insert(leader.0, Server::Dead);
    let mut last = world.client.clock().system().unwrap().updated;
    for step in 1..=40 {
        world.run(1000.0 + f64::from(step) * 100.0);
        let updated = world.client.clock().system().unwrap().updated;
        if updated != last {
            last = updated;
        }
        let free = world.client.clock().timescale().to_free(world.local);
        let poll = world.client.members().map(|member| member.source().poll().seconds().to_f64()).fold(0.0, f64::max);
        assert!((free - last).to_f64() < 4.0 * poll + 100.0, "no update for {:?} at step {step}", free - last);
    }
}

#[test]
fn a_server_that_is_never_synchronised_says_so_even_after_a_bad_start() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Dead)]);
    world.run(5.0);
    world.servers.insert(address(1), Server::Unsynchronized);
    world.run(600.0);
    assert_eq!(world.states()[&address(1)], SourceState::Unusable(Discard::Unsynchronized));
}

#[test]
fn a_measuring_client_does_not_ask_all_day_as_at_its_start() {
    let measuring = InitialClock { steers: false, ..initial() };
    let mut world = World::with(vec![server("192.0.2.1")], ClockConfig::default(), &measuring, (0.25, 0.0))
        .serve(&[(1, Server::Honest)]);
    world.run(86_400.0);
    assert!(world.sent < 500, "{}", world.sent);
}

#[test]
fn the_way_back_from_a_wrong_last_known_time_is_no_panic() {
    let assumed = InitialClock { assumed_step: Seconds::new(200_000.0), accumulated: Some(Seconds::ZERO), ..initial() };
    let mut world = World::with(vec![server("192.0.2.1")], ClockConfig::default(), &assumed, (-200_000.0, 0.0))
        .serve(&[(1, Server::Honest)]);
    world.run(60.0);
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
}
