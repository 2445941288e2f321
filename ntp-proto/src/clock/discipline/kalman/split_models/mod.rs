//! Models of the slow part of the delays (docs/design/clock.md §3.1): a path's queue is split
//! between requests and replies in one way or another, and a single observation does not show how.
//! Each model has a model bank of its own, and the steadiness of the clock under it, over hours,
//! decides between them.
//!
//! While no queue is seen, all models agree, and only the one without slow queues is carried on.

use super::delay_model::{Observation, outlier_weight};
use super::evidence::Evidence;
use super::filter::{KalmanFilter, Split, StateEstimate};
use super::model_bank::{ModelBank, ModelWeights, Outlook, Posteriors};
use super::places::{FurtherPath, PlaceIndex};
use super::queue::Wait;
use super::state::Gaussian;

/// Models of a slow queue: both ways alike, requests only, replies only, and a split of its own for
/// each source.
const SLOW: usize = 5;
/// All models: the first one has no slow queues.
pub(super) const MODELS: usize = 1 + SLOW;
/// A split that the model knows has this standard deviation.
const KNOWN_SPLIT: f64 = 0.003;
/// A split that it does not know, and the time in which it is forgotten, in seconds: five days.
const ANY_SPLIT: f64 = 0.5;
const SPLIT_MEMORY: [f64; 2] = [2000.0 * 86_400.0, 5.0 * 86_400.0];
/// The evidence that a model of a slow queue needs per observation to prevail, in nats: the simpler
/// model is preferred.
const PRICE: f64 = 0.15;
/// The wait is as uncertain as a middle. A model that takes it off a middle in full is given back
/// the greater part of the nats that this noise costs it per observation, once the split is known
/// this well (a standard deviation): else the middle would be preferred for its lesser noise,
/// however much the clock would have to wander.
const NOISE_CREDIT: f64 = 0.07;
const KNOWN_WELL: f64 = 0.05;
/// A model that is further behind than this takes over the common estimate if an observation of an
/// empty queue refutes it.
const HOPELESS: f64 = -12.0;
const REFUTED: f64 = -4.0;
/// A model weighs no less than this where it explains an observation that all others take for an
/// outlier; e² more than an outlier does.
const ABOVE_OUTLIERS: f64 = 4.0;
const FURTHEST: f64 = -10.0;
/// Observations of each source with an empty queue after which the models are one again.
const CALM: f64 = 32.0;
/// A model that is not further behind than this shows how steady the clock is.
const LIKELY: f64 = -6.0;
/// A model that is not further behind than this is part of the error bound.
const POSSIBLE: f64 = -12.0;

/// The sources that take part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources<'a> {
    pub(super) count: usize,
    /// The further paths of all sources.
    pub(super) paths: &'a [FurtherPath],
}

/// All models.
#[derive(Clone, Debug)]
pub(super) struct SplitModels {
    plain: ModelBank,
    slow: [ModelBank; SLOW],
    evidence: Evidence,
    /// The models of slow queues have estimates of their own.
    apart: bool,
    /// Observations of each source since the queue was last certainly not empty.
    calm: f64,
    /// The wander that was estimated when the queue appeared.
    usual: f64,
}

/// The effect that an observation would have on all models.
#[derive(Debug)]
pub(super) struct Outlooks {
    plain: Outlook,
    slow: [Option<Outlook>; SLOW],
    /// Of the delay models without slow queues.
    pub(super) posteriors: Posteriors,
    /// No model can explain it.
    pub(super) inexplicable: bool,
}

impl SplitModels {
    /// Nothing is known of the offset; the rate is `rate` with this standard deviation.
    pub(super) fn new(rate: f64, deviation: f64) -> Self {
        let known = |mean: f64| Split {
            prior: Gaussian {
                mean,
                variance: KNOWN_SPLIT * KNOWN_SPLIT,
            },
            memory: f64::INFINITY,
        };
        let [long, short] = SPLIT_MEMORY.map(|memory| Split {
            prior: Gaussian {
                mean: 0.0,
                variance: ANY_SPLIT * ANY_SPLIT,
            },
            memory,
        });
        let slow = [known(0.0), known(1.0), known(-1.0), long, short]
            .map(|split| ModelBank::slow(rate, deviation, split));
        Self {
            plain: ModelBank::new(rate, deviation),
            slow,
            evidence: Evidence::new(),
            apart: false,
            calm: 0.0,
            usual: 0.0,
        }
    }

    fn each(&mut self, act: impl Fn(&mut ModelBank)) {
        act(&mut self.plain);
        if self.apart {
            self.slow.iter_mut().for_each(act);
        }
    }

    /// See [`ModelBank::begin`].
    pub(super) fn begin(&mut self, offset: Gaussian) {
        self.each(|bank| bank.begin(offset));
    }

    /// See [`ModelBank::reset_offset`].
    pub(super) fn reset_offset(&mut self, offset: f64, variance: f64, rate_variance: f64) {
        self.each(|bank| bank.reset_offset(offset, variance, rate_variance));
    }

    /// See [`ModelBank::reset_state`].
    pub(super) fn reset_state(&mut self, offset: Gaussian, rate: Gaussian) {
        self.each(|bank| bank.reset_state(offset, rate));
    }

    /// See [`ModelBank::begin_again`].
    pub(super) fn begin_again(&mut self, offset: Gaussian, rate: Gaussian) {
        self.each(|bank| bank.begin_again(offset, rate));
    }

    /// See [`ModelBank::add_source`].
    pub(super) fn add_source(&mut self, place: PlaceIndex, lasting: f64, now: f64) {
        self.each(|bank| bank.add_source(place, lasting, now));
        self.forget(place);
    }

    /// A source whose path is at the place `of` takes another path, at this place. Its round trip
    /// differs by `difference` seconds, all of which may be in one way; models of slow queues take
    /// the rest for a queue of the same path. The bias of a `shorter` path can be expected to have
    /// the variance `lasting`.
    pub(super) fn add_path(
        &mut self,
        [place, of]: [PlaceIndex; 2],
        lasting: f64,
        difference: f64,
        shorter: bool,
    ) {
        let more = difference * difference / 4.0;
        if shorter {
            self.plain.shorten([place, of], more, lasting);
        } else {
            self.plain.double(place, of, more);
        }
        if self.apart {
            self.slow
                .iter_mut()
                .for_each(|bank| bank.double(place, of, 0.0));
        }
    }

    /// The shortest round trip of the source at this place has become less by twice `fall` seconds:
    /// so much longer than was thought its observations had waited in a queue. Its bias can be
    /// expected to have the variance `lasting`.
    pub(super) fn lower(
        &mut self,
        place: PlaceIndex,
        fall: f64,
        lasting: f64,
        paths: &[FurtherPath],
    ) {
        if self.apart && fall > 0.0 {
            for bank in &mut self.slow {
                bank.lower(place, fall, lasting);
                queue_on_one_path(bank, paths);
            }
        }
    }

    /// See [`ModelBank::renew`]; models of slow queues learn of it by [`lower`](Self::lower).
    pub(super) fn renew(&mut self, place: PlaceIndex, more: f64, lasting: f64) {
        self.plain.renew(place, more, lasting);
    }

    /// See [`ModelBank::release`].
    pub(super) fn release(&mut self, place: PlaceIndex) {
        self.each(|bank| bank.release(place));
        self.forget(place);
    }

    /// The observations of the source at this place count no longer for the models.
    fn forget(&mut self, place: PlaceIndex) {
        self.evidence.forget(place);
    }

    /// See [`ModelBank::tighten_bias_prior`].
    pub(super) fn tighten_bias_prior(&mut self, place: PlaceIndex, variance: f64) {
        self.each(|bank| bank.tighten_bias_prior(place, variance));
    }

    /// See [`ModelBank::predict`].
    pub(super) fn predict(&mut self, span: f64, several: bool) {
        self.each(|bank| bank.predict(span, several));
    }

    /// See [`ModelBank::server_noise`].
    pub(super) fn server_noise(&self, model_weights: &ModelWeights, jitter: f64) -> f64 {
        self.plain.server_noise(model_weights, jitter)
    }

    /// An observation with this wait is about to be judged. Where a queue appears, the models of
    /// slow queues begin with the estimate of the one without; `paths` are the further paths of all
    /// sources.
    pub(super) fn prepare(&mut self, wait: &Wait, paths: &[FurtherPath]) {
        if self.apart || !wait.certain {
            return;
        }
        self.apart = true;
        self.usual = self.plain.wander();
        for bank in &mut self.slow {
            bank.follow(&self.plain);
            queue_on_one_path(bank, paths);
        }
    }

    /// The effect of an observation of the source at this place, which follows `model_weights`
    /// where its queue is empty. `others` can testify against this source.
    pub(super) fn outlook(
        &self,
        place: PlaceIndex,
        observation: &Observation,
        model_weights: &ModelWeights,
        others: bool,
    ) -> Outlooks {
        let (plain, posteriors) = self.plain.outlook(place, observation, model_weights);
        let usual = self.usual_wander();
        let slow = self.slow.each_ref().map(|bank| {
            self.apart.then(|| match observation.wait.moving {
                true => bank.slow_outlook(place, observation, others, usual),
                false => bank.outlook(place, observation, model_weights).0,
            })
        });
        let least = FURTHEST.max(outlier_weight(others) + ABOVE_OUTLIERS);
        let all = std::iter::once(Some(&plain))
            .chain(slow.iter().map(Option::as_ref))
            .zip(self.evidence.weights());
        let known = all.filter_map(|(outlook, weight)| Some((outlook?, weight.max(least))));
        let best = known
            .clone()
            .map(|(one, weight)| one.log_likelihood + weight)
            .fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut outliers) = (0.0, 0.0);
        for (one, weight) in known {
            let likelihood = (one.log_likelihood + weight - best).exp();
            sum += likelihood;
            outliers += likelihood * one.outlier;
        }
        Outlooks {
            plain,
            slow,
            posteriors,
            inexplicable: outliers > 0.5 * sum,
        }
    }

    /// The wander of the clock in calm weather, beyond which models of slow queues pay: that from
    /// before the queue, unless no likely one finds the clock to be as steady. While none of them
    /// is likely, none pays.
    fn usual_wander(&self) -> f64 {
        let weights = self.evidence.weights().into_iter().skip(1);
        let likely = self.slow.iter().zip(weights);
        let least = likely
            .filter(|(_, weight)| *weight > LIKELY)
            .map(|(bank, _)| bank.wander())
            .reduce(f64::min);
        self.usual.max(least.unwrap_or(f64::INFINITY))
    }

    /// Corrects all models by an observation.
    pub(super) fn correct(
        &mut self,
        place: PlaceIndex,
        outlooks: &Outlooks,
        observation: &Observation,
        sources: Sources<'_>,
    ) {
        self.plain
            .correct(place, &outlooks.plain, observation.outlier_delay, 0.0);
        let moving = observation.wait.moving;
        let half = if moving { observation.wait.half } else { 0.0 };
        for (bank, outlook) in self.slow.iter_mut().zip(&outlooks.slow) {
            if let Some(outlook) = outlook {
                bank.correct(place, outlook, observation.outlier_delay && !moving, half);
            }
        }
        if self.apart {
            let share = 1.0 / sources.count.max(1) as f64;
            self.weigh(place, outlooks, &observation.wait, sources);
            self.calm = if observation.wait.certain {
                0.0
            } else {
                self.calm + share
            };
            if self.calm > CALM {
                self.unite(sources.paths);
            }
        }
    }

    /// Judges the models by an observation.
    fn weigh(
        &mut self,
        place: PlaceIndex,
        outlooks: &Outlooks,
        wait: &Wait,
        Sources { count, paths }: Sources<'_>,
    ) {
        let price = if wait.moving {
            PRICE - wait.steady
        } else {
            0.0
        };
        let mut log_likelihood = [outlooks.plain.log_likelihood; MODELS];
        for ((log_likelihood, outlook), credit) in log_likelihood
            .iter_mut()
            .skip(1)
            .zip(outlooks.slow.iter().flatten())
            .zip(self.credits(place, wait))
        {
            *log_likelihood = outlook.log_likelihood - price + credit;
        }
        let best = log_likelihood
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        self.evidence.add(place, log_likelihood, wait, count);
        let refuted = |(weight, log_likelihood): (f64, f64)| {
            weight < HOPELESS && log_likelihood - best < REFUTED
        };
        let all = self.evidence.weights().into_iter().zip(log_likelihood);
        if !wait.moving && all.clone().any(refuted) {
            let mixture = self.mixture();
            let mut all = all;
            if all.next().is_some_and(refuted) {
                self.plain.reseed(&mixture);
                paths_of_their_own(&mut self.plain, paths);
            }
            for (bank, _) in self
                .slow
                .iter_mut()
                .zip(all)
                .filter(|(_, one)| refuted(*one))
            {
                bank.reseed(&mixture);
                queue_on_one_path(bank, paths);
            }
        }
    }

    /// The nats that each model of a slow queue is given back for the noise of the wait.
    fn credits(&self, place: PlaceIndex, wait: &Wait) -> [f64; SLOW] {
        let [.., constant, _] = &self.slow;
        let known = 1.0 / (1.0 + constant.split_variance(place) / KNOWN_WELL.powi(2));
        let credit = if wait.moving {
            NOISE_CREDIT * known
        } else {
            0.0
        };
        self.slow
            .each_ref()
            .map(|bank| credit * bank.split(place).powi(2).min(1.0))
    }

    /// The queues have been empty for long: one model goes on, with the common estimate. Their
    /// weights are remembered.
    fn unite(&mut self, paths: &[FurtherPath]) {
        if self.evidence.weights()[0] < REFUTED {
            let mixture = self.mixture();
            self.plain.reseed(&mixture);
            paths_of_their_own(&mut self.plain, paths);
        }
        self.apart = false;
        self.calm = 0.0;
    }

    /// The banks that have an estimate of their own, each with its share.
    fn shared(&self) -> impl Iterator<Item = (&ModelBank, f64)> + Clone {
        let banks = std::iter::once(&self.plain).chain(self.slow.iter().filter(|_| self.apart));
        let sum: f64 = banks
            .clone()
            .zip(self.evidence.weights())
            .map(|(_, weight)| weight.exp())
            .sum();
        banks
            .zip(self.evidence.weights())
            .map(move |(bank, weight)| (bank, weight.exp() / sum))
    }

    fn mixture(&self) -> KalmanFilter {
        let all = self.shared().flat_map(|(bank, share)| {
            bank.weighed()
                .map(move |(one, weight)| (one, weight * share))
        });
        KalmanFilter::mixture(all)
    }

    /// The common estimate of all; the source at this place is the one whose showing counts.
    pub(super) fn estimate(&self, place: PlaceIndex) -> StateEstimate {
        self.mixture().estimate(place)
    }

    /// By how much the middle of an observation of the source at this place can be expected to be
    /// off because it waited in a slow queue, in seconds.
    pub(super) fn queued(&self, place: PlaceIndex, wait: &Wait) -> f64 {
        if !(self.apart && wait.moving) {
            return 0.0;
        }
        let slow = self.shared().skip(1);
        slow.map(|(bank, share)| share * bank.split(place) * wait.half)
            .sum()
    }

    /// The largest distance from this offset at which a model that has not been refuted estimates
    /// the clock to be, in seconds.
    pub(super) fn largest_difference(&self, offset: f64) -> f64 {
        let possible = self
            .shared()
            .zip(self.evidence.weights())
            .filter(|(_, weight)| *weight > POSSIBLE);
        possible
            .map(|((bank, _), _)| (bank.offset() - offset).abs())
            .fold(0.0, f64::max)
    }

    /// The estimated wander: the geometric mean.
    pub(super) fn wander(&self) -> f64 {
        self.shared()
            .map(|(bank, share)| share * bank.wander().ln())
            .sum::<f64>()
            .exp()
    }
}

/// Without slow queues, each further path of a source has a bias of its own: that of the shortest
/// one, give or take half of the difference.
fn paths_of_their_own(bank: &mut ModelBank, paths: &[FurtherPath]) {
    paths.iter().for_each(|path| {
        bank.double(
            path.place,
            path.shortest,
            path.difference * path.difference / 4.0,
        );
    });
}

/// To a model of slow queues, all paths of a source are one with a queue.
fn queue_on_one_path(bank: &mut ModelBank, paths: &[FurtherPath]) {
    paths
        .iter()
        .for_each(|path| bank.double(path.place, path.shortest, 0.0));
}

#[cfg(test)]
mod tests;
