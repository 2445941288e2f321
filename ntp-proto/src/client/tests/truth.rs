//! The clock becomes right, stays right, and knows how right it is.

use super::*;

#[test]
fn a_wrong_clock_is_right_within_a_second_and_stays_right() {
    let mut world =
        World::new(vec![server("192.0.2.1")], 0.35, 40e-6).serve(&[(1, Server::Honest)]);
    world.run(1.0);
    assert!(world.synchronized());
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
    assert_eq!(world.steps().len(), 1);
    for minute in 1..=20 {
        world.run(60.0 * f64::from(minute));
        assert!(
            world.offset().abs() < 20e-6,
            "minute {minute}: {}",
            world.offset()
        );
    }
    assert_eq!(world.steps().len(), 1, "later only slews");
    assert!((world.client.clock().frequency().to_f64() - 40e-6).abs() < 0.1e-6);
}

#[test]
fn a_clock_decades_off_is_set_precisely() {
    let mut world =
        World::new(vec![server("192.0.2.1")], 1.5e9, 40e-6).serve(&[(1, Server::Honest)]);
    world.run(300.0);
    assert!(world.offset().abs() < 20e-6, "{}", world.offset());
}

#[test]
fn the_claimed_error_bound_holds_all_the_time() {
    let mut world =
        World::new(vec![server("192.0.2.1")], 0.05, 80e-6).serve(&[(1, Server::Honest)]);
    for second in 1..1500 {
        world.run(f64::from(second));
        assert!(
            world.offset().abs() <= world.error_bound(),
            "second {second}"
        );
    }
}

#[test]
fn what_we_serve_follows_what_we_know() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Honest)]);
    assert_eq!(
        world.client.served_state(world.now()).leap,
        LeapIndicator::Unsynchronized
    );
    world.run(10.0);
    let served = world.client.served_state(world.now());
    assert_eq!(served.stratum, Stratum::from_bits(2));
    assert_eq!(served.reference_id.as_ipv4().to_string(), "192.0.2.1");
    assert!(served.root_dispersion < Seconds::new(0.01));
}

#[test]
fn after_a_pause_of_the_machine_the_bound_is_honest_at_once_and_the_clock_right_in_minutes() {
    for pause in [0.5, 3.0, 30.0] {
        let servers = [
            (1, Server::Honest),
            (2, Server::Honest),
            (3, Server::Honest),
            (4, Server::Honest),
        ];
        let mut world = World::new(vec![pool(4)], 0.0, 0.0).serve(&servers);
        world.run(86_400.0);
        world.local = world.local - NtpDuration::from_seconds(pause);
        let poll = world
            .client
            .members()
            .next()
            .unwrap()
            .association()
            .poll()
            .seconds()
            .to_f64();
        // Nobody can know before the next two polls.
        world.run(86_400.0 + 2.1 * poll);
        assert!(
            !world.synchronized() || world.error_bound() >= world.offset().abs(),
            "pause {pause}"
        );
        world.run(86_400.0 + 2.1 * poll + 400.0);
        assert!(
            world.offset().abs() < 1e-3,
            "pause {pause}: {}",
            world.offset()
        );
    }
}

#[test]
fn the_frequency_is_worth_keeping_over_long_ways_too() {
    for one_way in [0.001, 0.03, 0.15] {
        let mut world =
            World::new(vec![server("192.0.2.1")], 0.0, 10e-6).serve(&[(1, Server::Honest)]);
        world.one_way = one_way;
        world.run(4.0 * 3600.0);
        let kept = world.client.clock().frequency_worth_keeping();
        assert!(
            kept.is_some_and(|kept| (kept.to_f64() - 10e-6).abs() < 0.5e-6),
            "{one_way} s one way: {kept:?}"
        );
    }
}

#[test]
fn the_error_bound_holds_even_if_the_kept_frequency_is_wrong() {
    for (kept, drift) in [
        (40e-6, -40e-6),
        (0.0, 40e-6),
        (40e-6, -60e-6),
        (40e-6, 490e-6),
        (0.0, -490e-6),
    ] {
        let known = KnownFrequency {
            frequency: Frequency::new(kept),
            uncertainty: Frequency::new(1e-6),
        };
        let initial = InitialClock {
            frequency: Some(known),
            ..initial()
        };
        let mut world = World::with(
            vec![server("192.0.2.1")],
            ClockConfig::default(),
            &initial,
            (0.35, drift),
        )
        .serve(&[(1, Server::Honest)]);
        world.one_way = 10e-6;
        for tenth in 1..600 {
            world.run(f64::from(tenth) * 0.1);
            let (offset, bound) = (world.offset().abs(), world.error_bound());
            assert!(
                offset <= bound,
                "kept {kept}, true {drift}, after {tenth}/10 s: {offset} > {bound}"
            );
        }
        assert!((world.client.clock().frequency().to_f64() - drift).abs() < 1e-6);
    }
}

#[test]
fn a_rate_that_cannot_be_corrected_is_reported_and_ends_synchronized() {
    for (drift, servers) in [(0.02, 4), (-0.02, 4), (0.02, 1), (0.05, 4)] {
        let names: Vec<_> = (1..=servers)
            .map(|last| server(&format!("192.0.2.{last}")))
            .collect();
        let honest: Vec<_> = (1..=servers).map(|last| (last, Server::Honest)).collect();
        let mut world = World::new(names, 0.0, drift).serve(&honest);
        world.run(300.0);
        for second in 300..900 {
            world.run(f64::from(second));
            assert!(
                !world.synchronized(),
                "{drift}, {servers} servers, second {second}"
            );
        }
        let halted = world.client.clock().halted();
        assert!(
            matches!(halted, Some(Halt::RateBeyondLimit { .. })),
            "{drift}, {servers} servers: {halted:?}"
        );
        let reported = |event: &&Event| {
            matches!(
                event,
                Event::Clock(ClockEvent::Halted(Halt::RateBeyondLimit { .. }))
            )
        };
        assert_eq!(
            world.events.iter().filter(reported).count(),
            1,
            "{drift}, {servers} servers: reported once"
        );
        assert!(
            world.offset().abs() < 0.5,
            "{drift}, {servers} servers: {}",
            world.offset()
        );
    }
}
