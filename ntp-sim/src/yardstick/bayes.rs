//! The exact filter: particles that are drawn where the interval allows (a fully adapted particle
//! filter). Its mean has the least mean square error that any filter can have.

use super::{Filter, INTERVAL, walk};
use crate::random::Random;

/// Particles.
const PARTICLES: usize = 1500;

/// All particles: offset and rate.
#[derive(Debug)]
pub(super) struct Bayes {
    wander: f64,
    particles: Vec<(f64, f64)>,
}

impl Bayes {
    pub(super) fn new(wander: f64) -> Self {
        Self {
            wander,
            particles: Vec::new(),
        }
    }

    fn begin(&mut self, (low, high): (f64, f64), random: &mut Random) {
        let rates = 3.0 * self.wander * (INTERVAL as f64).sqrt();
        let particle = |_| {
            (
                low + (high - low) * random.uniform(),
                rates * random.normal(),
            )
        };
        self.particles = (0..PARTICLES).map(particle).collect();
    }

    /// Particles whose future meets the interval multiply, before they are moved (systematic
    /// resampling).
    fn choose(&mut self, interval: (f64, f64), deviation: f64, random: &mut Random) {
        let span = INTERVAL as f64;
        let mut sum = 0.0;
        let sums: Vec<f64> = self
            .particles
            .iter()
            .map(|(offset, rate)| {
                let mean = offset + rate * span;
                sum += mass(
                    (interval.0 - mean) / deviation,
                    (interval.1 - mean) / deviation,
                );
                sum
            })
            .collect();
        if sum <= 1e-280 {
            return self.begin(interval, random);
        }
        let (mut place, mut chosen) = (0, Vec::with_capacity(PARTICLES));
        let start = random.uniform();
        for index in 0..PARTICLES {
            let mark = (index as f64 + start) / PARTICLES as f64 * sum;
            while place + 1 < PARTICLES && sums.get(place).is_some_and(|sum| *sum < mark) {
                place += 1;
            }
            chosen.extend(self.particles.get(place));
        }
        self.particles = chosen;
    }
}

impl Filter for Bayes {
    fn update(&mut self, interval: (f64, f64), random: &mut Random) -> (f64, f64) {
        if self.particles.is_empty() {
            self.begin(interval, random);
        } else {
            let (offsets, both, rates) = walk(self.wander);
            let (deviation, gain) = (offsets.sqrt(), both / offsets);
            let rest = (rates - both * gain).max(0.0).sqrt();
            self.choose(interval, deviation, random);
            for (offset, rate) in &mut self.particles {
                let mean = *offset + *rate * INTERVAL as f64;
                let (below, above) = (
                    (interval.0 - mean) / deviation,
                    (interval.1 - mean) / deviation,
                );
                let step = deviation * normal_between(below, above, random);
                *offset = mean + step;
                *rate += gain * step + rest * random.normal();
            }
        }
        let mean = |part: fn(&(f64, f64)) -> f64| {
            self.particles.iter().map(part).sum::<f64>() / PARTICLES as f64
        };
        (mean(|particle| particle.0), mean(|particle| particle.1))
    }
}

/// A standard normal variable that lies between two points, by rejection: from the normal law
/// itself where the interval holds much of it, from a flat one where it is short, and from an
/// exponential one in a tail.
fn normal_between(low: f64, high: f64, random: &mut Random) -> f64 {
    if low + high < 0.0 {
        return -normal_between(-high, -low, random);
    }
    if low <= 0.0 && high - low > 2.0 {
        loop {
            let x = random.normal();
            if x >= low && x <= high {
                return x;
            }
        }
    }
    let peak = low.max(0.0);
    let is_flat = low <= 0.5 || (high - low) * low < 2.0;
    for _ in 0..10_000 {
        let x = if is_flat {
            low + (high - low) * random.uniform()
        } else {
            low + random.exponential() / low
        };
        let accepted = if is_flat {
            (peak * peak - x * x) / 2.0
        } else {
            -(x - low).powi(2) / 2.0
        };
        if x <= high && random.uniform().ln() <= accepted {
            return x;
        }
    }
    low
}

/// The probability that a standard normal variable lies between two points.
fn mass(low: f64, high: f64) -> f64 {
    if low + high < 0.0 {
        mass(-high, -low)
    } else {
        upper(low) - upper(high)
    }
}

/// The probability that a standard normal variable exceeds `at`.
fn upper(at: f64) -> f64 {
    let density = (-at * at / 2.0).exp() / std::f64::consts::TAU.sqrt();
    if at < 0.0 {
        1.0 - upper(-at)
    } else if at < 2.5 {
        // Φ(x) = ½ + φ(x) · (x + x³/3 + x⁵/15 + …)
        let (mut term, mut sum) = (at, at);
        for odd in (3..80).step_by(2) {
            term *= at * at / f64::from(odd);
            sum += term;
        }
        0.5 - density * sum
    } else {
        // 1 − Φ(x) = φ(x) / (x + 1/(x + 2/(x + 3/(x + …))))
        density
            / (1..=40)
                .rev()
                .fold(at, |below, place| at + f64::from(place) / below)
    }
}
