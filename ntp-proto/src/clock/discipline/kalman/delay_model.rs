//! The likelihood of the offset given one observation, under each delay model
//! (docs/design/clock.md §1).
//!
//! An exchange gives two bounds: `outbound` is the truth plus the delay of the request, `inbound`
//! the truth minus that of the reply. With the base delay taken off, the truth lies between `low`
//! and `high`. If the delays beyond the base are exponential with means J₁ (request) and J₂
//! (reply), the likelihood on that interval is exp(tilt · x) with tilt = 1/J₁ − 1/J₂; with equal
//! means it is flat. If the noise is Gaussian, the middle of the interval has a normal error.

use super::queue::Wait;
use super::truncated_normal::truncate;

/// Exponential delay models.
const EXPONENTIALS: usize = 5;
/// Noise that no delay shows, as that of a noisy server: its standard deviations in
/// jitters.
const SERVER_NOISES: [f64; 3] = [5.0, 25.0, 125.0];
/// All delay models that are weighed against each other: the exponential ones, a Gaussian one, one
/// that is flat and knows the base delay only roughly, three of a noisy server, and at last the
/// refusal to learn anything.
pub(super) const DELAY_MODELS: usize = EXPONENTIALS + 6;
/// The places of the delay models of noisy servers.
pub(super) const SERVER_NOISE: std::ops::Range<usize> = EXPONENTIALS + 2..EXPONENTIALS + 5;
/// The place of the last one, which keeps its weight whatever happens.
pub(super) const OUTLIER: usize = DELAY_MODELS - 1;

/// The ratio of the mean delays beyond the base, reply to request, of the exponential delay models.
const RATIOS: [f64; EXPONENTIALS] = [1.0, 0.2, 0.03, 5.0, 33.0];
/// The median of the sum of both delays in units of J₁ + J₂, for each of them.
const MEDIANS: [f64; EXPONENTIALS] = [0.839, 0.78, 0.70, 0.78, 0.70];

/// The logarithm of the weight of the delay model that is flat where a queue is slow.
const SOFT_BESIDE_SLOW: f64 = -4.0;
/// The weight of the refusal to learn, as a logarithm. A lone source must be able to show that the
/// clock has changed: one observation in 10⁷ may be anything. Where others can testify, an
/// observation that contradicts them rather is its source's fault than the clock's, and this weighs
/// more than the filters that are all but given up.
const OUTLIER_ALONE: f64 = -17.0;
const OUTLIER_AMONG_OTHERS: f64 = -9.0;

/// The logarithm of the weight of the refusal to learn where `others` can testify, or not.
pub(super) fn outlier_weight(others: bool) -> f64 {
    if others {
        OUTLIER_AMONG_OTHERS
    } else {
        OUTLIER_ALONE
    }
}

/// Outliers lie in a range of so many standard deviations of the estimate at least: an estimate is
/// no less likely at its middle.
const UNKNOWN_SPREAD: f64 = 2.5;

/// An exchange as an observation of the offset, all in seconds from the origin of the estimate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    /// The truth is above this.
    pub(super) low: f64,
    /// And below this.
    pub(super) high: f64,
    /// The exponential delay models on this interval.
    pub(super) slopes: [Slope; EXPONENTIALS],
    /// The variance of the middle if the noise is Gaussian.
    pub(super) variance: f64,
    /// The usual delay beyond the base, one way.
    pub(super) jitter: f64,
    /// The uncertainty of the base delay, beyond what `low` and `high` allow for.
    pub(super) soft: f64,
    /// The range of the middle of the interval if it is an outlier.
    pub(super) reach: f64,
    /// The variance of what the steps of the server's clock add; 0 if it has none.
    pub(super) coarse: f64,
    /// The round trip took so much longer than usual that no delay model says anything about where
    /// in the interval the truth is.
    pub(super) outlier_delay: bool,
    /// The wait in a slow queue.
    pub(super) wait: Wait,
}

/// An exponential delay model on an interval: the likelihood is exp(tilt · x − norm) around the
/// middle.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slope {
    tilt: f64,
    /// The logarithm of the integral, which makes the likelihood a density of the middle, given the
    /// width.
    norm: f64,
}

/// The exponential delay models on an interval of this width, for a path whose round trips take
/// `median` longer than the shortest one in the middle. Seconds.
pub(super) fn slopes(median: f64, width: f64) -> [Slope; EXPONENTIALS] {
    let mut slopes = [Slope::default(); EXPONENTIALS];
    for ((slope, ratio), share) in slopes.iter_mut().zip(RATIOS).zip(MEDIANS) {
        let sum = median / share;
        let tilt = (1.0 + ratio) / sum * (1.0 - 1.0 / ratio);
        let half = (tilt.abs() * width / 2.0).max(1e-6);
        // The logarithm of 2 sinh(half) / |tilt|.
        let norm = half + (-(-2.0 * half).exp()).ln_1p() - (2.0 * half / width).ln();
        *slope = Slope { tilt, norm };
    }
    slopes
}

/// The posterior of the offset after an observation, relative to the prior.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Posterior {
    /// The change of the mean, in seconds.
    pub(super) shift: f64,
    /// The posterior variance divided by the prior one.
    pub(super) variance_ratio: f64,
    /// The logarithm of the density of the observation, given the prior.
    pub(super) log_likelihood: f64,
}

/// The posteriors of all delay models as one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mixed {
    /// The mean shift, and the mean of its square.
    pub(super) shift: f64,
    pub(super) square: f64,
    /// The mean variance in units of what it was.
    pub(super) variance_ratio: f64,
    /// The logarithm of the density of the observation, given the prior, over all delay models.
    pub(super) log_likelihood: f64,
    /// The share of the refusal to learn.
    pub(super) outlier: f64,
}

/// Mixes the posteriors of delay models with these weights.
pub(super) fn mix<const N: usize>(posteriors: &[Posterior; N], weights: &[f64; N]) -> Mixed {
    let best = posteriors
        .iter()
        .map(|posterior| posterior.log_likelihood)
        .fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut mixed) = (0.0, Mixed::default());
    for (posterior, weight) in posteriors.iter().zip(weights) {
        let share = weight * (posterior.log_likelihood - best).exp();
        sum += share;
        mixed.shift += share * posterior.shift;
        mixed.square += share * posterior.shift * posterior.shift;
        mixed.variance_ratio += share * posterior.variance_ratio;
        // The last delay model is the one that refuses.
        mixed.outlier = share;
    }
    let sum: f64 = sum.max(1e-300);
    Mixed {
        shift: mixed.shift / sum,
        square: mixed.square / sum,
        variance_ratio: mixed.variance_ratio / sum,
        log_likelihood: best + sum.ln(),
        outlier: mixed.outlier / sum,
    }
}

/// The expected variance of a server's noise under delay models with these weights.
pub(super) fn server_noise(weights: &[f64; DELAY_MODELS], jitter: f64) -> f64 {
    let believed = weights.get(SERVER_NOISE).unwrap_or_default();
    believed
        .iter()
        .zip(SERVER_NOISES)
        .map(|(weight, share)| weight * (share * jitter).powi(2))
        .sum()
}

/// A flat likelihood between two ends; evidence is the density of the middle, given the width.
fn flat(low: f64, high: f64, mean: f64, deviation: f64) -> Posterior {
    let truncate = truncate((low - mean) / deviation, (high - mean) / deviation);
    Posterior {
        shift: truncate.mean * deviation,
        variance_ratio: truncate.variance,
        log_likelihood: truncate.log_mass - (high - low).ln(),
    }
}

impl Observation {
    pub(super) fn middle(&self) -> f64 {
        (self.low + self.high) / 2.0
    }

    pub(super) fn width(&self) -> f64 {
        (self.high - self.low).max(1e-12)
    }

    /// The posterior of a Gaussian prior under each delay model.
    pub(super) fn posteriors(&self, mean: f64, variance: f64) -> [Posterior; DELAY_MODELS] {
        let deviation = variance.sqrt();
        let (low, high) = (self.low - self.soft, self.high + self.soft);
        let soft = flat(low, high, mean, deviation);
        let outlier = self.outlier(deviation);
        if self.outlier_delay {
            return [
                soft, soft, soft, soft, soft, soft, soft, soft, soft, soft, outlier,
            ];
        }
        if self.coarse > 0.0 {
            let steps = self.gaussian(mean, variance, self.variance + self.coarse);
            let [little, more, most] = self.noisy_server(mean, variance);
            return [
                soft, steps, steps, steps, steps, steps, soft, little, more, most, outlier,
            ];
        }
        let [even, request, mostly_request, reply, mostly_reply] =
            self.slopes.map(|slope| self.tilted(mean, deviation, slope));
        let gaussian = self.gaussian(mean, variance, self.variance);
        let [little, more, most] = self.noisy_server(mean, variance);
        [
            even,
            request,
            mostly_request,
            reply,
            mostly_reply,
            gaussian,
            soft,
            little,
            more,
            most,
            outlier,
        ]
    }

    /// The posterior of a Gaussian prior of the middle if the packets have waited in a slow
    /// queue with this split. `others` can testify against the source.
    pub(super) fn slow(&self, split: f64, mean: f64, variance: f64, others: bool) -> Mixed {
        let slow = self.gaussian(mean, variance, self.wait.variance);
        let within = self.wait.excess + self.soft + self.wait.variance.sqrt();
        let (low, high) = (self.middle() - within, self.middle() + within);
        let soft = flat(low, high, mean - split * self.wait.half, variance.sqrt());
        mix(
            &[slow, soft, self.outlier(variance.sqrt())],
            &[1.0, SOFT_BESIDE_SLOW.exp(), outlier_weight(others).exp()],
        )
    }

    /// The refusal to learn. While the state is uncertain, an observation may be anywhere and yet
    /// be no outlier.
    fn outlier(&self, deviation: f64) -> Posterior {
        Posterior {
            shift: 0.0,
            variance_ratio: 1.0,
            log_likelihood: -self.reach.max(UNKNOWN_SPREAD * deviation).ln(),
        }
    }

    fn noisy_server(&self, mean: f64, variance: f64) -> [Posterior; SERVER_NOISES.len()] {
        SERVER_NOISES
            .map(|share| self.gaussian(mean, variance, (share * self.jitter).powi(2) + self.coarse))
    }

    fn tilted(&self, mean: f64, deviation: f64, slope: Slope) -> Posterior {
        // A normal density times exp(tilt · x) is one that is moved by tilt times its variance.
        let moved = slope.tilt * deviation;
        let truncate = truncate(
            (self.low - mean) / deviation - moved,
            (self.high - mean) / deviation - moved,
        );
        Posterior {
            shift: (truncate.mean + moved) * deviation,
            variance_ratio: truncate.variance,
            log_likelihood: truncate.log_mass
                + slope.tilt * (mean - self.middle())
                + moved * moved / 2.0
                - slope.norm,
        }
    }

    /// The middle is a measurement with a normal error of the variance `noise`.
    fn gaussian(&self, mean: f64, variance: f64, noise: f64) -> Posterior {
        let (innovation, total) = (self.middle() - mean, variance + noise);
        let gain = variance / total;
        Posterior {
            shift: gain * innovation,
            variance_ratio: 1.0 - gain,
            log_likelihood: -0.5 * innovation * innovation / total
                - 0.5 * (std::f64::consts::TAU * total).ln(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An observation of a path with 10 µs of jitter.
    pub(in crate::clock::discipline::kalman) fn observation(low: f64, high: f64) -> Observation {
        Observation {
            low,
            high,
            slopes: slopes(1e-4, high - low),
            variance: 1e-9,
            jitter: 1e-5,
            soft: 1e-6,
            reach: 1e-2,
            coarse: 0.0,
            outlier_delay: false,
            wait: Wait::default(),
        }
    }

    #[test]
    fn equal_delays_both_ways_make_the_likelihood_flat() {
        assert_eq!(slopes(1.0, 1.0)[0].tilt, 0.0);
    }

    #[test]
    fn a_slow_reply_path_puts_the_truth_near_the_upper_end() {
        // Replies are slower, so the lower end is loose and the upper one tight.
        let [_, _, _, _, slow_reply, ..] = observation(-1e-3, 1e-5).posteriors(0.0, 1e-8);
        let [_, _, slow_request, ..] = observation(-1e-3, 1e-5).posteriors(0.0, 1e-8);
        assert!(slow_reply.shift > slow_request.shift);
    }

    #[test]
    fn an_outlier_only_says_that_the_truth_is_inside() {
        let outlier_delay = Observation {
            outlier_delay: true,
            ..observation(-0.05, 0.05)
        };
        for posterior in outlier_delay.posteriors(0.0, 1e-10) {
            assert!(posterior.shift.abs() < 1e-12 && (posterior.variance_ratio - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn an_observation_far_off_is_best_explained_as_an_outlier() {
        let all = observation(0.010, 0.011).posteriors(0.0, 1e-8);
        let best = all
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.log_likelihood.total_cmp(&b.1.log_likelihood))
            .unwrap()
            .0;
        assert_eq!(best, OUTLIER);
        assert_eq!(all[OUTLIER].shift, 0.0);
    }
}
