//! The default discipline (docs/design/clock.md): a bank of Kalman filters that estimates the
//! offset and the rate of our clock, with their uncertainty.
//!
//! It works in the free-running timescale, so that steering cannot disturb it. Each
//! [`ModelBank`](model_bank::ModelBank) holds a [Kalman filter](filter::KalmanFilter) for each size
//! of the oscillator's wander, and [`SplitModels`] a bank for each way in which slow queues may be
//! split between requests and replies; each [`PathModel`](path::PathModel) describes the path to
//! one source, and a [`Queue`](queue::Queue) the slow part of its delay; [`delay_model`] gives the
//! likelihood of an observation. A [`RateJumpDetector`] finds a rate that was not thought possible,
//! and an [`OffsetJumpDetector`] a jump.
//!
//! [`RateJumpDetector`]: rate_jump::RateJumpDetector
//! [`OffsetJumpDetector`]: offset_jump::OffsetJumpDetector

mod delay_model;
mod evidence;
mod filter;
mod grain;
mod model_bank;
mod observe;
mod offset_jump;
mod path;
mod places;
mod poll_adaptation;
mod queue;
mod rate_jump;
mod shortest;
mod split_models;
mod state;
mod truncated_normal;
mod unexplained;

use super::{ClockUpdate, Correction, Discipline, KnownFrequency, LoopState};
use crate::association::AssociationId;
use crate::clock::measurement::Measurement;
use crate::clock::steer::LARGEST_RATE;
use crate::clock::timescale::FreeTime;
use crate::time::{Frequency, NtpDuration, PollInterval, Seconds};
use filter::StateEstimate;
use places::{Place, PlaceIndex, Places};
use poll_adaptation::PollAdaptation;
use split_models::SplitModels;
use state::Gaussian;

/// The standard deviation of a clock's rate when nothing is known.
const UNKNOWN: Frequency = Frequency::new(100e-6);
/// The same for the error bound: three times this are the 500 ppm of RFC 5905 MAXFREQ.
const UNMEASURED: Frequency = Frequency::new(170e-6);
/// A frequency is kept for the next start once it is known to this.
const WORTH_KEEPING: Frequency = Frequency::new(0.5e-6);
/// The share of half the shortest round trip by which the two ways typically differ.
const ASYMMETRY: f64 = 0.2;
/// No bias is assumed to be smaller than this, in seconds.
const LEAST_BIAS: f64 = 1e-6;
/// The share of a source's own root dispersion and half root delay that its error typically is.
const ROOT_SHARE: f64 = 0.2;
/// Standard deviations that an error bound takes.
const SURE: f64 = 3.0;
/// No server is taken to be noisier, as a standard deviation in seconds, where the rate of
/// our clock may be what is seen.
const MOST_SERVER_NOISE: f64 = 0.02;
/// Observations that contradict one another must agree to this rate, beyond their widths.
const AGREEMENT: f64 = 100e-6;
/// No rate is known better than this where observations that follow each other are compared.
const LEAST_TOLERANCE: f64 = 1e-6;
/// The greatest width of the last observations fades by this factor per observation.
const WIDTH_MEMORY: f64 = 0.9;
/// Observations after which the rate counts as measured.
const MEASURED: u32 = 3;

/// The estimator and what it has learned.
#[derive(Clone, Debug)]
pub struct Estimate {
    models: SplitModels,
    places: Places,
    /// Server minus free-running clock at the first observation; offsets are counted from here.
    origin: NtpDuration,
    /// The state estimate, and its time.
    state: StateEstimate,
    at: Option<FreeTime>,
    adaptation: PollAdaptation,
    /// The rate that was known at the start.
    prior: Gaussian,
    /// The last observation could not be explained.
    inconsistent: bool,
}

impl Estimate {
    pub(super) fn new(known: Option<KnownFrequency>) -> Self {
        let KnownFrequency {
            frequency,
            uncertainty,
        } = known.unwrap_or(KnownFrequency {
            frequency: Frequency::ZERO,
            uncertainty: UNKNOWN,
        });
        let (rate, deviation) = (
            frequency.limited(LARGEST_RATE).to_f64(),
            uncertainty.to_f64(),
        );
        Self {
            models: SplitModels::new(rate, deviation),
            places: Places::new(),
            origin: NtpDuration::ZERO,
            state: StateEstimate {
                rate,
                rate_variance: deviation * deviation,
                ..StateEstimate::default()
            },
            at: None,
            adaptation: PollAdaptation::new(),
            prior: Gaussian {
                mean: rate,
                variance: deviation * deviation,
            },
            inconsistent: false,
        }
    }

    /// The part of the estimated rate, without its sign, that is beyond the largest correction.
    fn uncorrected(&self) -> f64 {
        (self.state.rate.abs() - LARGEST_RATE.to_f64()).max(0.0)
    }

    /// Forgets everything: numbers have run out of what can be calculated with.
    fn restart(&mut self) {
        *self = Self::new(None);
    }

    /// Server minus the free-running clock at `now`; `None` before the first observation.
    pub(super) fn free_offset(&self, now: FreeTime) -> Option<NtpDuration> {
        let span = (now - self.at?).to_f64();
        Some(self.origin + NtpDuration::from_seconds(self.state.offset + self.state.rate * span))
    }

    /// The standard deviation of [`free_offset`](Self::free_offset) at the last observation.
    pub(super) fn deviation(&self) -> Seconds {
        Seconds::new(self.state.offset_variance.max(0.0).sqrt())
    }
}

impl Discipline for Estimate {
    fn learns(&self) -> bool {
        true
    }

    fn learn(
        &mut self,
        source: AssociationId,
        measurement: &Measurement,
        poll: PollInterval,
    ) -> bool {
        if self
            .places
            .iter()
            .any(|place| place.source == source && place.last == measurement.at)
        {
            return false;
        }
        if self.at.is_none() {
            self.begin(measurement);
        }
        let span = self
            .at
            .map_or(Seconds::ZERO, |at| measurement.at - at)
            .max(Seconds::ZERO);
        self.places.pass(span, source, poll);
        let Some(place) = self.place_of(source, measurement, poll) else {
            return false;
        };
        self.take(place, span.to_f64(), measurement);
        true
    }

    fn forget(&mut self, source: AssociationId) {
        let own: Vec<PlaceIndex> = self
            .places
            .indexed()
            .filter(|(_, place)| place.source == source)
            .map(|(index, _)| index)
            .collect();
        for index in own {
            self.places.set(index, None);
            self.models.release(index);
        }
    }

    fn is_saturated(&self) -> bool {
        self.uncorrected() > 0.0
    }

    fn estimate(&self, now: FreeTime) -> Option<(NtpDuration, Seconds)> {
        let offset = self.free_offset(now)?;
        Some((offset, self.deviation()))
    }

    /// The error bound of the estimate, half the round trip to `source` aside, which bounds its
    /// bias: three standard deviations of what the source shows, and the estimated bias.
    fn spread(&self, source: AssociationId) -> Option<Seconds> {
        let own = self
            .places
            .indexed()
            .filter(|(_, place)| place.source == source);
        let latest = own.max_by(|a, b| (a.1.last - b.1.last).to_f64().total_cmp(&0.0));
        let Some((index, place)) = latest else {
            return Some(self.deviation() * SURE);
        };
        let estimate = self.models.estimate(index);
        let sure = estimate.shown_variance.max(0.0).sqrt() * SURE;
        let unsure = sure
            .max(self.models.largest_difference(estimate.offset))
            .max(self.places.wait(source));
        let known = unsure + estimate.bias.abs() + place.grain.size();
        Some(Seconds::new(known + self.innovation()))
    }

    fn update(&mut self, update: &ClockUpdate) -> Correction {
        let Some(free_offset) = self.free_offset(update.now) else {
            return Correction::Watch;
        };
        let steered_by = update.free_offset - NtpDuration::from(update.offset);
        let offset = Seconds::from(free_offset - steered_by);
        let jitter = self
            .places
            .iter()
            .map(Place::noise)
            .fold(f64::INFINITY, f64::min);
        if !self.inconsistent {
            self.adaptation
                .consider(update.poll, self.models.wander(), jitter);
        }
        if self.inconsistent {
            return Correction::Watch;
        }
        Correction::Steer {
            frequency: self.frequency(),
            slew: offset,
            within: self.adaptation.span(offset),
        }
    }

    /// A large offset waits for its confirmation: it is to be asked about soon.
    fn watch(&mut self, _: &ClockUpdate) {
        if !self.inconsistent {
            self.adaptation.alarm();
        }
    }

    fn forget_offset(&mut self) {
        self.at = None;
        self.inconsistent = false;
        for place in self.places.iter_mut() {
            place.suspect = None;
            place.rate_jump = None;
            place.offset_jump = None;
        }
    }

    fn frequency(&self) -> Frequency {
        self.believed_rate().limited(LARGEST_RATE)
    }

    fn believed_rate(&self) -> Frequency {
        Frequency::new(self.state.rate)
    }

    fn frequency_uncertainty(&self) -> Frequency {
        let known = if self.adaptation.observations() < MEASURED {
            UNMEASURED
        } else {
            Frequency::new(self.state.rate_variance.max(0.0).sqrt()).min(UNMEASURED)
        };
        // The part of the rate beyond the largest correction is an error of the rate as much as its
        // uncertainty.
        let known = known + Frequency::new(self.uncorrected() / SURE);
        self.at.map_or(known, |now| {
            known.max(Frequency::new(self.apart(now) / SURE))
        })
    }

    fn frequency_is_worth_keeping(&self) -> bool {
        self.frequency_uncertainty() <= WORTH_KEEPING
    }

    fn poll(&self) -> PollInterval {
        // A clock that runs away is looked at as often as the limits allow.
        if self.is_saturated() {
            PollInterval::MIN
        } else {
            self.adaptation.poll()
        }
    }

    fn state(&self) -> LoopState {
        if self.at.is_none() {
            LoopState::Unset
        } else if self.inconsistent {
            LoopState::Spike
        } else if self.frequency_is_worth_keeping() {
            LoopState::Synchronized
        } else {
            LoopState::Measuring
        }
    }
}

/// The variance of a source's bias before anything is known of it: the two ways differ by a share
/// of the shortest round trip, and the source errs by a share of what it admits.
fn bias_variance(shortest: f64, measurement: &Measurement) -> f64 {
    let root = measurement.root.delay.to_f64().max(0.0) / 2.0
        + measurement.root.dispersion.to_f64().max(0.0);
    (ASYMMETRY * shortest.max(0.0) / 2.0).powi(2) + (ROOT_SHARE * root).powi(2) + LEAST_BIAS.powi(2)
}

#[cfg(test)]
mod tests;
