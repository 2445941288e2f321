//! The claims of the product, checked with a few seeds each. `ntp-sim compare` shows the whole
//! tables.

use ntp_proto::clock::DisciplineKind;
use ntp_sim::outcome::{Outcome, mean_and_deviation};
use ntp_sim::scenario::{Catalogue, Scenario};
use ntp_sim::world::World;
use std::path::Path;

const SEEDS: std::ops::RangeInclusive<u64> = 201..=203;

fn catalogue() -> Catalogue {
    Catalogue::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap()
}

fn scenario(name: &str) -> Scenario {
    let found = catalogue()
        .all()
        .iter()
        .find(|known| known.name == name)
        .cloned();
    found.unwrap_or_else(|| panic!("no scenario {name}"))
}

fn run(scenario: &Scenario, discipline: DisciplineKind) -> Vec<Outcome> {
    SEEDS
        .map(|seed| World::run(scenario, discipline, seed))
        .collect()
}

/// Runs the estimator; nothing may ever leave the claimed bound for long, whatever the scenario.
fn estimate(name: &str) -> (Scenario, Vec<Outcome>) {
    let scenario = scenario(name);
    let outcomes = run(&scenario, DisciplineKind::Estimate);
    for (seed, outcome) in SEEDS.zip(&outcomes) {
        assert!(
            outcome.coverage >= 0.999,
            "{name}, seed {seed}: the bound covers {}",
            outcome.coverage
        );
    }
    (scenario, outcomes)
}

fn mean(outcomes: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> f64 {
    mean_and_deviation(outcomes, figure).0
}

/// RMS of the time error in units of chrony's.
fn to_chrony(name: &str) -> f64 {
    let (scenario, outcomes) = estimate(name);
    let [theirs, ..] = scenario.stored.chrony.unwrap();
    mean(&outcomes, |outcome| outcome.rms) * 1e6 / theirs
}

#[test]
fn every_scenario_can_be_read() {
    assert!(catalogue().all().len() > 90);
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let mut short = scenario("servers-good2");
    (short.duration, short.skip) = (3_000.0, 500.0);
    let once = World::run(&short, DisciplineKind::Estimate, 7);
    assert_eq!(once, World::run(&short, DisciplineKind::Estimate, 7));
    assert_ne!(once, World::run(&short, DisciplineKind::Estimate, 8));
}

#[test]
fn the_classic_loops_do_here_what_they_do_elsewhere() {
    for name in ["poll6-10us-1e-8", "poll6-100us-1e-8"] {
        let scenario = scenario(name);
        let ours = mean(&run(&scenario, DisciplineKind::PllFll), |outcome| {
            outcome.rms
        }) * 1e6;
        let theirs = scenario.stored.ntpsec.unwrap();
        assert!(
            (0.6..1.6).contains(&(ours / theirs)),
            "{name}: {ours} against {theirs}"
        );
    }
}

#[test]
fn on_ordinary_links_the_error_is_about_half_of_chronys() {
    for name in ["poll6-10us-1e-8", "poll6-100us-1e-8", "poll6-1ms-1e-8"] {
        let ratio = to_chrony(name);
        assert!(ratio < 0.65, "{name}: {ratio}");
    }
}

#[test]
fn slow_polling_does_not_lose_a_clock_that_wanders() {
    let ratio = to_chrony("poll10-10us-1e-8");
    assert!(ratio < 0.35, "{ratio}");
}

#[test]
fn four_good_servers_are_worth_more_than_one() {
    let ratio = to_chrony("servers-good4");
    assert!(ratio < 0.25, "{ratio}");
}

#[test]
fn asymmetric_jitter_is_learnt() {
    for name in ["link-asym-request", "link-asym-response"] {
        let ratio = to_chrony(name);
        assert!(ratio < 0.4, "{name}: {ratio}");
    }
}

#[test]
fn spikes_and_bursts_do_not_move_the_clock() {
    for name in ["link-spikes20", "link-burst-exp", "link-burst-const"] {
        let (scenario, outcomes) = estimate(name);
        let [rms, max, _] = scenario.stored.chrony.unwrap();
        assert!(
            mean(&outcomes, |outcome| outcome.rms) * 1e6 < 0.8 * rms,
            "{name}"
        );
        assert!(mean(&outcomes, |outcome| outcome.max) * 1e6 < max, "{name}");
    }
}

#[test]
fn delays_that_move_slowly_in_both_ways_do_not_move_the_clock() {
    for name in [
        "moving-saw-2ms",
        "moving-ramp-2ms",
        "moving-ramp-20ms",
        "moving-ramp-20ms-default",
        "moving-ramp-20ms-24h",
        "moving-ramp-20ms-2ms",
        "moving-hops-default",
        "moving-saw-200ms-four",
        "moving-evening-10ms-four-default",
    ] {
        let ratio = to_chrony(name);
        assert!(ratio < 1.0, "{name}: {ratio}");
    }
}

#[test]
fn delays_that_move_in_one_way_do_not_move_the_clock_for_long() {
    for (name, most) in [
        ("moving-up-saw-200ms", 0.5e-3),
        ("moving-down-saw-200ms", 0.5e-3),
        ("moving-up-saw-200ms-four", 1e-3),
        ("moving-up-late-ramp-20ms", 1.3e-3),
        ("moving-uneven-ramp-20ms", 1e-3),
        ("moving-uneven-sine", 1e-3),
        ("moving-up-drain", 1e-4),
    ] {
        let (_, outcomes) = estimate(name);
        let ours = mean(&outcomes, |outcome| outcome.rms);
        assert!(ours < most, "{name}: {ours}");
    }
}

#[test]
fn bursts_from_the_first_reading_on_do_not_move_the_clock() {
    for (name, most) in [
        ("moving-burst-first", 1e-4),
        ("moving-burst-first-four", 5e-5),
        ("moving-burst-up-five", 1.5e-4),
    ] {
        let (_, outcomes) = estimate(name);
        let ours = mean(&outcomes, |outcome| outcome.rms);
        assert!(ours < most, "{name}: {ours}");
    }
}

#[test]
fn a_burst_of_hours_leaves_no_error_behind_when_a_model_takes_over_a_belief() {
    // With this seed, the model without slow queues begins again between two bursts.
    let outcome = World::run(&scenario("hard-long-burst"), DisciplineKind::Estimate, 113);
    assert!(
        outcome.rms < 1e-4 && outcome.coverage >= 0.999,
        "{outcome:?}"
    );
}

#[test]
fn the_bound_holds_where_the_split_of_a_queue_cannot_be_known() {
    for name in [
        "moving-up-ramp-20ms-24h",
        "moving-switch",
        "moving-alternate",
        "moving-both",
    ] {
        let _ = estimate(name);
    }
}

#[test]
fn liars_are_as_if_they_were_absent() {
    let (_, honest) = estimate("servers-good3");
    let honest = mean(&honest, |outcome| outcome.rms);
    for name in [
        "servers-liar-1of4",
        "servers-liar-2of5",
        "servers-liar-late",
        "servers-unsynchronized",
    ] {
        let (_, outcomes) = estimate(name);
        let ours = mean(&outcomes, |outcome| outcome.rms);
        assert!(ours < 1.3 * honest, "{name}: {ours} against {honest}");
    }
}

#[test]
fn a_liar_within_what_a_queue_explains_does_not_choose_the_model_of_the_queue() {
    for name in ["moving-liar-drifts", "moving-liar-jumps"] {
        let (_, outcomes) = estimate(name);
        let worst = outcomes
            .iter()
            .fold(0.0, |worst, outcome| outcome.max.max(worst));
        assert!(worst < 2e-3, "{name}: {worst}");
    }
}

#[test]
fn servers_that_disagree_do_not_make_the_clock_jump() {
    let (scenario, outcomes) = estimate("servers-disagree");
    let [rms, _, rate] = scenario.stored.chrony.unwrap();
    assert!(mean(&outcomes, |outcome| outcome.rms) * 1e6 < 0.5 * rms);
    assert!(mean(&outcomes, |outcome| outcome.rate) * 1e9 < rate);
}

#[test]
fn a_leap_second_passes_unnoticed() {
    for name in ["leap-insert", "leap-delete"] {
        let (_, outcomes) = estimate(name);
        assert!(mean(&outcomes, |outcome| outcome.max) < 2e-4, "{name}");
    }
}

#[test]
fn a_clock_that_was_wrong_is_right_within_two_seconds() {
    for name in ["start-0.1s", "start-10s", "start--10s", "start-0.1s-nostep"] {
        let mut short = scenario(name);
        short.duration = 2_000.0;
        for outcome in run(&short, DisciplineKind::Estimate) {
            assert!(outcome.settled <= 3.0, "{name}: {}", outcome.settled);
        }
    }
}

#[test]
fn without_steps_ten_seconds_are_made_up_for_within_two_minutes() {
    let mut short = scenario("start-10s-nostep");
    short.duration = 1_000.0;
    for outcome in run(&short, DisciplineKind::Estimate) {
        assert!(outcome.settled < 120.0 && outcome.steps == 0, "{outcome:?}");
    }
}

#[test]
fn a_change_of_rate_is_followed() {
    for name in ["ratestep-1ppm-10us", "ratestep-10ppm-10us"] {
        let ratio = to_chrony(name);
        assert!(ratio < 0.5, "{name}: {ratio}");
    }
}

#[test]
fn a_stranger_who_sets_the_clock_for_a_day_misleads_no_client_and_is_undone_within_seconds() {
    let scenario = scenario("stranger-24h");
    let moves: Vec<f64> = scenario
        .clock
        .clock_steps
        .iter()
        .map(|step| step.at)
        .collect();
    assert_eq!(moves.len(), 71);
    let (mut outside, mut slowest) = (0, 0.0_f64);
    let mut waiting: Option<f64> = None;
    World::new(&scenario, DisciplineKind::Estimate, 201).go(|second| {
        if moves.contains(&second.t) {
            assert_eq!(waiting, None, "the move before is undone");
            waiting = Some(second.t);
        }
        if second.bound.is_some_and(|bound| second.error.abs() > bound) {
            outside += 1;
        }
        if let Some(since) =
            waiting.take_if(|_| second.error.abs() < 1e-3 && second.bound.is_some())
        {
            slowest = slowest.max(second.t - since);
        }
    });
    assert_eq!(outside, 0, "seconds outside the bound while synchronized");
    assert!(slowest <= 3.0, "{slowest} s until right");
}

#[test]
fn servers_that_have_fallen_silent_do_not_testify_that_the_clock_is_right() {
    // With all servers alive, the rate is followed within the same time.
    for name in [
        "fault-two-of-four-silent-100ppm",
        "fault-two-of-four-silent-2000ppm",
        "fault-three-of-four-silent-500ppm",
    ] {
        for outcome in run(&scenario(name), DisciplineKind::Estimate) {
            assert!(
                outcome.max < 0.15 && outcome.p99 < 1e-4,
                "{name}: {outcome:?}"
            );
        }
    }
}

#[test]
fn twelve_servers_are_no_worse_than_those_of_them_that_count() {
    for name in ["fault-eight-of-twelve-silent", "fault-eight-far-four-near"] {
        let (_, outcomes) = estimate(name);
        assert!(mean(&outcomes, |outcome| outcome.rms) < 20e-6, "{name}");
    }
}

#[test]
fn a_clock_that_is_changed_unseen_is_right_again_and_its_rate_is_known() {
    for name in [
        "fault-set-back-for-an-hour",
        "fault-set-forward-for-an-hour",
        "fault-paused-for-ten-minutes",
    ] {
        let (_, outcomes) = estimate(name);
        for outcome in outcomes {
            assert!(
                outcome.max < 1e-4 && outcome.rate < 1e-6 && outcome.claimed == 1.0,
                "{name}: {outcome:?}"
            );
        }
    }
}

#[test]
fn a_rate_that_cannot_be_corrected_ends_synchronized() {
    for name in ["fault-20000ppm", "fault-20000ppm-slow-four"] {
        for outcome in run(&scenario(name), DisciplineKind::Estimate) {
            // The first two readings say nothing about the rate.
            assert!(
                outcome.claimed < 0.02 && outcome.max < 0.5,
                "{name}: {outcome:?}"
            );
        }
    }
}

#[test]
fn a_first_request_that_was_held_up_is_forgotten_within_seconds() {
    for name in [
        "fault-first-request-late",
        "fault-first-requests-late",
        "fault-first-reply-late-lone",
    ] {
        for outcome in run(&scenario(name), DisciplineKind::Estimate) {
            assert!(
                outcome.max < 6e-3 && outcome.p99 < 1.5e-3 && outcome.coverage >= 0.999,
                "{name}: {outcome:?}"
            );
        }
    }
}

#[test]
fn a_server_that_claims_to_be_finer_than_it_is_is_found_out() {
    for name in [
        "fault-coarse",
        "fault-coarse-default",
        "fault-coarse-10us",
        "fault-coarse-1ms",
        "fault-coarse-four",
    ] {
        let (_, outcomes) = estimate(name);
        assert!(mean(&outcomes, |outcome| outcome.rms) < 0.009, "{name}");
    }
    let (_, among_others) = estimate("fault-coarse-one-of-four");
    assert!(mean(&among_others, |outcome| outcome.rms) < 5e-5);
}

#[test]
fn a_link_that_becomes_better_is_used_at_once() {
    // One seed in sixty takes what the path of before has shown for better than it was, which costs
    // it 43 µs: three seeds are too few for a mean.
    let improves = scenario("moving-improves");
    let outcomes: Vec<Outcome> = (201..=212)
        .map(|seed| World::run(&improves, DisciplineKind::Estimate, seed))
        .collect();
    assert!(outcomes.iter().all(|outcome| outcome.coverage >= 0.999));
    let rms = mean(&outcomes, |outcome| outcome.rms);
    assert!(rms < 1e-5, "poll 6, after half an hour: {rms}");
    let (_, outcomes) = estimate("change-improves-1ms-default");
    let rms = mean(&outcomes, |outcome| outcome.rms);
    assert!(rms < 5e-5, "default polling: {rms}");
}

#[test]
fn one_bad_timestamp_costs_nothing() {
    for name in [
        "change-short-5ms",
        "change-short-500us",
        "change-short-uneven",
        "change-impossible",
    ] {
        let (_, outcomes) = estimate(name);
        let rms = mean(&outcomes, |outcome| outcome.rms);
        assert!(rms < 2e-5, "{name}: {rms}");
    }
}

#[test]
fn a_lone_server_that_steps_by_20_ms_is_followed_within_five_minutes() {
    let stepped = scenario("change-server-20ms");
    let outcomes = run(&stepped, DisciplineKind::Estimate);
    let settled = outcomes
        .iter()
        .map(|outcome| outcome.settled)
        .fold(0.0, f64::max);
    assert!(settled < 30_300.0, "{settled}");
}

#[test]
fn coarse_clocks_are_averaged_and_asked_seldom() {
    for (name, rate, requests) in [
        ("fault-coarse", 300e-9, 1_400.0),
        ("fault-coarse-1ms", 100e-9, 900.0),
        ("poor-coarse-10ms", 200e-9, 1_600.0),
        ("poor-coarse-default", 600e-9, 160.0),
        ("poor-coarse-start", 1e-3, 40.0),
    ] {
        let (_, outcomes) = estimate(name);
        let (error, sent) = (
            mean(&outcomes, |outcome| outcome.rate),
            mean(&outcomes, |outcome| outcome.sent as f64),
        );
        assert!(error < rate && sent < requests, "{name}: {error} {sent}");
    }
}

#[test]
fn servers_that_never_agree_are_not_asked_at_the_shortest_interval_for_ever() {
    let two = scenario("poor-no-majority");
    let outcomes = run(&two, DisciplineKind::Estimate);
    let sent = mean(&outcomes, |outcome| outcome.sent as f64);
    assert!(sent < 600.0, "{sent} requests to two servers in 60 000 s");
}

#[test]
fn a_link_that_loses_most_packets_is_not_asked_in_bursts_for_ever() {
    let (_, outcomes) = estimate("poor-loss80-default");
    let sent = mean(&outcomes, |outcome| outcome.sent as f64);
    assert!(sent < 650.0, "{sent}");
}
