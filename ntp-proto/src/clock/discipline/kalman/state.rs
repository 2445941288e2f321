//! The state of a Kalman filter: mean vector and full covariance matrix (docs/design/clock.md §2).

use std::ops::{Index, IndexMut};

/// A normal distribution.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Gaussian {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

/// The index of a state, below the number of states by construction: constants, and
/// [places](super::places::PlaceIndex) of a fixed number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StateIndex(usize);

impl StateIndex {
    /// The index of the first state, which grows at the rate that is the second one.
    pub(super) const OFFSET: Self = Self(0);
    /// The index of the second state.
    pub(super) const RATE: Self = Self(1);

    /// The index of a state that comes after so many others.
    pub(super) const fn after(others: usize) -> Self {
        Self(others)
    }

    /// The number of states up to this one.
    pub(super) const fn count(self) -> usize {
        self.0 + 1
    }
}

/// One entry per state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vector<T, const N: usize>([T; N]);

impl<T, const N: usize> Index<StateIndex> for Vector<T, N> {
    type Output = T;

    #[expect(
        clippy::indexing_slicing,
        reason = "invariant: a StateIndex is below N"
    )]
    fn index(&self, index: StateIndex) -> &T {
        &self.0[index.0]
    }
}

impl<T, const N: usize> IndexMut<StateIndex> for Vector<T, N> {
    #[expect(
        clippy::indexing_slicing,
        reason = "invariant: a StateIndex is below N"
    )]
    fn index_mut(&mut self, index: StateIndex) -> &mut T {
        &mut self.0[index.0]
    }
}

/// A linear combination of states.
#[derive(Clone, Copy, Debug)]
pub(super) struct Projection<const N: usize> {
    pub(super) mean: f64,
    pub(super) variance: f64,
    /// Its covariance with each state.
    pub(super) covariance: Vector<f64, N>,
}

/// A Gaussian estimate of at most `N` states, of which the first `used` are in use; all others are
/// 0.
#[derive(Clone, Debug)]
pub(super) struct State<const N: usize> {
    mean: Vector<f64, N>,
    covariance: Vector<Vector<f64, N>, N>,
    used: usize,
}

impl<const N: usize> State<N> {
    pub(super) fn new(used: usize) -> Self {
        Self {
            mean: Vector([0.0; N]),
            covariance: Vector([Vector([0.0; N]); N]),
            used: used.min(N),
        }
    }

    /// At least so many states are in use.
    pub(super) fn extend(&mut self, used: usize) {
        self.used = self.used.max(used).min(N);
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    pub(super) fn mean(&self, own: StateIndex) -> f64 {
        self.mean[own]
    }

    pub(super) fn variance(&self, own: StateIndex) -> f64 {
        self.covariance[own][own]
    }

    /// A state becomes this, and nothing that was known of it counts any more.
    pub(super) fn replace(&mut self, own: StateIndex, value: Gaussian) {
        self.mean[own] = value.mean;
        for row in &mut self.covariance.0 {
            row[own] = 0.0;
        }
        self.covariance[own] = Vector([0.0; N]);
        self.grow(own, value.variance);
    }

    /// A state is the same as another one, and both are bound to each other.
    pub(super) fn copy(&mut self, own: StateIndex, from: StateIndex) {
        self.mean[own] = self.mean[from];
        self.covariance[own] = self.covariance[from];
        for row in &mut self.covariance.0 {
            row[own] = row[from];
        }
    }

    /// A state changes by `change`.
    pub(super) fn shift(&mut self, own: StateIndex, change: f64) {
        self.mean[own] += change;
    }

    /// A state is less by so much of another one.
    pub(super) fn subtract(&mut self, own: StateIndex, other: StateIndex, share: f64) {
        let Projection {
            mean,
            mut covariance,
            ..
        } = self.project(&[(own, 1.0), (other, -share)]);
        let variance = covariance[own] - share * covariance[other];
        self.mean[own] = mean;
        for (row, entry) in self.covariance.0.iter_mut().zip(covariance.0) {
            row[own] = entry;
        }
        covariance[own] = variance;
        self.covariance[own] = covariance;
    }

    /// The variance of a state grows.
    pub(super) fn grow(&mut self, own: StateIndex, variance: f64) {
        self.covariance[own][own] += variance;
    }

    /// A state returns to the mean of `around`, where it has its variance; so much of what is known
    /// of it is `kept`.
    pub(super) fn fade(&mut self, own: StateIndex, kept: f64, around: Gaussian) {
        self.mean[own] = around.mean + (self.mean[own] - around.mean) * kept;
        self.scale(own, kept);
        self.grow(own, around.variance * (1.0 - kept * kept));
    }

    /// All covariances of a state become so much of what they were, and its variance the square of
    /// that.
    fn scale(&mut self, own: StateIndex, by: f64) {
        for row in self.covariance.0.iter_mut().take(self.used) {
            row[own] *= by;
        }
        for entry in self.covariance[own].0.iter_mut().take(self.used) {
            *entry *= by;
        }
    }

    /// `span` seconds pass for the first state, whose rate is the second one, which wanders by
    /// `wander` per second.
    pub(super) fn advance(&mut self, span: f64, wander: f64) {
        let (offset, rate) = (StateIndex::OFFSET, StateIndex::RATE);
        self.mean[offset] += self.mean[rate] * span;
        let rates = self.covariance[rate];
        for (entry, rate) in self.covariance[offset]
            .0
            .iter_mut()
            .zip(rates.0)
            .take(self.used)
        {
            *entry += span * rate;
        }
        for row in self.covariance.0.iter_mut().take(self.used) {
            row[offset] += span * row[rate];
        }
        let squared = wander * wander;
        self.covariance[offset][offset] += squared * span * span * span / 3.0;
        self.covariance[offset][rate] += squared * span * span / 2.0;
        self.covariance[rate][offset] += squared * span * span / 2.0;
        self.covariance[rate][rate] += squared * span;
    }

    /// The sum of states with these weights.
    pub(super) fn project(&self, terms: &[(StateIndex, f64)]) -> Projection<N> {
        let of = |row: &Vector<f64, N>| -> f64 {
            terms
                .iter()
                .map(|(place, weight)| weight * row[*place])
                .sum()
        };
        let mut covariance = Vector([0.0; N]);
        let rows = self.covariance.0.iter().take(self.used);
        for (entry, row) in covariance.0.iter_mut().zip(rows) {
            *entry = of(row);
        }
        Projection {
            mean: of(&self.mean),
            variance: of(&covariance),
            covariance,
        }
    }

    /// A combination of states is `shift` more than predicted, and its variance is now
    /// `variance_ratio` times what it was.
    pub(super) fn correct(&mut self, shift: f64, variance_ratio: f64, predicted: &Projection<N>) {
        let variance = predicted.variance;
        let removed = variance * (1.0 - variance_ratio);
        let gains = predicted.covariance.0.map(|entry| entry / variance);
        for (mean, gain) in self.mean.0.iter_mut().zip(gains).take(self.used) {
            *mean += gain * shift;
        }
        for (row, left) in self.covariance.0.iter_mut().zip(gains).take(self.used) {
            for (entry, right) in row.0.iter_mut().zip(gains).take(self.used) {
                *entry -= left * right * removed;
            }
        }
        // After long gaps the difference of large numbers may lose what was to be left.
        for (own, gain) in (0..self.used).map(StateIndex).zip(gains) {
            let entry = &mut self.covariance[own][own];
            *entry = entry.max(gain * gain * variance * variance_ratio);
        }
    }

    /// The mixture of several estimates as one Gaussian, with weights that sum up to 1.
    pub(super) fn mixture<'a>(all: impl Iterator<Item = (&'a Self, f64)> + Clone) -> Self {
        let mut mixture = Self::new(0);
        for (one, weight) in all.clone() {
            mixture.extend(one.used);
            for (sum, mean) in mixture.mean.0.iter_mut().zip(one.mean.0).take(one.used) {
                *sum += weight * mean;
            }
        }
        for (one, weight) in all {
            let mut apart = one.mean.0;
            apart
                .iter_mut()
                .zip(mixture.mean.0)
                .for_each(|(mean, center)| *mean -= center);
            let rows = mixture
                .covariance
                .0
                .iter_mut()
                .zip(&one.covariance.0)
                .zip(apart)
                .take(one.used);
            for ((row, own), left) in rows {
                for ((sum, entry), right) in row.0.iter_mut().zip(own.0).zip(apart).take(one.used) {
                    *sum += weight * (entry + left * right);
                }
            }
        }
        mixture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: StateIndex = StateIndex::after(0);
    const SECOND: StateIndex = StateIndex::after(1);
    const THIRD: StateIndex = StateIndex::after(2);

    fn gaussian(mean: f64, variance: f64) -> Gaussian {
        Gaussian { mean, variance }
    }

    #[test]
    fn a_copied_state_says_the_same_and_a_replaced_one_nothing() {
        let mut state = State::<3>::new(3);
        state.replace(FIRST, gaussian(1.0, 4.0));
        state.copy(THIRD, FIRST);
        assert_eq!((state.mean(THIRD), state.variance(THIRD)), (1.0, 4.0));
        // The difference of both is certain.
        let difference = [(FIRST, 1.0), (THIRD, -1.0)];
        assert_eq!(state.project(&difference).variance, 0.0);
        state.replace(THIRD, gaussian(5.0, 1.0));
        assert_eq!(state.project(&difference).variance, 5.0);
    }

    #[test]
    fn the_difference_of_two_states_takes_the_place_of_one() {
        let mut state = State::<3>::new(3);
        state.replace(FIRST, gaussian(5.0, 4.0));
        state.replace(SECOND, gaussian(2.0, 1.0));
        state.copy(THIRD, FIRST);
        state.subtract(FIRST, SECOND, 3.0);
        assert_eq!((state.mean(FIRST), state.variance(FIRST)), (-1.0, 13.0));
        // What it was is its new self and three times the other one.
        let all = state.project(&[(FIRST, 1.0), (SECOND, 3.0), (THIRD, -1.0)]);
        assert_eq!((all.mean, all.variance), (0.0, 0.0));
    }

    #[test]
    fn a_state_fades_to_what_it_is_around() {
        let mut state = State::<2>::new(2);
        state.replace(SECOND, gaussian(3.0, 0.25));
        state.fade(SECOND, 0.0, gaussian(1.0, 2.0));
        assert_eq!((state.mean(SECOND), state.variance(SECOND)), (1.0, 2.0));
    }

    #[test]
    fn a_mixture_of_two_estimates_contains_what_separates_them() {
        let estimate = |mean: f64| {
            let mut state = State::<1>::new(1);
            state.replace(FIRST, gaussian(mean, 1.0));
            state
        };
        let mixture = State::mixture([(&estimate(-1.0), 0.5), (&estimate(1.0), 0.5)].into_iter());
        assert_eq!((mixture.mean(FIRST), mixture.variance(FIRST)), (0.0, 2.0));
    }
}
