//! What may be done to the clock, and what not.

use super::*;

#[test]
fn a_step_beyond_the_panic_threshold_is_refused_and_explained() {
    let mut config = ClockConfig::default();
    config.steps.startup = StepLimits::both(Some(Seconds::new(10.0)));
    let mut world = World::with(vec![server("192.0.2.1")], config, &initial(), (100.0, 0.0))
        .serve(&[(1, Server::Honest)]);
    world.run(60.0);
    assert!((world.offset() - 100.0).abs() < 1e-6);
    assert!(
        matches!(world.client.clock().halted(), Some(Halt::Panic { limit, .. }) if limit == Seconds::new(10.0))
    );
    let reported = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::Clock(ClockEvent::Halted(_))))
        .count();
    assert_eq!(reported, 1, "once, not at every poll");
}

#[test]
fn steps_add_up_across_restarts_until_the_limit() {
    let mut config = ClockConfig::default();
    config.steps.accumulated = Some(Seconds::new(1.0));
    let mut accumulated = None;
    let mut total = 0.0;
    for _ in 0..50 {
        let initial = InitialClock {
            accumulated,
            ..initial()
        };
        let mut world = World::with(vec![server("192.0.2.1")], config, &initial, (0.3, 0.0))
            .serve(&[(1, Server::Honest)]);
        world.run(20.0);
        total += world.steps().iter().sum::<f64>();
        accumulated = world.client.clock().accumulated_steps();
    }
    assert!(total <= 1.0 + 0.3 + 1e-3, "{total}");
}

#[test]
fn a_clock_that_does_not_obey_is_measured_and_never_called_synchronized() {
    let measuring = InitialClock {
        steers: false,
        ..initial()
    };
    let mut world = World::with(
        vec![server("192.0.2.1")],
        ClockConfig::default(),
        &measuring,
        (0.25, 0.0),
    )
    .serve(&[(1, Server::Honest)]);
    world.run(60.0);
    assert!(!world.synchronized());
    let measured = world.client.clock().remaining_offset(world.now()).unwrap();
    assert!((measured.to_f64() - 0.25).abs() < 1e-6);
    assert!((world.offset() - 0.25).abs() < 1e-6);
}

#[test]
fn at_the_end_the_plain_frequency_is_left_applied() {
    let mut world =
        World::new(vec![server("192.0.2.1")], 0.000_9, 40e-6).serve(&[(1, Server::Honest)]);
    world.run(30.0);
    world.client.handle_shutdown(world.now());
    world.obey();
    assert_eq!(world.rate, world.client.clock().frequency().to_f64());
    assert!((world.rate - 40e-6).abs() < 2e-6, "{}", world.rate);
}

#[test]
fn steps_after_a_start_without_one_count_towards_the_limit() {
    let mut config = ClockConfig::default();
    config.steps.accumulated = Some(Seconds::new(1.0));
    let mut world = World::with(vec![server("192.0.2.1")], config, &initial(), (0.0, 0.0))
        .serve(&[(1, Server::Honest)]);
    world.run(1000.0);
    world.servers.insert(address(1), Server::Lying(500.0));
    world.run(3000.0);
    assert_eq!(world.steps(), [0.0; 0]);
    assert!(matches!(
        world.client.clock().halted(),
        Some(Halt::AccumulatedSteps { .. })
    ));
}

#[test]
fn a_clock_that_refuses_is_reported_once_and_no_step_is_counted() {
    let mut world = World::new(vec![server("192.0.2.1")], 0.35, 0.0).serve(&[(1, Server::Honest)]);
    world.refuses = true;
    world.run(3600.0);
    assert_eq!(world.client.clock().step_count(), 0);
    assert!(!world.synchronized());
    let reported = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::Clock(_)))
        .count();
    assert!(reported <= 2, "{reported} events");
    world.refuses = false;
    world.run(7200.0);
    assert!(world.synchronized());
    assert!(world.offset().abs() < 1e-3);
}

#[test]
fn a_measuring_client_does_not_ask_all_day_as_at_its_start() {
    let measuring = InitialClock {
        steers: false,
        ..initial()
    };
    let mut world = World::with(
        vec![server("192.0.2.1")],
        ClockConfig::default(),
        &measuring,
        (0.25, 0.0),
    )
    .serve(&[(1, Server::Honest)]);
    world.run(86_400.0);
    assert!(world.sent < 1500, "{}", world.sent);
}

#[test]
fn the_way_back_from_a_wrong_last_known_time_is_no_panic() {
    let assumed = InitialClock {
        assumed_step: Seconds::new(200_000.0),
        accumulated: Some(Seconds::ZERO),
        ..initial()
    };
    let mut world = World::with(
        vec![server("192.0.2.1")],
        ClockConfig::default(),
        &assumed,
        (-200_000.0, 0.0),
    )
    .serve(&[(1, Server::Honest)]);
    world.run(60.0);
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
}
