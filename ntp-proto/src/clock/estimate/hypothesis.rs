//! One hypothesis about the oscillator, and a filter that believes it.
//!
//! Its state is a vector: the offset of the servers' time against the free-running clock, the rate at which that grows, and
//! a constant bias of each source. A source shows the offset plus its bias.

use super::law::{LAWS, Mixed, Posterior, Reading};

/// Sources that have a bias state.
pub(super) const SOURCES: usize = 8;
/// Offset, rate, and biases.
const STATES: usize = 2 + SOURCES;
/// How long a bias is remembered, in seconds: twenty days.
const BIAS_MEMORY: f64 = 20.0 * 86_400.0;

/// A filter for one size of wander.
#[derive(Clone, Debug)]
pub(super) struct Hypothesis {
    /// The standard deviation of the change of the rate within a second.
    wander: f64,
    mean: [f64; STATES],
    covariance: [[f64; STATES]; STATES],
    /// How many of them are in use; all others are 0.
    states: usize,
    /// The logarithm of its weight.
    pub(super) weight: f64,
}

/// Offset and rate, with variances.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Belief {
    /// Seconds from the origin.
    pub(super) offset: f64,
    /// Seconds per second.
    pub(super) rate: f64,
    pub(super) offset_variance: f64,
    pub(super) rate_variance: f64,
    /// Of what a source shows: its offset and bias together.
    pub(super) shown_variance: f64,
    /// The bias of that source.
    pub(super) bias: f64,
}

impl Belief {
    /// The standard deviation of the rate.
    pub(super) fn rate_deviation(&self) -> f64 {
        self.rate_variance.max(0.0).sqrt()
    }

    /// Whether it can be calculated with.
    pub(super) fn is_finite(&self) -> bool {
        (self.offset + self.rate + self.offset_variance + self.rate_variance).is_finite()
    }
}

impl Hypothesis {
    pub(super) fn new(wander: f64, rate: f64, rate_variance: f64) -> Self {
        let mut mean = [0.0; STATES];
        mean[1] = rate;
        let mut covariance = [[0.0; STATES]; STATES];
        covariance[1][1] = rate_variance;
        Self { wander, mean, covariance, states: 2, weight: 0.0 }
    }

    /// The offset becomes known from nothing: it is `offset`, with this variance.
    pub(super) fn begin(&mut self, offset: f64, variance: f64) {
        self.mean[0] = offset;
        self.covariance[0] = [0.0; STATES];
        self.covariance.iter_mut().for_each(|row| row[0] = 0.0);
        self.covariance[0][0] = variance;
    }

    /// A source takes this place; its bias has this variance.
    pub(super) fn admit(&mut self, place: usize, variance: f64) {
        let own = 2 + place;
        self.states = self.states.max(own + 1).min(STATES);
        if let Some(mean) = self.mean.get_mut(own) {
            *mean = 0.0;
        }
        self.covariance.iter_mut().filter_map(|row| row.get_mut(own)).for_each(|entry| *entry = 0.0);
        if let Some(row) = self.covariance.get_mut(own) {
            *row = [0.0; STATES];
            if let Some(entry) = row.get_mut(own) {
                *entry = variance;
            }
        }
    }

    /// `span` seconds pass. `biases` holds the variance that each bias has when nothing is known of it, and 0 where nobody
    /// is or biases are not to change.
    pub(super) fn predict(&mut self, span: f64, biases: &[f64; SOURCES]) {
        self.mean[0] += self.mean[1] * span;
        let [offset, rate, ..] = &mut self.covariance;
        for (offset, rate) in offset.iter_mut().zip(rate.iter()).take(self.states) {
            *offset += span * rate;
        }
        for row in self.covariance.iter_mut().take(self.states) {
            row[0] += span * row[1];
        }
        let squared = self.wander * self.wander;
        self.covariance[0][0] += squared * span * span * span / 3.0;
        self.covariance[0][1] += squared * span * span / 2.0;
        self.covariance[1][0] += squared * span * span / 2.0;
        self.covariance[1][1] += squared * span;
        self.relax(span, biases);
    }

    fn relax(&mut self, span: f64, biases: &[f64; SOURCES]) {
        let kept = (-span / BIAS_MEMORY).exp();
        for (place, variance) in biases.iter().enumerate().filter(|(_, variance)| **variance > 0.0) {
            let own = 2 + place;
            if let Some(mean) = self.mean.get_mut(own) {
                *mean *= kept;
            }
            for row in self.covariance.iter_mut().take(self.states) {
                if let Some(entry) = row.get_mut(own) {
                    *entry *= kept;
                }
            }
            if let Some(row) = self.covariance.get_mut(own) {
                row.iter_mut().take(self.states).for_each(|entry| *entry *= kept);
                if let Some(entry) = row.get_mut(own) {
                    *entry += variance * (1.0 - kept * kept);
                }
            }
        }
    }

    /// What the source at this place is expected to show: mean, variance, and the covariance of the state with it.
    fn expected(&self, place: usize) -> (f64, f64, [f64; STATES]) {
        let own = 2 + place;
        let mut column = [0.0; STATES];
        for (entry, row) in column.iter_mut().zip(&self.covariance).take(self.states) {
            *entry = row[0] + row.get(own).copied().unwrap_or(0.0);
        }
        let bias = |values: &[f64; STATES]| values.get(own).copied().unwrap_or(0.0);
        (self.mean[0] + bias(&self.mean), (column[0] + bias(&column)).max(1e-24), column)
    }

    /// How well each law, believing this hypothesis, foresees a reading of the source at this place.
    pub(super) fn posteriors(&self, place: usize, reading: &Reading) -> [Posterior; LAWS] {
        let (mean, variance, _) = self.expected(place);
        reading.posteriors(mean, variance)
    }

    /// Takes in a reading of the source at this place.
    pub(super) fn absorb(&mut self, place: usize, mixed: &Mixed) {
        let (_, variance, column) = self.expected(place);
        let scatter = (mixed.square - mixed.shift * mixed.shift).max(0.0);
        let narrowed = (mixed.narrowed + scatter / variance).min(1.0);
        self.correct(mixed.shift, narrowed, variance, &column);
    }

    /// What the source shows is `shift` more than expected, and its variance is now `narrowed` times what it was.
    fn correct(&mut self, shift: f64, narrowed: f64, variance: f64, column: &[f64; STATES]) {
        let removed = variance * (1.0 - narrowed);
        let gains = column.map(|entry| entry / variance);
        for (mean, gain) in self.mean.iter_mut().zip(gains).take(self.states) {
            *mean += gain * shift;
        }
        for (row, left) in self.covariance.iter_mut().zip(gains).take(self.states) {
            for (entry, right) in row.iter_mut().zip(gains).take(self.states) {
                *entry -= left * right * removed;
            }
        }
        // After long gaps the difference of large numbers may lose what was to be left.
        for (own, (row, gain)) in self.covariance.iter_mut().zip(gains).enumerate().take(self.states) {
            if let Some(entry) = row.get_mut(own) {
                *entry = entry.max(gain * gain * variance * narrowed);
            }
        }
    }

    /// Something says that the bias at this place is 0, with an error of this variance.
    pub(super) fn pull(&mut self, place: usize, variance: f64) {
        let own = 2 + place;
        let mut column = [0.0; STATES];
        for (entry, row) in column.iter_mut().zip(&self.covariance) {
            *entry = row.get(own).copied().unwrap_or(0.0);
        }
        let Some(prior) = column.get(own).copied().filter(|prior| *prior > 0.0) else { return };
        let bias = self.mean.get(own).copied().unwrap_or(0.0);
        let gain = prior / (prior + variance);
        self.correct(-gain * bias, 1.0 - gain, prior, &column);
    }

    pub(super) fn belief(&self, place: usize) -> Belief {
        let (_, shown_variance, _) = self.expected(place);
        Belief {
            offset: self.mean[0],
            rate: self.mean[1],
            offset_variance: self.covariance[0][0],
            rate_variance: self.covariance[1][1],
            shown_variance,
            bias: self.mean.get(2 + place).copied().unwrap_or(0.0),
        }
    }

    /// Takes over what all hypotheses together believe, keeping its own wander and weight.
    pub(super) fn reseed(&mut self, mixture: &Self) {
        self.mean = mixture.mean;
        self.covariance = mixture.covariance;
        self.states = mixture.states;
    }

    /// All hypotheses together, as one normal distribution. The weights sum up to 1.
    pub(super) fn mixture<'a>(all: impl Iterator<Item = (&'a Self, f64)> + Clone) -> Self {
        let mut mixture = Self::new(0.0, 0.0, 0.0);
        for (one, weight) in all.clone() {
            mixture.states = mixture.states.max(one.states);
            for (sum, mean) in mixture.mean.iter_mut().zip(one.mean).take(one.states) {
                *sum += weight * mean;
            }
        }
        for (one, weight) in all {
            let mut apart = one.mean;
            apart.iter_mut().zip(mixture.mean).for_each(|(mean, centre)| *mean -= centre);
            let rows = mixture.covariance.iter_mut().zip(&one.covariance).zip(apart).take(one.states);
            for ((row, own), left) in rows {
                for ((sum, entry), right) in row.iter_mut().zip(own).zip(apart).take(one.states) {
                    *sum += weight * (entry + left * right);
                }
            }
        }
        mixture
    }

    /// The offset is now `offset`; both variances grow by what is not known about the jump.
    pub(super) fn move_to(&mut self, offset: f64, variance: f64, rate_variance: f64) {
        self.mean[0] = offset;
        self.covariance[0][0] += variance;
        self.covariance[1][1] += rate_variance;
    }

    /// The offset and the rate are now these, with these variances, and nothing that was believed of them counts any more.
    pub(super) fn turn_to(&mut self, offset: (f64, f64), rate: (f64, f64)) {
        self.begin(offset.0, offset.1);
        self.mean[1] = rate.0;
        self.covariance[1] = [0.0; STATES];
        self.covariance.iter_mut().for_each(|row| row[1] = 0.0);
        self.covariance[1][1] = rate.1;
    }
}
