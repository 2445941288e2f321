//! What the estimator promises, told as readings of simple worlds.

use super::*;
use crate::clock::measurement::tests::measurement;
use proptest::prelude::*;

const SOURCE: SourceId = SourceId::new(1);

fn estimate() -> Estimate {
    Estimate::new(None)
}

/// Noise that is always the same, between 0 and 1.
fn noise(place: u32) -> f64 {
    f64::from(place.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
}

/// One reading every 16 s of a clock that loses 20 ppm, from 5 ms on, over a path whose jitter is some 10 µs.
fn observe(estimate: &mut Estimate, source: SourceId, places: std::ops::Range<u32>, bias: f64) {
    for place in places {
        let at = f64::from(place) * 16.0;
        let own = 16 * place + 2 * source.number();
        let (out, back) = (1e-5 * noise(own), 1e-5 * noise(own + 1));
        let offset = 0.005 + 20e-6 * at + bias + (out - back) / 2.0;
        assert!(estimate.learn(source, &measurement(at, offset, 2e-4 + out + back)));
    }
}

fn offset_at(estimate: &Estimate, place: u32) -> f64 {
    let at = f64::from(place) * 16.0;
    Seconds::from(estimate.free_offset(measurement(at, 0.0, 0.0).at).unwrap()).to_f64() - 0.005 - 20e-6 * at
}

#[test]
fn offset_and_rate_are_found_within_a_few_readings() {
    let mut estimate = estimate();
    observe(&mut estimate, SOURCE, 0..20, 0.0);
    assert!(offset_at(&estimate, 20).abs() < 5e-6, "{}", offset_at(&estimate, 20));
    assert!((estimate.frequency().to_f64() - 20e-6).abs() < 0.2e-6);
    assert!(estimate.frequency_is_worth_keeping());
}

#[test]
fn one_reading_says_nothing_about_the_rate() {
    let mut estimate = estimate();
    observe(&mut estimate, SOURCE, 0..1, 0.0);
    assert_eq!(estimate.frequency(), Frequency::ZERO);
    assert!(!estimate.frequency_is_worth_keeping());
}

#[test]
fn without_readings_there_is_no_estimate_and_nothing_is_done() {
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
    assert!(estimate.learn(SOURCE, &once));
    assert!(!estimate.learn(SOURCE, &once));
}

#[test]
fn a_reading_that_was_held_up_changes_little() {
    let mut estimate = estimate();
    observe(&mut estimate, SOURCE, 0..40, 0.0);
    let at = 40.0 * 16.0;
    // The reply took 50 ms longer, so the offset looks 25 ms too small.
    let late = measurement(at, 0.005 + 20e-6 * at - 0.025, 0.0502);
    estimate.learn(SOURCE, &late);
    assert!(offset_at(&estimate, 40).abs() < 5e-6, "{}", offset_at(&estimate, 40));
}

#[test]
fn a_single_impossible_reading_is_not_believed_and_two_are() {
    let mut estimate = estimate();
    observe(&mut estimate, SOURCE, 0..40, 0.0);
    observe(&mut estimate, SOURCE, 40..41, 0.050);
    assert!(offset_at(&estimate, 40).abs() < 1e-5);
    assert_eq!(estimate.state(), LoopState::Spike);
    observe(&mut estimate, SOURCE, 41..43, 0.050);
    assert!((offset_at(&estimate, 42) - 0.050).abs() < 1e-4, "{}", offset_at(&estimate, 42));
    assert_ne!(estimate.state(), LoopState::Spike);
}

#[test]
fn a_source_that_jumps_alone_does_not_move_the_clock() {
    let mut estimate = estimate();
    let sources = [1, 2, 3].map(SourceId::new);
    for place in 0..40 {
        for source in sources {
            observe(&mut estimate, source, place..place + 1, 0.0);
        }
    }
    for place in 40..80 {
        observe(&mut estimate, sources[0], place..place + 1, 0.0);
        observe(&mut estimate, sources[1], place..place + 1, 0.0);
        observe(&mut estimate, sources[2], place..place + 1, 0.003);
        assert!(offset_at(&estimate, place).abs() < 2e-5, "{place}: {}", offset_at(&estimate, place));
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
            observe(&mut estimate, SourceId::new(number), place..place + 1, bias);
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
        estimate.learn(SOURCE, &measurement(at, offset, 0.0102 + out + back));
    }
    assert!(offset_at(&estimate, 120).abs() < 2e-5, "{}", offset_at(&estimate, 120));
    assert!(estimate.places.iter().flatten().count() == 2, "two paths");
}

#[test]
fn a_wrong_rate_from_before_is_given_up() {
    let known = KnownFrequency { frequency: Frequency::new(-80e-6), uncertainty: Frequency::new(1e-6) };
    let mut estimate = Estimate::new(Some(known));
    observe(&mut estimate, SOURCE, 0..30, 0.0);
    assert!((estimate.frequency().to_f64() - 20e-6).abs() < 1e-6, "{:?}", estimate.frequency());
}

/// What no oscillator has, but a machine that is moved to another host may.
#[test]
fn a_rate_that_nobody_thought_possible_is_believed_when_the_third_reading_confirms_it() {
    for rate in [2e-3, -8e-3] {
        let mut estimate = estimate();
        observe(&mut estimate, SOURCE, 0..20, 0.0);
        let mut places = 20..60;
        let mut learn = |estimate: &mut Estimate| {
            let place = places.next().unwrap();
            let at = f64::from(place) * 16.0;
            let (out, back) = (1e-5 * noise(2 * place), 1e-5 * noise(2 * place + 1));
            let offset = 0.005 + 20e-6 * at + rate * (at - 320.0) + (out - back) / 2.0;
            assert!(estimate.learn(SOURCE, &measurement(at, offset, 2e-4 + out + back)));
        };
        (0..3).for_each(|_| learn(&mut estimate));
        assert!((estimate.frequency().to_f64() - 20e-6).abs() < 1e-6, "{:?}", estimate.frequency());
        assert!(estimate.frequency_uncertainty().to_f64() * SURE > rate.abs() * 0.9, "and nobody is sure any more");
        (0..7).for_each(|_| learn(&mut estimate));
        assert!((estimate.frequency().to_f64() - 20e-6 - rate).abs() < 1e-6, "{:?}", estimate.frequency());
    }
}

#[test]
fn nine_sources_are_more_than_are_used_and_do_no_harm() {
    let mut estimate = estimate();
    for place in 0..20 {
        for number in 1..=9 {
            let at = f64::from(place) * 16.0 + f64::from(number) * 0.1;
            estimate.learn(SourceId::new(number), &measurement(at, 0.005 + 20e-6 * at, 2e-4));
        }
    }
    assert_eq!(estimate.places.iter().flatten().count(), SOURCES);
    assert!((estimate.frequency().to_f64() - 20e-6).abs() < 0.2e-6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_numbers_stay_numbers(
        readings in prop::collection::vec((0u32..12, -1e6..1e6f64, -20.0..2.0f64, -9.0..1.5f64), 1..120)
    ) {
        let mut estimate = estimate();
        let mut at = 0.0;
        for (source, span, offset, delay) in readings {
            // Gaps between a second and eleven days, and now and then a clock that was set back.
            at += span.abs().max(1.0) * span.signum().max(-1e-6);
            let (offset, delay) = (10_f64.powf(offset), 10_f64.powf(delay));
            let _ = estimate.learn(SourceId::new(source), &measurement(at, offset, delay));
            prop_assert!(estimate.belief.is_finite());
            prop_assert!(estimate.deviation().to_f64().is_finite());
            prop_assert!(estimate.frequency().abs() <= LARGEST_RATE);
            prop_assert!(estimate.frequency_uncertainty().to_f64() >= 0.0);
        }
    }
}
