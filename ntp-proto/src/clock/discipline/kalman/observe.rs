//! An observation is taken in (docs/design/clock.md §3 and §4): the path that the reply took, what
//! it says of the clock, and the detectors that look at it before the models learn from it.

use super::delay_model::Observation;
use super::filter::StateEstimate;
use super::grain::Point;
use super::model_bank::ModelWeights;
use super::offset_jump::{OffsetJumpDetector, Prediction};
use super::places::{Place, PlaceIndex, Suspect};
use super::rate_jump::{NO_CLOCK, RateJumpDetector};
use super::split_models::{Outlooks, Sources};
use super::state::Gaussian;
use super::{
    AGREEMENT, Estimate, LEAST_TOLERANCE, MOST_SERVER_NOISE, SURE, WIDTH_MEMORY, bias_variance,
};
use crate::association::AssociationId;
use crate::clock::measurement::Measurement;
use crate::clock::timescale::FreeTime;
use crate::time::{PollInterval, Seconds};

/// An observation that is being taken in, of the path at a place.
struct Arrival<'a> {
    index: PlaceIndex,
    at: FreeTime,
    observation: Observation,
    sources: Sources<'a>,
}

impl Estimate {
    /// The place of the path that a reply has taken: of those known from its source, the longest
    /// that is not too long.
    pub(super) fn place_of(
        &mut self,
        source: AssociationId,
        measurement: &Measurement,
        poll: PollInterval,
    ) -> Option<PlaceIndex> {
        let round_trip = measurement.delay().to_f64();
        let own = self
            .places
            .indexed()
            .filter(|(_, place)| place.source == source);
        let length = |place: &Place| place.path.shortest();
        let longest = |a: &(PlaceIndex, &Place), b: &(PlaceIndex, &Place)| {
            length(a.1).total_cmp(&length(b.1))
        };
        let alone = own.clone().count() == 1;
        let fits =
            |place: &Place| place.path.admits(round_trip) || (alone && !place.path.is_known());
        let fitting = own.clone().filter(|(_, place)| fits(place)).max_by(longest);
        let place = Place::new(source, measurement, poll);
        match (fitting, own.min_by(longest)) {
            (Some((index, place)), _) if !place.path.has_another_path() => Some(index),
            (Some((index, known)), _) => {
                let difference = round_trip - length(known);
                self.places.get_mut(index)?.path.hand_over();
                self.settle(place, measurement, difference, Some(index))
            }
            (None, Some((index, known))) => {
                let difference = length(known) - round_trip;
                let path = &mut self.places.get_mut(index)?.path;
                if !path.confirms_shorter(round_trip) {
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
        of: Option<PlaceIndex>,
    ) -> Option<PlaceIndex> {
        let shorter = of
            .and_then(|of| self.places.get(of))
            .is_some_and(|of| of.path.shortest() > measurement.delay().to_f64());
        let index = self.places.vacate(place.source, measurement)?;
        self.places.set(index, Some(place));
        let delay = measurement.delay().to_f64();
        let lasting = bias_variance(delay, measurement) + (delay / 4.0).powi(2);
        let now = lasting + difference * difference / 4.0;
        match of {
            Some(of) if of != index => {
                self.models
                    .add_path([index, of], lasting, difference, shorter);
            }
            _ => self.models.add_source(index, lasting, now),
        }
        Some(index)
    }

    /// The very first measurement.
    pub(super) fn begin(&mut self, measurement: &Measurement) {
        self.origin = measurement.offset();
        self.places
            .iter_mut()
            .for_each(|place| place.grain.interrupt());
        self.at = Some(measurement.at);
        self.models.begin(Gaussian {
            mean: 0.0,
            variance: (measurement.delay().to_f64().max(0.0) / 2.0).powi(2) + 1e-14,
        });
    }

    /// Learns from an observation of the path at this place, `span` seconds after the last
    /// observation of any.
    pub(super) fn take(&mut self, index: PlaceIndex, span: f64, measurement: &Measurement) {
        let count = self.places.latest().count();
        let Some(observation) = self.read(index, measurement) else {
            return;
        };
        let paths = self.places.further_paths();
        let arrival = Arrival {
            index,
            at: measurement.at,
            observation,
            sources: Sources {
                count,
                paths: &paths,
            },
        };
        self.predict(&arrival, span, measurement);
        let Some(place) = self.places.get(index) else {
            return;
        };
        let model_weights = place.path.weights(count > 1);
        let outlook = self
            .models
            .outlook(index, &arrival.observation, &model_weights, count > 1);
        let predicted = self.models.estimate(index);
        if self.detect_jumps(&arrival, &predicted, &model_weights) {
            return;
        }
        self.suspect_offset_jump(index, measurement.at);
        if outlook.inexplicable {
            self.state = predicted;
            return self.doubt(&arrival);
        }
        self.correct(&arrival, &outlook);
        self.adapt(index, span, count);
    }

    /// `span` seconds have passed, and the observation shows how long the queue is.
    fn predict(&mut self, arrival: &Arrival<'_>, span: f64, measurement: &Measurement) {
        let (wait, sources) = (&arrival.observation.wait, arrival.sources);
        self.models.predict(span, sources.count > 1);
        self.models.prepare(wait, sources.paths);
        if let Some(place) = self.places.get(arrival.index) {
            let lasting = bias_variance(place.path.shortest(), measurement);
            self.models
                .lower(arrival.index, wait.fall, lasting, sources.paths);
        }
        self.at = Some(arrival.at);
    }

    /// Looks for a jump of the rate or of the offset. Returns true if there was one, which the
    /// models then know of.
    fn detect_jumps(
        &mut self,
        arrival: &Arrival<'_>,
        predicted: &StateEstimate,
        model_weights: &ModelWeights,
    ) -> bool {
        let (index, at, observation) = (arrival.index, arrival.at, &arrival.observation);
        let Some(place) = self.places.get_mut(index) else {
            return false;
        };
        let middle =
            predicted.offset + predicted.bias + self.models.queued(index, &observation.wait);
        // Nothing that a noisy server is known to do begins a rate jump. One that has begun goes on
        // even if the server is taken to be noisy by now: the rate jump may be why.
        let server_noise = 4.0
            * self
                .models
                .server_noise(model_weights, observation.jitter)
                .min(MOST_SERVER_NOISE.powi(2));
        let deviation =
            |server_noise: f64| (predicted.shown_variance.max(0.0) + server_noise).sqrt();
        let begun = place.rate_jump.as_ref();
        let steady = deviation(if begun.is_none() { server_noise } else { 0.0 });
        place.rate_jump = RateJumpDetector::next(begun, at, observation, middle, steady);
        let expected = Prediction {
            middle,
            deviation: deviation(server_noise),
            rate: predicted.rate,
            rate_deviation: predicted.rate_deviation(),
            width: place.width,
        };
        let begun = place.offset_jump.as_ref();
        let known = place.path.is_known();
        let jump = known.then(|| OffsetJumpDetector::next(begun, at, observation, expected));
        place.offset_jump = jump.flatten();
        place.width = observation.width().max(WIDTH_MEMORY * place.width);
        self.detect_rate_jump(index, at) || self.detect_offset_jump(index, at)
    }

    /// No model can explain the observation.
    fn doubt(&mut self, arrival: &Arrival<'_>) {
        if let Some(place) = self.places.get_mut(arrival.index) {
            place.path.suspect_server_noise();
        }
        let suspect = Suspect {
            at: arrival.at,
            middle: arrival.observation.middle(),
            width: arrival.observation.width(),
        };
        self.handle_unexplained(arrival.index, suspect);
    }

    /// All models learn from the observation.
    fn correct(&mut self, arrival: &Arrival<'_>, outlook: &Outlooks) {
        self.inconsistent = false;
        if let Some(place) = self.places.get_mut(arrival.index) {
            place.suspect = None;
            place.explained = arrival.at;
            if !arrival.observation.outlier_delay {
                place.path.weigh(&outlook.posteriors);
            }
        }
        self.models.correct(
            arrival.index,
            outlook,
            &arrival.observation,
            arrival.sources,
        );
    }

    /// The state is now what all models estimate, `span` seconds after the last time, and the poll
    /// interval follows its change.
    fn adapt(&mut self, index: PlaceIndex, span: f64, sources: usize) {
        let predicted = self.state.offset + self.state.rate * span;
        self.state = self.models.estimate(index);
        if !self.state.is_finite() || self.state.rate.abs() > NO_CLOCK {
            return self.restart();
        }
        let change = self.state.offset - predicted;
        self.adaptation
            .observe(span, change, self.state.shown_variance);
        let grain = self
            .places
            .latest()
            .map(|(_, place)| place.grain.certain())
            .fold(f64::INFINITY, f64::min);
        self.adaptation.share(sources, grain);
    }

    /// The observation that a measurement gives for the path at this place, which learns from it.
    fn read(&mut self, index: PlaceIndex, measurement: &Measurement) -> Option<Observation> {
        // The request left earlier by the round trip: the clock has gone on since.
        let gone = self.state.rate * measurement.delay().max(Seconds::ZERO).to_f64();
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
        let mut observation = place.path.read(outbound, inbound, measurement, known);
        let point = Point {
            at: measurement.at,
            middle: observation.middle(),
            width: observation.width() - known,
        };
        let tolerance =
            SURE * self.state.rate_variance.max(0.0).sqrt().min(AGREEMENT) + LEAST_TOLERANCE;
        place
            .grain
            .observe_interval(point, self.state.rate, tolerance);
        let unsure = place.path.unsure();
        let variance = bias_variance(place.path.shortest(), measurement)
            + unsure * unsure
            + known * known / 4.0;
        let drained = place.drained();
        let source = place.source;
        let half = ((outbound - inbound).max(0.0) + place.path.lead()) / 2.0;
        if drained > 0.0 {
            self.models.renew(index, drained, variance);
        }
        // A longer path may have all of the difference in one way.
        if self.places.is_shortest(index) {
            self.models.tighten_bias_prior(index, variance);
        }
        let ends = [observation.middle(), half];
        let grain = measurement.root.precision.seconds().to_f64();
        observation.wait =
            self.places
                .queue_mut(source)
                .observe(measurement.at, ends, observation.jitter, grain);
        Some(observation)
    }

    /// The steps of a source's clock have just been found: what was learned from it so far was no
    /// change of our clock.
    fn misread(&mut self, index: PlaceIndex, measurement: &Measurement, grain: f64) {
        let Some(place) = self.places.get_mut(index) else {
            return;
        };
        place.path.forget_model_weights();
        let young = !place.path.has_settled();
        if self
            .places
            .latest()
            .any(|(_, place)| place.grain.certain() == 0.0)
        {
            return;
        }
        let middle = Seconds::from(measurement.offset() - self.origin).to_f64();
        let offset = Gaussian {
            mean: middle,
            variance: grain * grain,
        };
        let rate = if young {
            self.prior
        } else {
            let deviation = self.state.rate_deviation();
            Gaussian {
                mean: self.state.rate,
                variance: deviation * deviation,
            }
        };
        self.models.begin_again(offset, rate);
        self.state = self.models.estimate(index);
        self.at = Some(measurement.at);
        self.adaptation.alarm();
    }
}
