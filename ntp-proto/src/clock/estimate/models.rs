//! Models of the slow part of the delays: a path's queue is split between requests and replies in
//! one way or another, and a single reading does not show how. Each model has a belief of its own
//! about the clock, and the steadiness of the clock under it, over hours, decides between them.
//!
//! While no queue is seen, all models say the same, and only the one without slow queues is carried
//! on.

use super::bank::{Bank, Laws, Outlook, Posteriors};
use super::hypothesis::{Belief, Hypothesis, SOURCES, Split};
use super::law::{Reading, outlier_weight};
use super::places::FurtherPath;
use super::queue::Wait;

/// Models of a slow queue: both ways alike, requests only, replies only, and a split of its own for
/// each source.
const SLOW: usize = 5;
/// All models: the first one has no slow queues.
const MODELS: usize = 1 + SLOW;
/// A split that the model knows has this standard deviation.
const KNOWN_SPLIT: f64 = 0.003;
/// A split that it does not know, and the time in which it is forgotten, in seconds: five days.
const ANY_SPLIT: f64 = 0.5;
const SPLIT_MEMORY: [f64; 2] = [2000.0 * 86_400.0, 5.0 * 86_400.0];
/// The logarithm of the weight of each model of a slow queue when nothing is known.
const FIRST_WEIGHTS: [f64; MODELS] = [0.0, -2.0, -6.0, -6.0, -6.0, -6.0];
/// The evidence that a model of a slow queue needs per reading to prevail, in nats: the simpler
/// model is preferred.
const PRICE: f64 = 0.15;
/// The most that one reading can say against a model, as a logarithm.
const MOST_EVIDENCE: f64 = -15.0;
/// The most that all readings of one source can say against a model where so many sources take part
/// that the others can outvote it: a source that lies within what its queue explains speaks for
/// whichever model its lie fits.
const MOST_FROM_ONE: f64 = -15.0;
const QUORUM: usize = 3;
/// Weights fade by this factor per reading of each source while a queue moves.
const FADING: f64 = 0.998;
/// What shorter waits said of the models does not count where one is so many times as long: small
/// ones are made by other causes.
const ANOTHER: f64 = 3.0;
/// No model falls further behind than this, as a logarithm.
const LEAST_WEIGHT: f64 = -80.0;
/// While the queue is empty, what is held against a model beyond this fades by that factor per
/// reading of each source: the next queue may be of another kind.
const OPEN: f64 = -3.0;
const OPENING: f64 = 0.7;
/// A model that is further behind than this takes over what all believe if a reading of an empty
/// queue refutes it.
const HOPELESS: f64 = -12.0;
const REFUTED: f64 = -4.0;
/// A model weighs no less than this where it explains a reading that all others take for an
/// outlier; e² more than an outlier does.
const ABOVE_OUTLIERS: f64 = 4.0;
const FURTHEST: f64 = -10.0;
/// Readings of each source with an empty queue after which the models are one again.
const CALM: f64 = 32.0;
/// A model that is not further behind than this is part of the error bound.
const POSSIBLE: f64 = -12.0;

/// All models.
#[derive(Clone, Debug)]
pub(super) struct Models {
    plain: Bank,
    slow: [Bank; SLOW],
    /// Logarithms; the first is that of the model without slow queues.
    weights: [f64; MODELS],
    /// The evidence against each model from the source at each place, as logarithms.
    evidence: [[f64; MODELS]; SOURCES],
    /// The models of slow queues have beliefs of their own.
    apart: bool,
    /// The longest wait by which the models were judged, in seconds; it fades as the weights do.
    judged: f64,
    /// Readings of each source since the queue was last certainly not empty.
    calm: f64,
}

/// The effect that a reading would have on all models.
#[derive(Debug)]
pub(super) struct Outlooks {
    plain: Outlook,
    slow: [Option<Outlook>; SLOW],
    /// Of the laws without slow queues.
    pub(super) posteriors: Posteriors,
    /// No model can explain it.
    pub(super) inexplicable: bool,
}

impl Models {
    /// Nothing is known of the offset; the rate is `rate` with this standard deviation.
    pub(super) fn new(rate: f64, deviation: f64) -> Self {
        let known = |mean: f64| Split {
            mean,
            variance: KNOWN_SPLIT * KNOWN_SPLIT,
            memory: f64::INFINITY,
        };
        let [long, short] = SPLIT_MEMORY.map(|memory| Split {
            mean: 0.0,
            variance: ANY_SPLIT * ANY_SPLIT,
            memory,
        });
        let slow = [known(0.0), known(1.0), known(-1.0), long, short]
            .map(|split| Bank::slow(rate, deviation, split));
        Self {
            plain: Bank::new(rate, deviation),
            slow,
            weights: FIRST_WEIGHTS,
            evidence: [[0.0; MODELS]; SOURCES],
            apart: false,
            judged: 0.0,
            calm: 0.0,
        }
    }

    fn each(&mut self, act: impl Fn(&mut Bank)) {
        act(&mut self.plain);
        if self.apart {
            self.slow.iter_mut().for_each(act);
        }
    }

    /// See [`Bank::begin`].
    pub(super) fn begin(&mut self, offset: f64, variance: f64) {
        self.each(|bank| bank.begin(offset, variance));
    }

    /// See [`Bank::move_to`].
    pub(super) fn move_to(&mut self, offset: f64, variance: f64, rate_variance: f64) {
        self.each(|bank| bank.move_to(offset, variance, rate_variance));
    }

    /// See [`Bank::turn_to`].
    pub(super) fn turn_to(&mut self, offset: (f64, f64), rate: (f64, f64)) {
        self.each(|bank| bank.turn_to(offset, rate));
    }

    /// See [`Bank::begin_again`].
    pub(super) fn begin_again(&mut self, offset: (f64, f64), rate: (f64, f64)) {
        self.each(|bank| bank.begin_again(offset, rate));
    }

    /// See [`Bank::admit`].
    pub(super) fn admit(&mut self, place: usize, lasting: f64, now: f64) {
        self.each(|bank| bank.admit(place, lasting, now));
        self.forget(place);
    }

    /// A source whose path is at the place `of` takes another path, at this place. Its round trip
    /// differs by `difference` seconds, all of which may be in one way; models of slow queues take
    /// the rest for a queue of the same path. The bias of a `shorter` path can be expected to have
    /// the variance `lasting`.
    pub(super) fn admit_path(
        &mut self,
        [place, of]: [usize; 2],
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

    /// The shortest round trip of the source at this place has become less by twice `fall`
    /// seconds: so much longer than was thought its readings had waited in a queue. Its bias can be
    /// expected to have the variance `lasting`.
    pub(super) fn lower(&mut self, place: usize, fall: f64, lasting: f64, paths: &[FurtherPath]) {
        if self.apart && fall > 0.0 {
            for bank in &mut self.slow {
                bank.lower(place, fall, lasting);
                queue_on_one_path(bank, paths);
            }
        }
    }

    /// See [`Bank::renew`]; models of slow queues learn of it by [`lower`](Self::lower).
    pub(super) fn renew(&mut self, place: usize, more: f64, lasting: f64) {
        self.plain.renew(place, more, lasting);
    }

    /// See [`Bank::release`].
    pub(super) fn release(&mut self, place: usize) {
        self.each(|bank| bank.release(place));
        self.forget(place);
    }

    /// What the source at this place has said of the models counts no longer.
    fn forget(&mut self, place: usize) {
        if let Some(evidence) = self.evidence.get_mut(place) {
            *evidence = [0.0; MODELS];
        }
    }

    /// See [`Bank::narrow`].
    pub(super) fn narrow(&mut self, place: usize, variance: f64) {
        self.each(|bank| bank.narrow(place, variance));
    }

    /// See [`Bank::predict`].
    pub(super) fn predict(&mut self, span: f64, several: bool) {
        self.each(|bank| bank.predict(span, several));
    }

    /// See [`Bank::wobble`].
    pub(super) fn wobble(&self, laws: &Laws, jitter: f64) -> f64 {
        self.plain.wobble(laws, jitter)
    }

    /// A reading with this wait is about to be judged. Where a queue appears, the models of slow
    /// queues begin with the belief of the one without; `paths` are the further paths of all
    /// sources.
    pub(super) fn prepare(&mut self, wait: &Wait, paths: &[FurtherPath]) {
        if self.apart || !wait.certain {
            return;
        }
        self.apart = true;
        for bank in &mut self.slow {
            bank.follow(&self.plain);
            queue_on_one_path(bank, paths);
        }
    }

    /// The effect of a reading of the source at this place, which follows `laws` where its queue is
    /// empty. `others` can testify against this source.
    pub(super) fn outlook(
        &self,
        place: usize,
        reading: &Reading,
        laws: &Laws,
        others: bool,
    ) -> Outlooks {
        let (plain, posteriors) = self.plain.outlook(place, reading, laws);
        let usual = self.plain.wander();
        let slow = self.slow.each_ref().map(|bank| {
            self.apart.then(|| match reading.wait.moving {
                true => bank.slow_outlook(place, reading, others, usual),
                false => bank.outlook(place, reading, laws).0,
            })
        });
        let least = FURTHEST.max(outlier_weight(others) + ABOVE_OUTLIERS);
        let all = std::iter::once(Some(&plain))
            .chain(slow.iter().map(Option::as_ref))
            .zip(self.weights);
        let known = all.filter_map(|(outlook, weight)| Some((outlook?, weight.max(least))));
        let best = known
            .clone()
            .map(|(one, weight)| one.evidence + weight)
            .fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut outliers) = (0.0, 0.0);
        for (one, weight) in known {
            let likelihood = (one.evidence + weight - best).exp();
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

    /// Takes in a reading, one of so many `sources` in turn. `paths` are the further paths of all
    /// sources.
    pub(super) fn absorb(
        &mut self,
        place: usize,
        outlooks: &Outlooks,
        reading: &Reading,
        (sources, paths): (usize, &[FurtherPath]),
    ) {
        self.plain.absorb(place, &outlooks.plain, reading.wild, 0.0);
        let moving = reading.wait.moving;
        let half = if moving { reading.wait.half } else { 0.0 };
        for (bank, outlook) in self.slow.iter_mut().zip(&outlooks.slow) {
            if let Some(outlook) = outlook {
                bank.absorb(place, outlook, reading.wild && !moving, half);
            }
        }
        if self.apart {
            let share = 1.0 / sources.max(1) as f64;
            self.weigh(place, outlooks, &reading.wait, sources, paths);
            self.calm = if reading.wait.certain {
                0.0
            } else {
                self.calm + share
            };
            if self.calm > CALM {
                self.unite(paths);
            }
        }
    }

    /// Judges the models by a reading.
    fn weigh(
        &mut self,
        place: usize,
        outlooks: &Outlooks,
        wait: &Wait,
        sources: usize,
        paths: &[FurtherPath],
    ) {
        let share = 1.0 / sources.max(1) as f64;
        let price = if wait.moving {
            PRICE - wait.steady
        } else {
            0.0
        };
        self.judged *= FADING.powf(share);
        if wait.moving && wait.half > self.judged {
            if wait.half > ANOTHER * self.judged {
                self.evidence = [[0.0; MODELS]; SOURCES];
            }
            self.judged = wait.half;
        }
        let mut evidence = [outlooks.plain.evidence; MODELS];
        for (evidence, outlook) in evidence
            .iter_mut()
            .skip(1)
            .zip(outlooks.slow.iter().flatten())
        {
            *evidence = outlook.evidence - price;
        }
        let best = evidence.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if let Some(own) = self.evidence.get_mut(place) {
            let against = evidence.map(|evidence| (evidence - best).max(MOST_EVIDENCE));
            testify(own, against, wait.moving, OPEN * share);
        }
        self.count(sources);
        let refuted =
            |(weight, evidence): (f64, f64)| weight < HOPELESS && evidence - best < REFUTED;
        let all = self.weights.into_iter().zip(evidence);
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

    /// Sums up what so many sources have said of the models.
    fn count(&mut self, sources: usize) {
        let most = if sources >= QUORUM {
            MOST_FROM_ONE
        } else {
            LEAST_WEIGHT
        };
        for (model, (weight, first)) in self.weights.iter_mut().zip(FIRST_WEIGHTS).enumerate() {
            let said = self.evidence.iter().filter_map(|one| one.get(model));
            *weight = first + said.map(|one| one.max(most)).sum::<f64>();
        }
        let heaviest = self
            .weights
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        self.weights
            .iter_mut()
            .for_each(|weight| *weight = (*weight - heaviest).max(LEAST_WEIGHT));
    }

    /// The queues have been empty for long: one model goes on, with what all believe. Their weights
    /// are remembered.
    fn unite(&mut self, paths: &[FurtherPath]) {
        if self.weights[0] < REFUTED {
            let mixture = self.mixture();
            self.plain.reseed(&mixture);
            paths_of_their_own(&mut self.plain, paths);
        }
        self.apart = false;
        self.calm = 0.0;
    }

    /// The banks that have a belief of their own, each with its share.
    fn shared(&self) -> impl Iterator<Item = (&Bank, f64)> + Clone {
        let banks = std::iter::once(&self.plain).chain(self.slow.iter().filter(|_| self.apart));
        let sum: f64 = banks
            .clone()
            .zip(self.weights)
            .map(|(_, weight)| weight.exp())
            .sum();
        banks
            .zip(self.weights)
            .map(move |(bank, weight)| (bank, weight.exp() / sum))
    }

    fn mixture(&self) -> Hypothesis {
        let all = self.shared().flat_map(|(bank, share)| {
            bank.weighed()
                .map(move |(one, weight)| (one, weight * share))
        });
        Hypothesis::mixture(all)
    }

    /// The common belief of all; the source at this place is the one whose showing counts.
    pub(super) fn belief(&self, place: usize) -> Belief {
        self.mixture().belief(place)
    }

    /// By how much the middle of a reading of the source at this place can be expected to be off
    /// because it waited in a slow queue, in seconds.
    pub(super) fn queued(&self, place: usize, wait: &Wait) -> f64 {
        if !(self.apart && wait.moving) {
            return 0.0;
        }
        let slow = self.shared().skip(1);
        slow.map(|(bank, share)| share * bank.split(place) * wait.half)
            .sum()
    }

    /// The largest distance from this offset at which a model that has not been refuted believes
    /// the clock to be, in seconds.
    pub(super) fn apart_by(&self, offset: f64) -> f64 {
        let possible = self
            .shared()
            .zip(self.weights)
            .filter(|(_, weight)| *weight > POSSIBLE);
        possible
            .map(|((bank, _), _)| (bank.offset() - offset).abs())
            .fold(0.0, f64::max)
    }

    /// The wander that is believed in: the geometric mean.
    pub(super) fn wander(&self) -> f64 {
        self.shared()
            .map(|(bank, share)| share * bank.wander().ln())
            .sum::<f64>()
            .exp()
    }
}

/// Adds a reading's evidence to what a source has said so far, which fades: towards nothing while
/// its queue moves, else towards `open`.
fn testify(own: &mut [f64; MODELS], against: [f64; MODELS], moving: bool, open: f64) {
    for (own, against) in own.iter_mut().zip(against) {
        *own = match moving {
            true => *own * FADING,
            false => own.max(open + (*own - open) * OPENING),
        } + against;
    }
    let most = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    own.iter_mut()
        .for_each(|own| *own = (*own - most).max(LEAST_WEIGHT));
}

/// Without slow queues, each further path of a source has a bias of its own: that of the shortest
/// one, give or take half of the difference.
fn paths_of_their_own(bank: &mut Bank, paths: &[FurtherPath]) {
    paths.iter().for_each(|path| {
        bank.double(
            path.place,
            path.shortest,
            path.difference * path.difference / 4.0,
        );
    });
}

/// To a model of slow queues, all paths of a source are one with a queue.
fn queue_on_one_path(bank: &mut Bank, paths: &[FurtherPath]) {
    paths
        .iter()
        .for_each(|path| bank.double(path.place, path.shortest, 0.0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::estimate::law::tests::reading;

    /// A reading whose middle is off the truth by the split times half its wait.
    fn waited(middle: f64, half: f64) -> Reading {
        let wait = Wait {
            half,
            excess: half,
            variance: 1e-10,
            moving: half > 0.0,
            certain: half > 0.0,
            ..Wait::default()
        };
        let within = half + 1e-5;
        Reading {
            wild: half > 1e-4,
            wait,
            ..reading(middle - within, middle + within)
        }
    }

    /// The models after an hour without queues, of a clock that is right and steady.
    fn acquainted() -> Models {
        let mut models = Models::new(0.0, 1e-6);
        models.begin(0.0, 1e-10);
        models.admit(0, 1e-10, 1e-10);
        (0..60).for_each(|_| observe(&mut models, 0.0, 0.0));
        models
    }

    fn observe(models: &mut Models, middle: f64, half: f64) {
        let reading = waited(middle, half);
        let mut laws = [[1.0; super::super::law::LAWS]; super::super::bank::WANDERS];
        laws.iter_mut()
            .for_each(|laws| laws[super::super::law::OUTLIER] = 1e-7);
        models.predict(64.0, false);
        models.prepare(&reading.wait, &[]);
        let outlooks = models.outlook(0, &reading, &laws, false);
        models.absorb(0, &outlooks, &reading, (1, &[]));
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
                worst = worst.max(models.belief(0).offset.abs());
            }
            assert!(worst < 1.5e-3, "{split}: {worst}");
            let after = models.belief(0).offset.abs();
            assert!(after < 1e-4, "{split}: {after}");
        }
    }

    #[test]
    fn the_bound_allows_for_every_model_that_is_possible() {
        let mut models = acquainted();
        assert_eq!(models.apart_by(models.belief(0).offset), 0.0, "one model");
        for half in ramp().take(8) {
            observe(&mut models, half, half);
            let belief = models.belief(0);
            assert!(
                models.apart_by(belief.offset) + 3.0 * belief.offset_variance.sqrt()
                    >= belief.offset.abs()
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
        let [_, alike, requests, replies, ..] = models.weights;
        assert!(
            requests > alike && requests > replies,
            "{:?}",
            models.weights
        );
        assert!(
            models.weights.iter().all(|weight| *weight > OPEN - 7.0),
            "{:?}",
            models.weights
        );
    }
}
