//! The moments of a normal distribution truncated to an interval (docs/design/clock.md §1).

use std::sync::LazyLock;

/// 1 / √(2π).
const DENSITY_AT_ZERO: f64 = 0.398_942_280_401_432_7;
/// Where the power series hands over to the continued fraction.
const SERIES_LIMIT: f64 = 2.2;
/// An interval this wide, in standard deviations, is narrow: the density in it is nearly a straight
/// line.
const NARROW: f64 = 0.1;
/// From this many standard deviations on, the tail is nearly exponential.
const FAR: f64 = 5.0;

/// The first two moments of a standard normal variable that is known to lie in an interval, and how
/// likely that was.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct TruncatedNormal {
    /// Its mean.
    pub(super) mean: f64,
    /// Its variance, above 0 and at most 1.
    pub(super) variance: f64,
    /// The natural logarithm of the probability of the interval.
    pub(super) log_mass: f64,
}

/// Truncates a standard normal variable to `low`…`high`.
pub(super) fn truncate(low: f64, high: f64) -> TruncatedNormal {
    if low + high < 0.0 {
        let mirrored = truncate_upper(-high, -low);
        return TruncatedNormal {
            mean: -mirrored.mean,
            ..mirrored
        };
    }
    truncate_upper(low, high)
}

/// The same where the middle of the interval is not negative.
fn truncate_upper(low: f64, high: f64) -> TruncatedNormal {
    let width = (high - low).max(1e-12);
    if low > FAR {
        return truncate_tail(low, width);
    }
    if width < NARROW {
        let middle = low + width / 2.0;
        // The density falls by exp(−middle · t) over the interval, to first order.
        let spread = width * width / 12.0;
        let log_mass = (DENSITY_AT_ZERO * width).ln() - middle * middle / 2.0;
        return TruncatedNormal {
            mean: middle - middle * spread,
            variance: spread,
            log_mass,
        };
    }
    let (low, high) = (low.max(-30.0), high.min(30.0));
    let (at_low, at_high) = (density(low), density(high));
    let mass = (tail(low, at_low) - tail(high, at_high)).max(1e-300);
    let mean = (at_low - at_high) / mass;
    let variance = 1.0 + (low * at_low - high * at_high) / mass - mean * mean;
    TruncatedNormal {
        mean,
        variance: variance.clamp(1e-8, 1.0),
        log_mass: mass.ln(),
    }
}

/// Far out, the density over the interval is exp(−low · t).
fn truncate_tail(low: f64, width: f64) -> TruncatedNormal {
    let decay = low * width;
    let inside = -(-decay.min(50.0)).exp_m1();
    let log_mass = (DENSITY_AT_ZERO / low).ln() - low * low / 2.0 + inside.ln();
    if decay < 1e-3 {
        return TruncatedNormal {
            mean: low + width / 2.0,
            variance: (width * width / 12.0).clamp(1e-10, 1.0),
            log_mass,
        };
    }
    let rest = (1.0 - inside) / inside;
    let mean = low + 1.0 / low - width * rest;
    let variance = 1.0 / (low * low) - width * width * rest / inside;
    TruncatedNormal {
        mean,
        variance: variance.clamp(1e-10, 1.0),
        log_mass,
    }
}

fn density(at: f64) -> f64 {
    DENSITY_AT_ZERO * (-at * at / 2.0).exp()
}

/// The probability that a standard normal variable exceeds `at`, given the density there.
fn tail(at: f64, density: f64) -> f64 {
    if at < 0.0 {
        1.0 - density * mills(-at)
    } else {
        density * mills(at)
    }
}

/// Mills' ratio, (1 − Φ(x)) / φ(x), for x ≥ 0: from the nearest entry of a table by Taylor's
/// series, whose terms follow from R′ = x R − 1. The error is below 10⁻⁹.
fn mills(at: f64) -> f64 {
    let place = (at * STEPS).round();
    let Some(known) = TABLE.get(place as usize) else {
        return mills_asymptotic(at);
    };
    let (centre, h) = (place / STEPS, at - place / STEPS);
    let first = centre * known - 1.0;
    let second = known + centre * first;
    let third = 2.0 * first + centre * second;
    let fourth = 3.0 * second + centre * third;
    known + h * (first + h * (second / 2.0 + h * (third / 6.0 + h * fourth / 24.0)))
}

/// Entries of the table per unit, and their number.
const STEPS: f64 = 16.0;
const ENTRIES: usize = 97;

static TABLE: LazyLock<[f64; ENTRIES]> = LazyLock::new(|| {
    std::array::from_fn(|place| {
        let at = place as f64 / STEPS;
        if at < SERIES_LIMIT {
            mills_near(at)
        } else {
            mills_by_fraction(at)
        }
    })
});

/// Φ(x) = ½ + φ(x) · (x + x³/3 + x⁵/15 + …)
fn mills_near(at: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (at, at, 3.0);
    while term > sum * 1e-16 && odd < 80.0 {
        term *= at * at / odd;
        sum += term;
        odd += 2.0;
    }
    0.5 / density(at) - sum
}

/// 1 − Φ(x) = φ(x) / (x + 1/(x + 2/(x + 3/(x + …))))
fn mills_by_fraction(at: f64) -> f64 {
    (1..=32)
        .rev()
        .fold(at, |below, place| at + f64::from(place) / below)
        .recip()
}

/// 1/x − 1/x³ + 3/x⁵ − 15/x⁷ + …: good to 10⁻⁵ from 6 on, where the density itself is below 10⁻⁸.
fn mills_asymptotic(at: f64) -> f64 {
    let inverse = at.recip();
    let square = inverse * inverse;
    inverse * (1.0 - square * (1.0 - square * (3.0 - square * (15.0 - square * 105.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upper(at: f64, density: f64) -> f64 {
        tail(at, density)
    }

    /// The moments by brute force.
    fn summed(low: f64, high: f64) -> TruncatedNormal {
        let n = 200_000;
        let step = (high - low) / f64::from(n);
        let points = (0..n).map(|i| low + (f64::from(i) + 0.5) * step);
        let (mut mass, mut mean, mut square) = (0.0, 0.0, 0.0);
        for x in points {
            let weight = (-(x * x - low.abs().min(high.abs()).powi(2)) / 2.0).exp();
            mass += weight;
            mean += weight * x;
            square += weight * x * x;
        }
        let mean = mean / mass;
        TruncatedNormal {
            mean,
            variance: square / mass - mean * mean,
            log_mass: 0.0,
        }
    }

    #[test]
    fn tails_are_those_of_the_tables() {
        for (at, tail) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_9),
            (2.0, 0.022_750_131_9),
            (3.0, 0.001_349_898_0),
        ] {
            assert!((upper(at, density(at)) - tail).abs() < 1e-9, "{at}");
            assert!(
                (upper(-at, density(at)) - (1.0 - tail)).abs() < 1e-9,
                "{at}"
            );
        }
        assert!((upper(6.0, density(6.0)) / 9.865_876_450e-10 - 1.0).abs() < 1e-6);
        assert!((upper(7.0, density(7.0)) / 1.279_812_544e-12 - 1.0).abs() < 1e-5);
    }

    #[test]
    fn moments_agree_with_brute_force() {
        for (low, high) in [
            (-1.0, 2.0),
            (-0.03, 0.03),
            (0.5, 0.58),
            (-8.0, 0.1),
            (1.0, 3.0),
            (5.5, 6.0),
            (6.0, 12.0),
            (-7.0, -6.5),
        ] {
            let (ours, theirs) = (truncate(low, high), summed(low, high));
            let spread = theirs.variance.sqrt();
            assert!(
                (ours.mean - theirs.mean).abs() < 0.12 * spread,
                "{low} {high}: {ours:?} {theirs:?}"
            );
            assert!(
                (ours.variance / theirs.variance - 1.0).abs() < 0.25,
                "{low} {high}: {ours:?} {theirs:?}"
            );
        }
    }

    #[test]
    fn an_interval_that_holds_everything_changes_nothing() {
        let all = truncate(-40.0, 40.0);
        assert!(
            all.mean.abs() < 1e-12
                && (all.variance - 1.0).abs() < 1e-9
                && all.log_mass.abs() < 1e-9
        );
    }
}
