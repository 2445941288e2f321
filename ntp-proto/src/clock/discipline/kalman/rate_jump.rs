//! Detection of a rate that was not thought possible (docs/design/clock.md §4, "Another rate").
//!
//! Three observations in a row that are far from what was predicted and lie on a line show that our
//! clock runs at another rate: oscillators do nothing of the kind, but a machine that is moved to
//! another host does.

use super::delay_model::Observation;
use super::state::Gaussian;
use crate::clock::timescale::FreeTime;

/// A line must differ from the estimated rate by this, beyond what its observations' widths allow
/// for. What differs by less is found by the filters.
const NOTABLE: f64 = 100e-6;
/// No clock runs at such a rate. Observations that seem to show one come from a jump.
pub(super) const NO_CLOCK: f64 = 0.1;
/// An observation is far from what was predicted if it is so many widths away,
const WIDTHS: f64 = 1.5;
/// and so many standard deviations of what was predicted.
const DEVIATIONS: f64 = 3.0;

/// An observation, in seconds from the origin.
#[derive(Clone, Copy, Debug)]
struct Point {
    at: FreeTime,
    middle: f64,
    width: f64,
}

/// A rate as two observations show it, and what it may be wrong by.
#[derive(Clone, Copy, Debug)]
struct Slope {
    rate: f64,
    width: f64,
}

/// The last observations of a source, up to three, if all of them were far from what was predicted.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateJumpDetector {
    last: Point,
    before: Option<Point>,
    first: Option<Point>,
}

impl RateJumpDetector {
    /// Goes on with an observation: `None` if it is near what was `predicted`, which has this
    /// standard deviation.
    pub(super) fn next(
        rate_jump: Option<&Self>,
        at: FreeTime,
        observation: &Observation,
        predicted: f64,
        deviation: f64,
    ) -> Option<Self> {
        let last = Point {
            at,
            middle: observation.middle(),
            width: observation.width(),
        };
        let far = (last.middle - predicted).abs() > WIDTHS * last.width + DEVIATIONS * deviation;
        let before = rate_jump
            .map(|rate_jump| rate_jump.last)
            .filter(|before| (at - before.at).to_f64() > 0.0);
        (far && !observation.outlier_delay).then_some(Self {
            last,
            before,
            first: rate_jump.and_then(|rate_jump| rate_jump.before),
        })
    }

    /// True if there are three, on a line of another rate than is estimated.
    pub(super) fn is_line(&self, estimated: f64) -> bool {
        let (Some(before), Some(first)) = (self.before, self.first) else {
            return false;
        };
        let (late, early) = (slope(before, self.last), slope(first, before));
        let whole = slope(first, self.last);
        (late.rate - early.rate).abs() <= late.width + early.width
            && (whole.rate - estimated).abs() > whole.width + NOTABLE
            && whole.rate.abs() < NO_CLOCK
    }

    /// The time of the first of its observations.
    pub(super) fn began(&self) -> FreeTime {
        self.first.or(self.before).unwrap_or(self.last).at
    }

    /// The offset at the last observation.
    pub(super) fn offset(&self) -> Gaussian {
        Gaussian {
            mean: self.last.middle,
            variance: self.last.width.powi(2),
        }
    }

    /// The rate from the first observation to the last. `None` if there is one observation only.
    pub(super) fn rate(&self) -> Option<Gaussian> {
        let slope = slope(self.first.or(self.before)?, self.last);
        (slope.rate.abs() < NO_CLOCK).then_some(Gaussian {
            mean: slope.rate,
            variance: slope.width.powi(2),
        })
    }
}

fn slope(from: Point, to: Point) -> Slope {
    let span = (to.at - from.at).to_f64().max(f64::MIN_POSITIVE);
    Slope {
        rate: (to.middle - from.middle) / span,
        width: (to.width + from.width) / 2.0 / span,
    }
}
