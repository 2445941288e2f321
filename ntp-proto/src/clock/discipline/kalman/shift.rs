//! Readings in a row that are all off by the same: the lone source or our clock has jumped, even if
//! each of them could be explained by a server that wobbles.

use super::law::Reading;
use crate::clock::timescale::FreeTime;

/// A reading is off if it is so many widths away from what was foreseen, its own and those of the
/// readings before it: where round trips were long, what was foreseen may be wrong by as much,
const WIDTHS: f64 = 2.0;
/// and so many standard deviations.
const DEVIATIONS: f64 = 3.0;
/// So many readings in a row must be off,
const READINGS: u32 = 3;
/// and differ by no more than this share of how far they are off.
const ALIKE: f64 = 0.1;

/// The prediction from before the first reading that was off, carried on: an offset and a rate with
/// their standard deviations, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Foreseen {
    pub(super) middle: f64,
    pub(super) deviation: f64,
    pub(super) rate: f64,
    pub(super) rate_deviation: f64,
    /// The greatest width of the last readings before.
    pub(super) width: f64,
}

/// The last readings of a source, if all of them were off by the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    began: FreeTime,
    foreseen: Foreseen,
    /// The least and the greatest distance from what was foreseen.
    least: f64,
    greatest: f64,
    readings: u32,
    /// The last reading: its middle and width.
    last: (f64, f64),
}

impl Shift {
    /// Goes on with a reading: `None` if it is near what was foreseen before the first one. `now`
    /// is what is foreseen now.
    pub(super) fn next(
        shift: Option<&Self>,
        at: FreeTime,
        reading: &Reading,
        now: Foreseen,
    ) -> Option<Self> {
        if reading.wild || reading.coarse > 0.0 {
            return None;
        }
        let begin = || Self::begin(at, reading, now);
        shift.map_or_else(begin, |shift| shift.go_on(at, reading).or_else(begin))
    }

    fn begin(at: FreeTime, reading: &Reading, foreseen: Foreseen) -> Option<Self> {
        let distance = reading.middle() - foreseen.middle;
        let off = distance.abs()
            > WIDTHS * reading.width().max(foreseen.width) + DEVIATIONS * foreseen.deviation;
        off.then_some(Self {
            began: at,
            foreseen,
            least: distance,
            greatest: distance,
            readings: 1,
            last: last(reading),
        })
    }

    fn go_on(&self, at: FreeTime, reading: &Reading) -> Option<Self> {
        let span = (at - self.began).to_f64().max(0.0);
        let distance = reading.middle() - self.foreseen.middle - self.foreseen.rate * span;
        let deviation = self.foreseen.deviation + self.foreseen.rate_deviation * span;
        let off = distance.abs() > WIDTHS * reading.width() + DEVIATIONS * deviation;
        let (least, greatest) = (self.least.min(distance), self.greatest.max(distance));
        let alike =
            least * greatest > 0.0 && greatest - least <= ALIKE * least.abs().min(greatest.abs());
        (off && alike).then_some(Self {
            least,
            greatest,
            readings: self.readings + 1,
            last: last(reading),
            ..*self
        })
    }

    /// True if there are enough of them.
    pub(super) fn is_certain(&self) -> bool {
        self.readings >= READINGS
    }

    /// True if there is one so far.
    pub(super) fn is_first(&self) -> bool {
        self.readings == 1
    }

    /// The time of the first of them.
    pub(super) fn began(&self) -> FreeTime {
        self.began
    }

    /// The greatest distance from what was foreseen, without its sign, in seconds.
    pub(super) fn distance(&self) -> f64 {
        self.least.abs().max(self.greatest.abs())
    }

    /// The offset at the last reading, and its variance.
    pub(super) fn offset(&self) -> (f64, f64) {
        (self.last.0, self.last.1.powi(2))
    }

    /// The rate, which was foreseen and is not changed by a jump, and its variance: it may differ
    /// by as much as the readings do.
    pub(super) fn rate(&self, now: FreeTime) -> (f64, f64) {
        let span = (now - self.began).to_f64().max(1.0);
        let apart = (self.greatest - self.least) / span;
        (
            self.foreseen.rate,
            self.foreseen.rate_deviation.powi(2) + apart * apart,
        )
    }
}

fn last(reading: &Reading) -> (f64, f64) {
    (reading.middle(), reading.width())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::discipline::kalman::law::tests::reading;
    use crate::time::{NtpTimestamp, Seconds};

    /// True if readings, 64 s apart, are a jump, where `width` is the greatest of those before.
    fn jumps(middles: &[f64], width: f64) -> bool {
        let foreseen = Foreseen {
            middle: 0.0,
            deviation: 1e-4,
            rate: 0.0,
            rate_deviation: 1e-8,
            width,
        };
        let mut shift = None;
        for (place, middle) in (0..).zip(middles) {
            let at = FreeTime::new(NtpTimestamp::from_unix(1_800_000_000, 0))
                + Seconds::new(64.0 * f64::from(place));
            shift = Shift::next(
                shift.as_ref(),
                at,
                &reading(middle - 1e-4, middle + 1e-4),
                foreseen,
            );
        }
        shift.is_some_and(|shift| shift.is_certain())
    }

    #[test]
    fn three_readings_that_are_off_by_the_same_are_a_jump_and_two_are_not() {
        assert!(jumps(&[0.02, 0.0203, 0.0199], 2e-4));
        assert!(!jumps(&[0.02, 0.0203], 2e-4));
    }

    #[test]
    fn readings_that_differ_by_more_than_a_tenth_of_how_far_they_are_off_are_none() {
        assert!(!jumps(&[0.02, 0.025, 0.015], 2e-4), "a server that wobbles");
        assert!(!jumps(&[0.02, 0.04, 0.06], 2e-4), "another rate");
        assert!(!jumps(&[0.02, -0.02, 0.02], 2e-4));
    }

    #[test]
    fn the_end_of_long_round_trips_is_no_jump() {
        assert!(!jumps(&[0.02, 0.0203, 0.0199], 0.04));
    }
}
