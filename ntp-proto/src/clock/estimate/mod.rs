//! The estimator: what time it is, how fast our clock runs, and how well both are known.
//!
//! It works in the free-running timescale, so that steering cannot disturb it. [`Bank`] holds filters for different sizes
//! of the oscillator's wander; each [`Link`] knows what the path to one source is like; [`law`] says what a reading means;
//! a [`Trail`] of readings that nobody foresaw tells that the clock runs at another rate than anybody thought.
//! docs/design/clock.md explains the model, the formulas and where the numbers come from.

mod bank;
mod hypothesis;
mod law;
mod link;
mod normal;
mod pace;
mod trail;

use super::discipline::{ClockUpdate, Correction, KnownFrequency, LoopState};
use super::measurement::Measurement;
use super::steer::LARGEST_RATE;
use super::timescale::FreeTime;
use crate::source::SourceId;
use crate::time::{Frequency, NtpDuration, PollInterval, Seconds};
use bank::Bank;
use hypothesis::{Belief, SOURCES};
use link::Link;
use pace::Pace;
use trail::Trail;

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
/// A source that was silent for this long no longer counts, and gives its place to another.
const FORGOTTEN: Seconds = Seconds::new(4.0 * 3600.0);
/// Readings that nobody could explain must agree to this rate, beyond their widths.
const AGREEMENT: f64 = 100e-6;
/// Standard deviations that an error bound takes.
const SURE: f64 = 3.0;
/// No server is believed to wobble by more, as a standard deviation in seconds, where the rate of our clock may be what is
/// seen.
const MOST_WOBBLE: f64 = 0.02;
/// Readings after which the rate counts as measured.
const MEASURED: u32 = 3;

/// A source that takes part.
#[derive(Clone, Debug)]
struct Place {
    source: SourceId,
    link: Link,
    /// When the last reply came that was taken in.
    last: FreeTime,
    /// When the last reading came that was explained.
    explained: FreeTime,
    suspect: Option<Suspect>,
    /// The last reading, if it and perhaps some before it were far from what was foreseen.
    trail: Option<Trail>,
}

/// A reading that nobody could explain, in seconds from the origin.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    at: FreeTime,
    middle: f64,
    width: f64,
}

/// The estimator and what it has learnt.
#[derive(Clone, Debug)]
pub struct Estimate {
    bank: Bank,
    places: [Option<Place>; SOURCES],
    /// Server minus free-running clock at the first reading; offsets are counted from here.
    origin: NtpDuration,
    /// What is believed, and when that was.
    belief: Belief,
    at: Option<FreeTime>,
    pace: Pace,
    /// The last reading could not be explained.
    puzzled: bool,
}

impl Estimate {
    pub(super) fn new(known: Option<KnownFrequency>) -> Self {
        let KnownFrequency { frequency, uncertainty } =
            known.unwrap_or(KnownFrequency { frequency: Frequency::ZERO, uncertainty: UNKNOWN });
        let (rate, deviation) = (frequency.limited(LARGEST_RATE).to_f64(), uncertainty.to_f64());
        Self {
            bank: Bank::new(rate, deviation),
            places: std::array::from_fn(|_| None),
            origin: NtpDuration::ZERO,
            belief: Belief { rate, rate_variance: deviation * deviation, ..Belief::default() },
            at: None,
            pace: Pace::new(),
            puzzled: false,
        }
    }

    /// Takes in the newest measurement of a source that is believed. Returns whether it was news.
    pub(super) fn learn(&mut self, source: SourceId, measurement: &Measurement) -> bool {
        if self.places.iter().flatten().any(|place| place.source == source && place.last == measurement.at) {
            return false;
        }
        if self.at.is_none() {
            self.begin(measurement);
        }
        let Some(place) = self.place_of(source, measurement) else { return false };
        self.take(place, measurement);
        true
    }

    /// The place of the path that a reply has taken: of those known from its source, the longest that is not too long.
    fn place_of(&mut self, source: SourceId, measurement: &Measurement) -> Option<usize> {
        let round_trip = measurement.delay().to_f64();
        let own = self.places.iter().enumerate().filter_map(|(index, place)| Some((index, place.as_ref()?)));
        let own = own.filter(|(_, place)| place.source == source);
        let length = |place: &Place| place.link.shortest();
        let longest = |a: &(usize, &Place), b: &(usize, &Place)| length(a.1).total_cmp(&length(b.1));
        let alone = own.clone().count() == 1;
        let fits = |place: &Place| place.link.admits(round_trip) || (alone && !place.link.is_known());
        let fitting = own.clone().filter(|(_, place)| fits(place)).max_by(longest);
        match (fitting, own.min_by(longest)) {
            (Some((index, place)), _) if !place.link.has_another_path() => Some(index),
            (Some((index, place)), _) => {
                let difference = round_trip - length(place);
                self.places.get_mut(index)?.as_mut()?.link.hand_over();
                self.settle(source, measurement, difference)
            }
            (None, Some((_, place))) => {
                let difference = length(place) - round_trip;
                self.settle(source, measurement, difference)
            }
            (None, None) => self.settle(source, measurement, 0.0),
        }
    }

    /// Gives a path a place, if need be that of the one that was not heard of for the longest time. The round trip differs
    /// from that of the path before by this many seconds, if there was one: all of that may be in one way.
    fn settle(&mut self, source: SourceId, measurement: &Measurement, difference: f64) -> Option<usize> {
        let now = measurement.at;
        let silence = |place: &Option<Place>| place.as_ref().map_or(f64::INFINITY, |place| (now - place.last).to_f64());
        let index = (0..SOURCES).max_by(|a, b| {
            let of = |index: &usize| self.places.get(*index).map_or(0.0, silence);
            of(a).total_cmp(&of(b)).then(b.cmp(a))
        })?;
        let evicted = self.places.get(index)?.as_ref();
        if evicted.is_some_and(|place| now - place.last < FORGOTTEN && difference == 0.0) {
            return None;
        }
        let before = now + Seconds::new(-1.0);
        let place = Place { source, link: Link::new(), last: before, explained: before, suspect: None, trail: None };
        *self.places.get_mut(index)? = Some(place);
        let delay = measurement.delay().to_f64();
        let lasting = bias_variance(delay, measurement) + (delay / 4.0).powi(2);
        self.bank.admit(index, lasting, lasting + difference * difference / 4.0);
        Some(index)
    }

    /// The very first measurement.
    fn begin(&mut self, measurement: &Measurement) {
        self.origin = measurement.offset();
        self.at = Some(measurement.at);
        self.bank.begin(0.0, (measurement.delay().to_f64().max(0.0) / 2.0).powi(2) + 1e-14);
    }

    /// How many sources have been heard of lately.
    fn sources(&self, now: FreeTime) -> usize {
        let fresh = |place: &Place| now - place.last < FORGOTTEN;
        let twice = |index: usize, place: &Place| {
            self.places.iter().take(index).flatten().any(|other| other.source == place.source && fresh(other))
        };
        let counts = |(index, place): &(usize, &Option<Place>)| {
            place.as_ref().is_some_and(|place| fresh(place) && !twice(*index, place))
        };
        self.places.iter().enumerate().filter(counts).count()
    }

    fn take(&mut self, index: usize, measurement: &Measurement) {
        let Some(at) = self.at else { return };
        let span = (measurement.at - at).max(Seconds::ZERO).to_f64();
        let sources = self.sources(measurement.at);
        let Some(place) = self.places.get_mut(index).and_then(Option::as_mut) else { return };
        // The request left earlier by the round trip: the clock has gone on since.
        let gone = self.belief.rate * measurement.delay().max(Seconds::ZERO).to_f64();
        let outbound = Seconds::from(measurement.outbound - self.origin).to_f64() + gone;
        let inbound = Seconds::from(measurement.inbound - self.origin).to_f64();
        let reading = place.link.read(outbound, inbound, measurement);
        place.last = measurement.at;
        let unsure = place.link.unsure();
        self.bank.narrow(index, bias_variance(place.link.shortest(), measurement) + unsure * unsure);
        self.bank.predict(span, sources > 1);
        self.at = Some(measurement.at);
        let laws = place.link.weights(sources > 1);
        let outlook = self.bank.outlook(index, &reading, &laws);
        let foreseen = self.bank.belief(index);
        let middle = foreseen.offset + foreseen.bias;
        // Nothing that a wobbling server is known to do begins a trail. One that has begun goes on even if the server is
        // believed to wobble by now: the trail may be why.
        let wobble = if place.trail.is_none() { self.bank.wobble(&laws, reading.jitter) } else { 0.0 };
        let deviation = (foreseen.shown_variance.max(0.0) + 4.0 * wobble.min(MOST_WOBBLE.powi(2))).sqrt();
        place.trail = Trail::next(place.trail.as_ref(), measurement.at, &reading, middle, deviation);
        if self.turned(index, measurement.at) {
            return;
        }
        let Some(place) = self.places.get_mut(index).and_then(Option::as_mut) else { return };
        if outlook.inexplicable {
            place.link.suspect_wobble();
            let suspect = Suspect { at: measurement.at, middle: reading.middle(), width: reading.width() };
            self.belief = foreseen;
            return self.wonder(index, suspect);
        }
        self.puzzled = false;
        place.suspect = None;
        place.explained = measurement.at;
        self.bank.absorb(index, &outlook, reading.wild);
        if !reading.wild {
            place.link.weigh(&outlook.posteriors);
        }
        let foreseen = self.belief.offset + self.belief.rate * span;
        self.belief = self.bank.belief(index);
        if !self.belief.is_finite() {
            return self.restart();
        }
        self.pace.observe(span, self.belief.offset - foreseen, self.belief.shown_variance);
        self.pace.share(sources);
    }

    /// A reading that nobody can explain is not believed, unless a second one agrees with it: then somebody has jumped, the
    /// source if most others saw nothing, our clock otherwise.
    fn wonder(&mut self, index: usize, suspect: Suspect) {
        let before = self.places.get(index).and_then(Option::as_ref).and_then(|place| place.suspect);
        self.suspect(index, Some(suspect));
        let since = before.map_or(suspect.at, |before| before.at);
        let (calm, stirred) = self.others(index, since);
        self.puzzled = calm == 0;
        let Some(before) = before else { return };
        let span = (suspect.at - before.at).to_f64();
        let expected = before.middle + self.belief.rate * span;
        let tolerance = (before.width + suspect.width) / 2.0 + AGREEMENT * span;
        if (suspect.middle - expected).abs() > tolerance {
            return;
        }
        let square = suspect.width.powi(2) + (AGREEMENT * span).powi(2);
        let moved = suspect.middle - self.belief.offset;
        if calm > stirred {
            self.bank.admit(index, moved * moved, moved * moved + square);
        } else {
            // It may have jumped, or run at another rate since it was last understood.
            let explained = self.places.iter().flatten().map(|place| (suspect.at - place.explained).to_f64());
            let since = explained.fold(f64::INFINITY, f64::min).max(1.0);
            self.bank.move_to(suspect.middle, square, (moved / since).powi(2));
            self.pace.alarm();
        }
        self.belief = self.bank.belief(index);
        self.puzzled = false;
        self.suspect(index, None);
    }

    /// Begins offset and rate anew if the last readings of a source tell that our clock runs at another rate than anybody
    /// thought, and most others do not contradict. Returns whether that was so.
    fn turned(&mut self, index: usize, now: FreeTime) -> bool {
        let trail = |place: &Option<Place>| place.as_ref().and_then(|place| place.trail);
        let Some(own) = self.places.get(index).and_then(trail) else { return false };
        let (true, Some(rate)) = (own.is_line(self.belief.rate), own.rate()) else { return false };
        let votes = self.latest(now).map(|place| if place.trail.is_some() { 1 } else { -1 });
        if votes.sum::<i32>() <= 0 {
            return false;
        }
        self.bank.turn_to(own.offset(), rate);
        self.pace.alarm();
        self.belief = self.bank.belief(index);
        self.puzzled = false;
        for place in self.places.iter_mut().flatten() {
            place.suspect = None;
            place.trail = None;
        }
        true
    }

    /// For each source that has been heard of lately, the path that its last reply has taken.
    fn latest(&self, now: FreeTime) -> impl Iterator<Item = &Place> {
        let later = |place: &Place| {
            self.places
                .iter()
                .flatten()
                .any(|other| other.source == place.source && other.last - place.last > Seconds::ZERO)
        };
        self.places.iter().flatten().filter(move |place| now - place.last < FORGOTTEN && !later(place))
    }

    /// How many other sources have seen nothing strange since then, and how many have.
    fn others(&self, index: usize, since: FreeTime) -> (usize, usize) {
        let others = self.places.iter().enumerate().filter(|(other, _)| *other != index);
        let others = others.filter_map(|(_, place)| place.as_ref());
        let calm = |place: &&Place| place.suspect.is_none() && place.explained - since >= Seconds::ZERO;
        let stirred = |place: &&Place| place.suspect.is_some_and(|suspect| since - suspect.at < FORGOTTEN);
        (others.clone().filter(calm).count(), others.filter(stirred).count())
    }

    /// Forgets everything: numbers have run out of what can be calculated with.
    fn restart(&mut self) {
        *self = Self::new(None);
    }

    /// The clock may be anywhere; the next measurement is the first one of the offset.
    pub(super) fn forget_offset(&mut self) {
        self.at = None;
        self.puzzled = false;
        for place in self.places.iter_mut().flatten() {
            place.suspect = None;
            place.trail = None;
        }
    }

    fn suspect(&mut self, index: usize, suspect: Option<Suspect>) {
        if let Some(place) = self.places.get_mut(index).and_then(Option::as_mut) {
            place.suspect = suspect;
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

    /// What the estimate may be wrong by, half the round trip to `source` aside, which bounds its bias: three standard
    /// deviations of what the source shows, and the bias that is believed in.
    pub(super) fn spread(&self, source: SourceId) -> Seconds {
        let places = self.places.iter().enumerate().filter_map(|(index, place)| Some((index, place.as_ref()?)));
        let latest = places
            .filter(|(_, place)| place.source == source)
            .max_by(|a, b| (a.1.last - b.1.last).to_f64().total_cmp(&0.0));
        let Some((index, _)) = latest else { return self.deviation() * SURE };
        let belief = self.bank.belief(index);
        Seconds::new(belief.shown_variance.max(0.0).sqrt() * SURE + belief.bias.abs())
    }

    pub(super) fn update(&mut self, update: &ClockUpdate) -> Correction {
        let Some(free_offset) = self.free_offset(update.now) else { return Correction::Watch };
        let steered_by = update.free_offset - NtpDuration::from(update.offset);
        let offset = Seconds::from(free_offset - steered_by);
        let jitter = self.places.iter().flatten().map(|place| place.link.jitter()).fold(f64::INFINITY, f64::min);
        if !self.puzzled {
            self.pace.consider(update.poll, self.bank.wander(), jitter);
        }
        if self.puzzled {
            return Correction::Watch;
        }
        Correction::Steer { frequency: self.frequency(), slew: offset, within: self.pace.span(offset) }
    }

    /// A large offset waits for its confirmation: it is to be asked about soon.
    pub(super) fn watch(&mut self) {
        if !self.puzzled {
            self.pace.alarm();
        }
    }

    pub(super) fn frequency(&self) -> Frequency {
        Frequency::new(self.belief.rate).limited(LARGEST_RATE)
    }

    pub(super) fn frequency_uncertainty(&self) -> Frequency {
        let known = if self.pace.readings() < MEASURED {
            UNMEASURED
        } else {
            Frequency::new(self.belief.rate_variance.max(0.0).sqrt()).min(UNMEASURED)
        };
        // If all sources are far from what was foreseen, the rate may be what it seems to be.
        let apart = |place: &Place| {
            let rate = place.trail.as_ref().and_then(Trail::rate).map(|(rate, _)| rate);
            rate.map_or(0.0, |rate| (rate - self.belief.rate).abs())
        };
        let Some(now) = self.at else { return known };
        let apart = self.latest(now).map(apart).fold(LARGEST_RATE.to_f64(), f64::min);
        known.max(Frequency::new(apart / SURE))
    }

    pub(super) fn poll(&self) -> PollInterval {
        self.pace.poll()
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

/// The variance of a source's bias before anything is known of it: the two ways differ by a share of the shortest round
/// trip, and the source errs by a share of what it admits.
fn bias_variance(shortest: f64, measurement: &Measurement) -> f64 {
    let root = measurement.root.delay.to_f64().max(0.0) / 2.0 + measurement.root.dispersion.to_f64().max(0.0);
    (ASYMMETRY * shortest.max(0.0) / 2.0).powi(2) + (ROOT_SHARE * root).powi(2) + LEAST_BIAS.powi(2)
}

#[cfg(test)]
mod tests;
