//! Models of the split, alone.

use super::super::evidence::OPEN;
use super::*;
use crate::clock::discipline::kalman::delay_model::tests::observation;

/// An observation whose middle is off the truth by the split times half its wait.
fn waited(middle: f64, half: f64) -> Observation {
    let wait = Wait {
        half,
        excess: half,
        variance: 1e-10,
        moving: half > 0.0,
        certain: half > 0.0,
        ..Wait::default()
    };
    let within = half + 1e-5;
    Observation {
        outlier_delay: half > 1e-4,
        wait,
        ..observation(middle - within, middle + within)
    }
}

/// The models after an hour without queues, of a clock that is right and steady.
fn acquainted() -> SplitModels {
    let mut models = SplitModels::new(0.0, 1e-6);
    models.begin(Gaussian {
        mean: 0.0,
        variance: 1e-10,
    });
    models.add_source(PlaceIndex::FIRST, 1e-10, 1e-10);
    (0..60).for_each(|_| observe(&mut models, 0.0, 0.0));
    models
}

fn observe(models: &mut SplitModels, middle: f64, half: f64) {
    let observation = waited(middle, half);
    let mut model_weights =
        [[1.0; super::super::delay_model::DELAY_MODELS]; super::super::model_bank::WANDERS];
    model_weights
        .iter_mut()
        .for_each(|model_weights| model_weights[super::super::delay_model::OUTLIER] = 1e-7);
    models.predict(64.0, false);
    models.prepare(&observation.wait, &[]);
    let outlooks = models.outlook(PlaceIndex::FIRST, &observation, &model_weights, false);
    models.correct(
        PlaceIndex::FIRST,
        &outlooks,
        &observation,
        Sources {
            count: 1,
            paths: &[],
        },
    );
}

/// Half of a queue that grows by 10 ms within an hour, and shrinks in the next.
fn ramp() -> impl Iterator<Item = f64> {
    (0..112).map(|poll: i32| 10e-3 * (1.0 - f64::from((poll - 56).abs()) / 56.0))
}

#[test]
fn a_queue_does_not_move_a_steady_clock_whichever_way_it_is_in() {
    for split in [0.0, 1.0, -1.0] {
        let mut models = acquainted();
        let mut worst = 0.0_f64;
        for half in ramp() {
            observe(&mut models, split * half, half);
            worst = worst.max(models.estimate(PlaceIndex::FIRST).offset.abs());
        }
        assert!(worst < 1.5e-3, "{split}: {worst}");
        let after = models.estimate(PlaceIndex::FIRST).offset.abs();
        assert!(after < 1e-4, "{split}: {after}");
    }
}

#[test]
fn the_bound_allows_for_every_model_that_is_possible() {
    let mut models = acquainted();
    assert_eq!(
        models.largest_difference(models.estimate(PlaceIndex::FIRST).offset),
        0.0,
        "one model"
    );
    for half in ramp().take(8) {
        observe(&mut models, half, half);
        let estimate = models.estimate(PlaceIndex::FIRST);
        assert!(
            models.largest_difference(estimate.offset) + 3.0 * estimate.offset_variance.sqrt()
                >= estimate.offset.abs()
        );
    }
}

#[test]
fn models_are_one_while_no_queue_is_seen() {
    let mut models = acquainted();
    assert!(!models.apart);
    observe(&mut models, 0.0, 5e-3);
    assert!(models.apart);
    (0..40).for_each(|_| observe(&mut models, 0.0, 0.0));
    assert!(!models.apart);
}

#[test]
fn what_was_learnt_of_a_queue_is_remembered_over_a_calm_time() {
    let mut models = acquainted();
    ramp().for_each(|half| observe(&mut models, half, half));
    (0..60).for_each(|_| observe(&mut models, 0.0, 0.0));
    let [_, alike, requests, replies, ..] = models.evidence.weights();
    assert!(
        requests > alike && requests > replies,
        "{:?}",
        models.evidence.weights()
    );
    assert!(
        models
            .evidence
            .weights()
            .iter()
            .all(|weight| *weight > OPEN - 7.0),
        "{:?}",
        models.evidence.weights()
    );
}
