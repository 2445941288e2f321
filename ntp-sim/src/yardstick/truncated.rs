//! A Kalman filter whose belief is cut to the interval, its first two moments kept.

use super::{Filter, INTERVAL, walk};
use crate::random::Random;

/// Belief about offset and rate.
#[derive(Debug)]
pub(super) struct Truncated {
    wander: f64,
    begun: bool,
    offset: f64,
    rate: f64,
    /// Variance of the offset, covariance, variance of the rate.
    variance: f64,
    both: f64,
    rate_variance: f64,
}

impl Truncated {
    pub(super) fn new(wander: f64) -> Self {
        let rate_variance = (30.0 * wander * INTERVAL as f64).powi(2) + 1e-12;
        Self {
            wander,
            begun: false,
            offset: 0.0,
            rate: 0.0,
            variance: 0.0,
            both: 0.0,
            rate_variance,
        }
    }

    fn predict(&mut self) {
        let span = INTERVAL as f64;
        let (offsets, both, rates) = walk(self.wander);
        self.offset += self.rate * span;
        self.variance += 2.0 * span * self.both + span * span * self.rate_variance + offsets;
        self.both += span * self.rate_variance + both;
        self.rate_variance += rates;
    }
}

impl Filter for Truncated {
    fn update(&mut self, (low, high): (f64, f64), _random: &mut Random) -> (f64, f64) {
        if !self.begun {
            self.begun = true;
            (self.offset, self.variance) = ((low + high) / 2.0, (high - low).powi(2) / 12.0);
            return (self.offset, self.rate);
        }
        self.predict();
        let deviation = self.variance.sqrt();
        let (below, above) = (
            (low - self.offset) / deviation,
            (high - self.offset) / deviation,
        );
        let (mean, narrowed) = moments(below, above);
        let shift = mean * deviation;
        let gain = self.both / self.variance;
        self.offset += shift;
        self.rate += gain * shift;
        self.rate_variance -= gain * self.both * (1.0 - narrowed);
        self.both *= narrowed;
        self.variance *= narrowed;
        (self.offset, self.rate)
    }
}

/// Mean and variance of a standard normal variable that lies between two points, by Simpson's rule.
fn moments(below: f64, above: f64) -> (f64, f64) {
    const STEPS: u32 = 400;
    let (from, to) = (below.max(-9.0), above.min(9.0));
    if from >= to {
        // Far out on one side: all of it is at the near end.
        return (if below > 0.0 { below } else { above }, 1e-6);
    }
    let nearest = from.max(0.0) + to.min(0.0);
    let step = (to - from) / f64::from(STEPS);
    let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
    for place in 0..=STEPS {
        let x = from + step * f64::from(place);
        let simpson = if place == 0 || place == STEPS {
            1.0
        } else if place % 2 == 1 {
            4.0
        } else {
            2.0
        };
        let weight = simpson * ((nearest * nearest - x * x) / 2.0).exp();
        mass += weight;
        first += weight * x;
        second += weight * x * x;
    }
    let mean = first / mass;
    (mean, (second / mass - mean * mean).clamp(1e-9, 1.0))
}
