//! The drift of a clock that we do not steer against its sources, estimated from the measured
//! offsets.

use super::timescale::FreeTime;
use crate::time::{Frequency, Seconds};
use std::collections::VecDeque;

/// The number of offsets that each new one is compared with.
const REMEMBERED: usize = 8;

/// Offsets closer together than this show noise and not the rate.
const SHORTEST: Seconds = Seconds::new(1.0);

/// A clock of which only one offset is known may gain or lose this much: what the kernel assumes of
/// one, too.
const UNKNOWN: Frequency = Frequency::new(500e-6);

/// The last offsets of a clock that we do not steer.
#[derive(Clone, Debug, Default)]
pub(super) struct MeasuredDrift {
    offsets: VecDeque<(FreeTime, Seconds)>,
}

impl MeasuredDrift {
    /// Takes in the offset at `at`, and returns the fastest that the clock has been seen to move
    /// since one of the last offsets, noise included.
    pub(super) fn learn(&mut self, at: FreeTime, offset: Seconds) -> Frequency {
        let rates = self
            .offsets
            .iter()
            .filter(|(before, _)| at - *before >= SHORTEST)
            .map(|(before, then)| {
                Frequency::new((offset - *then).abs().to_f64() / (at - *before).to_f64())
            });
        let fastest = rates.reduce(Frequency::max).unwrap_or(UNKNOWN);
        if self.offsets.len() == REMEMBERED {
            self.offsets.pop_front();
        }
        self.offsets.push_back((at, offset));
        fastest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::NtpTimestamp;

    fn at(seconds: f64) -> FreeTime {
        FreeTime::new(NtpTimestamp::from_unix(1_800_000_000, 0)) + Seconds::new(seconds)
    }

    #[test]
    fn one_offset_says_nothing_about_the_rate() {
        assert_eq!(
            MeasuredDrift::default().learn(at(0.0), Seconds::new(0.1)),
            UNKNOWN
        );
    }

    #[test]
    fn a_clock_that_drifts_is_seen_to_drift_and_one_that_stands_is_not() {
        let mut drift = MeasuredDrift::default();
        let mut last = UNKNOWN;
        for poll in 0..20 {
            let time = 64.0 * f64::from(poll);
            last = drift.learn(at(time), Seconds::new(20e-6 * time));
        }
        assert!((last.to_f64() - 20e-6).abs() < 1e-9, "{last:?}");
        let mut still = MeasuredDrift::default();
        for poll in 0..20 {
            last = still.learn(at(64.0 * f64::from(poll)), Seconds::new(-0.3));
        }
        assert!(last.to_f64() < 1e-9, "{last:?}");
    }

    #[test]
    fn a_step_by_another_program_counts_as_movement_until_it_is_forgotten() {
        let mut drift = MeasuredDrift::default();
        let rates: Vec<f64> = (0..30)
            .map(|poll| {
                let offset = if poll < 10 { 0.2 } else { 0.0 };
                drift
                    .learn(at(64.0 * f64::from(poll)), Seconds::new(offset))
                    .to_f64()
            })
            .collect();
        assert!(rates[10] > 3e-3 && rates[14] > 1e-4, "{rates:?}");
        assert!(rates[29] < 1e-9, "{rates:?}");
    }
}
