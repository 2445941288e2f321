//! The estimator: what time it is, how fast our clock runs, and how well both are known.
//!
//! It works in the free-running timescale, so that steering cannot disturb it. Each [`Bank`] holds
//! filters for different sizes of the oscillator's wander, and [`Models`] a bank for each way in
//! which slow queues may be split between requests and replies; each [`Link`](link::Link) knows the
//! path to one source, and a [`Queue`](queue::Queue) the slow part of its delay; [`law`] says what
//! a reading means; a [`Trail`] of unforeseen readings shows that the clock runs at another rate
//! than was possible, and a [`Shift`] that it has jumped. docs/design/clock.md explains the model,
//! the formulas and the origin of the numbers.
//!
//! [`Bank`]: bank::Bank

mod bank;
mod grain;
mod hypothesis;
mod law;
mod link;
mod models;
mod normal;
mod pace;
mod places;
mod queue;
mod shift;
mod shortest;
mod state;
mod trail;
mod unexplained;

use super::discipline::{ClockUpdate, Correction, KnownFrequency, LoopState};
use super::measurement::Measurement;
use super::steer::LARGEST_RATE;
use super::timescale::FreeTime;
use crate::association::AssociationId;
use crate::time::{Frequency, NtpDuration, PollInterval, Seconds};
use grain::Point;
use hypothesis::Belief;
use law::Reading;
use models::Models;
use pace::Pace;
use places::{Place, Places, Suspect};
use shift::{Foreseen, Shift};
use trail::{NO_CLOCK, Trail};

/// What a clock's rate may be wrong by when nothing is known (one standard deviation).
const UNKNOWN: Frequency = Frequency::new(100e-6);
/// The same for the error bound: three times this are the 500 ppm of RFC 5905 MAXFREQ.
const UNMEASURED: Frequency = Frequency::new(170e-6);
/// A frequency is kept for the next start once it is known to this.
const WORTH_KEEPING: Frequency = Frequency::new(0.5e-6);
/// The share of half the shortest round trip by which the two ways typically differ.
const ASYMMETRY: f64 = 0.2;
/// No bias is believed to be smaller than this, in seconds.
const LEAST_BIAS: f64 = 1e-6;
/// The share of a source's own root dispersion and half root delay that its error typically is.
const ROOT_SHARE: f64 = 0.2;
/// Standard deviations that an error bound takes.
const SURE: f64 = 3.0;
/// No server is believed to wobble by more, as a standard deviation in seconds, where the rate of
/// our clock may be what is seen.
const MOST_WOBBLE: f64 = 0.02;
/// Readings that contradict one another must agree to this rate, beyond their widths.
const AGREEMENT: f64 = 100e-6;
/// No rate is known better than this where readings that follow each other are compared.
const LEAST_TOLERANCE: f64 = 1e-6;
/// The greatest width of the last readings fades by this factor per reading.
const WIDTH_MEMORY: f64 = 0.9;
/// Readings after which the rate counts as measured.
const MEASURED: u32 = 3;

/// The estimator and what it has learnt.
#[derive(Clone, Debug)]
pub struct Estimate {
    bank: Models,
    places: Places,
    /// Server minus free-running clock at the first reading; offsets are counted from here.
    origin: NtpDuration,
    /// What is believed, and when that was.
    belief: Belief,
    at: Option<FreeTime>,
    pace: Pace,
    /// The rate that was known at the start, and its standard deviation.
    prior: (f64, f64),
    /// The last reading could not be explained.
    puzzled: bool,
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
            bank: Models::new(rate, deviation),
            places: Places::new(),
            origin: NtpDuration::ZERO,
            belief: Belief {
                rate,
                rate_variance: deviation * deviation,
                ..Belief::default()
            },
            at: None,
            pace: Pace::new(),
            prior: (rate, deviation),
            puzzled: false,
        }
    }

    /// A source is no longer asked: its places are free at once. The clock stays where it is
    /// believed to be.
    pub(super) fn forget(&mut self, source: AssociationId) {
        let own: Vec<usize> = self
            .places
            .indexed()
            .filter(|(_, place)| place.source == source)
            .map(|(index, _)| index)
            .collect();
        for index in own {
            self.places.set(index, None);
            self.bank.release(index);
        }
    }

    /// The clock needs a larger correction of its rate than [`frequency`](Self::frequency) can be.
    pub(super) fn is_saturated(&self) -> bool {
        self.uncorrected() > 0.0
    }

    /// The part of the believed rate, without its sign, that is beyond the largest correction.
    fn uncorrected(&self) -> f64 {
        (self.belief.rate.abs() - LARGEST_RATE.to_f64()).max(0.0)
    }

    /// Takes in the newest measurement of a source that is believed and that is asked at the
    /// interval `poll`. Returns whether it was news.
    pub(super) fn learn(
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

    /// The place of the path that a reply has taken: of those known from its source, the longest
    /// that is not too long.
    fn place_of(
        &mut self,
        source: AssociationId,
        measurement: &Measurement,
        poll: PollInterval,
    ) -> Option<usize> {
        let round_trip = measurement.delay().to_f64();
        let own = self
            .places
            .indexed()
            .filter(|(_, place)| place.source == source);
        let length = |place: &Place| place.link.shortest();
        let longest =
            |a: &(usize, &Place), b: &(usize, &Place)| length(a.1).total_cmp(&length(b.1));
        let alone = own.clone().count() == 1;
        let fits =
            |place: &Place| place.link.admits(round_trip) || (alone && !place.link.is_known());
        let fitting = own.clone().filter(|(_, place)| fits(place)).max_by(longest);
        let place = Place::new(source, measurement, poll);
        match (fitting, own.min_by(longest)) {
            (Some((index, place)), _) if !place.link.has_another_path() => Some(index),
            (Some((index, known)), _) => {
                let difference = round_trip - length(known);
                self.places.get_mut(index)?.link.hand_over();
                self.settle(place, measurement, difference, Some(index))
            }
            (None, Some((index, known))) => {
                let difference = length(known) - round_trip;
                let link = &mut self.places.get_mut(index)?.link;
                if !link.confirms_shorter(round_trip) {
                    return None;
                }
                self.settle(place, measurement, difference, Some(index))
            }
            (None, None) => self.settle(place, measurement, 0.0, None),
        }
    }

    /// Gives a path a place, if there is one for it. The round trip differs from that of the path
    /// before by this many seconds, if there was one: all of that may be in one way.
    fn settle(
        &mut self,
        place: Place,
        measurement: &Measurement,
        difference: f64,
        of: Option<usize>,
    ) -> Option<usize> {
        let shorter = of
            .and_then(|of| self.places.get(of))
            .is_some_and(|of| of.link.shortest() > measurement.delay().to_f64());
        let index = self.places.vacate(place.source, measurement)?;
        self.places.set(index, Some(place));
        let delay = measurement.delay().to_f64();
        let lasting = bias_variance(delay, measurement) + (delay / 4.0).powi(2);
        let now = lasting + difference * difference / 4.0;
        match of {
            Some(of) if of != index => {
                self.bank
                    .admit_path([index, of], lasting, difference, shorter);
            }
            _ => self.bank.admit(index, lasting, now),
        }
        Some(index)
    }

    /// The very first measurement.
    fn begin(&mut self, measurement: &Measurement) {
        self.origin = measurement.offset();
        self.places
            .iter_mut()
            .for_each(|place| place.grain.interrupt());
        self.at = Some(measurement.at);
        self.bank.begin(
            0.0,
            (measurement.delay().to_f64().max(0.0) / 2.0).powi(2) + 1e-14,
        );
    }

    /// Learns from a reading of the path at this place, `span` seconds after the last reading of
    /// any.
    fn take(&mut self, index: usize, span: f64, measurement: &Measurement) {
        let sources = self.places.latest().count();
        let Some(reading) = self.read(index, measurement) else {
            return;
        };
        self.bank.predict(span, sources > 1);
        let paths = self.places.further_paths();
        self.bank.prepare(&reading.wait, &paths);
        if let Some(place) = self.places.get(index) {
            let lasting = bias_variance(place.link.shortest(), measurement);
            self.bank.lower(index, reading.wait.fall, lasting, &paths);
        }
        self.at = Some(measurement.at);
        let Some(place) = self.places.get_mut(index) else {
            return;
        };
        let laws = place.link.weights(sources > 1);
        let outlook = self.bank.outlook(index, &reading, &laws, sources > 1);
        let foreseen = self.bank.belief(index);
        let middle = foreseen.offset + foreseen.bias + self.bank.queued(index, &reading.wait);
        // Nothing that a wobbling server is known to do begins a trail. One that has begun goes on
        // even if the server is believed to wobble by now: the trail may be why.
        let wobble = 4.0
            * self
                .bank
                .wobble(&laws, reading.jitter)
                .min(MOST_WOBBLE.powi(2));
        let deviation = |wobble: f64| (foreseen.shown_variance.max(0.0) + wobble).sqrt();
        let steady = deviation(if place.trail.is_none() { wobble } else { 0.0 });
        place.trail = Trail::next(
            place.trail.as_ref(),
            measurement.at,
            &reading,
            middle,
            steady,
        );
        let expected = Foreseen {
            middle,
            deviation: deviation(wobble),
            rate: foreseen.rate,
            rate_deviation: foreseen.rate_deviation(),
            width: place.width,
        };
        let shift = place.shift.as_ref();
        let shift = place
            .link
            .is_known()
            .then(|| Shift::next(shift, measurement.at, &reading, expected));
        place.shift = shift.flatten();
        place.width = reading.width().max(WIDTH_MEMORY * place.width);
        if self.turned(index, measurement.at) || self.shifted(index, measurement.at) {
            return;
        }
        self.suspect_shift(index, measurement.at);
        let Some(place) = self.places.get_mut(index) else {
            return;
        };
        if outlook.inexplicable {
            place.link.suspect_wobble();
            let suspect = Suspect {
                at: measurement.at,
                middle: reading.middle(),
                width: reading.width(),
            };
            self.belief = foreseen;
            return self.wonder(index, suspect);
        }
        self.puzzled = false;
        place.suspect = None;
        place.explained = measurement.at;
        if !reading.wild {
            place.link.weigh(&outlook.posteriors);
        }
        self.bank
            .absorb(index, &outlook, &reading, (sources, &paths));
        let foreseen = self.belief.offset + self.belief.rate * span;
        self.belief = self.bank.belief(index);
        if !self.belief.is_finite() || self.belief.rate.abs() > NO_CLOCK {
            return self.restart();
        }
        self.pace.observe(
            span,
            self.belief.offset - foreseen,
            self.belief.shown_variance,
        );
        let grain = self
            .places
            .latest()
            .map(|(_, place)| place.grain.certain())
            .fold(f64::INFINITY, f64::min);
        self.pace.share(sources, grain);
    }

    /// The reading that a measurement gives for the path at this place, which learns from it.
    fn read(&mut self, index: usize, measurement: &Measurement) -> Option<Reading> {
        // The request left earlier by the round trip: the clock has gone on since.
        let gone = self.belief.rate * measurement.delay().max(Seconds::ZERO).to_f64();
        let outbound = Seconds::from(measurement.outbound - self.origin).to_f64() + gone;
        let inbound = Seconds::from(measurement.inbound - self.origin).to_f64();
        let place = self.places.get_mut(index)?;
        place.last = measurement.at;
        let news = place
            .grain
            .observe_timestamp(measurement.at.shown() + measurement.inbound);
        let (known, certain) = (place.grain.size(), place.grain.certain());
        if news {
            self.misread(index, measurement, certain);
        }
        let place = self.places.get_mut(index)?;
        let mut reading = place.link.read(outbound, inbound, measurement, known);
        let point = Point {
            at: measurement.at,
            middle: reading.middle(),
            width: reading.width() - known,
        };
        let tolerance =
            SURE * self.belief.rate_variance.max(0.0).sqrt().min(AGREEMENT) + LEAST_TOLERANCE;
        place
            .grain
            .observe_reading(point, self.belief.rate, tolerance);
        let unsure = place.link.unsure();
        let variance = bias_variance(place.link.shortest(), measurement)
            + unsure * unsure
            + known * known / 4.0;
        let drained = place.drained();
        let source = place.source;
        let half = ((outbound - inbound).max(0.0) + place.link.lead()) / 2.0;
        if drained > 0.0 {
            self.bank.renew(index, drained, variance);
        }
        // A longer path may have all of the difference in one way.
        if self.places.is_shortest(index) {
            self.bank.narrow(index, variance);
        }
        let ends = [reading.middle(), half];
        let grain = measurement.root.precision.seconds().to_f64();
        reading.wait =
            self.places
                .queue_mut(source)
                .observe(measurement.at, ends, reading.jitter, grain);
        Some(reading)
    }

    /// The steps of a source's clock have just been found: what was learnt from it so far was no
    /// change of our clock.
    fn misread(&mut self, index: usize, measurement: &Measurement, grain: f64) {
        let Some(place) = self.places.get_mut(index) else {
            return;
        };
        place.link.forget_laws();
        let young = !place.link.has_settled();
        if self
            .places
            .latest()
            .any(|(_, place)| place.grain.certain() == 0.0)
        {
            return;
        }
        let middle = Seconds::from(measurement.offset() - self.origin).to_f64();
        let rate = if young {
            self.prior
        } else {
            (self.belief.rate, self.belief.rate_deviation())
        };
        self.bank
            .begin_again((middle, grain * grain), (rate.0, rate.1 * rate.1));
        self.belief = self.bank.belief(index);
        self.at = Some(measurement.at);
        self.pace.alarm();
    }

    /// Forgets everything: numbers have run out of what can be calculated with.
    fn restart(&mut self) {
        *self = Self::new(None);
    }

    /// The clock may be anywhere; the next measurement is the first one of the offset.
    pub(super) fn forget_offset(&mut self) {
        self.at = None;
        self.puzzled = false;
        for place in self.places.iter_mut() {
            place.suspect = None;
            place.trail = None;
            place.shift = None;
        }
    }

    /// Server minus the free-running clock at `now`; `None` before the first reading.
    pub(super) fn free_offset(&self, now: FreeTime) -> Option<NtpDuration> {
        let span = (now - self.at?).to_f64();
        Some(self.origin + NtpDuration::from_seconds(self.belief.offset + self.belief.rate * span))
    }

    /// The standard deviation of [`free_offset`](Self::free_offset) at the last reading.
    pub(super) fn deviation(&self) -> Seconds {
        Seconds::new(self.belief.offset_variance.max(0.0).sqrt())
    }

    /// What the estimate may be wrong by, half the round trip to `source` aside, which bounds its
    /// bias: three standard deviations of what the source shows, and the bias that is believed in.
    pub(super) fn spread(&self, source: AssociationId) -> Seconds {
        let own = self
            .places
            .indexed()
            .filter(|(_, place)| place.source == source);
        let latest = own.max_by(|a, b| (a.1.last - b.1.last).to_f64().total_cmp(&0.0));
        let Some((index, place)) = latest else {
            return self.deviation() * SURE;
        };
        let belief = self.bank.belief(index);
        let sure = belief.shown_variance.max(0.0).sqrt() * SURE;
        let unsure = sure
            .max(self.bank.apart_by(belief.offset))
            .max(self.places.wait(source));
        Seconds::new(unsure + belief.bias.abs() + place.grain.size() + self.surprise())
    }

    pub(super) fn update(&mut self, update: &ClockUpdate) -> Correction {
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
        if !self.puzzled {
            self.pace.consider(update.poll, self.bank.wander(), jitter);
        }
        if self.puzzled {
            return Correction::Watch;
        }
        Correction::Steer {
            frequency: self.frequency(),
            slew: offset,
            within: self.pace.span(offset),
        }
    }

    /// A large offset waits for its confirmation: it is to be asked about soon.
    pub(super) fn watch(&mut self) {
        if !self.puzzled {
            self.pace.alarm();
        }
    }

    pub(super) fn frequency(&self) -> Frequency {
        self.believed_rate().limited(LARGEST_RATE)
    }

    pub(super) fn believed_rate(&self) -> Frequency {
        Frequency::new(self.belief.rate)
    }

    pub(super) fn frequency_uncertainty(&self) -> Frequency {
        let known = if self.pace.readings() < MEASURED {
            UNMEASURED
        } else {
            Frequency::new(self.belief.rate_variance.max(0.0).sqrt()).min(UNMEASURED)
        };
        // The part of the rate beyond the largest correction is an error of the rate as much as its
        // uncertainty.
        let known = known + Frequency::new(self.uncorrected() / SURE);
        self.at.map_or(known, |now| {
            known.max(Frequency::new(self.apart(now) / SURE))
        })
    }

    pub(super) fn poll(&self) -> PollInterval {
        // A clock that runs away is looked at as often as the limits allow.
        if self.is_saturated() {
            PollInterval::MIN
        } else {
            self.pace.poll()
        }
    }

    pub(super) fn frequency_is_worth_keeping(&self) -> bool {
        self.frequency_uncertainty() <= WORTH_KEEPING
    }

    pub(super) fn state(&self) -> LoopState {
        if self.at.is_none() {
            LoopState::Unset
        } else if self.puzzled {
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
