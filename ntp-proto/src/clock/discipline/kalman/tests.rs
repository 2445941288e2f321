//! The claims of the estimator, as observations of simple worlds.

use super::*;
use crate::clock::measurement::tests::measurement;
use places::SOURCES;
use proptest::prelude::*;

const SOURCE: AssociationId = AssociationId::new(1);
const POLL: PollInterval = PollInterval::clamped_const(4);

fn estimate() -> Estimate {
    Estimate::new(None)
}

/// Noise that is always the same, between 0 and 1.
fn noise(place: u32) -> f64 {
    f64::from(place.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
}

/// One observation every 16 s of a clock that loses 20 ppm, from 5 ms on, over a path whose jitter
/// is some 10 µs.
fn observe(
    estimate: &mut Estimate,
    source: AssociationId,
    places: std::ops::Range<u32>,
    bias: f64,
) {
    for place in places {
        let at = f64::from(place) * 16.0;
        let own = 16 * place + 2 * source.number();
        let (out, back) = (1e-5 * noise(own), 1e-5 * noise(own + 1));
        let offset = 0.005 + 20e-6 * at + bias + (out - back) / 2.0;
        assert!(estimate.learn(source, &measurement(at, offset, 2e-4 + out + back), POLL));
    }
}

fn offset_at(estimate: &Estimate, place: u32) -> f64 {
    let at = f64::from(place) * 16.0;
    Seconds::from(estimate.free_offset(measurement(at, 0.0, 0.0).at).unwrap()).to_f64()
        - 0.005
        - 20e-6 * at
}

#[test]
fn offset_and_rate_are_found_within_a_few_observations() {
    let mut estimate = estimate();
    observe(&mut estimate, SOURCE, 0..20, 0.0);
    assert!(
        offset_at(&estimate, 20).abs() < 5e-6,
        "{}",
        offset_at(&estimate, 20)
    );
    assert!((estimate.frequency().to_f64() - 20e-6).abs() < 0.2e-6);
    assert!(estimate.frequency_is_worth_keeping());
}

#[test]
fn one_observation_says_nothing_about_the_rate() {
    let mut estimate = estimate();
    observe(&mut estimate, SOURCE, 0..1, 0.0);
    assert_eq!(estimate.frequency(), Frequency::ZERO);
    assert!(!estimate.frequency_is_worth_keeping());
}

#[test]
fn without_observations_there_is_no_estimate_and_nothing_is_done() {
    let mut estimate = estimate();
    let now = measurement(0.0, 0.0, 0.0).at;
    assert_eq!(estimate.free_offset(now), None);
    let update = ClockUpdate {
        now,
        offset: Seconds::new(1.0),
        free_offset: NtpDuration::SECOND,
        jitter: Seconds::ZERO,
        delay: Seconds::ZERO,
        poll: PollInterval::MIN,
    };
    assert_eq!(estimate.update(&update), Correction::Watch);
}

#[test]
fn the_same_measurement_is_news_once() {
    let mut estimate = estimate();
    let once = measurement(0.0, 0.001, 2e-4);
    assert!(estimate.learn(SOURCE, &once, POLL));
    assert!(!estimate.learn(SOURCE, &once, POLL));
}

#[test]
fn an_observation_that_was_held_up_changes_little() {
    let mut estimate = estimate();
    observe(&mut estimate, SOURCE, 0..40, 0.0);
    let at = 40.0 * 16.0;
    // The reply took 50 ms longer, so the offset looks 25 ms too small.
    let late = measurement(at, 0.005 + 20e-6 * at - 0.025, 0.0502);
    estimate.learn(SOURCE, &late, POLL);
    assert!(
        offset_at(&estimate, 40).abs() < 2e-5,
        "{}",
        offset_at(&estimate, 40)
    );
}

#[test]
fn a_single_impossible_observation_is_not_believed_and_two_are() {
    let mut estimate = estimate();
    observe(&mut estimate, SOURCE, 0..40, 0.0);
    observe(&mut estimate, SOURCE, 40..41, 0.050);
    assert!(offset_at(&estimate, 40).abs() < 1e-5);
    assert_eq!(estimate.state(), LoopState::Spike);
    observe(&mut estimate, SOURCE, 41..43, 0.050);
    assert!(
        (offset_at(&estimate, 42) - 0.050).abs() < 1e-4,
        "{}",
        offset_at(&estimate, 42)
    );
    assert_ne!(estimate.state(), LoopState::Spike);
}

#[test]
fn a_source_that_jumps_alone_does_not_move_the_clock() {
    let mut estimate = estimate();
    let sources = [1, 2, 3].map(AssociationId::new);
    for place in 0..40 {
        for source in sources {
            observe(&mut estimate, source, place..place + 1, 0.0);
        }
    }
    for place in 40..80 {
        observe(&mut estimate, sources[0], place..place + 1, 0.0);
        observe(&mut estimate, sources[1], place..place + 1, 0.0);
        observe(&mut estimate, sources[2], place..place + 1, 0.003);
        assert!(
            offset_at(&estimate, place).abs() < 2e-5,
            "{place}: {}",
            offset_at(&estimate, place)
        );
    }
}

#[test]
fn sources_that_disagree_by_constants_do_not_make_the_clock_jump() {
    let mut estimate = estimate();
    let biases = [60e-6, 20e-6, -30e-6, 0.0];
    let mut worst: f64 = 0.0;
    for place in 0..200 {
        for (number, bias) in (1..).zip(biases) {
            let before = (place > 50).then(|| offset_at(&estimate, place));
            observe(
                &mut estimate,
                AssociationId::new(number),
                place..place + 1,
                bias,
            );
            if let Some(before) = before {
                worst = worst.max((offset_at(&estimate, place) - before).abs());
            }
        }
    }
    assert!(worst < 5e-6, "{worst}");
}

#[test]
fn a_longer_path_both_ways_leaves_the_clock_where_it_was() {
    let mut estimate = estimate();
    observe(&mut estimate, SOURCE, 0..60, 0.0);
    for place in 60..120_u32 {
        let at = f64::from(place) * 16.0;
        let (out, back) = (1e-5 * noise(2 * place), 1e-5 * noise(2 * place + 1));
        let offset = 0.005 + 20e-6 * at + (out - back) / 2.0;
        estimate.learn(SOURCE, &measurement(at, offset, 0.0102 + out + back), POLL);
    }
    assert!(
        offset_at(&estimate, 120).abs() < 2e-5,
        "{}",
        offset_at(&estimate, 120)
    );
    assert!(estimate.places.iter().count() == 2, "two paths");
}

#[test]
fn a_wrong_rate_from_before_is_given_up() {
    let known = KnownFrequency {
        frequency: Frequency::new(-80e-6),
        uncertainty: Frequency::new(1e-6),
    };
    let mut estimate = Estimate::new(Some(known));
    observe(&mut estimate, SOURCE, 0..30, 0.0);
    assert!(
        (estimate.frequency().to_f64() - 20e-6).abs() < 1e-6,
        "{:?}",
        estimate.frequency()
    );
}

/// No oscillator does so, but a machine that is moved to another host may.
#[test]
fn a_rate_that_was_not_thought_possible_is_believed_when_the_third_observation_confirms_it() {
    for rate in [2e-3, -8e-3] {
        let mut estimate = estimate();
        observe(&mut estimate, SOURCE, 0..20, 0.0);
        let mut places = 20..60;
        let mut learn = |estimate: &mut Estimate| {
            let place = places.next().unwrap();
            let at = f64::from(place) * 16.0;
            let (out, back) = (1e-5 * noise(2 * place), 1e-5 * noise(2 * place + 1));
            let offset = 0.005 + 20e-6 * at + rate * (at - 320.0) + (out - back) / 2.0;
            assert!(estimate.learn(SOURCE, &measurement(at, offset, 2e-4 + out + back), POLL));
        };
        (0..3).for_each(|_| learn(&mut estimate));
        assert!(
            (estimate.frequency().to_f64() - 20e-6).abs() < 1e-6,
            "{:?}",
            estimate.frequency()
        );
        assert!(
            estimate.frequency_uncertainty().to_f64() * SURE > rate.abs() * 0.9,
            "the uncertainty allows for it"
        );
        (0..7).for_each(|_| learn(&mut estimate));
        assert!(
            (estimate.frequency().to_f64() - 20e-6 - rate).abs() < 1e-6,
            "{:?}",
            estimate.frequency()
        );
    }
}

/// One reply of each source, at the poll number `place`; `delay` gives the round trip of each
/// source in seconds.
fn learn_from(
    estimate: &mut Estimate,
    place: u32,
    sources: std::ops::RangeInclusive<u32>,
    delay: impl Fn(u32) -> f64,
) {
    for number in sources {
        let at = f64::from(place) * 16.0 + f64::from(number) * 0.1;
        estimate.learn(
            AssociationId::new(number),
            &measurement(at, 0.005 + 20e-6 * at, delay(number)),
            POLL,
        );
    }
}

#[test]
fn nine_sources_are_more_than_are_used_and_do_no_harm() {
    let mut estimate = estimate();
    (0..20).for_each(|place| learn_from(&mut estimate, place, 1..=9, |_| 2e-4));
    assert_eq!(estimate.places.iter().count(), SOURCES);
    assert!((estimate.frequency().to_f64() - 20e-6).abs() < 0.2e-6);
}

#[test]
fn of_more_sources_than_places_the_near_ones_are_used() {
    let mut estimate = estimate();
    (0..20).for_each(|place| {
        learn_from(&mut estimate, place, 1..=12, |number| {
            if number > 8 { 2e-4 } else { 2e-2 }
        });
    });
    let near = estimate
        .places
        .iter()
        .filter(|place| place.source.number() > 8)
        .count();
    assert_eq!((near, estimate.places.iter().count()), (4, SOURCES));
}

#[test]
fn a_source_that_is_forgotten_gives_its_place_to_the_next_one() {
    let mut estimate = estimate();
    // A pool of four whose members are replaced again and again.
    for generation in 0..6 {
        let members = (1..=4).map(|member| AssociationId::new(4 * generation + member));
        for place in 8 * generation..8 * (generation + 1) {
            members
                .clone()
                .for_each(|source| observe(&mut estimate, source, place..place + 1, 0.0));
        }
        assert_eq!(estimate.places.iter().count(), 4);
        members.for_each(|source| estimate.forget(source));
        assert!(
            offset_at(&estimate, 8 * (generation + 1)).abs() < 2e-5,
            "the time stays known"
        );
    }
}

#[test]
fn silent_sources_give_their_places_to_others_after_a_few_polls() {
    let mut estimate = estimate();
    for place in 0..40 {
        let talking = if place < 20 { 1..=8 } else { 9..=12 };
        learn_from(&mut estimate, place, talking, |_| 2e-4);
    }
    assert_eq!(
        estimate
            .places
            .iter()
            .filter(|place| place.source.number() > 8)
            .count(),
        4
    );
}

#[test]
fn sources_that_are_silent_do_not_vote_on_a_change_of_the_rate() {
    for rate in [100e-6, 2e-3] {
        let mut estimate = estimate();
        let sources = [1, 2, 3, 4].map(AssociationId::new);
        for place in 0..40 {
            sources
                .iter()
                .for_each(|source| observe(&mut estimate, *source, place..place + 1, 0.0));
        }
        for place in 40..50_u32 {
            for source in [1, 2].map(AssociationId::new) {
                let at = f64::from(place) * 16.0;
                let offset = 0.005 + 20e-6 * at + rate * (at - 640.0);
                estimate.learn(
                    source,
                    &measurement(at, offset, 2e-4 + 1e-5 * noise(2 * place)),
                    POLL,
                );
            }
        }
        let error = estimate.frequency().to_f64() - 20e-6 - rate;
        assert!(error.abs() < 1e-6, "{rate}: {error}");
    }
}

/// Delays that never change, and a clock that is set by a day and set right an hour later, without
/// notice.
#[test]
fn a_clock_that_is_set_far_off_and_back_is_known_again_within_a_minute() {
    let mut estimate = estimate();
    for place in 0..500_u32 {
        let at = f64::from(place) * 16.0;
        let off = if (200..425).contains(&place) {
            90_000.0
        } else {
            0.0
        };
        for number in 1..=4 {
            // The free-running clock is what was set: its observations go back, or a day ahead.
            let shown = measurement(
                at - off + f64::from(number) * 0.1,
                0.005 + 20e-6 * at + off,
                2e-4,
            );
            estimate.learn(AssociationId::new(number), &shown, POLL);
        }
        let settled = !(200..204).contains(&place) && !(425..429).contains(&place) && place > 8;
        if settled {
            let known = Seconds::from(
                estimate
                    .free_offset(measurement(at - off, 0.0, 0.0).at)
                    .unwrap(),
            )
            .to_f64();
            assert!(
                (known - off - 0.005 - 20e-6 * at).abs() < 1e-3,
                "{place}: {known}"
            );
            assert!(
                (estimate.frequency().to_f64() - 20e-6).abs() < 3e-4,
                "{place}: {:?}",
                estimate.frequency()
            );
        }
    }
}

#[test]
fn a_rate_beyond_the_largest_correction_is_said_and_makes_the_bound_grow() {
    let mut estimate = estimate();
    let run = |estimate: &mut Estimate, places: std::ops::Range<u32>, rate: f64| {
        for place in places {
            let at = f64::from(place) * 2.0;
            estimate.learn(
                SOURCE,
                &measurement(at, rate * at, 2e-4 + 1e-5 * noise(place)),
                POLL,
            );
        }
    };
    run(&mut estimate, 0..12, 0.02);
    assert!(estimate.is_saturated());
    assert_eq!(
        (estimate.frequency(), estimate.poll()),
        (LARGEST_RATE, PollInterval::MIN)
    );
    assert!(estimate.believed_rate().to_f64() > 0.0199);
    let rate = estimate.frequency_uncertainty().to_f64() * SURE;
    assert!((0.01..0.0102).contains(&rate), "{rate}");
    assert!(!estimate.frequency_is_worth_keeping());
}

#[test]
fn the_second_observation_of_a_burst_corrects_a_first_one_that_was_held_up() {
    for late in [0.03, 0.3, 1.0] {
        let mut estimate = estimate();
        estimate.learn(
            SOURCE,
            &measurement(0.0, 0.005 + late / 2.0, 2e-4 + late),
            POLL,
        );
        estimate.learn(SOURCE, &measurement(2.0, 0.005, 2e-4), POLL);
        let at = measurement(2.0, 0.0, 0.0).at;
        let error = Seconds::from(estimate.free_offset(at).unwrap()).to_f64() - 0.005;
        assert!(error.abs() < 2e-4, "{late}: {error}");
        assert_ne!(estimate.state(), LoopState::Spike);
    }
}

#[test]
fn the_steps_of_a_coarse_clock_are_part_of_the_bound() {
    let mut estimate = estimate();
    let step = 1.0 / 64.0;
    for place in 0..60_u32 {
        let at = 16.0 * f64::from(place) + 3.0 * noise(place);
        let exact = measurement(at, 0.0, 2e-4);
        let sent = (exact.at.shown() + exact.inbound).to_bits() & (u64::MAX << 26);
        let late = exact.at.shown() + exact.inbound - crate::time::NtpTimestamp::from_bits(sent);
        let coarse = Measurement {
            outbound: exact.outbound - late,
            inbound: exact.inbound - late,
            ..exact
        };
        estimate.learn(SOURCE, &coarse, POLL);
        if place > 5 {
            let error = Seconds::from(estimate.free_offset(exact.at).unwrap())
                .to_f64()
                .abs();
            let spread = estimate.spread(SOURCE).unwrap().to_f64();
            assert!(
                error < spread && spread < 3.0 * step,
                "{place}: {error} {spread}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_numbers_stay_numbers(
        observations in prop::collection::vec((0u32..12, -1e6..1e6f64, -20.0..2.0f64, -9.0..1.5f64), 1..120)
    ) {
        let mut estimate = estimate();
        let mut at = 0.0;
        for (source, span, offset, delay) in observations {
            // Gaps between a second and eleven days, and now and then a clock that was set back.
            at += span.abs().max(1.0) * span.signum().max(-1e-6);
            let (offset, delay) = (10_f64.powf(offset), 10_f64.powf(delay));
            let _ = estimate.learn(AssociationId::new(source), &measurement(at, offset, delay), POLL);
            prop_assert!(estimate.state.is_finite());
            prop_assert!(estimate.deviation().to_f64().is_finite());
            prop_assert!(estimate.frequency().abs() <= LARGEST_RATE);
            prop_assert!(estimate.frequency_uncertainty().to_f64() >= 0.0);
        }
    }
}

#[test]
fn a_lone_source_that_jumps_by_what_a_noisy_server_would_explain_is_followed_after_three_observations()
 {
    let mut estimate = estimate();
    observe(&mut estimate, SOURCE, 0..80, 0.0);
    // As if the server had been seen to be a little noisy.
    for place in &mut estimate.places.iter_mut() {
        (0..6).for_each(|_| place.path.suspect_server_noise());
    }
    observe(&mut estimate, SOURCE, 80..83, 0.002);
    assert!(
        (offset_at(&estimate, 82) - 0.002).abs() < 1e-4,
        "{}",
        offset_at(&estimate, 82)
    );
    assert!(estimate.spread(SOURCE).unwrap().to_f64() < 1e-3);
}

#[test]
fn a_much_too_short_round_trip_changes_nothing() {
    let mut estimate = estimate();
    observe(&mut estimate, SOURCE, 0..60, 0.0);
    let at = 60.0 * 16.0;
    let before = offset_at(&estimate, 60);
    assert!(
        !estimate.learn(
            SOURCE,
            &measurement(at, 0.005 + 20e-6 * at + 4e-5, 1e-4),
            POLL
        ),
        "a bad timestamp is no news"
    );
    assert!((offset_at(&estimate, 60) - before).abs() < 1e-9);
}
