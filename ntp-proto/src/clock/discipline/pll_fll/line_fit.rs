//! A straight line through the offsets of a free-running clock: its offset and its rate.

use crate::clock::timescale::FreeTime;
use crate::time::{Frequency, NtpDuration, Seconds};

/// Points that are kept. When there are more, every second one goes, so that the line keeps its
/// length.
const POINTS: usize = 64;
/// The share of the shortest round trip that typically is noise.
const NOISE_SHARE: f64 = 0.02;
/// The standard deviation of a clock's rate when nothing is known: three times this are the 500 ppm
/// of RFC 5905 MAXFREQ.
pub(super) const UNKNOWN: Frequency = Frequency::new(170e-6);
/// Standard deviations beyond which the points contradict the prior.
const CONTRADICTION: f64 = 4.0;
/// The smallest error of a point that we believe in.
const LEAST_NOISE: Seconds = Seconds::new(1e-6);

#[derive(Clone, Copy, Debug)]
struct Point {
    at: FreeTime,
    offset: NtpDuration,
    delay: Seconds,
}

/// Points from which offset and slope follow by weighted least squares, with a prior belief about
/// the slope.
#[derive(Clone, Debug)]
pub(super) struct LineFit {
    points: Vec<Point>,
    began: Option<FreeTime>,
    prior: Frequency,
    prior_weight: f64,
}

/// Offset and slope of the line at some instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Server minus free-running clock.
    pub offset: NtpDuration,
    /// The rate at which that grows.
    pub slope: Frequency,
    /// The standard deviation of the slope as far as the points alone show it.
    pub slope_uncertainty: Frequency,
}

/// Sums over the points, weighted; times and offsets count from the first point.
#[derive(Default)]
struct Sums {
    weights: f64,
    times: f64,
    offsets: f64,
    squares: f64,
    products: f64,
    heights: f64,
}

impl LineFit {
    /// An empty fit that believes in `prior` with a standard deviation of `uncertainty`.
    pub(super) fn new(prior: Frequency, uncertainty: Frequency) -> Self {
        let prior_weight = uncertainty.to_f64().powi(-2);
        Self {
            points: Vec::with_capacity(POINTS),
            began: None,
            prior,
            prior_weight,
        }
    }

    /// Takes in an offset that took a round trip of `delay` to measure.
    pub(super) fn push(&mut self, at: FreeTime, offset: NtpDuration, delay: Seconds) {
        if self.points.len() >= POINTS {
            let mut place = 0;
            self.points.retain(|_| {
                place += 1;
                place % 2 == 1
            });
        }
        self.points.push(Point { at, offset, delay });
        self.began.get_or_insert(at);
    }

    /// The time since the first point.
    pub(super) fn span(&self) -> Seconds {
        match (self.began, self.points.last()) {
            (Some(began), Some(newest)) => newest.at - began,
            _ => Seconds::ZERO,
        }
    }

    /// The line at `at`; `None` without points.
    pub(super) fn line(&self, at: FreeTime) -> Option<Line> {
        let origin = self.points.first()?;
        let sums = self.sums(origin);
        let (mean_time, mean_offset) = (sums.times / sums.weights, sums.offsets / sums.weights);
        let spread = (sums.squares - sums.times * mean_time).max(0.0);
        let covariance = sums.products - sums.times * mean_offset;
        let residuals = sums.heights
            - sums.offsets * mean_offset
            - if spread > 0.0 {
                covariance * covariance / spread
            } else {
                0.0
            };
        // Where the points scatter more than their delays explain, each says less.
        let freedom = self.points.len().saturating_sub(2).max(1) as f64;
        let scale = (residuals.max(0.0) / freedom).max(1.0);
        let (evidence, prior_weight) = (
            spread / scale,
            self.weight_of_prior(covariance, spread, scale),
        );
        let precision = evidence + prior_weight;
        let slope = (covariance / scale + prior_weight * self.prior.to_f64()) / precision;
        let height = mean_offset + slope * ((at - origin.at).to_f64() - mean_time);
        Some(Line {
            offset: origin.offset + NtpDuration::from_seconds(height),
            slope: Frequency::new(slope),
            // What was known before is a hint and no evidence: another machine may have written it.
            slope_uncertainty: Frequency::new(evidence.sqrt().recip()).min(UNKNOWN),
        })
    }

    /// The prior counts as long as the points do not contradict it.
    fn weight_of_prior(&self, covariance: f64, spread: f64, scale: f64) -> f64 {
        if spread <= 0.0 {
            return self.prior_weight;
        }
        let surprise = (covariance / spread - self.prior.to_f64()).abs();
        let expected = (scale / spread + self.prior_weight.recip()).sqrt();
        if surprise > CONTRADICTION * expected {
            UNKNOWN.to_f64().powi(-2)
        } else {
            self.prior_weight
        }
    }

    /// The standard deviation of the slope by what the round trips alone exclude: three times this
    /// is what two offsets may both be wrong by, over the time between the first point and the
    /// last.
    pub(super) fn resolution(&self) -> Frequency {
        let (Some(origin), span) = (self.points.first(), self.span()) else {
            return UNKNOWN;
        };
        if span <= Seconds::ZERO {
            UNKNOWN
        } else {
            Frequency::new((self.shortest(origin) / 3.0).per(span).to_f64())
        }
    }

    /// The shortest round trip.
    fn shortest(&self, origin: &Point) -> Seconds {
        self.points
            .iter()
            .map(|point| point.delay)
            .fold(origin.delay, Seconds::min)
    }

    fn sums(&self, origin: &Point) -> Sums {
        let shortest = self.shortest(origin);
        let mut sums = Sums::default();
        for point in &self.points {
            let time = (point.at - origin.at).to_f64();
            let height = Seconds::from(point.offset - origin.offset).to_f64();
            let weight = sigma(point.delay, shortest).to_f64().powi(-2);
            sums.weights += weight;
            sums.times += weight * time;
            sums.offsets += weight * height;
            sums.squares += weight * time * time;
            sums.products += weight * time * height;
            sums.heights += weight * height * height;
        }
        sums
    }
}

/// The standard deviation of a point: what a round trip takes longer than the shortest one may all
/// have been spent on one way.
fn sigma(delay: Seconds, shortest: Seconds) -> Seconds {
    LEAST_NOISE.max(shortest * NOISE_SHARE) + (delay - shortest) * 0.5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::NtpTimestamp;

    fn at(seconds: f64) -> FreeTime {
        FreeTime::new(NtpTimestamp::from_unix(1_800_000_000, 0)) + Seconds::new(seconds)
    }

    fn fit(points: &[(f64, f64, f64)]) -> LineFit {
        let mut fit = LineFit::new(Frequency::ZERO, Frequency::new(100e-6));
        for (time, offset, delay) in points {
            fit.push(
                at(*time),
                NtpDuration::from_seconds(*offset),
                Seconds::new(*delay),
            );
        }
        fit
    }

    #[test]
    fn a_perfect_line_is_found() {
        let points = [
            (0.0, 0.35, 1e-4),
            (2.0, 0.35 + 80e-6, 1e-4),
            (4.0, 0.35 + 160e-6, 1e-4),
        ];
        let line = fit(&points).line(at(10.0)).unwrap();
        assert!((line.slope.to_f64() - 40e-6).abs() < 0.1e-6);
        assert!((line.offset.to_seconds() - (0.35 + 400e-6)).abs() < 1e-6);
    }

    #[test]
    fn one_point_leaves_the_prior_as_it_was() {
        let line = fit(&[(0.0, 5.0, 1e-4)]).line(at(0.0)).unwrap();
        assert_eq!(line.slope, Frequency::ZERO);
        assert_eq!(line.slope_uncertainty, UNKNOWN);
    }

    #[test]
    fn noise_that_drowns_the_slope_leaves_the_prior_nearly_as_it_was() {
        let line = fit(&[(0.0, 0.0, 0.5), (2.0, 0.010, 0.5)])
            .line(at(2.0))
            .unwrap();
        assert!(line.slope.abs() < Frequency::new(5e-6));
    }

    #[test]
    fn a_first_point_that_was_held_up_counts_little_once_that_is_seen() {
        let late = (0.0, -80e-6, 180e-6);
        let line = fit(&[
            late,
            (2.0, 0.0, 20e-6),
            (4.0, 0.0, 20e-6),
            (6.0, 0.0, 20e-6),
        ])
        .line(at(6.0))
        .unwrap();
        assert!(
            line.slope.abs() < Frequency::new(0.1e-6),
            "{:?}",
            line.slope
        );
    }

    #[test]
    fn round_trips_alone_say_little_about_a_short_line_and_much_about_a_long_one() {
        let short = fit(&[(0.0, 0.0, 4e-3), (2.0, 0.002, 9e-3), (4.0, 0.003, 5e-3)]);
        assert!(
            short.resolution() >= Frequency::new(300e-6),
            "{:?}",
            short.resolution()
        );
        let long: Vec<_> = (0..60)
            .map(|poll| (16.0 * f64::from(poll), 320e-6 * f64::from(poll), 4e-3))
            .collect();
        let long = fit(&long);
        assert!(
            long.resolution() < Frequency::new(1.5e-6),
            "{:?}",
            long.resolution()
        );
    }

    #[test]
    fn a_prior_that_the_points_contradict_is_dropped() {
        let mut fit = LineFit::new(Frequency::new(-40e-6), Frequency::new(1e-6));
        for second in [0.0, 2.0, 4.0] {
            fit.push(
                at(second),
                NtpDuration::from_seconds(60e-6 * second),
                Seconds::new(1e-4),
            );
        }
        let line = fit.line(at(4.0)).unwrap();
        assert!(
            (line.slope.to_f64() - 60e-6).abs() < 0.5e-6,
            "{:?}",
            line.slope
        );
    }

    #[test]
    fn a_prior_alone_is_no_evidence() {
        let mut fit = LineFit::new(Frequency::new(40e-6), Frequency::new(1e-6));
        fit.push(at(0.0), NtpDuration::ZERO, Seconds::new(1e-4));
        let line = fit.line(at(0.0)).unwrap();
        assert_eq!(
            (line.slope, line.slope_uncertainty),
            (Frequency::new(40e-6), UNKNOWN)
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut fit = fit(&[]);
        for second in 0..1000 {
            fit.push(at(f64::from(second)), NtpDuration::ZERO, Seconds::new(1e-4));
        }
        assert!(fit.points.len() <= POINTS);
        assert_eq!(fit.points.first().map(|point| point.at), Some(at(0.0)));
        assert_eq!(fit.span(), Seconds::new(999.0));
    }
}
