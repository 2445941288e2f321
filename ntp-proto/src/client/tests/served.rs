//! The served time and the status given to the operating system, when the sources are silent,
//! contradict us, or another program keeps the clock.

use super::*;
use crate::clock::TaiStep;

/// The midnight that ends the first day of these worlds, in seconds after their start and of Unix
/// time.
pub(super) const MIDNIGHT: f64 = 57_600.0;
const MIDNIGHT_UNIX: i64 = 1_800_057_600;

/// The reply that a client gets at a time by our clock.
struct Served {
    stratum: u8,
    leap: LeapIndicator,
    dispersion: f64,
    /// The age of the reference timestamp, in seconds.
    reference_age: f64,
}

fn served(world: &World) -> Served {
    let state = world.client.served_state(world.now());
    Served {
        stratum: state.stratum.to_bits(),
        leap: state.leap,
        dispersion: state.root_dispersion_at(world.local).to_f64(),
        reference_age: (world.local - state.reference_time_at(world.local)).to_seconds(),
    }
}

fn local_stratum(stratum: u8) -> ClockConfig {
    ClockConfig {
        local_stratum: Stratum::from_bits(stratum),
        ..ClockConfig::default()
    }
}

fn unsteered() -> InitialClock {
    InitialClock {
        steers: false,
        ..initial()
    }
}

#[test]
fn a_local_stratum_without_sources_is_served_with_a_reference_time_that_goes_on() {
    let mut world = World::with(vec![], local_stratum(5), &initial(), (0.0, 0.0));
    for day in 0..3 {
        world.run(86_400.0 * f64::from(day) + 1.0);
        let served = served(&world);
        assert_eq!((served.leap, served.stratum), (LeapIndicator::NoWarning, 5));
        assert!(
            (0.0..=64.0).contains(&served.reference_age),
            "day {day}: {} s ago",
            served.reference_age
        );
    }
}

#[test]
fn a_snapshot_of_a_local_reference_is_good_for_days() {
    let world = World::with(vec![], local_stratum(5), &initial(), (0.0, 0.0));
    let state = world.client.served_state(world.now());
    let later = world.local + NtpDuration::from_seconds(200_000.0);
    let age = (later - state.reference_time_at(later)).to_seconds();
    assert!((0.0..=64.0).contains(&age), "{age} s");
}

#[test]
fn a_local_reference_claims_the_error_that_is_known_or_half_a_second() {
    let world = World::with(vec![], local_stratum(10), &initial(), (0.0, 0.0));
    assert_eq!(served(&world).dispersion, 0.5);
    let primary = World::with(vec![], local_stratum(1), &initial(), (0.0, 0.0));
    let claimed = served(&primary).dispersion;
    assert!(
        claimed > 0.0 && claimed < 0.01,
        "who declares the clock a reference knows it: {claimed}"
    );

    // One that was right once, and whose sources have gone: the bound goes on growing.
    let config = ClockConfig {
        maximum_distance: Seconds::new(0.1),
        ..local_stratum(10)
    };
    let mut world = World::with(vec![server("192.0.2.1")], config, &initial(), (0.0, 0.0))
        .serve(&[(1, Server::Honest)]);
    world.run(3_600.0);
    world.servers.clear();
    let mut last = 0.0;
    for hour in 2..12 {
        world.run(3_600.0 * f64::from(hour));
        let served = served(&world);
        assert!(
            served.dispersion >= last && served.dispersion <= 0.5,
            "hour {hour}: {}",
            served.dispersion
        );
        last = served.dispersion;
    }
    assert_eq!(served(&world).stratum, 10);
    assert!(last > 0.1, "{last}");
}

#[test]
fn a_clock_that_is_known_to_be_wrong_is_not_served_as_a_local_reference() {
    // Two days ahead is more than the start may set it back by.
    let mut world = World::with(
        vec![server("192.0.2.1")],
        local_stratum(10),
        &initial(),
        (-172_800.0, 0.0),
    )
    .serve(&[(1, Server::Honest)]);
    for second in 1..=100 {
        world.run(f64::from(second));
        let served = served(&world);
        assert_eq!(
            (served.stratum, served.leap),
            (16, LeapIndicator::Unsynchronized),
            "second {second}"
        );
    }
    assert!(matches!(
        world.client.clock().halted(),
        Some(Halt::Panic { .. })
    ));
}

#[test]
fn a_clock_that_refuses_to_be_set_right_is_not_served_as_a_local_reference() {
    let mut world = World::with(
        vec![server("192.0.2.1")],
        local_stratum(10),
        &initial(),
        (5.0, 0.0),
    )
    .serve(&[(1, Server::Honest)]);
    world.refuses = true;
    world.run(100.0);
    assert_eq!(served(&world).stratum, 16);
}

/// A clock that was right to a millisecond when its sources fell silent, ten minutes ago.
fn isolated() -> World {
    let config = ClockConfig {
        maximum_distance: Seconds::new(0.005),
        ..local_stratum(10)
    };
    let mut world = World::with(vec![server("192.0.2.1")], config, &initial(), (0.0, 0.0))
        .serve(&[(1, Server::Honest)]);
    world.run(3_600.0);
    world.servers.clear();
    world.run(4_200.0);
    world
}

#[test]
fn a_local_reference_does_not_claim_what_was_known_before_the_clock_was_changed() {
    for change in [
        |world: &mut World| world.disturb(0.3),
        |world: &mut World| world.disturb(-0.4),
        |world: &mut World| world.suspend(3_600.0, 0.4, Resume::Counted),
        |world: &mut World| world.suspend(3_600.0, -0.4, Resume::Set),
    ] {
        let mut world = isolated();
        change(&mut world);
        let mut at = world.mono.since_epoch().as_secs_f64();
        for _ in 0..1_000 {
            at += 7.0;
            world.run(at);
            let (served, error) = (served(&world), world.offset().abs());
            assert!(
                served.stratum == 16 || served.dispersion >= error,
                "{} < {error}",
                served.dispersion
            );
        }
    }
}

#[test]
fn a_clock_that_was_moved_away_from_what_its_sources_said_is_not_served_as_a_local_reference() {
    let mut world = isolated();
    world.disturb(3_600.0);
    for second in 1..600 {
        world.run(4_200.0 + f64::from(second));
        let served = served(&world);
        assert_eq!(
            (served.stratum, served.leap),
            (16, LeapIndicator::Unsynchronized),
            "second {second}"
        );
    }
}

#[test]
fn the_clock_of_a_server_without_sources_is_its_owners_to_set() {
    let mut world = World::with(vec![], local_stratum(5), &initial(), (0.0, 0.0));
    world.run(600.0);
    world.disturb(3_600.0);
    world.run(601.0);
    assert_eq!(served(&world).stratum, 5);
}

#[test]
fn a_clock_that_another_program_keeps_is_served_by_what_is_measured() {
    let config = ClockConfig {
        serves_unsteered: true,
        ..ClockConfig::default()
    };
    for (offset, drift) in [(0.000_3, 0.0), (0.2, 0.0), (-0.05, 30e-6), (0.001, -200e-6)] {
        let mut world = World::with(
            vec![server("192.0.2.1")],
            config,
            &unsteered(),
            (offset, drift),
        )
        .serve(&[(1, Server::Honest)]);
        for second in 5..2_000 {
            world.run(f64::from(second));
            let served = served(&world);
            assert_eq!(served.stratum, 2, "{offset} {drift}: second {second}");
            let error = world.offset().abs();
            assert!(
                served.dispersion >= error,
                "{offset} {drift}: second {second}: {} < {error}",
                served.dispersion
            );
            assert!(
                served.dispersion < error + 0.1,
                "{offset} {drift}: second {second}: {}",
                served.dispersion
            );
        }
        assert_eq!(
            world.statuses,
            [],
            "the operating system's word is the other program's"
        );
    }
}

#[test]
fn a_clock_that_another_program_keeps_badly_is_not_served() {
    let config = ClockConfig {
        serves_unsteered: true,
        ..local_stratum(10)
    };
    let mut world = World::with(vec![server("192.0.2.1")], config, &unsteered(), (5.0, 0.0))
        .serve(&[(1, Server::Honest)]);
    world.run(100.0);
    assert_eq!(
        served(&world).stratum,
        16,
        "neither as measured nor as a reference of its own"
    );
}

#[test]
fn a_clock_that_another_program_steps_is_served_by_what_was_measured_since() {
    let config = ClockConfig {
        serves_unsteered: true,
        ..ClockConfig::default()
    };
    for silent in [false, true] {
        for by in [0.01, -0.4, 3_600.0] {
            let mut world =
                World::with(vec![server("192.0.2.1")], config, &unsteered(), (0.0, 0.0))
                    .serve(&[(1, Server::Honest)]);
            world.run(3_600.0);
            world.servers.retain(|_, _| !silent);
            world.disturb(by);
            for tenth in 0..300 {
                world.run(3_600.0 + f64::from(tenth) * 0.1);
                let (served, error) = (served(&world), world.offset().abs());
                let honest = served.stratum == 16 || served.dispersion >= error;
                assert!(
                    honest,
                    "{by} s, {tenth}/10 s: {} < {error}",
                    served.dispersion
                );
            }
            if !silent && by < 1.0 {
                assert_eq!(served(&world).stratum, 2, "{by} s");
                assert_eq!(world.client.clock().disturbance(), None, "{by} s");
            }
        }
    }
}

#[test]
fn a_clock_that_is_only_watched_is_not_served_unless_that_is_asked_for() {
    let mut world = World::with(
        vec![server("192.0.2.1")],
        ClockConfig::default(),
        &unsteered(),
        (0.0, 0.0),
    )
    .serve(&[(1, Server::Honest)]);
    world.run(100.0);
    assert_eq!(served(&world).stratum, 16);
}

#[test]
fn the_operating_systems_bound_never_ends_before_ours() {
    // The kernel's bound grows by 500 ppm, and at 16 s the kernel calls its clock unsynchronized.
    let servers = [
        (1, Server::Honest),
        (2, Server::Honest),
        (3, Server::Honest),
    ];
    let mut world = World::new(vec![pool(3)], 0.0, 0.0).serve(&servers);
    world.run(3_600.0);
    world.servers.clear();
    let mut lost = None;
    for minute in 60..=30 * 60 {
        world.run(60.0 * f64::from(minute));
        let (told_at, status) = *world.statuses.last().unwrap();
        let kernel = status.max_error.to_f64() + 500e-6 * world.mono.since(told_at).as_secs_f64();
        assert_eq!(status.synchronized, world.synchronized(), "minute {minute}");
        if status.synchronized {
            assert!(
                kernel < world.error_bound() + 0.6,
                "minute {minute}: {kernel}"
            );
        } else {
            lost.get_or_insert(minute);
        }
    }
    assert!(lost.is_some_and(|minute| minute > 9 * 60), "{lost:?}");
}

/// A world whose first day ends with a leap second, as a table has it; its servers are silent from
/// the first hour on.
pub(super) fn leaping() -> World {
    let mut world = World::new(vec![server("192.0.2.1")], 0.0, 0.0).serve(&[(1, Server::Honest)]);
    let steps = vec![
        TaiStep {
            from: 1_483_228_800,
            tai_offset: 37,
        },
        TaiStep {
            from: MIDNIGHT_UNIX,
            tai_offset: 38,
        },
    ];
    let table = LeapTable::new(steps, MIDNIGHT_UNIX + 10_000_000).map(Arc::new);
    world.client.handle_leap_table(world.now(), table);
    world.run(3_600.0);
    world.servers.clear();
    world
}

#[test]
fn the_leap_second_is_taken_back_at_midnight_though_all_sources_are_silent() {
    let mut world = leaping();
    for (second, expected) in [
        (MIDNIGHT - 0.1, LeapIndicator::Insert),
        (MIDNIGHT + 0.1, LeapIndicator::NoWarning),
        (MIDNIGHT + 900.0, LeapIndicator::NoWarning),
    ] {
        world.run(second);
        assert_eq!(served(&world).leap, expected, "second {second}");
    }
    let armed = |(_, status): &&(MonoTime, ClockStatus)| status.leap == LeapIndicator::Insert;
    let last_armed = world
        .statuses
        .iter()
        .rposition(|status| armed(&status))
        .unwrap();
    let disarmed = world.statuses[last_armed + 1].0.since_epoch().as_secs_f64();
    assert!(
        (MIDNIGHT + 1.9..MIDNIGHT + 3.0).contains(&disarmed),
        "{disarmed}: not before the kernel has inserted it"
    );
}

#[test]
fn the_served_state_changes_at_the_midnight_without_any_other_event() {
    let mut world = leaping();
    world.run(MIDNIGHT - 1.0);
    let due = world
        .client
        .poll_timeout(world.now())
        .unwrap()
        .since(world.mono)
        .as_secs_f64();
    assert!(due <= 1.1, "a timer for the edge: {due}");
}

#[test]
fn the_tai_offset_goes_with_the_status_and_changes_with_the_leap_second() {
    let mut world = leaping();
    world.run(MIDNIGHT - 10.0);
    assert_eq!(world.statuses.last().unwrap().1.tai_offset, Some(37));
    world.run(MIDNIGHT + 10.0);
    assert_eq!(world.statuses.last().unwrap().1.tai_offset, Some(38));
}

#[test]
fn a_clock_that_another_program_keeps_and_sets_is_served_once_it_is_measured_again() {
    let config = ClockConfig {
        serves_unsteered: true,
        ..ClockConfig::default()
    };
    let mut world = World::with(vec![server("192.0.2.1")], config, &unsteered(), (0.0, 0.0))
        .serve(&[(1, Server::Honest)]);
    world.run(600.0);
    for (round, by) in [0.3, -0.3, 3600.0, -3600.0].into_iter().enumerate() {
        let start = 600.0 * (round + 1) as f64;
        world.run(start);
        world.disturb(by);
        assert_eq!(
            served(&world).stratum,
            16,
            "{by}: what was measured is void"
        );
        for second in 1..60 {
            world.run(start + f64::from(second));
            let (served, error) = (served(&world), world.offset().abs());
            assert!(
                served.stratum == 16 || served.dispersion >= error,
                "{by}: {} < {error}",
                served.dispersion
            );
        }
        assert_eq!(
            served(&world).stratum < 16,
            world.offset().abs() < 1.0,
            "{by}"
        );
        assert_eq!(
            world.client.clock().disturbance(),
            None,
            "{by}: it was measured since"
        );
    }
}
