//! One hypothesis about the oscillator, and a filter that believes it.
//!
//! Its state is a vector: the offset of the servers' time against the free-running clock, the rate
//! at which that grows, and for each source a constant bias and the split of its slow queues
//! between the two ways. A source shows the offset plus its bias; the middle of a reading that
//! waited in a queue is off that by the split times half the wait.

use super::law::{LAWS, Mixed, Posterior, Reading};
use super::state::State;

/// Sources that have a bias state.
pub(super) const SOURCES: usize = 8;
/// Offset, rate, and for each source its bias and the split of its queues.
const STATES: usize = 2 + 2 * SOURCES;
/// What was said is not withdrawn where that would leave less than this share of the information.
const LEAST_LEFT: f64 = 1e-9;
const OFFSET: usize = 0;
const RATE: usize = 1;
/// The time for which a bias is remembered, in seconds: twenty days.
const BIAS_MEMORY: f64 = 20.0 * 86_400.0;

const fn bias_of(place: usize) -> usize {
    2 + 2 * place
}

const fn split_of(place: usize) -> usize {
    3 + 2 * place
}

/// A filter for one size of wander.
#[derive(Clone, Debug)]
pub(super) struct Hypothesis {
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
    pub(super) mean: f64,
    pub(super) variance: f64,
    /// The time in which a source's own split is forgotten, in seconds.
    pub(super) memory: f64,
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
    /// True if it can be calculated with.
    pub(super) fn is_finite(&self) -> bool {
        (self.offset + self.rate + self.offset_variance + self.rate_variance).is_finite()
    }

    /// The standard deviation of the rate.
    pub(super) fn rate_deviation(&self) -> f64 {
        self.rate_variance.max(0.0).sqrt()
    }
}

impl Hypothesis {
    pub(super) fn new(wander: f64, [rate, rate_variance]: [f64; 2], split: Split) -> Self {
        let mut state = State::new(2);
        state.replace(RATE, rate, rate_variance);
        Self {
            wander,
            state,
            split,
            weight: 0.0,
        }
    }

    /// The offset becomes known from nothing: it is `offset`, with this variance.
    pub(super) fn begin(&mut self, offset: f64, variance: f64) {
        self.state.replace(OFFSET, offset, variance);
    }

    /// A source takes this place; its bias has this variance.
    pub(super) fn admit(&mut self, place: usize, variance: f64) {
        self.state.extend(split_of(place) + 1);
        self.state.replace(bias_of(place), 0.0, variance);
        self.state
            .replace(split_of(place), self.split.mean, self.split.variance);
    }

    /// The place shows the same as another one, give or take the variance `more`.
    pub(super) fn double(&mut self, place: usize, of: usize, more: f64) {
        self.state.extend(split_of(place) + 1);
        self.state.copy(bias_of(place), bias_of(of));
        self.state.copy(split_of(place), split_of(of));
        self.state.grow(bias_of(place), more);
    }

    fn places(&self) -> std::ops::Range<usize> {
        0..(self.state.used() - 2) / 2
    }

    /// `span` seconds pass. `biases` holds the variance that each bias has when nothing is known of
    /// it, and 0 where there is no source or biases are not to change.
    pub(super) fn predict(&mut self, span: f64, biases: &[f64; SOURCES]) {
        self.state.advance(span, self.wander);
        let kept = (-span / BIAS_MEMORY).exp();
        for (place, variance) in biases
            .iter()
            .enumerate()
            .filter(|(_, variance)| **variance > 0.0)
        {
            self.state.fade(bias_of(place), kept, 0.0, *variance);
        }
        if self.split.memory > 0.0 && self.split.memory.is_finite() {
            let kept = (-span / self.split.memory).exp();
            for place in self.places() {
                self.state
                    .fade(split_of(place), kept, self.split.mean, self.split.variance);
            }
        }
    }

    /// The middle that the source at this place is expected to show in a queue of twice `half`
    /// seconds: mean, variance, and the covariance of the state with it.
    fn expected(&self, place: usize, half: f64) -> (f64, f64, [f64; STATES]) {
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
        let (mean, variance, column) = self.state.sum(known);
        (mean, variance.max(1e-24), column)
    }

    /// The posterior of each law after a reading of the source at this place, if this hypothesis is
    /// right.
    pub(super) fn posteriors(&self, place: usize, reading: &Reading) -> [Posterior; LAWS] {
        let (mean, variance, _) = self.expected(place, 0.0);
        reading.posteriors(mean, variance)
    }

    /// The same if the reading has waited in a slow queue.
    pub(super) fn slow(&self, place: usize, reading: &Reading, others: bool) -> Mixed {
        let (mean, variance, _) = self.expected(place, reading.wait.half);
        reading.slow(self.state.mean(split_of(place)), mean, variance, others)
    }

    /// Takes in a reading of the source at this place that waited in a queue for twice `half`
    /// seconds.
    pub(super) fn absorb(&mut self, place: usize, mixed: &Mixed, half: f64) {
        let (_, variance, column) = self.expected(place, half);
        let scatter = (mixed.square - mixed.shift * mixed.shift).max(0.0);
        let narrowed = (mixed.narrowed + scatter / variance).min(1.0);
        self.state.correct(mixed.shift, narrowed, variance, &column);
    }

    /// Something says that the bias at this place is 0, with an error of this variance.
    pub(super) fn pull(&mut self, place: usize, variance: f64) {
        self.constrain(&[(bias_of(place), 1.0)], 1.0 / variance);
    }

    /// Something says that this sum of states is 0, with this information: the inverse of the
    /// variance of its error. What had been said is withdrawn by a negative one.
    fn constrain(&mut self, terms: &[(usize, f64)], information: f64) {
        let (mean, prior, column) = self.state.sum(terms);
        let left = 1.0 + prior * information;
        if prior > 0.0 && left > LEAST_LEFT {
            let gain = 1.0 - 1.0 / left;
            self.state.correct(-gain * mean, 1.0 - gain, prior, &column);
        }
    }

    /// The path to the source at this place is another one than was thought: its bias differs from
    /// the one so far by something of the variance `more`. The bias was expected to have the
    /// variance `known`, and the new one has the variance `lasting`.
    pub(super) fn renew(&mut self, place: usize, known: f64, more: f64, lasting: f64) {
        let both = lasting + more;
        self.constrain(&[(bias_of(place), 1.0)], 1.0 / both - 1.0 / known);
        self.state.fade(bias_of(place), lasting / both, 0.0, 0.0);
        self.state.grow(bias_of(place), lasting * more / both);
    }

    /// The queue to the source at this place was never empty: all its readings had waited twice
    /// `fall` seconds longer than was thought. The bias was expected to have the variance `known`,
    /// now it has the variance `lasting`.
    pub(super) fn lower(&mut self, place: usize, fall: f64, known: f64, lasting: f64) {
        self.state.subtract(bias_of(place), split_of(place), fall);
        self.constrain(&[(bias_of(place), 1.0)], 1.0 / lasting);
        let before = [(bias_of(place), 1.0), (split_of(place), fall)];
        self.constrain(&before, -1.0 / known);
    }

    /// The split of the queues of the source at this place.
    pub(super) fn split(&self, place: usize) -> f64 {
        self.state.mean(split_of(place))
    }

    /// The offset, in seconds from the origin.
    pub(super) fn offset(&self) -> f64 {
        self.state.mean(OFFSET)
    }

    /// The standard deviation of the change of the rate within a second.
    pub(super) fn wander(&self) -> f64 {
        self.wander
    }

    /// The belief; the source at this place is the one whose showing counts.
    pub(super) fn belief(&self, place: usize) -> Belief {
        let (_, shown_variance, _) = self.expected(place, 0.0);
        Belief {
            offset: self.offset(),
            rate: self.state.mean(RATE),
            offset_variance: self.state.variance(OFFSET),
            rate_variance: self.state.variance(RATE),
            shown_variance,
            bias: self.state.mean(bias_of(place)),
        }
    }

    /// Takes over what another hypothesis believes, keeping its own wander, splits and weight.
    pub(super) fn reseed(&mut self, other: &Self) {
        self.state = other.state.clone();
        for place in self.places() {
            self.state
                .replace(split_of(place), self.split.mean, self.split.variance);
        }
    }

    /// All hypotheses together, as one normal distribution. The weights sum up to 1.
    pub(super) fn mixture<'a>(all: impl Iterator<Item = (&'a Self, f64)> + Clone) -> Self {
        let mut mixture = Self::new(0.0, [0.0; 2], Split::default());
        mixture.state = State::mixture(all.map(|(one, weight)| (&one.state, weight)));
        mixture
    }

    /// The offset is now `offset`; both variances grow by what is not known about the jump.
    pub(super) fn move_to(&mut self, offset: f64, variance: f64, rate_variance: f64) {
        self.state.shift(OFFSET, offset - self.offset());
        self.state.grow(OFFSET, variance);
        self.state.grow(RATE, rate_variance);
    }

    /// The offset and the rate are now these, with these variances, and nothing that was believed
    /// of them counts any more.
    pub(super) fn turn_to(&mut self, offset: (f64, f64), rate: (f64, f64)) {
        self.state.replace(OFFSET, offset.0, offset.1);
        self.state.replace(RATE, rate.0, rate.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source with a bias of 1 s, give or take, shows that the offset is 0 within a millisecond;
    /// the split of its queues is `mean`.
    fn acquainted(mean: f64) -> Hypothesis {
        let split = Split {
            mean,
            variance: 1e-9,
            memory: f64::INFINITY,
        };
        let mut hypothesis = Hypothesis::new(1e-9, [0.0, 1e-12], split);
        hypothesis.begin(0.0, 1e6);
        hypothesis.admit(0, 1.0);
        show(&mut hypothesis);
        hypothesis
    }

    /// The source shows the offset 0.
    fn show(hypothesis: &mut Hypothesis) {
        hypothesis.constrain(&[(OFFSET, 1.0), (bias_of(0), 1.0)], 1e6);
    }

    #[test]
    fn a_queue_that_was_never_empty_moves_the_offset_by_its_split() {
        for split in [-1.0, 0.0, 1.0] {
            let mut hypothesis = acquainted(split);
            assert!((hypothesis.belief(0).offset_variance - 1.0).abs() < 0.01);
            hypothesis.lower(0, 3.0, 1.0, 0.01);
            let belief = hypothesis.belief(0);
            assert!((belief.offset + 3.0 * split).abs() < 0.01, "{belief:?}");
            assert!((belief.offset_variance - 0.01).abs() < 0.001, "{belief:?}");
        }
    }

    #[test]
    fn a_shorter_path_is_believed_however_long_the_longer_one_was() {
        let mut hypothesis = acquainted(0.0);
        hypothesis.renew(0, 1.0, 9.0, 0.01);
        // It shows an offset that is 3 s less.
        hypothesis.state.shift(OFFSET, 3.0);
        show(&mut hypothesis);
        let belief = hypothesis.belief(0);
        assert!(belief.offset.abs() < 0.05, "{belief:?}");
        assert!(belief.offset_variance < 0.011, "{belief:?}");
    }
}
