//! A straight line through the offsets of a free-running clock: its offset and its rate.

use crate::clock::timescale::FreeTime;
use crate::time::{Frequency, NtpDuration, Seconds};

/// Weighted sums from which offset and slope follow by least squares, with a prior belief about the slope.
#[derive(Clone, Debug)]
pub(super) struct LineFit {
    origin: Option<(FreeTime, NtpDuration)>,
    weights: f64,
    times: f64,
    offsets: f64,
    squares: f64,
    products: f64,
    prior: Frequency,
    prior_weight: f64,
    first: Option<FreeTime>,
    last: Option<FreeTime>,
}

/// Offset and slope of the line at some instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Server minus free-running clock.
    pub offset: NtpDuration,
    /// The rate at which that grows.
    pub slope: Frequency,
    /// The standard deviation of `slope`.
    pub slope_uncertainty: Frequency,
}

impl LineFit {
    /// An empty fit that believes in `prior` with a standard deviation of `uncertainty`.
    pub(super) fn new(prior: Frequency, uncertainty: Frequency) -> Self {
        Self {
            origin: None,
            weights: 0.0,
            times: 0.0,
            offsets: 0.0,
            squares: 0.0,
            products: 0.0,
            prior,
            prior_weight: uncertainty.to_f64().powi(-2),
            first: None,
            last: None,
        }
    }

    /// Takes in a point whose standard deviation is `sigma`.
    pub(super) fn push(&mut self, at: FreeTime, offset: NtpDuration, sigma: Seconds) {
        let (origin, base) = *self.origin.get_or_insert((at, offset));
        let time = (at - origin).to_f64();
        let height = Seconds::from(offset - base).to_f64();
        let weight = sigma.to_f64().powi(-2);
        self.weights += weight;
        self.times += weight * time;
        self.offsets += weight * height;
        self.squares += weight * time * time;
        self.products += weight * time * height;
        self.first.get_or_insert(at);
        self.last = Some(at);
    }

    /// The time between the first and the last point.
    pub(super) fn span(&self) -> Seconds {
        match (self.first, self.last) {
            (Some(first), Some(last)) => last - first,
            _ => Seconds::ZERO,
        }
    }

    /// The line at `at`; `None` without points.
    pub(super) fn line(&self, at: FreeTime) -> Option<Line> {
        let (origin, base) = self.origin?;
        let (mean_time, mean_offset) = (self.times / self.weights, self.offsets / self.weights);
        let spread = self.squares - self.times * mean_time;
        let covariance = self.products - self.times * mean_offset;
        let precision = spread + self.prior_weight;
        let slope = (covariance + self.prior_weight * self.prior.to_f64()) / precision;
        let height = mean_offset + slope * ((at - origin).to_f64() - mean_time);
        Some(Line {
            offset: base + NtpDuration::from_seconds(height),
            slope: Frequency::new(slope),
            slope_uncertainty: Frequency::new(precision.sqrt().recip()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::NtpTimestamp;

    fn at(seconds: f64) -> FreeTime {
        FreeTime::new(NtpTimestamp::from_unix(1_800_000_000, 0)) + Seconds::new(seconds)
    }

    fn fit(points: &[(f64, f64)], sigma: f64) -> LineFit {
        let mut fit = LineFit::new(Frequency::ZERO, Frequency::new(100e-6));
        for (time, offset) in points {
            fit.push(at(*time), NtpDuration::from_seconds(*offset), Seconds::new(sigma));
        }
        fit
    }

    #[test]
    fn a_perfect_line_is_found() {
        let line = fit(&[(0.0, 0.35), (2.0, 0.35 + 80e-6), (4.0, 0.35 + 160e-6)], 1e-7).line(at(10.0)).unwrap();
        assert!((line.slope.to_f64() - 40e-6).abs() < 1e-9);
        assert!((line.offset.to_seconds() - (0.35 + 400e-6)).abs() < 1e-8);
    }

    #[test]
    fn one_point_leaves_the_prior_as_it_was() {
        let line = fit(&[(0.0, 5.0)], 1e-6).line(at(0.0)).unwrap();
        assert_eq!(line.slope, Frequency::ZERO);
        assert!((line.slope_uncertainty.to_f64() - 100e-6).abs() < 1e-9);
    }

    #[test]
    fn noise_that_drowns_the_slope_leaves_the_prior_nearly_as_it_was() {
        let line = fit(&[(0.0, 0.0), (2.0, 0.010)], 0.010).line(at(2.0)).unwrap();
        assert!(line.slope.abs() < Frequency::new(1e-6));
    }
}
