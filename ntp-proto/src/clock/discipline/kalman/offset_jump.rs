//! Detection of a jump of the offset (docs/design/clock.md §4, "The same distance").
//!
//! Observations in a row that are all off by the same show that the lone source or our clock has
//! jumped, even if each of them could be explained by a noisy server.

use super::delay_model::Observation;
use super::state::Gaussian;
use crate::clock::timescale::FreeTime;

/// An observation is off if it is so many widths away from what was predicted, its own and those of
/// the observations before it: where round trips were long, what was predicted may be wrong by as
/// much,
const WIDTHS: f64 = 2.0;
/// and so many standard deviations.
const DEVIATIONS: f64 = 3.0;
/// So many observations in a row must be off,
const READINGS: u32 = 3;
/// and differ by no more than this share of how far they are off.
const ALIKE: f64 = 0.1;

/// The prediction from before the first observation that was off, carried on: an offset and a rate
/// with their standard deviations, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prediction {
    pub(super) middle: f64,
    pub(super) deviation: f64,
    pub(super) rate: f64,
    pub(super) rate_deviation: f64,
    /// The greatest width of the last observations before.
    pub(super) width: f64,
}

/// The last observations of a source, if all of them were off by the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct OffsetJumpDetector {
    began: FreeTime,
    predicted: Prediction,
    /// The least and the greatest distance from what was predicted.
    least: f64,
    greatest: f64,
    observations: u32,
    /// The offset at the last observation.
    last: Gaussian,
}

impl OffsetJumpDetector {
    /// Goes on with an observation: `None` if it is near what was predicted before the first one.
    /// `now` is the current prediction.
    pub(super) fn next(
        jump: Option<&Self>,
        at: FreeTime,
        observation: &Observation,
        now: Prediction,
    ) -> Option<Self> {
        if observation.outlier_delay || observation.coarse > 0.0 {
            return None;
        }
        let begin = || Self::begin(at, observation, now);
        jump.map_or_else(begin, |jump| jump.go_on(at, observation).or_else(begin))
    }

    fn begin(at: FreeTime, observation: &Observation, predicted: Prediction) -> Option<Self> {
        let distance = observation.middle() - predicted.middle;
        let off = distance.abs()
            > WIDTHS * observation.width().max(predicted.width) + DEVIATIONS * predicted.deviation;
        off.then_some(Self {
            began: at,
            predicted,
            least: distance,
            greatest: distance,
            observations: 1,
            last: last(observation),
        })
    }

    fn go_on(&self, at: FreeTime, observation: &Observation) -> Option<Self> {
        let span = (at - self.began).to_f64().max(0.0);
        let distance = observation.middle() - self.predicted.middle - self.predicted.rate * span;
        let deviation = self.predicted.deviation + self.predicted.rate_deviation * span;
        let off = distance.abs() > WIDTHS * observation.width() + DEVIATIONS * deviation;
        let (least, greatest) = (self.least.min(distance), self.greatest.max(distance));
        let alike =
            least * greatest > 0.0 && greatest - least <= ALIKE * least.abs().min(greatest.abs());
        (off && alike).then_some(Self {
            least,
            greatest,
            observations: self.observations + 1,
            last: last(observation),
            ..*self
        })
    }

    /// True if there are enough of them.
    pub(super) fn is_certain(&self) -> bool {
        self.observations >= READINGS
    }

    /// True if there is one so far.
    pub(super) fn is_first(&self) -> bool {
        self.observations == 1
    }

    /// The time of the first of them.
    pub(super) fn began(&self) -> FreeTime {
        self.began
    }

    /// The greatest distance from what was predicted, without its sign, in seconds.
    pub(super) fn distance(&self) -> f64 {
        self.least.abs().max(self.greatest.abs())
    }

    /// The offset at the last observation.
    pub(super) fn offset(&self) -> Gaussian {
        self.last
    }

    /// The rate, which was predicted and is not changed by a jump: it may differ by as much as the
    /// observations do.
    pub(super) fn rate(&self, now: FreeTime) -> Gaussian {
        let span = (now - self.began).to_f64().max(1.0);
        let apart = (self.greatest - self.least) / span;
        Gaussian {
            mean: self.predicted.rate,
            variance: self.predicted.rate_deviation.powi(2) + apart * apart,
        }
    }
}

fn last(observation: &Observation) -> Gaussian {
    Gaussian {
        mean: observation.middle(),
        variance: observation.width().powi(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::discipline::kalman::delay_model::tests::observation;
    use crate::time::{NtpTimestamp, Seconds};

    /// True if observations, 64 s apart, are a jump, where `width` is the greatest of those before.
    fn jumps(middles: &[f64], width: f64) -> bool {
        let predicted = Prediction {
            middle: 0.0,
            deviation: 1e-4,
            rate: 0.0,
            rate_deviation: 1e-8,
            width,
        };
        let mut jump = None;
        for (place, middle) in (0..).zip(middles) {
            let at = FreeTime::new(NtpTimestamp::from_unix(1_800_000_000, 0))
                + Seconds::new(64.0 * f64::from(place));
            jump = OffsetJumpDetector::next(
                jump.as_ref(),
                at,
                &observation(middle - 1e-4, middle + 1e-4),
                predicted,
            );
        }
        jump.is_some_and(|jump| jump.is_certain())
    }

    #[test]
    fn three_observations_that_are_off_by_the_same_are_a_jump_and_two_are_not() {
        assert!(jumps(&[0.02, 0.0203, 0.0199], 2e-4));
        assert!(!jumps(&[0.02, 0.0203], 2e-4));
    }

    #[test]
    fn observations_that_differ_by_more_than_a_tenth_of_how_far_they_are_off_are_none() {
        assert!(
            !jumps(&[0.02, 0.025, 0.015], 2e-4),
            "a server that is_noisy"
        );
        assert!(!jumps(&[0.02, 0.04, 0.06], 2e-4), "another rate");
        assert!(!jumps(&[0.02, -0.02, 0.02], 2e-4));
    }

    #[test]
    fn the_end_of_long_round_trips_is_no_jump() {
        assert!(!jumps(&[0.02, 0.0203, 0.0199], 0.04));
    }
}
