//! What is known about the path to one source: its shortest round trip, how much longer they usually take, and which law
//! the delays follow.

use super::bank::WANDERS;
use super::law::{LAWS, OUTLIER, Posterior, Reading, WOBBLING, slopes};
use crate::clock::measurement::Measurement;
use crate::time::Seconds;

/// Round trips from which the usual one is found.
const RECENT: usize = 128;
/// Round trips per block of which only the shortest is remembered, and such blocks: a shortest round trip is forgotten
/// after between 448 and 512 others.
const BLOCK: usize = 64;
const BLOCKS: usize = 8;
/// The sum of two exponential delays of mean 1 is above this half of the time.
const MEDIAN_OF_SUM: f64 = 1.678;
/// A round trip that takes this many times longer than the usual one, beyond the shortest, is wild.
const WILD: f64 = 4.0;
/// Weights of laws fade by this factor per reading, so that a link may change.
const FORGETTING: f64 = 0.985;
/// No law falls further behind than this, as a logarithm.
const LEAST_WEIGHT: f64 = -10.0;
/// A server is believed to wobble only if nothing else explains what it says, and that for some time: else a clock that
/// changes would be mistaken for it. The weight of that belief falls further, and grows by no more than this per reading.
const LEAST_WOBBLE: f64 = -14.0;
const WOBBLE_GAIN: f64 = 2.0;
/// The weight of the refusal to learn, as a logarithm. A lone source must be able to tell that the clock has changed: one
/// reading in 10⁷ may be anything. Where others can testify, a reading that contradicts them rather is its source's fault
/// than the clock's, and this weighs more than the hypotheses that are all but given up.
const OUTLIER_ALONE: f64 = -17.0;
const OUTLIER_AMONG_OTHERS: f64 = -9.0;
/// Where outliers may lie, in jitters.
const OUTLIER_REACH: f64 = 10.0;
/// Readings before the jitter is known; until then it is taken to be this share of the round trip at least.
const FEW: usize = 8;
const FIRST_JITTER: f64 = 0.25;
/// Wild round trips in a row that, if they are alike, make a new path.
const NEW_PATH: usize = 6;
/// How alike they must be: their range, in units of how much longer than before they take.
const ALIKE: f64 = 0.3;
/// Readings after which a much shorter round trip is a new path and no luck.
const ACQUAINTED: usize = 16;
/// The share of a server's precision by which its timestamps are typically off: most servers are better than they say.
const GRAIN_SHARE: f64 = 0.25;
/// No precision is believed to be worse than this.
const COARSEST_GRAIN: Seconds = Seconds::new(1e-3);
/// No jitter is believed to be smaller than this, in seconds.
const LEAST_JITTER: f64 = 1e-8;

/// The path to one source.
#[derive(Clone, Debug)]
pub(super) struct Link {
    recent: [f64; RECENT],
    seen: usize,
    /// The shortest round trips of the last blocks, newest first.
    shortest: [f64; BLOCKS],
    /// Logarithms of the weights of the laws, for each size of wander: what looks like noise to one looks like a changing
    /// clock to another.
    weights: [[f64; LAWS]; WANDERS],
    /// The wild round trips in a row that have come last: how many, and their range.
    wild: (usize, f64, f64),
    jitter: f64,
}

/// Round trips, summed up.
#[derive(Clone, Copy, Debug)]
struct Summary {
    shortest: f64,
    /// How much longer than the shortest one they take in the middle.
    median: f64,
    /// The standard deviation of one way, if the noise is Gaussian.
    sigma: f64,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            recent: [0.0; RECENT],
            seen: 0,
            shortest: [f64::INFINITY; BLOCKS],
            weights: [[0.0; LAWS]; WANDERS],
            wild: (0, 0.0, 0.0),
            jitter: LEAST_JITTER,
        }
    }

    /// The shortest round trip, in seconds.
    pub(super) fn shortest(&self) -> f64 {
        self.shortest.iter().copied().fold(f64::INFINITY, f64::min).max(0.0)
    }

    /// The weights of the laws for each size of wander; they sum up to 1. `others` can testify against this source.
    pub(super) fn weights(&self, others: bool) -> [[f64; LAWS]; WANDERS] {
        let outlier = if others { OUTLIER_AMONG_OTHERS } else { OUTLIER_ALONE };
        self.weights.map(|mut weights| {
            weights[OUTLIER] = outlier;
            let mut weights = weights.map(f64::exp);
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
            weights
        })
    }

    /// Takes in how well each law had foreseen a reading, given each size of wander.
    pub(super) fn weigh(&mut self, outlook: &[[Posterior; LAWS]; WANDERS]) {
        for (weights, posteriors) in self.weights.iter_mut().zip(outlook) {
            weigh(weights, posteriors);
        }
    }

    /// A reading could not be explained: perhaps the server wobbles.
    pub(super) fn suspect_wobble(&mut self) {
        for weights in &mut self.weights {
            let wobbling = weights.iter_mut().enumerate().filter(|(law, _)| WOBBLING.contains(law));
            wobbling.for_each(|(_, weight)| *weight = (*weight + WOBBLE_GAIN).min(0.0));
        }
    }

    /// The usual one-way delay beyond the base, in seconds, if both ways are alike.
    pub(super) fn jitter(&self) -> f64 {
        self.jitter
    }

    /// What the base delay may still be wrong by, in seconds: all readings share that error, so that they do not average it
    /// out.
    pub(super) fn unsure(&self) -> f64 {
        0.5 * self.jitter / self.remembered().sqrt()
    }

    fn scale(&self, summary: &Summary) -> f64 {
        // The shortest of n round trips is itself late by about 1.25 J / √n.
        let n = self.remembered().sqrt();
        let unsure = 1.0 - (self.seen.min(FEW) as f64) / FEW as f64;
        summary.median / (MEDIAN_OF_SUM - 1.25 / n).max(0.5) + unsure * FIRST_JITTER * summary.shortest + LEAST_JITTER
    }

    /// Whether a round trip fits to this path: it is not shorter than any before by more than luck explains.
    pub(super) fn admits(&self, round_trip: f64) -> bool {
        let luck = 2.0 * MEDIAN_OF_SUM * self.jitter + 0.05 * self.shortest();
        round_trip >= self.shortest() - luck.min(0.5 * self.shortest())
    }

    /// Whether there have been enough round trips to know the path.
    pub(super) fn is_known(&self) -> bool {
        self.seen >= ACQUAINTED
    }

    /// Whether the last round trips were all much longer than before, and alike: then they took another path.
    pub(super) fn has_another_path(&self) -> bool {
        let (count, low, high) = self.wild;
        count >= NEW_PATH && high - low < ALIKE * (low - self.shortest())
    }

    /// Those round trips have found a path of their own.
    pub(super) fn hand_over(&mut self) {
        self.wild = (0, 0.0, 0.0);
    }

    fn remembered(&self) -> f64 {
        self.seen.clamp(1, BLOCK * (BLOCKS - 1)) as f64
    }

    /// Learns from an exchange and tells what it says about the clock. `outbound` and `inbound` are its readings in seconds
    /// from the origin, at the time when the reply arrived. `steps` is the size of the steps of the server's clock, in
    /// seconds, beyond the precision that it claims.
    pub(super) fn read(&mut self, outbound: f64, inbound: f64, measurement: &Measurement, steps: f64) -> Reading {
        let round_trip = (outbound - inbound).max(0.0);
        self.push(round_trip);
        let summary = self.summary();
        let jitter = self.scale(&summary);
        self.jitter = jitter;
        let n = self.remembered();
        let grain = GRAIN_SHARE * measurement.root.precision.seconds().min(COARSEST_GRAIN).to_f64();
        let early = if self.seen == 1 { summary.shortest / 2.0 } else { 0.0 };
        let slack = 0.63 * jitter / n.sqrt() + 0.01 * jitter + grain + early + steps / 2.0;
        let base = summary.shortest / 2.0;
        let few = self.seen < FEW;
        let wild = !few && round_trip - summary.shortest > WILD * MEDIAN_OF_SUM * jitter + 2.0 * grain;
        self.count_wild(wild, round_trip);
        let (low, high) = (inbound + base - slack, outbound - base + slack);
        Reading {
            low,
            high,
            slopes: slopes(MEDIAN_OF_SUM * jitter + 1e-9, (high - low).max(1e-12)),
            variance: 0.5 * if few { jitter * jitter } else { summary.sigma.powi(2).max(jitter * jitter / 50.0) },
            jitter,
            soft: 1.4 * jitter / n.sqrt(),
            reach: (high - low).max(0.0) + OUTLIER_REACH * jitter,
            // The steps matter where they are larger than what delays do.
            coarse: if steps > jitter { steps * steps / 12.0 } else { 0.0 },
            wild,
        }
    }

    fn count_wild(&mut self, wild: bool, round_trip: f64) {
        let (count, low, high) = self.wild;
        self.wild = match (wild, count) {
            (false, _) => (0, 0.0, 0.0),
            (true, 0) => (1, round_trip, round_trip),
            (true, _) => (count + 1, low.min(round_trip), high.max(round_trip)),
        };
    }

    fn push(&mut self, round_trip: f64) {
        if self.seen.is_multiple_of(BLOCK) {
            self.shortest.rotate_right(1);
            self.shortest[0] = f64::INFINITY;
        }
        self.shortest[0] = self.shortest[0].min(round_trip);
        if let Some(slot) = self.recent.get_mut(self.seen % RECENT) {
            *slot = round_trip;
        }
        self.seen += 1;
    }

    fn summary(&self) -> Summary {
        let mut sorted = self.recent;
        let Some(known) = sorted.get_mut(..self.seen.min(RECENT)).filter(|known| !known.is_empty()) else {
            return Summary { shortest: 0.0, median: 0.0, sigma: 0.0 };
        };
        let middle = known.len() / 2;
        let median = *known.select_nth_unstable_by(middle, f64::total_cmp).1;
        known.iter_mut().for_each(|round_trip| *round_trip = (*round_trip - median).abs());
        let deviation = *known.select_nth_unstable_by(middle, f64::total_cmp).1;
        let shortest = self.shortest();
        // If there are only two, the longer one may have been held up: it does not make the other one doubtful.
        let most = if middle == 1 { shortest / 4.0 } else { f64::INFINITY };
        Summary {
            shortest,
            median: (median - shortest).clamp(0.0, most),
            sigma: 1.4826 * deviation / std::f64::consts::SQRT_2,
        }
    }
}

fn weigh(weights: &mut [f64; LAWS], posteriors: &[Posterior; LAWS]) {
    let wobbles = |law: usize| WOBBLING.contains(&law);
    let best_of = |wobbling: bool| {
        let own = posteriors.iter().enumerate().filter(|(law, _)| *law != OUTLIER && wobbles(*law) == wobbling);
        own.map(|(_, posterior)| posterior.evidence).fold(f64::NEG_INFINITY, f64::max)
    };
    let (ordinary, wobbling) = (best_of(false), best_of(true));
    // What the best law of a wobbling server gains on the others at most.
    let gain = (wobbling - ordinary).min(WOBBLE_GAIN);
    for (law, (weight, posterior)) in weights.iter_mut().zip(posteriors).enumerate() {
        let behind = if wobbles(law) { posterior.evidence - wobbling + gain } else { posterior.evidence - ordinary };
        *weight = *weight * FORGETTING + behind.max(LEAST_WEIGHT);
    }
    weights[OUTLIER] = f64::NEG_INFINITY;
    let best = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for (law, weight) in weights.iter_mut().enumerate() {
        *weight = (*weight - best).max(if wobbles(law) { LEAST_WOBBLE } else { LEAST_WEIGHT });
    }
}
