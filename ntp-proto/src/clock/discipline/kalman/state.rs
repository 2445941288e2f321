//! The state of a Kalman filter: mean vector and full covariance matrix (docs/design/clock.md §2).

/// A Gaussian estimate of at most `N` states, of which the first `used` are in use; all others are
/// 0.
#[derive(Clone, Debug)]
pub(super) struct State<const N: usize> {
    mean: [f64; N],
    covariance: [[f64; N]; N],
    used: usize,
}

impl<const N: usize> State<N> {
    pub(super) fn new(used: usize) -> Self {
        Self {
            mean: [0.0; N],
            covariance: [[0.0; N]; N],
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

    pub(super) fn mean(&self, own: usize) -> f64 {
        self.mean.get(own).copied().unwrap_or_default()
    }

    pub(super) fn variance(&self, own: usize) -> f64 {
        self.covariance
            .get(own)
            .and_then(|row| row.get(own))
            .copied()
            .unwrap_or_default()
    }

    /// A state becomes this, with this variance, and nothing that was known of it counts any
    /// more.
    pub(super) fn replace(&mut self, own: usize, mean: f64, variance: f64) {
        if let Some(entry) = self.mean.get_mut(own) {
            *entry = mean;
        }
        for (place, row) in self.covariance.iter_mut().enumerate() {
            match row.get_mut(own) {
                _ if place == own => *row = [0.0; N],
                Some(entry) => *entry = 0.0,
                None => {}
            }
        }
        self.grow(own, variance);
    }

    /// A state is the same as another one, and both are bound to each other.
    pub(super) fn copy(&mut self, own: usize, from: usize) {
        let mean = self.mean(from);
        if let Some(entry) = self.mean.get_mut(own) {
            *entry = mean;
        }
        let row = self.covariance.get(from).copied();
        if let (Some(entry), Some(row)) = (self.covariance.get_mut(own), row) {
            *entry = row;
        }
        for row in &mut self.covariance {
            let other = row.get(from).copied().unwrap_or_default();
            if let Some(entry) = row.get_mut(own) {
                *entry = other;
            }
        }
    }

    /// A state changes by `change`.
    pub(super) fn shift(&mut self, own: usize, change: f64) {
        if let Some(entry) = self.mean.get_mut(own) {
            *entry += change;
        }
    }

    /// A state is less by so much of another one.
    pub(super) fn subtract(&mut self, own: usize, other: usize, share: f64) {
        let (mean, _, column) = self.sum(&[(own, 1.0), (other, -share)]);
        let cross = column.get(other).copied().unwrap_or_default();
        let variance = column.get(own).copied().unwrap_or_default() - share * cross;
        if let Some(entry) = self.mean.get_mut(own) {
            *entry = mean;
        }
        for (row, entry) in self.covariance.iter_mut().zip(column) {
            if let Some(slot) = row.get_mut(own) {
                *slot = entry;
            }
        }
        if let Some(row) = self.covariance.get_mut(own) {
            *row = column;
            if let Some(slot) = row.get_mut(own) {
                *slot = variance;
            }
        }
    }

    /// The variance of a state grows.
    pub(super) fn grow(&mut self, own: usize, variance: f64) {
        if let Some(entry) = self
            .covariance
            .get_mut(own)
            .and_then(|row| row.get_mut(own))
        {
            *entry += variance;
        }
    }

    /// A state returns to `around`, where it has this variance; so much of what is known of it is
    /// `kept`.
    pub(super) fn fade(&mut self, own: usize, kept: f64, around: f64, variance: f64) {
        if let Some(mean) = self.mean.get_mut(own) {
            *mean = around + (*mean - around) * kept;
        }
        self.scale(own, kept);
        self.grow(own, variance * (1.0 - kept * kept));
    }

    /// All covariances of a state become so much of what they were, and its variance the square of
    /// that.
    fn scale(&mut self, own: usize, by: f64) {
        for row in self.covariance.iter_mut().take(self.used) {
            if let Some(entry) = row.get_mut(own) {
                *entry *= by;
            }
        }
        if let Some(row) = self.covariance.get_mut(own) {
            row.iter_mut()
                .take(self.used)
                .for_each(|entry| *entry *= by);
        }
    }

    /// `span` seconds pass for the first state, whose rate is the second one, which wanders by
    /// `wander` per second.
    pub(super) fn advance(&mut self, span: f64, wander: f64) {
        let [offset, rate, ..] = &mut self.mean[..] else {
            return;
        };
        *offset += *rate * span;
        let [offset, rate, ..] = &mut self.covariance[..] else {
            return;
        };
        for (offset, rate) in offset.iter_mut().zip(rate.iter()).take(self.used) {
            *offset += span * rate;
        }
        for row in self.covariance.iter_mut().take(self.used) {
            if let [offset, rate, ..] = &mut row[..] {
                *offset += span * *rate;
            }
        }
        let squared = wander * wander;
        if let [[offset, mixed, ..], [mixed_too, rate, ..], ..] = self
            .covariance
            .each_mut()
            .map(|row| &mut row[..])
            .as_mut_slice()
        {
            *offset += squared * span * span * span / 3.0;
            *mixed += squared * span * span / 2.0;
            *mixed_too += squared * span * span / 2.0;
            *rate += squared * span;
        }
    }

    /// A sum of states with these weights: its mean, its variance, and its covariance with each
    /// state.
    pub(super) fn sum(&self, terms: &[(usize, f64)]) -> (f64, f64, [f64; N]) {
        let of = |row: &[f64; N]| -> f64 {
            terms
                .iter()
                .map(|(place, weight)| weight * row.get(*place).copied().unwrap_or_default())
                .sum()
        };
        let mut column = [0.0; N];
        for (entry, row) in column.iter_mut().zip(&self.covariance).take(self.used) {
            *entry = of(row);
        }
        (of(&self.mean), of(&column), column)
    }

    /// A quantity with this `variance` and this covariance with each state is `shift` more than
    /// expected, and its variance is now `variance_ratio` times what it was.
    pub(super) fn correct(
        &mut self,
        shift: f64,
        variance_ratio: f64,
        variance: f64,
        column: &[f64; N],
    ) {
        let removed = variance * (1.0 - variance_ratio);
        let gains = column.map(|entry| entry / variance);
        for (mean, gain) in self.mean.iter_mut().zip(gains).take(self.used) {
            *mean += gain * shift;
        }
        for (row, left) in self.covariance.iter_mut().zip(gains).take(self.used) {
            for (entry, right) in row.iter_mut().zip(gains).take(self.used) {
                *entry -= left * right * removed;
            }
        }
        // After long gaps the difference of large numbers may lose what was to be left.
        for (own, (row, gain)) in self
            .covariance
            .iter_mut()
            .zip(gains)
            .enumerate()
            .take(self.used)
        {
            if let Some(entry) = row.get_mut(own) {
                *entry = entry.max(gain * gain * variance * variance_ratio);
            }
        }
    }

    /// The mixture of several estimates as one Gaussian, with weights that sum up to 1.
    pub(super) fn mixture<'a>(all: impl Iterator<Item = (&'a Self, f64)> + Clone) -> Self {
        let mut mixture = Self::new(0);
        for (one, weight) in all.clone() {
            mixture.extend(one.used);
            for (sum, mean) in mixture.mean.iter_mut().zip(one.mean).take(one.used) {
                *sum += weight * mean;
            }
        }
        for (one, weight) in all {
            let mut apart = one.mean;
            apart
                .iter_mut()
                .zip(mixture.mean)
                .for_each(|(mean, center)| *mean -= center);
            let rows = mixture
                .covariance
                .iter_mut()
                .zip(&one.covariance)
                .zip(apart)
                .take(one.used);
            for ((row, own), left) in rows {
                for ((sum, entry), right) in row.iter_mut().zip(own).zip(apart).take(one.used) {
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

    #[test]
    fn a_copied_state_says_the_same_and_a_replaced_one_nothing() {
        let mut state = State::<3>::new(3);
        state.replace(0, 1.0, 4.0);
        state.copy(2, 0);
        assert_eq!((state.mean(2), state.variance(2)), (1.0, 4.0));
        // The difference of both is certain.
        assert_eq!(state.sum(&[(0, 1.0), (2, -1.0)]).1, 0.0);
        state.replace(2, 5.0, 1.0);
        assert_eq!(state.sum(&[(0, 1.0), (2, -1.0)]).1, 5.0);
    }

    #[test]
    fn the_difference_of_two_states_takes_the_place_of_one() {
        let mut state = State::<3>::new(3);
        state.replace(0, 5.0, 4.0);
        state.replace(1, 2.0, 1.0);
        state.copy(2, 0);
        state.subtract(0, 1, 3.0);
        assert_eq!((state.mean(0), state.variance(0)), (-1.0, 13.0));
        // What it was is its new self and three times the other one.
        let (mean, variance, _) = state.sum(&[(0, 1.0), (1, 3.0), (2, -1.0)]);
        assert_eq!((mean, variance), (0.0, 0.0));
    }

    #[test]
    fn a_state_fades_to_what_it_is_around() {
        let mut state = State::<2>::new(2);
        state.replace(1, 3.0, 0.25);
        state.fade(1, 0.0, 1.0, 2.0);
        assert_eq!((state.mean(1), state.variance(1)), (1.0, 2.0));
    }

    #[test]
    fn a_mixture_of_two_estimates_contains_what_separates_them() {
        let estimate = |mean: f64| {
            let mut state = State::<1>::new(1);
            state.replace(0, mean, 1.0);
            state
        };
        let mixture = State::mixture([(&estimate(-1.0), 0.5), (&estimate(1.0), 0.5)].into_iter());
        assert_eq!((mixture.mean(0), mixture.variance(0)), (0.0, 2.0));
    }
}
