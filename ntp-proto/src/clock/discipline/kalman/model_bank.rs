//! The model bank: Kalman filters for all sizes of the oscillator's wander, weighted by the
//! likelihood of the observations under each (docs/design/clock.md §2).

use super::delay_model::{DELAY_MODELS, Mixed, Observation, Posterior, mix, server_noise};
use super::filter::{KalmanFilter, Split};
use super::places::{PerPlace, PlaceIndex};
use super::state::Gaussian;

/// The wanders that are weighed against each other: half a power of ten apart, 1e-10 to 1e-5 per
/// second.
pub(super) const WANDERS: usize = 11;
const LEAST_WANDER: f64 = 1e-10;
/// A rate of which nothing is known is within this, as a standard deviation.
const ANY_RATE: f64 = 170e-6;
/// Weights fade by this factor per observation, so that a clock may change; in a bank of a slow
/// queue by that one per minute, as the queue takes hours however often it is looked at.
const FORGETTING: f64 = 0.985;
const SLOW_FORGETTING: f64 = 0.995;
const MINUTE: f64 = 64.0;
/// The price of each decade, beyond the first half of one, by which the clock would have to wander
/// more than in calm weather, per observation and in nats.
const UNSTEADY: f64 = 1.0;
const USUAL_DECADES: f64 = 0.5;
/// The most that one observation can say against a filter, as a logarithm.
const LEAST_LOG_LIKELIHOOD: f64 = -15.0;
/// A filter this far behind is hopeless: it falls no further, and begins again with the
/// common estimate as soon as an observation refutes it.
const HOPELESS: f64 = -12.0;
/// Evidence against a filter that refutes it, as a logarithm.
const REFUTED: f64 = -4.0;
/// A bank of a slow queue leaves out every second wander.
const SLOW_STEP: usize = 2;

/// The filters.
#[derive(Clone, Debug)]
pub(super) struct ModelBank {
    filters: Vec<KalmanFilter>,
    /// The variance of each source's bias when nothing is known of it; 0 where there is none.
    biases: PerPlace<f64>,
    /// Weights fade by this factor with the next observation.
    forgetting: f64,
}

/// The weights of the delay models that a source follows, for each wander.
pub(super) type ModelWeights = [[f64; DELAY_MODELS]; WANDERS];

/// The posterior of each delay model after an observation, for each filter.
pub(super) type Posteriors = [[Posterior; DELAY_MODELS]; WANDERS];

/// The effect that an observation would have on all filters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook {
    mixed: [Mixed; WANDERS],
    /// The log likelihood of the observation under all filters together.
    pub(super) log_likelihood: f64,
    /// The share of the refusal to learn from it.
    pub(super) outlier: f64,
}

impl ModelBank {
    /// Nothing is known of the offset; the rate is `rate` with this standard deviation.
    pub(super) fn new(rate: f64, deviation: f64) -> Self {
        Self::with(rate, deviation, Split::default(), 1)
    }

    /// The same for slow queues with this split.
    pub(super) fn slow(rate: f64, deviation: f64, split: Split) -> Self {
        Self::with(rate, deviation, split, SLOW_STEP)
    }

    fn with(rate: f64, deviation: f64, split: Split, step: usize) -> Self {
        let wander = |place: usize| LEAST_WANDER * 10_f64.powf(place as f64 / 2.0);
        // The wildest clocks may have another rate than was thought.
        let variance = |place: usize| {
            if place + 2 < WANDERS {
                deviation * deviation
            } else {
                ANY_RATE * ANY_RATE
            }
        };
        let places = (0..WANDERS).step_by(step);
        let filters = places.map(|place| {
            KalmanFilter::new(
                wander(place),
                Gaussian {
                    mean: rate,
                    variance: variance(place),
                },
                split,
            )
        });
        Self {
            filters: filters.collect(),
            biases: PerPlace::all(0.0),
            forgetting: FORGETTING,
        }
    }

    /// Takes over the estimates of another bank, for each wander.
    pub(super) fn follow(&mut self, other: &Self) {
        self.biases = other.biases;
        let step = other.filters.len().div_ceil(self.filters.len());
        for (own, other) in self
            .filters
            .iter_mut()
            .zip(other.filters.iter().step_by(step))
        {
            own.reseed(other);
            own.weight = other.weight;
        }
    }

    pub(super) fn begin(&mut self, offset: Gaussian) {
        self.filters.iter_mut().for_each(|one| one.begin(offset));
    }

    /// The clock has jumped to `offset`, give or take, and its rate may have changed; what else is
    /// known stays.
    pub(super) fn reset_offset(&mut self, offset: f64, variance: f64, rate_variance: f64) {
        self.filters
            .iter_mut()
            .for_each(|one| one.reset_offset(offset, variance, rate_variance));
    }

    /// The clock has another offset and runs at another rate than was thought possible.
    pub(super) fn reset_state(&mut self, offset: Gaussian, rate: Gaussian) {
        self.filters
            .iter_mut()
            .for_each(|one| one.reset_state(offset, rate));
    }

    /// Nothing that was learnt of the clock counts any more: offset and rate, each with its
    /// variance, and any wander.
    pub(super) fn begin_again(&mut self, offset: Gaussian, rate: Gaussian) {
        self.reset_state(offset, rate);
        self.filters.iter_mut().for_each(|one| one.weight = 0.0);
    }

    /// A source takes this place. In the long run its bias has the variance `lasting`, now it may
    /// have a larger one.
    pub(super) fn add_source(&mut self, place: PlaceIndex, lasting: f64, now: f64) {
        self.biases[place] = lasting;
        self.filters
            .iter_mut()
            .for_each(|one| one.add_source(place, now));
    }

    /// The place shows the same as another one, give or take this variance.
    pub(super) fn double(&mut self, place: PlaceIndex, of: PlaceIndex, more: f64) {
        self.biases[place] = self.biases[of] + more;
        self.filters
            .iter_mut()
            .for_each(|one| one.double(place, of, more));
    }

    /// The place is empty again: what its source said stays in the state of the clock.
    pub(super) fn release(&mut self, place: PlaceIndex) {
        self.add_source(place, 0.0, 0.0);
    }

    /// The place shows what a place of a longer path showed, give or take the variance `more`; its
    /// own bias has the variance `lasting`. What was expected of the bias of the longer path is
    /// withdrawn.
    pub(super) fn shorten(&mut self, [place, of]: [PlaceIndex; 2], more: f64, lasting: f64) {
        self.double(place, of, 0.0);
        self.renew(place, more, lasting);
        self.biases[of] = lasting + more;
    }

    /// The bias at this place may have changed by something of the variance `more`, and what was
    /// expected of it was wrong: it has the variance `lasting`.
    pub(super) fn renew(&mut self, place: PlaceIndex, more: f64, lasting: f64) {
        let before = std::mem::replace(&mut self.biases[place], lasting);
        self.filters
            .iter_mut()
            .for_each(|one| one.renew(place, before, more, lasting));
    }

    /// See [`KalmanFilter::lower`].
    pub(super) fn lower(&mut self, place: PlaceIndex, fall: f64, lasting: f64) {
        let before = std::mem::replace(&mut self.biases[place], lasting);
        self.filters
            .iter_mut()
            .for_each(|one| one.lower(place, fall, before, lasting));
    }

    /// The bias at this place can be expected to be smaller than was thought.
    pub(super) fn tighten_bias_prior(&mut self, place: PlaceIndex, variance: f64) {
        let known = self.biases[place];
        if variance < known * 0.7 {
            let news = 1.0 / (1.0 / variance - 1.0 / known);
            self.biases[place] = variance;
            self.filters
                .iter_mut()
                .for_each(|one| one.constrain_bias(place, news));
        }
    }

    /// `span` seconds pass. Biases only change where there are `several` sources: one alone cannot
    /// distinguish a change of its bias from one of the clock.
    pub(super) fn predict(&mut self, span: f64, several: bool) {
        let changing = if several {
            self.biases
        } else {
            PerPlace::all(0.0)
        };
        self.filters
            .iter_mut()
            .for_each(|one| one.predict(span, &changing));
        if self.is_slow() {
            self.forgetting = SLOW_FORGETTING.powf((span / MINUTE).clamp(0.0, 1.0));
        }
    }

    /// True if it belongs to a slow queue.
    fn is_slow(&self) -> bool {
        self.filters.len() < WANDERS
    }

    /// The effect of an observation of the source at this place, which follows `model_weights`; and
    /// what each delay model makes of it.
    pub(super) fn outlook(
        &self,
        place: PlaceIndex,
        observation: &Observation,
        model_weights: &ModelWeights,
    ) -> (Outlook, Posteriors) {
        let mut posteriors = [[Posterior::default(); DELAY_MODELS]; WANDERS];
        let mut mixed = [Mixed::default(); WANDERS];
        let step = WANDERS.div_ceil(self.filters.len());
        let slots = posteriors.iter_mut().zip(&mut mixed);
        for ((posteriors, mixed), (one, model_weights)) in
            slots.zip(self.filters.iter().zip(model_weights.iter().step_by(step)))
        {
            *posteriors = one.posteriors(place, observation);
            *mixed = mix(posteriors, model_weights);
        }
        (self.sum_up(mixed), posteriors)
    }

    /// The same if it has waited in a slow queue. `others` can testify against this source. In
    /// calm weather the clock wanders by `usual`.
    pub(super) fn slow_outlook(
        &self,
        place: PlaceIndex,
        observation: &Observation,
        others: bool,
        usual: f64,
    ) -> Outlook {
        let mut mixed = [Mixed::default(); WANDERS];
        for (mixed, one) in mixed.iter_mut().zip(&self.filters) {
            *mixed = one.slow(place, observation, others);
            let decades = (one.wander() / usual).log10() - USUAL_DECADES;
            mixed.log_likelihood -= UNSTEADY * decades.max(0.0);
        }
        self.sum_up(mixed)
    }

    fn sum_up(&self, mixed: [Mixed; WANDERS]) -> Outlook {
        let known = mixed.iter().zip(self.weights());
        let best = known
            .clone()
            .map(|(one, _)| one.log_likelihood)
            .fold(f64::NEG_INFINITY, f64::max);
        let (mut all, mut outliers) = (0.0, 0.0);
        for (one, weight) in known {
            let likelihood = weight * (one.log_likelihood - best).exp();
            all += likelihood;
            outliers += likelihood * one.outlier;
        }
        Outlook {
            mixed,
            log_likelihood: best + all.ln(),
            outlier: outliers / all,
        }
    }

    /// The expected variance of the server noise, given the weights of the delay models.
    pub(super) fn server_noise(&self, model_weights: &ModelWeights, jitter: f64) -> f64 {
        self.weights()
            .iter()
            .zip(model_weights)
            .map(|(weight, model_weights)| weight * server_noise(model_weights, jitter))
            .sum()
    }

    /// Takes in an observation that waited in a queue for twice `half` seconds in both ways
    /// together. If its delay was an outlier, it says nothing about the wander.
    pub(super) fn correct(
        &mut self,
        place: PlaceIndex,
        outlook: &Outlook,
        outlier_delay: bool,
        half: f64,
    ) {
        for (one, mixed) in self.filters.iter_mut().zip(&outlook.mixed) {
            one.correct(place, mixed, half);
        }
        if !outlier_delay {
            self.weigh(outlook.mixed.map(|mixed| mixed.log_likelihood));
        }
    }

    fn weigh(&mut self, log_likelihood: [f64; WANDERS]) {
        let known = log_likelihood.iter().copied().take(self.filters.len());
        let best = known.fold(f64::NEG_INFINITY, f64::max);
        for (one, log_likelihood) in self.filters.iter_mut().zip(log_likelihood) {
            one.weight =
                one.weight * self.forgetting + (log_likelihood - best).max(LEAST_LOG_LIKELIHOOD);
        }
        let heaviest = self
            .filters
            .iter()
            .map(|one| one.weight)
            .fold(f64::NEG_INFINITY, f64::max);
        self.filters
            .iter_mut()
            .for_each(|one| one.weight -= heaviest);
        let refuted = |one: &KalmanFilter, log_likelihood: f64| {
            one.weight < HOPELESS && log_likelihood - best < REFUTED
        };
        if self
            .filters
            .iter()
            .zip(log_likelihood)
            .any(|(one, log_likelihood)| refuted(one, log_likelihood))
        {
            let mixture = self.mixture();
            for (one, log_likelihood) in self.filters.iter_mut().zip(log_likelihood) {
                if refuted(one, log_likelihood) {
                    one.reseed(&mixture);
                }
            }
        }
        self.filters
            .iter_mut()
            .for_each(|one| one.weight = one.weight.max(HOPELESS));
    }

    fn weights(&self) -> [f64; WANDERS] {
        let mut weights = [0.0; WANDERS];
        for (weight, one) in weights.iter_mut().zip(&self.filters) {
            *weight = one.weight.exp();
        }
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        weights
    }

    /// All filters with their shares.
    pub(super) fn weighed(&self) -> impl Iterator<Item = (&KalmanFilter, f64)> + Clone {
        self.filters.iter().zip(self.weights())
    }

    /// All filters take over this estimate, and keep their wanders and weights.
    pub(super) fn reseed(&mut self, mixture: &KalmanFilter) {
        self.filters.iter_mut().for_each(|one| one.reseed(mixture));
    }

    fn mixture(&self) -> KalmanFilter {
        KalmanFilter::mixture(self.weighed())
    }

    /// The estimated offset, in seconds.
    pub(super) fn offset(&self) -> f64 {
        self.weighed()
            .map(|(one, weight)| weight * one.offset())
            .sum()
    }

    /// The split of the queues of the source at this place.
    pub(super) fn split(&self, place: PlaceIndex) -> f64 {
        self.weighed()
            .map(|(one, weight)| weight * one.split(place))
            .sum()
    }

    /// The variance of that split.
    pub(super) fn split_variance(&self, place: PlaceIndex) -> f64 {
        self.weighed()
            .map(|(one, weight)| weight * one.split_variance(place))
            .sum()
    }

    /// The estimated wander: the geometric mean.
    pub(super) fn wander(&self) -> f64 {
        self.weighed()
            .map(|(one, weight)| weight * one.wander().ln())
            .sum::<f64>()
            .exp()
    }
}
