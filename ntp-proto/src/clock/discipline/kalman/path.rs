//! The path to one source (docs/design/clock.md §3): its shortest round trip, how much longer they
//! usually take, and the weights of the delay models.

use super::delay_model::{
    DELAY_MODELS, OUTLIER, Observation, Posterior, SERVER_NOISE, outlier_weight, slopes,
};
use super::model_bank::WANDERS;
use super::queue::Wait;
use super::shortest::{REMEMBERED, RoundTrip, Shortest};
use crate::clock::measurement::Measurement;
use crate::time::Seconds;

/// Round trips from which the usual one is found.
const RECENT: usize = 128;
/// A path may have become better: of fewer round trips, the usual one is below so many times their
/// median, or their longest if there are four only, by the law of exponential delays in all
/// but one of fifty cases.
const FEWER: [(usize, f64); 2] = [(32, 1.5), (16, 2.0)];
const FEWEST: (usize, f64) = (4, 4.0);
/// The sum of two exponential delays of mean 1 is above this half of the time.
const MEDIAN_OF_SUM: f64 = 1.678;
/// A round trip that takes this many times longer than the usual one, beyond the shortest, is
/// an outlier.
const OUTLIER_DELAY: f64 = 4.0;
/// Weights of delay models fade by this factor per observation, so that a path may change.
const FORGETTING: f64 = 0.985;
/// No delay model falls further behind than this, as a logarithm.
const LEAST_WEIGHT: f64 = -10.0;
/// A server is taken to be noisy only if nothing else explains what it says, and that for some
/// time: else a clock that changes would be mistaken for it. The weight of that model falls
/// further, and grows by no more than this per observation.
const LEAST_SERVER_NOISE: f64 = -14.0;
const SERVER_NOISE_GAIN: f64 = 2.0;
/// The range of outliers, in jitters.
const OUTLIER_REACH: f64 = 10.0;
/// Observations before the jitter is known; until then it is taken to be this share of the round
/// trip at least.
const FEW: usize = 8;
const FIRST_JITTER: f64 = 0.25;
/// Wild round trips in a row that, if they are alike, make a new path.
const NEW_PATH: usize = 6;
/// Their range, at most, in units of how much longer than before they take.
const ALIKE: f64 = 0.3;
/// Observations after which a single one that is too short is no path.
const FAMILIAR: usize = 32;
/// Round trips of a path in use, at most, between two that show a shorter one.
const CONFIRMED_WITHIN: usize = 8;
/// Observations after which a much shorter round trip is a new path and no luck.
const ACQUAINTED: usize = 16;
/// The share of a server's precision by which its timestamps are typically off: most servers are
/// better than they say.
const GRAIN_SHARE: f64 = 0.25;
/// No precision is assumed to be worse than this.
const COARSEST_GRAIN: Seconds = Seconds::new(1e-3);
/// No jitter is assumed to be smaller than this, in seconds.
const LEAST_JITTER: f64 = 1e-8;

/// The path to one source.
#[derive(Clone, Debug)]
pub(super) struct PathModel {
    recent: [f64; RECENT],
    seen: usize,
    shortest: Shortest,
    /// Logarithms of the weights of the delay models, for each size of wander: what looks like
    /// noise to one looks like a changing clock to another.
    weights: [[f64; DELAY_MODELS]; WANDERS],
    /// The outlier round trips in a row that have come last.
    outliers: OutlierRun,
    jitter: f64,
    /// J/√n, in seconds, which is what the base delay may be wrong by but for a factor.
    blur: f64,
    /// A round trip that was too short to be of this path, and has yet to be confirmed.
    too_short: Option<RoundTrip>,
}

/// Outlier round trips in a row: their number and range, in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct OutlierRun {
    count: usize,
    shortest: f64,
    longest: f64,
}

impl OutlierRun {
    /// Takes in a round trip, which ends the run if it is no outlier.
    fn push(&mut self, is_outlier: bool, round_trip: f64) {
        *self = match (is_outlier, self.count) {
            (false, _) => Self::default(),
            (true, 0) => Self {
                count: 1,
                shortest: round_trip,
                longest: round_trip,
            },
            (true, _) => Self {
                count: self.count + 1,
                shortest: self.shortest.min(round_trip),
                longest: self.longest.max(round_trip),
            },
        };
    }
}

/// Round trips, summed up.
#[derive(Clone, Copy, Debug)]
struct Summary {
    shortest: f64,
    /// The median of how much longer than the shortest one they take.
    median: f64,
    /// The standard deviation of one way, if the noise is Gaussian.
    sigma: f64,
    /// The least of what the median is divided by the root of the number of round trips that say
    /// so.
    blur: f64,
}

impl PathModel {
    pub(super) fn new() -> Self {
        Self {
            recent: [0.0; RECENT],
            seen: 0,
            shortest: Shortest::new(),
            weights: [[0.0; DELAY_MODELS]; WANDERS],
            outliers: OutlierRun::default(),
            jitter: LEAST_JITTER,
            blur: LEAST_JITTER,
            too_short: None,
        }
    }

    /// The shortest round trip, in seconds.
    pub(super) fn shortest(&self) -> f64 {
        self.shortest.least().max(0.0)
    }

    /// By how much the newest round trip is shorter than all others, in seconds, if by so much that
    /// it rather comes from a bad timestamp, until others confirm it.
    pub(super) fn lead(&self) -> f64 {
        self.shortest.lead(self.jitter_without_shortest())
    }

    /// The weights of the delay models for each size of wander; they sum up to 1. `others` can
    /// testify against this source.
    pub(super) fn weights(&self, others: bool) -> [[f64; DELAY_MODELS]; WANDERS] {
        let outlier = outlier_weight(others);
        self.weights.map(|mut weights| {
            weights[OUTLIER] = outlier;
            let mut weights = weights.map(f64::exp);
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
            weights
        })
    }

    /// Weighs the delay models by the likelihood of an observation, given each size of wander.
    pub(super) fn weigh(&mut self, outlook: &[[Posterior; DELAY_MODELS]; WANDERS]) {
        for (weights, posteriors) in self.weights.iter_mut().zip(outlook) {
            weigh(weights, posteriors);
        }
    }

    /// An observation could not be explained: perhaps the server is noisy.
    pub(super) fn suspect_server_noise(&mut self) {
        for weights in &mut self.weights {
            let noisy_server = weights
                .iter_mut()
                .enumerate()
                .filter(|(model, _)| SERVER_NOISE.contains(model));
            noisy_server.for_each(|(_, weight)| *weight = (*weight + SERVER_NOISE_GAIN).min(0.0));
        }
    }

    /// All delay models are as likely as at first.
    pub(super) fn forget_model_weights(&mut self) {
        self.weights = [[0.0; DELAY_MODELS]; WANDERS];
    }

    /// True if the path was in use for so long that the clock was known before.
    pub(super) fn has_settled(&self) -> bool {
        self.seen >= RECENT
    }

    /// The server has jumped, and is not noisy.
    pub(super) fn trust(&mut self) {
        for weights in &mut self.weights {
            let noisy_server = weights
                .iter_mut()
                .enumerate()
                .filter(|(model, _)| SERVER_NOISE.contains(model));
            noisy_server.for_each(|(_, weight)| *weight = LEAST_SERVER_NOISE);
        }
    }

    /// The usual one-way delay beyond the base, in seconds, if both ways are alike.
    pub(super) fn jitter(&self) -> f64 {
        self.jitter
    }

    /// The uncertainty of the base delay, in seconds: all observations share that error, so
    /// that they do not average it out.
    pub(super) fn unsure(&self) -> f64 {
        0.5 * self.blur
    }

    fn scale(&self, summary: &Summary) -> f64 {
        // The shortest of n round trips is itself late by about 1.25 J / √n.
        let n = self.remembered().sqrt();
        let unsure = 1.0 - (self.seen.min(FEW) as f64) / FEW as f64;
        summary.median / (MEDIAN_OF_SUM - 1.25 / n).max(0.5)
            + unsure * FIRST_JITTER * summary.shortest
            + LEAST_JITTER
    }

    /// True if a round trip fits to this path: it is not shorter than any before by more than luck
    /// explains.
    pub(super) fn admits(&self, round_trip: f64) -> bool {
        round_trip >= self.shortest() - self.luck()
    }

    /// By how much a round trip may be shorter than all before, in seconds.
    fn luck(&self) -> f64 {
        2.0 * MEDIAN_OF_SUM * self.jitter + 0.05 * self.shortest()
    }

    /// A round trip is too short to be of this path. Whether another one that was alike, of the
    /// last few, confirms that there is such a path: a single one is rather a bad timestamp.
    pub(super) fn confirms_shorter(&mut self, round_trip: f64) -> bool {
        if self.seen < FAMILIAR || round_trip >= self.shortest() - self.luck() {
            return true;
        }
        let near =
            2.0 * MEDIAN_OF_SUM * self.jitter + ALIKE * (self.shortest() - round_trip).max(0.0);
        let before = self.too_short.replace(RoundTrip {
            length: round_trip,
            number: self.seen,
        });
        before.is_some_and(|before| {
            (before.length - round_trip).abs() <= near
                && self.seen - before.number <= CONFIRMED_WITHIN
        })
    }

    /// True if there have been enough round trips to know the path.
    pub(super) fn is_known(&self) -> bool {
        self.seen >= ACQUAINTED
    }

    /// True if the last round trips were all much longer than before, and alike: then they took
    /// another path.
    pub(super) fn has_another_path(&self) -> bool {
        let OutlierRun {
            count,
            shortest,
            longest,
        } = self.outliers;
        count >= NEW_PATH && longest - shortest < ALIKE * (shortest - self.shortest())
    }

    /// Those round trips have found a path of their own.
    pub(super) fn hand_over(&mut self) {
        self.outliers = OutlierRun::default();
    }

    fn remembered(&self) -> f64 {
        self.seen.clamp(1, REMEMBERED) as f64
    }

    /// Learns from an exchange and returns it as an observation. `outbound` and `inbound` are its
    /// bounds in seconds from the origin, at the time when the reply arrived. `steps` is
    /// the size of the steps of the server's clock, in seconds, beyond the precision that it
    /// claims.
    pub(super) fn read(
        &mut self,
        outbound: f64,
        inbound: f64,
        measurement: &Measurement,
        steps: f64,
    ) -> Observation {
        let round_trip = (outbound - inbound).max(0.0);
        self.push(round_trip);
        let summary = self.summary();
        let jitter = self.scale(&summary);
        self.jitter = jitter;
        // If fewer round trips say that the path has become better, the base delay is known from
        // them.
        let known = 1.0 / self.remembered().sqrt();
        self.blur = jitter
            * if summary.median > 0.0 {
                known.min(summary.blur / summary.median)
            } else {
                known
            };
        let grain = GRAIN_SHARE
            * measurement
                .root
                .precision
                .seconds()
                .min(COARSEST_GRAIN)
                .to_f64();
        let early = if self.seen == 1 {
            summary.shortest / 2.0
        } else {
            0.0
        };
        // One that is too short by this comes from a bad timestamp, unless others confirm it.
        let early = early + self.lead();
        let slack = 0.63 * self.blur + 0.01 * jitter + grain + early + steps / 2.0;
        let base = summary.shortest / 2.0;
        let few = self.seen < FEW;
        let outlier_delay = !few
            && round_trip - summary.shortest > OUTLIER_DELAY * MEDIAN_OF_SUM * jitter + 2.0 * grain;
        self.outliers.push(outlier_delay, round_trip);
        let (low, high) = (inbound + base - slack, outbound - base + slack);
        Observation {
            low,
            high,
            slopes: slopes(MEDIAN_OF_SUM * jitter + 1e-9, (high - low).max(1e-12)),
            variance: 0.5
                * if few {
                    jitter * jitter
                } else {
                    summary.sigma.powi(2).max(jitter * jitter / 50.0)
                },
            jitter,
            soft: 1.4 * self.blur,
            reach: (high - low).max(0.0) + OUTLIER_REACH * jitter,
            // The steps matter where they are larger than what delays do.
            coarse: if steps > jitter {
                steps * steps / 12.0
            } else {
                0.0
            },
            outlier_delay,
            wait: Wait::default(),
        }
    }

    fn push(&mut self, round_trip: f64) {
        self.shortest.push(round_trip);
        if let Some(slot) = self.recent.get_mut(self.seen % RECENT) {
            *slot = round_trip;
        }
        self.seen += 1;
        self.shortest.doubt(self.jitter_without_shortest());
    }

    /// The jitter in seconds, if the second shortest round trip were the shortest.
    fn jitter_without_shortest(&self) -> f64 {
        (self.median_of(RECENT) - self.shortest.second()).max(0.0) / MEDIAN_OF_SUM + LEAST_JITTER
    }

    /// The last round trips, up to this many, in no order.
    fn last(&self, count: usize) -> ([f64; RECENT], usize) {
        let mut last = [0.0; RECENT];
        let count = count.min(self.seen).min(RECENT);
        for (slot, back) in last.iter_mut().zip(1..=count) {
            *slot = self
                .recent
                .get((self.seen - back) % RECENT)
                .copied()
                .unwrap_or_default();
        }
        (last, count)
    }

    fn median_of(&self, count: usize) -> f64 {
        let (mut last, count) = self.last(count);
        last.get_mut(..count)
            .filter(|known| !known.is_empty())
            .map_or(0.0, median)
    }

    fn summary(&self) -> Summary {
        let (mut sorted, count) = self.last(RECENT);
        let Some(known) = sorted.get_mut(..count).filter(|known| !known.is_empty()) else {
            return Summary {
                shortest: 0.0,
                median: 0.0,
                sigma: 0.0,
                blur: 0.0,
            };
        };
        let middle = median(known);
        known
            .iter_mut()
            .for_each(|round_trip| *round_trip = (*round_trip - middle).abs());
        let deviation = median(known);
        let shortest = self.shortest();
        // If there are only two, the longer one may have been held up: it does not make the other
        // one doubtful.
        let most = if count / 2 == 1 {
            shortest / 4.0
        } else {
            f64::INFINITY
        };
        let all = (middle - shortest).clamp(0.0, most);
        let whole = Summary {
            shortest,
            median: all,
            sigma: 1.4826 * deviation / std::f64::consts::SQRT_2,
            blur: all / self.remembered().sqrt(),
        };
        self.better(whole)
    }

    /// The same, if the last round trips show that the path has become better.
    fn better(&self, mut summary: Summary) -> Summary {
        let longest = self.last(FEWEST.0);
        let longest = longest
            .0
            .iter()
            .take(longest.1)
            .copied()
            .fold(0.0, f64::max);
        let few = (FEWEST.0, FEWEST.1 * (longest - summary.shortest));
        let fewer =
            FEWER.map(|(count, times)| (count, times * (self.median_of(count) - summary.shortest)));
        for (count, most) in fewer
            .into_iter()
            .chain([few])
            .filter(|(count, _)| *count < self.seen)
        {
            let most = most.max(0.0);
            if most < summary.median {
                summary.sigma *= most / summary.median;
                summary.median = most;
            }
            summary.blur = summary.blur.min(most / (count as f64).sqrt());
        }
        summary
    }
}

/// The upper of the middle ones.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

fn weigh(weights: &mut [f64; DELAY_MODELS], posteriors: &[Posterior; DELAY_MODELS]) {
    let is_noisy = |model: usize| SERVER_NOISE.contains(&model);
    let best_of = |noisy_server: bool| {
        let own = posteriors
            .iter()
            .enumerate()
            .filter(|(model, _)| *model != OUTLIER && is_noisy(*model) == noisy_server);
        own.map(|(_, posterior)| posterior.log_likelihood)
            .fold(f64::NEG_INFINITY, f64::max)
    };
    let (ordinary, noisy_server) = (best_of(false), best_of(true));
    // What the best delay model of a noisy server gains on the others at most.
    let gain = (noisy_server - ordinary).min(SERVER_NOISE_GAIN);
    for (model, (weight, posterior)) in weights.iter_mut().zip(posteriors).enumerate() {
        let behind = if is_noisy(model) {
            posterior.log_likelihood - noisy_server + gain
        } else {
            posterior.log_likelihood - ordinary
        };
        *weight = *weight * FORGETTING + behind.max(LEAST_WEIGHT);
    }
    weights[OUTLIER] = f64::NEG_INFINITY;
    let best = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for (model, weight) in weights.iter_mut().enumerate() {
        *weight = (*weight - best).max(if is_noisy(model) {
            LEAST_SERVER_NOISE
        } else {
            LEAST_WEIGHT
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::measurement::tests::measurement;

    /// A path after round trips of 20 ms and these excesses, in seconds.
    fn path(excesses: impl IntoIterator<Item = f64>) -> PathModel {
        let mut path = PathModel::new();
        for excess in excesses {
            let round_trip = 0.02 + excess;
            path.read(
                round_trip / 2.0,
                -round_trip / 2.0,
                &measurement(0.0, 0.0, round_trip),
                0.0,
            );
        }
        path
    }

    /// Excesses of exponential delays with this jitter, their sum cut to what a few hundred
    /// of them show.
    fn excesses(jitter: f64, count: u32) -> impl Iterator<Item = f64> {
        let share = |place: u32| {
            f64::from(place.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24) + 1e-3
        };
        (0..count).map(move |place| -jitter * (share(2 * place).ln() + share(2 * place + 1).ln()))
    }

    #[test]
    fn a_path_that_becomes_better_is_believed_within_sixteen_replies() {
        let before = path(excesses(1e-2, 400));
        assert!(
            (0.5e-2..2e-2).contains(&before.jitter()),
            "{}",
            before.jitter()
        );
        let after = path(excesses(1e-2, 400).chain(excesses(1e-5, 16)));
        assert!(after.jitter() < 4e-5, "{}", after.jitter());
        assert!(after.unsure() < 1e-5, "{}", after.unsure());
    }

    #[test]
    fn a_path_that_becomes_worse_is_believed_once_most_of_128_replies_say_so() {
        let after = path(
            excesses(1e-5, 400)
                .chain(excesses(1e-5, 8))
                .chain(excesses(1e-2, 70)),
        );
        assert!(after.jitter() > 0.4e-2, "{}", after.jitter());
    }

    #[test]
    fn a_few_lucky_replies_do_not_make_a_path_better() {
        let whole = path(excesses(1e-3, 400)).jitter();
        for count in 400..464 {
            let now = path(excesses(1e-3, count)).jitter();
            assert!(
                (0.5..1.5).contains(&(now / whole)),
                "{count}: {now} {whole}"
            );
        }
    }

    #[test]
    fn one_round_trip_that_is_too_short_is_forgotten_within_eight_replies() {
        let normal = || excesses(1e-4, 400);
        let expected = path(normal()).shortest();
        let path = path(normal().chain([-1e-3]).chain(excesses(1e-4, 9)));
        assert!(
            (path.shortest() - expected).abs() < 1e-5,
            "{} {expected}",
            path.shortest()
        );
    }

    #[test]
    fn an_observation_whose_round_trip_is_too_short_is_widened_by_that() {
        let mut path = path(excesses(1e-4, 100));
        // The server's last timestamp is too late by 1 ms: the truth, 0, is below the reply's
        // observation.
        let observation = path.read(0.01, -0.009, &measurement(0.0, 0.0, 0.019), 0.0);
        assert!(
            observation.low < 0.0 && observation.high > 0.0,
            "{observation:?}"
        );
        assert!(observation.width() > 1e-3);
    }

    #[test]
    fn a_much_shorter_path_has_to_be_seen_twice() {
        let mut path = path(excesses(1e-4, 100));
        assert!(!path.admits(0.015));
        assert!(!path.confirms_shorter(0.015), "a bad timestamp");
        assert!(path.confirms_shorter(0.0151));
    }
}
