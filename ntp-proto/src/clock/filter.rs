//! The clock filter of one source (RFC 5905 §10): of the last eight measurements, the one with the
//! shortest round trip is closest to the truth.

use super::measurement::{FREQUENCY_TOLERANCE, Measurement};
use super::timescale::FreeTime;
use crate::time::{Frequency, Seconds};

/// Stages of the shift register (RFC 5905 §7.2 NSTAGE).
const STAGES: usize = 8;
/// A sample older than this is ranked behind all younger ones (RFC 5905 §11.3 ALLAN).
const ALLAN_INTERCEPT: Seconds = Seconds::new(1500.0);

/// The output of the filter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Filtered {
    /// The measurement to believe.
    pub best: Measurement,
    /// The newest one.
    pub newest: Measurement,
    /// The bound of the error that reading clocks and waiting added to `best`, at the time of
    /// filtering (RFC 5905 §10 "peer dispersion"). Empty stages count for nothing here: waiting for
    /// more is the selection's business.
    pub dispersion: Seconds,
    /// The typical difference between `best` and the others (RFC 5905 §10 "peer jitter").
    pub jitter: Seconds,
    /// The number of measurements that it rests upon.
    pub samples: usize,
}

impl Filtered {
    /// The bound of the error of the best offset at `now`: the root distance (RFC 5905 §11.1 Λ).
    #[must_use]
    pub fn distance(&self, now: FreeTime) -> Seconds {
        let age = FREQUENCY_TOLERANCE * (now - self.best.at).max(Seconds::ZERO);
        self.at_once() + self.dispersion + age
    }

    /// The same where our own rate is known to `rate` and offsets are brought forward by it, so
    /// that samples age less.
    #[must_use]
    pub(super) fn distance_at_rate(&self, now: FreeTime, rate: Frequency) -> Seconds {
        let age = rate * (now - self.best.at).max(Seconds::ZERO);
        self.at_once() + self.best.dispersion + age
    }

    /// The part that does not depend on the age of samples.
    fn at_once(&self) -> Seconds {
        let best = &self.best;
        let round_trips = (best.root.delay + best.delay().max(Seconds::ZERO)) * 0.5;
        round_trips + best.root.dispersion + self.jitter
    }
}

/// The last eight measurements of one source, newest first.
#[derive(Clone, Debug, Default)]
pub struct ClockFilter {
    stages: [Option<Measurement>; STAGES],
}

impl ClockFilter {
    /// Takes in a new measurement; the oldest falls out. `drift` is as for
    /// [`filtered`](Self::filtered).
    ///
    /// Two new samples in a row that agree with each other and contradict the one before show that
    /// one of the clocks has jumped: then all that is older is void. Returns whether the newest
    /// sample contradicts its predecessor, so that another one is wanted soon.
    pub fn push(&mut self, measurement: Measurement, drift: Frequency) -> bool {
        self.stages.rotate_right(1);
        if let Some(newest) = self.stages.first_mut() {
            *newest = Some(measurement);
        }
        let [Some(newest), Some(second), third, ..] = &self.stages else {
            return false;
        };
        if contradicts(newest, second, drift) {
            return true;
        }
        let jumped = third.as_ref().is_some_and(|third| {
            contradicts(second, third, drift) && contradicts(newest, third, drift)
        });
        if jumped {
            self.stages
                .iter_mut()
                .skip(2)
                .for_each(|stage| *stage = None);
        }
        false
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.stages = [None; STAGES];
    }

    /// The measurements, newest first.
    pub fn samples(&self) -> impl Iterator<Item = &Measurement> {
        self.stages.iter().flatten()
    }

    /// The output at `now`. `drift` is the rate at which the offset against the
    /// free-running clock is believed to grow; without it, older samples would look wrong just for
    /// being older.
    #[must_use]
    pub fn filtered(&self, now: FreeTime, drift: Frequency) -> Option<Filtered> {
        let mut ranked: [Option<(&Measurement, Seconds)>; STAGES] = [None; STAGES];
        for (slot, sample) in ranked.iter_mut().zip(self.samples()) {
            *slot = Some((sample, rank(sample, now)));
        }
        ranked.sort_by(|a, b| match (a, b) {
            (Some((_, a)), Some((_, b))) => a.to_f64().total_cmp(&b.to_f64()),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        let (best, _) = (*ranked.first()?)?;
        let newest = *self.samples().next()?;
        let samples = ranked.iter().flatten().count();
        let precision = best.root.precision.seconds();
        Some(Filtered {
            best: *best,
            newest,
            dispersion: dispersion(ranked.iter().flatten().map(|(sample, _)| *sample), now),
            jitter: jitter(best, self.samples(), drift).max(precision),
            samples,
        })
    }
}

/// The unknown drift that can explain a difference, beyond the estimated one.
const DRIFT_ALLOWANCE: Frequency = Frequency::new(50e-6);

/// True if no pair of delays can explain the difference of two samples: one of the clocks has
/// jumped between them.
fn contradicts(newer: &Measurement, older: &Measurement, drift: Frequency) -> bool {
    let span = newer.at - older.at;
    let difference = Seconds::from(newer.offset() - older.offset()) - drift * span;
    let roots = newer.root.dispersion.max(older.root.dispersion)
        + newer.root.delay.max(older.root.delay) * 0.5;
    let explained = (newer.delay() + older.delay()) * 0.5
        + newer.dispersion
        + older.dispersion
        + DRIFT_ALLOWANCE * span;
    difference.abs() > explained + roots
}

/// The key by which samples are sorted: what they could be wrong by.
fn rank(sample: &Measurement, now: FreeTime) -> Seconds {
    let age = now - sample.at;
    let distance = sample.delay() * 0.5 + sample.dispersion + FREQUENCY_TOLERANCE * age;
    if age > ALLAN_INTERCEPT {
        distance + Seconds::new(16.0)
    } else {
        distance
    }
}

/// Σ εᵢ / 2ⁱ⁺¹ over the ranked samples, scaled so that the weights of the samples there are sum up
/// to one.
fn dispersion<'a>(ranked: impl Iterator<Item = &'a Measurement>, now: FreeTime) -> Seconds {
    let (mut sum, mut weights, mut weight) = (Seconds::ZERO, 0.0, 0.5);
    for sample in ranked {
        sum += (sample.dispersion + FREQUENCY_TOLERANCE * (now - sample.at)) * weight;
        weights += weight;
        weight *= 0.5;
    }
    if weights > 0.0 {
        sum / weights
    } else {
        Seconds::ZERO
    }
}

/// The root mean square of the differences to the best sample.
fn jitter<'a>(
    best: &Measurement,
    samples: impl Iterator<Item = &'a Measurement>,
    drift: Frequency,
) -> Seconds {
    let (mut squares, mut others) = (0.0, 0.0);
    for sample in samples {
        if sample.at == best.at {
            continue;
        }
        let expected = drift * (sample.at - best.at);
        let difference = Seconds::from(sample.offset() - best.offset()) - expected;
        squares += difference.to_f64().powi(2);
        others += 1.0;
    }
    if others > 0.0 {
        Seconds::new((squares / others).sqrt())
    } else {
        Seconds::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::super::measurement::tests::measurement;
    use super::*;

    fn filtered(samples: &[Measurement], drift: f64) -> Filtered {
        let mut filter = ClockFilter::default();
        for sample in samples {
            let _ = filter.push(*sample, Frequency::new(drift));
        }
        filter
            .filtered(samples.last().unwrap().at, Frequency::new(drift))
            .unwrap()
    }

    #[test]
    fn the_shortest_round_trip_wins() {
        let queued = measurement(16.0, 0.050, 0.120);
        let clean = measurement(0.0, 0.001, 0.020);
        assert_eq!(filtered(&[clean, queued], 0.0).best, clean);
    }

    #[test]
    fn a_stale_sample_loses_against_a_fresh_one() {
        let old = measurement(0.0, 0.0, 0.010);
        let fresh = measurement(2000.0, 0.0, 0.050);
        assert_eq!(filtered(&[old, fresh], 0.0).best, fresh);
    }

    #[test]
    fn a_steady_drift_is_not_jitter() {
        let samples: Vec<_> = (0..8)
            .map(|i| measurement(f64::from(i) * 16.0, 40e-6 * 16.0 * f64::from(i), 0.01))
            .collect();
        assert!(filtered(&samples, 40e-6).jitter.to_f64() < 1e-7);
        assert!(filtered(&samples, 0.0).jitter.to_f64() > 1e-3);
    }

    #[test]
    fn after_a_jump_two_samples_suffice_to_forget_the_time_before() {
        let mut filter = ClockFilter::default();
        for i in 0..8 {
            assert!(!filter.push(measurement(f64::from(i) * 16.0, 0.0, 0.01), Frequency::ZERO));
        }
        assert!(
            filter.push(measurement(128.0, 0.5, 0.01), Frequency::ZERO),
            "another one is wanted"
        );
        assert_eq!(filter.samples().count(), 8);
        assert!(!filter.push(measurement(130.0, 0.5, 0.01), Frequency::ZERO));
        assert_eq!(filter.samples().count(), 2);
    }

    #[test]
    fn a_single_wild_sample_does_not_empty_the_filter() {
        let mut filter = ClockFilter::default();
        for offset in [0.0, 0.0, 0.5, 0.0, 0.0, 0.0] {
            let at = filter.samples().count() as f64 * 16.0;
            let _ = filter.push(measurement(at, offset, 0.01), Frequency::ZERO);
        }
        assert!(filter.samples().count() >= 3);
    }

    #[test]
    fn only_eight_samples_are_kept() {
        let samples: Vec<_> = (0..20)
            .map(|i| measurement(f64::from(i), 0.0, 0.01))
            .collect();
        assert_eq!(filtered(&samples, 0.0).samples, 8);
    }
}
