//! The Kalman filter for one size of the oscillator's wander (docs/design/clock.md §2).
//!
//! The state is a vector: the offset of the servers' time against the free-running clock, the rate
//! at which that grows, and for each source a constant bias and the split of its slow queues
//! between the two ways. A source shows the offset plus its bias; the middle of an observation that
//! waited in a queue is off that by the split times half the wait.

use super::delay_model::{DELAY_MODELS, Mixed, Observation, Posterior};
use super::places::{PerPlace, PlaceIndex, SOURCES};
use super::state::{Gaussian, Projection, State, StateIndex};

/// Offset, rate, and for each source its bias and the split of its queues.
const STATES: usize = 2 + 2 * SOURCES;
/// Information is not withdrawn where that would leave less than this share of the information.
const LEAST_LEFT: f64 = 1e-9;
const OFFSET: StateIndex = StateIndex::OFFSET;
const RATE: StateIndex = StateIndex::RATE;
/// The time for which a bias is remembered, in seconds: twenty days.
const BIAS_MEMORY: f64 = 20.0 * 86_400.0;

const fn bias_of(place: PlaceIndex) -> StateIndex {
    StateIndex::after(2 + 2 * place.before())
}

const fn split_of(place: PlaceIndex) -> StateIndex {
    StateIndex::after(3 + 2 * place.before())
}

/// A filter for one size of wander.
#[derive(Clone, Debug)]
pub(super) struct KalmanFilter {
    /// The standard deviation of the change of the rate within a second.
    wander: f64,
    state: State<STATES>,
    split: Split,
    /// The logarithm of its weight.
    pub(super) weight: f64,
}

/// The split of slow queues between the ways: the share of requests less that of replies, -1 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Split {
    pub(super) prior: Gaussian,
    /// The time in which a source's own split is forgotten, in seconds.
    pub(super) memory: f64,
}

/// The estimated offset and rate, with variances.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct StateEstimate {
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

impl StateEstimate {
    /// True if it can be calculated with.
    pub(super) fn is_finite(&self) -> bool {
        (self.offset + self.rate + self.offset_variance + self.rate_variance).is_finite()
    }

    /// The standard deviation of the rate.
    pub(super) fn rate_deviation(&self) -> f64 {
        self.rate_variance.max(0.0).sqrt()
    }
}

impl KalmanFilter {
    pub(super) fn new(wander: f64, rate: Gaussian, split: Split) -> Self {
        let mut state = State::new(2);
        state.replace(RATE, rate);
        Self {
            wander,
            state,
            split,
            weight: 0.0,
        }
    }

    /// The offset becomes known from nothing: it is `offset`.
    pub(super) fn begin(&mut self, offset: Gaussian) {
        self.state.replace(OFFSET, offset);
    }

    /// A source takes this place; its bias has this variance.
    pub(super) fn add_source(&mut self, place: PlaceIndex, variance: f64) {
        self.state.extend(split_of(place).count());
        let bias = Gaussian {
            mean: 0.0,
            variance,
        };
        self.state.replace(bias_of(place), bias);
        self.state.replace(split_of(place), self.split.prior);
    }

    /// The place shows the same as another one, give or take the variance `more`.
    pub(super) fn double(&mut self, place: PlaceIndex, of: PlaceIndex, more: f64) {
        self.state.extend(split_of(place).count());
        self.state.copy(bias_of(place), bias_of(of));
        self.state.copy(split_of(place), split_of(of));
        self.state.grow(bias_of(place), more);
    }

    fn places(&self) -> impl Iterator<Item = PlaceIndex> + use<> {
        PlaceIndex::all().take((self.state.used() - 2) / 2)
    }

    /// `span` seconds pass. `biases` holds the variance that each bias has when nothing is known of
    /// it, and 0 where there is no source or biases are not to change.
    pub(super) fn predict(&mut self, span: f64, biases: &PerPlace<f64>) {
        self.state.advance(span, self.wander);
        let kept = (-span / BIAS_MEMORY).exp();
        for place in PlaceIndex::all().filter(|place| biases[*place] > 0.0) {
            let bias = Gaussian {
                mean: 0.0,
                variance: biases[place],
            };
            self.state.fade(bias_of(place), kept, bias);
        }
        if self.split.memory > 0.0 && self.split.memory.is_finite() {
            let kept = (-span / self.split.memory).exp();
            for place in self.places() {
                self.state.fade(split_of(place), kept, self.split.prior);
            }
        }
    }

    /// The middle that the source at this place is expected to show in a queue of twice `half`
    /// seconds.
    fn expected(&self, place: PlaceIndex, half: f64) -> Projection<STATES> {
        let terms = [
            (OFFSET, 1.0),
            (bias_of(place), 1.0),
            (split_of(place), half),
        ];
        let known = if half == 0.0 {
            terms.get(..2).unwrap_or_default()
        } else {
            &terms
        };
        let shown = self.state.project(known);
        Projection {
            variance: shown.variance.max(1e-24),
            ..shown
        }
    }

    /// The posterior under each delay model of an observation of the source at this place.
    pub(super) fn posteriors(
        &self,
        place: PlaceIndex,
        observation: &Observation,
    ) -> [Posterior; DELAY_MODELS] {
        let expected = self.expected(place, 0.0);
        observation.posteriors(expected.mean, expected.variance)
    }

    /// The same if the observation has waited in a slow queue.
    pub(super) fn slow(&self, place: PlaceIndex, observation: &Observation, others: bool) -> Mixed {
        let expected = self.expected(place, observation.wait.half);
        let split = self.state.mean(split_of(place));
        observation.slow(split, expected.mean, expected.variance, others)
    }

    /// Corrects the state by an observation of the source at this place that waited in a queue for
    /// twice `half` seconds.
    pub(super) fn correct(&mut self, place: PlaceIndex, mixed: &Mixed, half: f64) {
        let expected = self.expected(place, half);
        let scatter = (mixed.square - mixed.shift * mixed.shift).max(0.0);
        let variance_ratio = (mixed.variance_ratio + scatter / expected.variance).min(1.0);
        self.state.correct(mixed.shift, variance_ratio, &expected);
    }

    /// Constrains the bias at this place to 0, with an error of this variance.
    pub(super) fn constrain_bias(&mut self, place: PlaceIndex, variance: f64) {
        self.constrain(&[(bias_of(place), 1.0)], 1.0 / variance);
    }

    /// Constrains this sum of states to 0, with this information: the inverse of the variance of
    /// its error. Negative information withdraws an earlier constraint.
    fn constrain(&mut self, terms: &[(StateIndex, f64)], information: f64) {
        let prior = self.state.project(terms);
        let left = 1.0 + prior.variance * information;
        if prior.variance > 0.0 && left > LEAST_LEFT {
            let gain = 1.0 - 1.0 / left;
            self.state.correct(-gain * prior.mean, 1.0 - gain, &prior);
        }
    }

    /// The path to the source at this place is another one than was thought: its bias differs from
    /// the one so far by something of the variance `more`. The bias was expected to have the
    /// variance `known`, and the new one has the variance `lasting`.
    pub(super) fn renew(&mut self, place: PlaceIndex, known: f64, more: f64, lasting: f64) {
        let both = lasting + more;
        self.constrain(&[(bias_of(place), 1.0)], 1.0 / both - 1.0 / known);
        self.state
            .fade(bias_of(place), lasting / both, Gaussian::default());
        self.state.grow(bias_of(place), lasting * more / both);
    }

    /// The queue to the source at this place was never empty: all its observations had waited twice
    /// `fall` seconds longer than was thought. The bias was expected to have the variance `known`,
    /// now it has the variance `lasting`.
    pub(super) fn lower(&mut self, place: PlaceIndex, fall: f64, known: f64, lasting: f64) {
        self.state.subtract(bias_of(place), split_of(place), fall);
        self.constrain(&[(bias_of(place), 1.0)], 1.0 / lasting);
        let before = [(bias_of(place), 1.0), (split_of(place), fall)];
        self.constrain(&before, -1.0 / known);
    }

    /// The split of the queues of the source at this place.
    pub(super) fn split(&self, place: PlaceIndex) -> f64 {
        self.state.mean(split_of(place))
    }

    /// The variance of that split.
    pub(super) fn split_variance(&self, place: PlaceIndex) -> f64 {
        self.state.variance(split_of(place))
    }

    /// The offset, in seconds from the origin.
    pub(super) fn offset(&self) -> f64 {
        self.state.mean(OFFSET)
    }

    /// The standard deviation of the change of the rate within a second.
    pub(super) fn wander(&self) -> f64 {
        self.wander
    }

    /// The state estimate; the source at this place is the one whose showing counts.
    pub(super) fn estimate(&self, place: PlaceIndex) -> StateEstimate {
        let shown_variance = self.expected(place, 0.0).variance;
        StateEstimate {
            offset: self.offset(),
            rate: self.state.mean(RATE),
            offset_variance: self.state.variance(OFFSET),
            rate_variance: self.state.variance(RATE),
            shown_variance,
            bias: self.state.mean(bias_of(place)),
        }
    }

    /// Takes over the state of another filter, keeping its own wander, splits and weight.
    pub(super) fn reseed(&mut self, other: &Self) {
        self.state = other.state.clone();
        for place in self.places() {
            self.state.replace(split_of(place), self.split.prior);
        }
    }

    /// All filters together, as one normal distribution. The weights sum up to 1.
    pub(super) fn mixture<'a>(all: impl Iterator<Item = (&'a Self, f64)> + Clone) -> Self {
        let mut mixture = Self::new(0.0, Gaussian::default(), Split::default());
        mixture.state = State::mixture(all.map(|(one, weight)| (&one.state, weight)));
        mixture
    }

    /// The offset is now `offset`; both variances grow by what is not known about the jump.
    pub(super) fn reset_offset(&mut self, offset: f64, variance: f64, rate_variance: f64) {
        self.state.shift(OFFSET, offset - self.offset());
        self.state.grow(OFFSET, variance);
        self.state.grow(RATE, rate_variance);
    }

    /// The offset and the rate are now these, and nothing that was known of them counts any
    /// more.
    pub(super) fn reset_state(&mut self, offset: Gaussian, rate: Gaussian) {
        self.state.replace(OFFSET, offset);
        self.state.replace(RATE, rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: PlaceIndex = PlaceIndex::FIRST;

    fn gaussian(variance: f64) -> Gaussian {
        Gaussian {
            mean: 0.0,
            variance,
        }
    }

    /// A source with a bias of 1 s, give or take, shows that the offset is 0 within a millisecond;
    /// the split of its queues is `mean`.
    fn acquainted(mean: f64) -> KalmanFilter {
        let split = Split {
            prior: Gaussian {
                mean,
                variance: 1e-9,
            },
            memory: f64::INFINITY,
        };
        let mut filter = KalmanFilter::new(1e-9, gaussian(1e-12), split);
        filter.begin(gaussian(1e6));
        filter.add_source(PLACE, 1.0);
        show(&mut filter);
        filter
    }

    /// The source shows the offset 0.
    fn show(filter: &mut KalmanFilter) {
        filter.constrain(&[(OFFSET, 1.0), (bias_of(PLACE), 1.0)], 1e6);
    }

    #[test]
    fn a_queue_that_was_never_empty_moves_the_offset_by_its_split() {
        for split in [-1.0, 0.0, 1.0] {
            let mut filter = acquainted(split);
            assert!((filter.estimate(PLACE).offset_variance - 1.0).abs() < 0.01);
            filter.lower(PLACE, 3.0, 1.0, 0.01);
            let estimate = filter.estimate(PLACE);
            assert!((estimate.offset + 3.0 * split).abs() < 0.01, "{estimate:?}");
            assert!(
                (estimate.offset_variance - 0.01).abs() < 0.001,
                "{estimate:?}"
            );
        }
    }

    #[test]
    fn a_shorter_path_is_believed_however_long_the_longer_one_was() {
        let mut filter = acquainted(0.0);
        filter.renew(PLACE, 1.0, 9.0, 0.01);
        // It shows an offset that is 3 s less.
        filter.state.shift(OFFSET, 3.0);
        show(&mut filter);
        let estimate = filter.estimate(PLACE);
        assert!(estimate.offset.abs() < 0.05, "{estimate:?}");
        assert!(estimate.offset_variance < 0.011, "{estimate:?}");
    }
}
