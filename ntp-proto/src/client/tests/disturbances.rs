//! Another program sets the clock, or the machine sleeps: known at once, right within seconds,
//! nothing wrong served meanwhile.

use super::served::{MIDNIGHT, leaping};
use super::*;
use crate::clock::DisciplineKind;

const DAY: f64 = 86_400.0;
/// Long enough for the longest poll intervals.
const SETTLED: f64 = 20_000.0;

fn four() -> Vec<SourceEntryConfig> {
    (1..=4)
        .map(|last| server(&format!("192.0.2.{last}")))
        .collect()
}

const HONEST: [(u8, Server); 4] = [
    (1, Server::Honest),
    (2, Server::Honest),
    (3, Server::Honest),
    (4, Server::Honest),
];

/// Lives on, and checks each tenth of a second that the served time is within its error bound.
fn run_honestly(world: &mut World, from: f64, span: f64) {
    for tenth in 1..=(span * 10.0) as u32 {
        world.run(from + f64::from(tenth) * 0.1);
        let served = world.client.served_state(world.now());
        if served.stratum < Stratum::UNSYNCHRONIZED {
            let bound = world.error_bound();
            assert!(
                world.offset().abs() <= bound,
                "{tenth}/10 s: {} is served as {bound}",
                world.offset()
            );
        }
    }
}

#[test]
fn a_clock_that_is_set_by_another_program_is_right_again_within_seconds_and_wrong_time_is_not_served()
 {
    for by in [
        0.005, 0.5, -0.5, 5.0, -5.0, 500.0, -500.0, 7200.0, -7200.0, 3600.0, 200_000.0, -90_000.0,
    ] {
        for day in [60.0, 6000.0] {
            let mut world = World::new(four(), 0.0, 10e-6).serve(&HONEST);
            world.run(day);
            world.disturb(by);
            assert!(!world.synchronized(), "{by}");
            assert_eq!(
                world.client.served_state(world.now()).leap,
                LeapIndicator::Unsynchronized
            );
            run_honestly(&mut world, day, 3.0);
            assert!(
                world.offset().abs() < 1e-3,
                "{by} after {day}: {}",
                world.offset()
            );
            assert!(world.synchronized());
            world.run(day + 600.0);
            assert!(
                world.offset().abs() < 50e-6,
                "{by} after {day}: {}",
                world.offset()
            );
        }
    }
}

#[test]
fn one_move_after_the_other_is_undone_each_time() {
    let mut world = World::new(four(), 0.0, 10e-6).serve(&HONEST);
    let mut at = 3600.0;
    world.run(at);
    for round in 0..24 {
        let by = f64::from(round * 2654 % 144 - 72) * 100.0 + 0.7;
        world.disturb(by);
        run_honestly(&mut world, at, 5.0);
        assert!(
            world.offset().abs() < 1e-3,
            "round {round}, {by} s: {}",
            world.offset()
        );
        at += 1200.0;
        world.run(at);
        assert!(
            world.offset().abs() < 1e-3,
            "round {round}, {by} s: {}",
            world.offset()
        );
    }
}

#[test]
fn a_stranger_who_sets_the_clock_every_second_does_not_make_us_flood_the_servers() {
    let mut world = World::new(four(), 0.0, 0.0).serve(&HONEST);
    world.run(600.0);
    let before = world.sent;
    for second in 0..600 {
        world.disturb(0.5);
        world.run(600.0 + f64::from(second + 1));
    }
    let sent = world.sent - before;
    assert!(
        sent <= 4 * 300 + 40,
        "{sent} requests in ten minutes, to four servers"
    );
}

#[test]
fn after_a_suspend_no_source_decides_alone_and_the_clock_is_right_within_seconds() {
    for discipline in [DisciplineKind::Estimate, DisciplineKind::PllFll] {
        for why in [Resume::Counted, Resume::Set] {
            for (span, gained) in [
                (60.0, 0.03),
                (3600.0, -0.7),
                (9000.0, -7200.0),
                (10.0 * DAY, 1.5),
                (600.0, 7200.0),
            ] {
                let liar = [
                    (1, Server::Lying(300.0)),
                    (2, Server::Honest),
                    (3, Server::Honest),
                    (4, Server::Honest),
                ];
                let config = ClockConfig {
                    discipline,
                    ..ClockConfig::default()
                };
                let mut world =
                    World::with(four(), config, &initial(), (0.0, 10e-6)).serve(&HONEST);
                world.run(SETTLED);
                world.suspend(span, gained, why);
                world.servers = liar
                    .iter()
                    .map(|(last, server)| (address(*last), *server))
                    .collect();
                assert!(!world.synchronized());
                let resumed = world.mono.since_epoch().as_secs_f64();
                run_honestly(&mut world, resumed, 5.0);
                let case = format!("{span} s, {gained}, {why:?}, {discipline:?}");
                assert!(world.offset().abs() < 1e-3, "{case}: {}", world.offset());
                assert!(world.synchronized(), "{case}");
            }
        }
    }
}

#[test]
fn after_a_suspend_the_running_panic_limit_counts_if_the_policy_says_so() {
    let mut config = ClockConfig::default();
    config.steps.after_disturbance = crate::clock::DisturbanceLimits::Running;
    let mut world = World::with(four(), config, &initial(), (0.0, 0.0)).serve(&HONEST);
    world.run(3600.0);
    world.suspend(9000.0, -7200.0, Resume::Counted);
    world.run(3600.0 + 9000.0);
    assert!(matches!(
        world.client.clock().halted(),
        Some(Halt::Panic { .. })
    ));
    assert!(world.offset() > 7000.0);
}

#[test]
fn a_clock_that_another_program_has_set_is_set_back_whatever_the_policy_of_suspends_is() {
    for why in [None, Some(Resume::Set)] {
        let mut config = ClockConfig::default();
        config.steps.after_disturbance = crate::clock::DisturbanceLimits::Running;
        let mut world = World::with(four(), config, &initial(), (0.0, 0.0)).serve(&HONEST);
        world.run(3600.0);
        match why {
            None => world.disturb(7200.0),
            Some(why) => world.suspend(60.0, 7200.0, why),
        }
        world.run(3800.0);
        assert!(world.offset().abs() < 1e-3, "{why:?}: {}", world.offset());
    }
}

#[test]
fn a_clock_two_days_ahead_that_is_set_right_is_left_right() {
    for noticed in [true, false] {
        for drift in [20e-6, -20e-6] {
            let mut world = World::new(four(), -2.0 * DAY, drift).serve(&HONEST);
            world.run(3600.0);
            assert!(matches!(
                world.client.clock().halted(),
                Some(Halt::Panic { .. })
            ));
            let by = world.offset();
            if noticed {
                world.disturb(by);
            } else {
                world.local = world.local + NtpDuration::from_seconds(by);
            }
            for minute in 1..60 {
                world.run(3600.0 + f64::from(minute) * 60.0);
                assert!(
                    world.offset().abs() < 0.1,
                    "minute {minute}, noticed {noticed}: {}",
                    world.offset()
                );
            }
            assert!(world.synchronized(), "noticed {noticed}");
        }
    }
}

#[test]
fn a_leap_second_is_no_disturbance_once_and_at_its_midnight() {
    let mut world = leaping();
    world.run(MIDNIGHT);
    world.disturb(-1.0);
    assert!(
        world.client.clock().disturbance().is_none(),
        "the leap second"
    );
    world.run(MIDNIGHT + 1.5);
    world.disturb(-1.0);
    assert!(
        world.client.clock().disturbance().is_some(),
        "there are no two"
    );
}

#[test]
fn another_program_that_sets_the_clock_back_by_a_second_on_the_day_of_a_leap_second_is_noticed() {
    for at in [
        3_700.0,
        MIDNIGHT - 600.0,
        MIDNIGHT - 0.5,
        MIDNIGHT + 10.0,
        MIDNIGHT + 600.0,
    ] {
        let mut world = leaping();
        world.run(at);
        world.disturb(-1.0);
        assert!(
            world.client.clock().disturbance().is_some() && !world.synchronized(),
            "{at}"
        );
    }
}

#[test]
fn a_suspend_after_which_the_clock_is_a_second_behind_is_not_taken_for_a_leap_second() {
    for span in [60.0, MIDNIGHT - 3_600.0 + 0.5] {
        let mut world = leaping();
        world.pass(span);
        let (before, step) = (world.local, -NtpDuration::SECOND);
        world.local = before + step;
        let change = ClockChange::Disturbed(Disturbance {
            before,
            step,
            suspended: Duration::from_secs_f64(span),
        });
        world.client.handle_clock_change(world.mono, change);
        assert!(
            world.client.clock().disturbance().is_some() && !world.synchronized(),
            "{span}"
        );
    }
}

#[test]
fn an_unnoticed_jump_is_confirmed_by_a_burst_of_two_sources_and_by_one_alone_after_five_minutes() {
    for (servers, patience) in [(4, 30.0), (2, 30.0), (1, 330.0)] {
        let mut world = World::new(four()[..servers].to_vec(), 0.0, 10e-6).serve(&HONEST);
        world.run(3600.0);
        world.local = world.local - NtpDuration::from_seconds(300.0);
        let poll = world
            .client
            .members()
            .map(|member| member.association().poll().seconds().to_f64())
            .fold(0.0, f64::max);
        // The first one to ask notices it; then the others are asked.
        let noticed = (1..=(2.0 * poll) as u32).find(|second| {
            world.run(3600.0 + f64::from(*second));
            !world.synchronized()
        });
        let noticed = 3600.0 + f64::from(noticed.expect("it is noticed"));
        if servers == 1 {
            world.run(noticed + 200.0);
            let (offset, left) = world.client.clock().watched(world.now()).unwrap();
            assert!(
                (offset.to_f64() - 300.0).abs() < 0.1 && left.to_f64() < 150.0,
                "{offset:?} {left:?}"
            );
            assert!(world.offset() > 299.0, "not yet");
        }
        world.run(noticed + patience);
        assert!(
            world.offset().abs() < 1e-3,
            "{servers} servers: {}",
            world.offset()
        );
        assert!(world.synchronized());
    }
}

#[test]
fn time_that_was_lost_unseen_is_made_up_for_beyond_the_panic_limit_if_the_policy_says_so() {
    use crate::clock::DisturbanceLimits::{Startup, StartupOrLostTime};
    for (policy, servers, lost, right) in [
        (StartupOrLostTime, 4, 7200.0, true),
        (StartupOrLostTime, 2, 2e6, true),
        // One alone may be the one that jumps, and no pause makes a clock gain time.
        (StartupOrLostTime, 1, 7200.0, false),
        (StartupOrLostTime, 4, -7200.0, false),
        (Startup, 4, 7200.0, false),
    ] {
        let mut config = ClockConfig::default();
        config.steps.after_disturbance = policy;
        let entries = four()[..servers].to_vec();
        let mut world = World::with(entries, config, &initial(), (0.0, 10e-6)).serve(&HONEST);
        world.run(3600.0);
        world.local = world.local - NtpDuration::from_seconds(lost);
        let poll = world
            .client
            .members()
            .map(|member| member.association().poll().seconds().to_f64())
            .fold(0.0, f64::max);
        world.run(3600.0 + 2.0 * poll + 600.0);
        let text = format!(
            "{policy:?}, {servers} servers, {lost} s: {}",
            world.offset()
        );
        if right {
            assert!(
                world.offset().abs() < 1e-3 && world.synchronized(),
                "{text}"
            );
        } else {
            assert!((world.offset() - lost).abs() < 1.0, "{text}");
            assert!(
                matches!(world.client.clock().halted(), Some(Halt::Panic { .. })),
                "{text}"
            );
            assert_eq!(
                world.client.clock().watched(world.now()),
                None,
                "it will not be set: {text}"
            );
        }
    }
}

#[test]
fn an_offset_that_comes_back_within_the_panic_limit_is_confirmed_anew() {
    let mut world = World::new(four()[..1].to_vec(), 0.0, 0.0).serve(&HONEST);
    world.run(3600.0);
    world.servers.insert(address(1), Server::Lying(5000.0));
    world.run(7200.0);
    assert!(matches!(
        world.client.clock().halted(),
        Some(Halt::Panic { .. })
    ));
    world.servers.insert(address(1), Server::Lying(500.0));
    world.run(7300.0);
    assert!(world.offset().abs() < 1e-3, "{}", world.offset());
}
