//! Readings in a row that were far from what was foreseen. If three of them lie on a line, our
//! clock runs at another rate than anybody thought possible: oscillators do nothing of the kind,
//! but a machine that is moved to another host does.

use super::law::Reading;
use crate::clock::timescale::FreeTime;

/// A line must differ from the believed rate by this, beyond what its readings' widths allow for.
/// What differs by less is found by the hypotheses.
const NOTABLE: f64 = 100e-6;
/// No clock runs at such a rate. Readings that seem to show one come from a jump.
pub(super) const NO_CLOCK: f64 = 0.1;
/// A reading is far from what was foreseen if it is so many widths away,
const WIDTHS: f64 = 1.5;
/// and so many standard deviations of what was foreseen.
const DEVIATIONS: f64 = 3.0;

/// A reading, in seconds from the origin.
#[derive(Clone, Copy, Debug)]
struct Point {
    at: FreeTime,
    middle: f64,
    width: f64,
}

/// A rate as two readings show it, and what it may be wrong by.
#[derive(Clone, Copy, Debug)]
struct Slope {
    rate: f64,
    width: f64,
}

/// The last readings of a source, up to three, if all of them were far from what was foreseen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trail {
    last: Point,
    before: Option<Point>,
    first: Option<Point>,
}

impl Trail {
    /// Goes on with a reading: `None` if it is near what was `foreseen`, which has this standard
    /// deviation.
    pub(super) fn next(
        trail: Option<&Self>,
        at: FreeTime,
        reading: &Reading,
        foreseen: f64,
        deviation: f64,
    ) -> Option<Self> {
        let last = Point {
            at,
            middle: reading.middle(),
            width: reading.width(),
        };
        let far = (last.middle - foreseen).abs() > WIDTHS * last.width + DEVIATIONS * deviation;
        let before = trail
            .map(|trail| trail.last)
            .filter(|before| (at - before.at).to_f64() > 0.0);
        (far && !reading.wild).then_some(Self {
            last,
            before,
            first: trail.and_then(|trail| trail.before),
        })
    }

    /// Whether there are three, on a line of another rate than is believed.
    pub(super) fn is_line(&self, believed: f64) -> bool {
        let (Some(before), Some(first)) = (self.before, self.first) else {
            return false;
        };
        let (late, early) = (slope(before, self.last), slope(first, before));
        let whole = slope(first, self.last);
        (late.rate - early.rate).abs() <= late.width + early.width
            && (whole.rate - believed).abs() > whole.width + NOTABLE
            && whole.rate.abs() < NO_CLOCK
    }

    /// The time of the first of its readings.
    pub(super) fn began(&self) -> FreeTime {
        self.first.or(self.before).unwrap_or(self.last).at
    }

    /// The offset at the last reading, and its variance.
    pub(super) fn offset(&self) -> (f64, f64) {
        (self.last.middle, self.last.width.powi(2))
    }

    /// The rate from the first reading to the last, and its variance. `None` if there is one
    /// reading only.
    pub(super) fn rate(&self) -> Option<(f64, f64)> {
        let slope = slope(self.first.or(self.before)?, self.last);
        (slope.rate.abs() < NO_CLOCK).then_some((slope.rate, slope.width.powi(2)))
    }
}

fn slope(from: Point, to: Point) -> Slope {
    let span = (to.at - from.at).to_f64().max(f64::MIN_POSITIVE);
    Slope {
        rate: (to.middle - from.middle) / span,
        width: (to.width + from.width) / 2.0 / span,
    }
}
