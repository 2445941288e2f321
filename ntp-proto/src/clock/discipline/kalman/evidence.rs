//! The evidence for and against the models of slow queues (docs/design/clock.md §3.1): log
//! likelihoods, summed up over hours and over the sources.

use super::places::{PerPlace, PlaceIndex};
use super::queue::Wait;
use super::split_models::MODELS;

/// The logarithm of the weight of each model of a slow queue when nothing is known.
const FIRST_WEIGHTS: [f64; MODELS] = [0.0, -2.0, -6.0, -6.0, -6.0, -6.0];
/// The most that one observation can say against a model, as a logarithm.
const LEAST_LOG_LIKELIHOOD: f64 = -15.0;
/// The most that all observations of one source can say against a model where so many sources take
/// part that the others can outvote it: a source that lies within what its queue explains speaks
/// for whichever model its lie fits.
const MOST_FROM_ONE: f64 = -15.0;
const QUORUM: usize = 3;
/// Weights fade by this factor per observation of each source while a queue moves.
const FADING: f64 = 0.998;
/// The likelihoods of shorter waits do not count where one is so many times as long: small
/// ones are made by other causes.
const ANOTHER: f64 = 3.0;
/// No model falls further behind than this, as a logarithm.
const LEAST_WEIGHT: f64 = -80.0;
/// While the queue is empty, what is held against a model beyond this fades by that factor per
/// observation of each source: the next queue may be of another kind.
pub(super) const OPEN: f64 = -3.0;
const OPENING: f64 = 0.7;

/// The evidence from all sources.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    /// Logarithms; the first is that of the model without slow queues.
    weights: [f64; MODELS],
    /// The evidence against each model from the source at each place, as logarithms.
    log_likelihoods: PerPlace<[f64; MODELS]>,
    /// The longest wait by which the models were judged, in seconds; it fades as the weights do.
    judged: f64,
}

impl Evidence {
    pub(super) fn new() -> Self {
        Self {
            weights: FIRST_WEIGHTS,
            log_likelihoods: PerPlace::all([0.0; MODELS]),
            judged: 0.0,
        }
    }

    /// The weight of each model, as a logarithm; that of the heaviest is 0.
    pub(super) fn weights(&self) -> [f64; MODELS] {
        self.weights
    }

    /// The observations of the source at this place count no longer.
    pub(super) fn forget(&mut self, place: PlaceIndex) {
        self.log_likelihoods[place] = [0.0; MODELS];
    }

    /// Adds the log likelihood under each model of an observation of the source at this place, one
    /// of `count`.
    pub(super) fn add(
        &mut self,
        place: PlaceIndex,
        log_likelihood: [f64; MODELS],
        wait: &Wait,
        count: usize,
    ) {
        let share = 1.0 / count.max(1) as f64;
        self.judged *= FADING.powf(share);
        if wait.moving && wait.half > self.judged {
            if wait.half > ANOTHER * self.judged {
                self.log_likelihoods = PerPlace::all([0.0; MODELS]);
            }
            self.judged = wait.half;
        }
        let best = largest(log_likelihood);
        let against = log_likelihood.map(|one| (one - best).max(LEAST_LOG_LIKELIHOOD));
        let own = &mut self.log_likelihoods[place];
        let kept = if count < QUORUM { share } else { 0.0 };
        testify(own, against, wait.moving, [OPEN * share, kept]);
        self.count(count);
    }

    /// Sums up the log likelihoods of the models over so many sources.
    fn count(&mut self, sources: usize) {
        let most = if sources >= QUORUM {
            MOST_FROM_ONE
        } else {
            LEAST_WEIGHT
        };
        for (model, (weight, first)) in self.weights.iter_mut().zip(FIRST_WEIGHTS).enumerate() {
            let said = self.log_likelihoods.iter().filter_map(|one| one.get(model));
            *weight = first + said.map(|one| one.max(most)).sum::<f64>();
        }
        let heaviest = largest(self.weights);
        self.weights
            .iter_mut()
            .for_each(|weight| *weight = (*weight - heaviest).max(LEAST_WEIGHT));
    }
}

/// Adds an observation's evidence to what a source has said so far. That fades: to nothing while
/// its queue moves, else to `open`. Evidence for a model counts up to what outweighs the share
/// `kept` of the preference for simpler ones.
fn testify(own: &mut [f64; MODELS], against: [f64; MODELS], moving: bool, [open, kept]: [f64; 2]) {
    for (own, against) in own.iter_mut().zip(against) {
        *own = match moving {
            true => *own * FADING,
            false => own.max(open + (*own - open) * OPENING),
        } + against;
    }
    let heaviest = own
        .iter()
        .zip(FIRST_WEIGHTS)
        .map(|(own, first)| own + kept * first)
        .fold(f64::NEG_INFINITY, f64::max);
    own.iter_mut()
        .for_each(|own| *own = (*own - heaviest).max(LEAST_WEIGHT));
}

fn largest(of: [f64; MODELS]) -> f64 {
    of.into_iter().fold(f64::NEG_INFINITY, f64::max)
}
