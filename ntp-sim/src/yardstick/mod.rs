//! Filters that know the noise beforehand: how good a clock can be at all.
//!
//! The clock's offset x grows by its rate y, and y changes by w·N(0,1) every second. Every T
//! seconds an exchange gives an interval around x, whose ends are off by J·Exp(1) each. Errors in
//! units of J depend on ρ = w·T^1.5 / J only, so one figure per ρ says it all. The stored figures
//! were found with other programs, by the same rules: errors at every second, the first third left
//! out.

mod bayes;
mod truncated;

use crate::random::Random;

/// Seconds between two exchanges.
const INTERVAL: usize = 64;
/// Exchanges per run.
const EXCHANGES: usize = 300;

/// ρ, RMS/J of the truncated filter, RMS/J of the exact filter.
const STORED: [(f64, f64, f64); 7] = [
    (5.1e-5, 0.0163, 0.0144),
    (5.1e-4, 0.0436, 0.0425),
    (5.1e-3, 0.112, 0.110),
    (5.1e-2, 0.271, 0.269),
    (0.51, 0.691, 0.691),
    (5.1, 2.51, 2.51),
    (51.0, 21.5, 21.5),
];

/// One ratio of wander to jitter.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// w·T^1.5 / J.
    pub rho: f64,
    /// RMS/J of the truncated filter, and what it reached elsewhere.
    pub truncated: [f64; 2],
    /// RMS/J of the exact filter, and what it reached elsewhere.
    pub bayes: [f64; 2],
}

/// A clock and what its exchanges tell, in units of J.
#[derive(Debug)]
struct Run {
    /// Offset and rate at each second.
    truth: Vec<(f64, f64)>,
    /// The interval that each exchange tells.
    intervals: Vec<(f64, f64)>,
}

/// A filter that knows wander and jitter.
trait Filter {
    /// An interval has passed, and an exchange shows that the offset lies in this interval. Returns
    /// offset and rate.
    fn update(&mut self, interval: (f64, f64), random: &mut Random) -> (f64, f64);
}

/// Measures all rows over this many runs each.
#[must_use]
pub fn measure(runs: u64) -> Vec<Row> {
    STORED
        .iter()
        .map(|stored| measure_one(*stored, runs))
        .collect()
}

fn measure_one((rho, stored_truncated, stored_bayes): (f64, f64, f64), runs: u64) -> Row {
    let wander = rho / (INTERVAL as f64).powf(1.5);
    let (mut truncated, mut exact) = (0.0, 0.0);
    for seed in 1..=runs {
        let run = Run::new(wander, &mut Random::new(seed, 100));
        truncated += run.score(
            &mut truncated::Truncated::new(wander),
            &mut Random::new(seed, 101),
        );
        exact += run.score(&mut bayes::Bayes::new(wander), &mut Random::new(seed, 102));
    }
    let rms = |squares: f64| (squares / runs as f64).sqrt();
    Row {
        rho,
        truncated: [rms(truncated), stored_truncated],
        bayes: [rms(exact), stored_bayes],
    }
}

impl Run {
    fn new(wander: f64, random: &mut Random) -> Self {
        let (mut offset, mut rate) = (0.0, 0.0);
        let mut truth = Vec::with_capacity(EXCHANGES * INTERVAL);
        for _ in 0..EXCHANGES * INTERVAL {
            truth.push((offset, rate));
            offset += rate;
            rate += wander * random.normal();
        }
        let told = truth.iter().step_by(INTERVAL);
        let intervals = told
            .map(|(x, _)| (x - random.exponential(), x + random.exponential()))
            .collect();
        Self { truth, intervals }
    }

    /// The mean square of the error at every second after the first third.
    fn score(&self, filter: &mut impl Filter, random: &mut Random) -> f64 {
        let (mut squares, mut count) = (0.0, 0.0);
        for (place, (interval, truth)) in self
            .intervals
            .iter()
            .zip(self.truth.chunks(INTERVAL))
            .enumerate()
        {
            let (offset, rate) = filter.update(*interval, random);
            if place < EXCHANGES / 3 {
                continue;
            }
            for (second, (x, _)) in truth.iter().enumerate() {
                squares += (x - offset - rate * second as f64).powi(2);
                count += 1.0;
            }
        }
        squares / count
    }
}

/// The part that the random walk adds to the variances of offset and rate within one interval, and
/// to their covariance: the rate changes at every second, before it acts.
fn walk(wander: f64) -> (f64, f64, f64) {
    let (mut first, mut second) = (0.0, 0.0);
    for k in 0..INTERVAL {
        first += k as f64;
        second += (k * k) as f64;
    }
    let square = wander * wander;
    (square * second, square * first, square * INTERVAL as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_yardstick_is_the_one_that_others_have_found() {
        for stored in [STORED[3]] {
            let row = measure_one(stored, 2);
            for [ours, stored] in [row.truncated, row.bayes] {
                assert!((ours / stored - 1.0).abs() < 0.25, "{row:?}");
            }
        }
    }
}
