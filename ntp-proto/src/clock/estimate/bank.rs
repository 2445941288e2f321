//! All hypotheses about the oscillator, weighed by how well each one foresees the readings.

/// The price of each decade, beyond the first one, by which the clock would have to wander more
/// than in calm weather, per reading and in nats.
const UNSTEADY: f64 = 0.4;

use super::hypothesis::{Hypothesis, SOURCES, Split};
use super::law::{LAWS, Mixed, Posterior, Reading, mix, wobble};

/// The wanders that are weighed against each other: half a power of ten apart, 1e-10 to 1e-5 per
/// second.
pub(super) const WANDERS: usize = 11;
const LEAST_WANDER: f64 = 1e-10;
/// A rate of which nothing is known is within this, as a standard deviation.
const ANY_RATE: f64 = 170e-6;
/// Weights fade by this factor per reading, so that a clock may change.
const FORGETTING: f64 = 0.985;
/// The most that one reading can say against a hypothesis, as a logarithm.
const MOST_EVIDENCE: f64 = -15.0;
/// A hypothesis this far behind is hopeless: it falls no further, and begins anew with what all
/// together believe as soon as a reading refutes it.
const HOPELESS: f64 = -12.0;
/// Evidence against a hypothesis that refutes it, as a logarithm.
const REFUTED: f64 = -4.0;
/// A bank of a slow queue leaves out every second wander.
const SLOW_STEP: usize = 2;

/// The hypotheses.
#[derive(Clone, Debug)]
pub(super) struct Bank {
    hypotheses: Vec<Hypothesis>,
    /// The variance of each source's bias when nothing is known of it; 0 where there is none.
    biases: [f64; SOURCES],
}

/// The weights of the laws that a source follows, for each wander.
pub(super) type Laws = [[f64; LAWS]; WANDERS];

/// The posterior of each law after a reading, for each hypothesis.
pub(super) type Posteriors = [[Posterior; LAWS]; WANDERS];

/// The effect that a reading would have on all hypotheses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook {
    mixed: [Mixed; WANDERS],
    /// The logarithm of the density of the reading, as all together foresaw it.
    pub(super) evidence: f64,
    /// The share of the refusal to learn from it.
    pub(super) outlier: f64,
}

impl Bank {
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
        let hypotheses =
            places.map(|place| Hypothesis::new(wander(place), [rate, variance(place)], split));
        Self {
            hypotheses: hypotheses.collect(),
            biases: [0.0; SOURCES],
        }
    }

    /// Takes over the beliefs of another bank, for each wander.
    pub(super) fn follow(&mut self, other: &Self) {
        self.biases = other.biases;
        let step = other.hypotheses.len().div_ceil(self.hypotheses.len());
        for (own, other) in self
            .hypotheses
            .iter_mut()
            .zip(other.hypotheses.iter().step_by(step))
        {
            own.reseed(other);
            own.weight = other.weight;
        }
    }

    pub(super) fn begin(&mut self, offset: f64, variance: f64) {
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.begin(offset, variance));
    }

    /// The clock has jumped to `offset`, give or take, and its rate may have changed; what else is
    /// known stays.
    pub(super) fn move_to(&mut self, offset: f64, variance: f64, rate_variance: f64) {
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.move_to(offset, variance, rate_variance));
    }

    /// The clock has another offset and runs at another rate than was thought possible; each comes
    /// with its variance.
    pub(super) fn turn_to(&mut self, offset: (f64, f64), rate: (f64, f64)) {
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.turn_to(offset, rate));
    }

    /// Nothing that was learnt of the clock counts any more: offset and rate, each with its
    /// variance, and any wander.
    pub(super) fn begin_again(&mut self, offset: (f64, f64), rate: (f64, f64)) {
        self.turn_to(offset, rate);
        self.hypotheses.iter_mut().for_each(|one| one.weight = 0.0);
    }

    /// A source takes this place. In the long run its bias has the variance `lasting`, now it may
    /// have a larger one.
    pub(super) fn admit(&mut self, place: usize, lasting: f64, now: f64) {
        if let Some(bias) = self.biases.get_mut(place) {
            *bias = lasting;
        }
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.admit(place, now));
    }

    /// The place shows the same as another one, give or take this variance.
    pub(super) fn double(&mut self, place: usize, of: usize, more: f64) {
        let known = self.biases.get(of).copied().unwrap_or_default();
        if let Some(bias) = self.biases.get_mut(place) {
            *bias = known + more;
        }
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.double(place, of, more));
    }

    /// The place is empty again: what its source said stays in what is believed of the clock.
    pub(super) fn release(&mut self, place: usize) {
        self.admit(place, 0.0, 0.0);
    }

    /// The place shows what a place of a longer path showed, give or take the variance `more`; its
    /// own bias has the variance `lasting`. What was expected of the bias of the longer path is
    /// withdrawn.
    pub(super) fn shorten(&mut self, [place, of]: [usize; 2], more: f64, lasting: f64) {
        self.double(place, of, 0.0);
        self.renew(place, more, lasting);
        if let Some(longer) = self.biases.get_mut(of) {
            *longer = lasting + more;
        }
    }

    /// The bias at this place may have changed by something of the variance `more`, and what was
    /// expected of it was wrong: it has the variance `lasting`.
    pub(super) fn renew(&mut self, place: usize, more: f64, lasting: f64) {
        let Some(known) = self.biases.get_mut(place) else {
            return;
        };
        let before = std::mem::replace(known, lasting);
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.renew(place, before, more, lasting));
    }

    /// See [`Hypothesis::lower`].
    pub(super) fn lower(&mut self, place: usize, fall: f64, lasting: f64) {
        let Some(known) = self.biases.get_mut(place) else {
            return;
        };
        let before = std::mem::replace(known, lasting);
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.lower(place, fall, before, lasting));
    }

    /// The bias at this place can be expected to be smaller than was thought.
    pub(super) fn narrow(&mut self, place: usize, variance: f64) {
        let Some(known) = self
            .biases
            .get_mut(place)
            .filter(|known| variance < **known * 0.7)
        else {
            return;
        };
        let news = 1.0 / (1.0 / variance - 1.0 / *known);
        *known = variance;
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.pull(place, news));
    }

    /// `span` seconds pass. Biases only change where there are `several` sources: one alone cannot
    /// tell a change of its bias from one of the clock.
    pub(super) fn predict(&mut self, span: f64, several: bool) {
        let changing = if several { self.biases } else { [0.0; SOURCES] };
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.predict(span, &changing));
    }

    /// The effect of a reading of the source at this place, which follows `laws`; and what each law
    /// makes of it.
    pub(super) fn outlook(
        &self,
        place: usize,
        reading: &Reading,
        laws: &Laws,
    ) -> (Outlook, Posteriors) {
        let mut posteriors = [[Posterior::default(); LAWS]; WANDERS];
        let mut mixed = [Mixed::default(); WANDERS];
        let step = WANDERS.div_ceil(self.hypotheses.len());
        let slots = posteriors.iter_mut().zip(&mut mixed);
        for ((posteriors, mixed), (one, laws)) in
            slots.zip(self.hypotheses.iter().zip(laws.iter().step_by(step)))
        {
            *posteriors = one.posteriors(place, reading);
            *mixed = mix(posteriors, laws);
        }
        (self.sum_up(mixed), posteriors)
    }

    /// The same if it has waited in a slow queue. `others` can testify against this source. In
    /// calm weather the clock wanders by `usual`.
    pub(super) fn slow_outlook(
        &self,
        place: usize,
        reading: &Reading,
        others: bool,
        usual: f64,
    ) -> Outlook {
        let mut mixed = [Mixed::default(); WANDERS];
        for (mixed, one) in mixed.iter_mut().zip(&self.hypotheses) {
            *mixed = one.slow(place, reading, others);
            let decades = (one.wander() / usual).log10() - 1.0;
            mixed.evidence -= UNSTEADY * decades.max(0.0);
        }
        self.sum_up(mixed)
    }

    fn sum_up(&self, mixed: [Mixed; WANDERS]) -> Outlook {
        let known = mixed.iter().zip(self.weights());
        let best = known
            .clone()
            .map(|(one, _)| one.evidence)
            .fold(f64::NEG_INFINITY, f64::max);
        let (mut all, mut outliers) = (0.0, 0.0);
        for (one, weight) in known {
            let likelihood = weight * (one.evidence - best).exp();
            all += likelihood;
            outliers += likelihood * one.outlier;
        }
        Outlook {
            mixed,
            evidence: best + all.ln(),
            outlier: outliers / all,
        }
    }

    /// The variance of what the server of a link may wobble by, going by the weights of its `laws`.
    pub(super) fn wobble(&self, laws: &Laws, jitter: f64) -> f64 {
        self.weights()
            .iter()
            .zip(laws)
            .map(|(weight, laws)| weight * wobble(laws, jitter))
            .sum()
    }

    /// Takes in a reading that waited in a queue for twice `half` seconds in both ways together. If
    /// it was wild, it says nothing about the wander.
    pub(super) fn absorb(&mut self, place: usize, outlook: &Outlook, wild: bool, half: f64) {
        for (one, mixed) in self.hypotheses.iter_mut().zip(&outlook.mixed) {
            one.absorb(place, mixed, half);
        }
        if !wild {
            self.weigh(outlook.mixed.map(|mixed| mixed.evidence));
        }
    }

    fn weigh(&mut self, evidence: [f64; WANDERS]) {
        let known = evidence.iter().copied().take(self.hypotheses.len());
        let best = known.fold(f64::NEG_INFINITY, f64::max);
        for (one, evidence) in self.hypotheses.iter_mut().zip(evidence) {
            one.weight = one.weight * FORGETTING + (evidence - best).max(MOST_EVIDENCE);
        }
        let heaviest = self
            .hypotheses
            .iter()
            .map(|one| one.weight)
            .fold(f64::NEG_INFINITY, f64::max);
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.weight -= heaviest);
        let refuted =
            |one: &Hypothesis, evidence: f64| one.weight < HOPELESS && evidence - best < REFUTED;
        if self
            .hypotheses
            .iter()
            .zip(evidence)
            .any(|(one, evidence)| refuted(one, evidence))
        {
            let mixture = self.mixture();
            for (one, evidence) in self.hypotheses.iter_mut().zip(evidence) {
                if refuted(one, evidence) {
                    one.reseed(&mixture);
                }
            }
        }
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.weight = one.weight.max(HOPELESS));
    }

    fn weights(&self) -> [f64; WANDERS] {
        let mut weights = [0.0; WANDERS];
        for (weight, one) in weights.iter_mut().zip(&self.hypotheses) {
            *weight = one.weight.exp();
        }
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        weights
    }

    /// All hypotheses with their shares.
    pub(super) fn weighed(&self) -> impl Iterator<Item = (&Hypothesis, f64)> + Clone {
        self.hypotheses.iter().zip(self.weights())
    }

    /// All hypotheses take over this belief, and keep their wanders and weights.
    pub(super) fn reseed(&mut self, mixture: &Hypothesis) {
        self.hypotheses
            .iter_mut()
            .for_each(|one| one.reseed(mixture));
    }

    fn mixture(&self) -> Hypothesis {
        Hypothesis::mixture(self.weighed())
    }

    /// The offset that is believed in, in seconds.
    pub(super) fn offset(&self) -> f64 {
        self.weighed()
            .map(|(one, weight)| weight * one.offset())
            .sum()
    }

    /// The split of the queues of the source at this place.
    pub(super) fn split(&self, place: usize) -> f64 {
        self.weighed()
            .map(|(one, weight)| weight * one.split(place))
            .sum()
    }

    /// The wander: the geometric mean.
    pub(super) fn wander(&self) -> f64 {
        self.weighed()
            .map(|(one, weight)| weight * one.wander().ln())
            .sum::<f64>()
            .exp()
    }
}
