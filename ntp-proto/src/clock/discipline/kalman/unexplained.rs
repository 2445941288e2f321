//! Handling of an observation that cannot be explained (docs/design/clock.md §4): a source has
//! jumped, our clock has jumped, or our clock runs at another rate. The other sources decide, as
//! far as they can testify.

use super::offset_jump::OffsetJumpDetector;
use super::places::{Place, PlaceIndex, Suspect};
use super::rate_jump::{NO_CLOCK, RateJumpDetector};
use super::{AGREEMENT, Estimate};
use crate::clock::timescale::FreeTime;
use crate::time::Seconds;

/// A source that seems to have jumped by more than this, in seconds, is not followed: no bias is
/// that large.
const LARGEST_BIAS: f64 = 1.0;

impl Estimate {
    /// An observation that cannot be explained is not believed, unless a second one agrees with it:
    /// then there was a jump, of the source if most others saw nothing, of our clock otherwise.
    pub(super) fn handle_unexplained(&mut self, index: PlaceIndex, suspect: Suspect) {
        let before = self.places.get(index).and_then(|place| place.suspect);
        self.suspect(index, Some(suspect));
        let since = before.map_or(suspect.at, |before| before.at);
        let (calm, stirred) = self.others(index, since);
        self.inconsistent = calm == 0;
        let Some(before) = before else { return };
        let span = (suspect.at - before.at).to_f64();
        let expected = before.middle + self.state.rate * span;
        let tolerance = (before.width + suspect.width) / 2.0 + AGREEMENT * span;
        if (suspect.middle - expected).abs() > tolerance {
            return;
        }
        let square = suspect.width.powi(2) + (AGREEMENT * span).powi(2);
        let moved = suspect.middle - self.state.offset;
        if calm > stirred {
            if moved.abs() > LARGEST_BIAS {
                return;
            }
            self.models
                .add_source(index, moved * moved, moved * moved + square);
        } else {
            // It may have jumped, or run at another rate since it was last understood, but by no
            // more than both observations allow for.
            let explained = self
                .places
                .iter()
                .map(|place| (suspect.at - place.explained).to_f64());
            let since = explained.fold(f64::INFINITY, f64::min).max(1.0);
            let rate = (moved / since)
                .abs()
                .min(AGREEMENT + tolerance / span.max(1.0));
            self.models
                .reset_offset(suspect.middle, square, rate.min(NO_CLOCK).powi(2));
            self.adaptation.alarm();
        }
        self.state = self.models.estimate(index);
        self.inconsistent = false;
        self.suspect(index, None);
        self.places
            .iter_mut()
            .for_each(|place| place.offset_jump = None);
    }

    /// Resets offset and rate if the last observations of a source show that our clock runs at
    /// another rate than was thought possible, and most others do not contradict. True if it did.
    pub(super) fn detect_rate_jump(&mut self, index: PlaceIndex, now: FreeTime) -> bool {
        let Some(own) = self.places.get(index).and_then(|place| place.rate_jump) else {
            return false;
        };
        let (true, Some(rate)) = (own.is_line(self.state.rate), own.rate()) else {
            return false;
        };
        let votes = self
            .places
            .witnesses(own.began(), now)
            .map(|place| if place.rate_jump.is_some() { 1 } else { -1 });
        if votes.sum::<i32>() <= 0 {
            return false;
        }
        self.models.reset_state(own.offset(), rate);
        self.settle_anew(index);
        true
    }

    /// Moves the offset if the last observations of a source are all off by the same, whatever
    /// could explain each of them, and most others do not contradict. True if it did.
    pub(super) fn detect_offset_jump(&mut self, index: PlaceIndex, now: FreeTime) -> bool {
        let shift = self
            .places
            .get(index)
            .and_then(|place| place.offset_jump)
            .filter(OffsetJumpDetector::is_certain);
        let Some(own) = shift.filter(|own| self.is_agreed(own, now)) else {
            return false;
        };
        // Where routes change, so does the difference between the two ways.
        let source = self.places.get(index).map(|place| place.source);
        if self
            .places
            .iter()
            .filter(|place| Some(place.source) == source)
            .count()
            > 1
        {
            return false;
        }
        self.models.reset_state(own.offset(), own.rate(now));
        self.places.iter_mut().for_each(|place| place.path.trust());
        self.settle_anew(index);
        true
    }

    /// True if more of the sources that can testify have seen something of the kind than have not.
    fn is_agreed(&self, shift: &OffsetJumpDetector, now: FreeTime) -> bool {
        let votes = self
            .places
            .witnesses(shift.began(), now)
            .map(|place| if place.offset_jump.is_some() { 1 } else { -1 });
        votes.sum::<i32>() > 0
    }

    /// The last observation may be the first one after a jump: it is to be asked about soon.
    pub(super) fn suspect_offset_jump(&mut self, index: PlaceIndex, now: FreeTime) {
        let shift = self
            .places
            .get(index)
            .and_then(|place| place.offset_jump)
            .filter(OffsetJumpDetector::is_first);
        if shift.is_some_and(|own| self.is_agreed(&own, now)) {
            self.adaptation.hurry();
        }
    }

    /// The estimate about offset and rate has just been replaced.
    fn settle_anew(&mut self, index: PlaceIndex) {
        self.adaptation.alarm();
        self.state = self.models.estimate(index);
        self.inconsistent = false;
        for place in self.places.iter_mut() {
            place.suspect = None;
            place.rate_jump = None;
            place.offset_jump = None;
        }
    }

    /// The distance of the last observation from the prediction, in seconds, if nothing explains it
    /// and no source contradicts it, or if it may be the first one after a jump of a lone source.
    pub(super) fn innovation(&self) -> f64 {
        let suspects = self
            .places
            .latest()
            .filter_map(|(_, place)| place.suspect)
            .filter(|_| self.inconsistent);
        let suspects = suspects.map(|suspect| (suspect.middle - self.state.offset).abs());
        let mut latest = self.places.latest();
        let lone = latest.next().filter(|_| latest.next().is_none());
        let shift = lone
            .and_then(|(_, place)| place.offset_jump)
            .map(|shift| shift.distance());
        suspects.chain(shift).fold(0.0, f64::max)
    }

    /// The difference between the estimated rate and the one that the clock seems to have, without
    /// its sign, if all sources that can testify are far from what was predicted; else 0.
    pub(super) fn apart(&self, now: FreeTime) -> f64 {
        let rate_jumps = self
            .places
            .latest()
            .filter_map(|(_, place)| place.rate_jump);
        let Some(since) = rate_jumps
            .map(|rate_jump| rate_jump.began())
            .reduce(|a, b| if a - b < Seconds::ZERO { a } else { b })
        else {
            return 0.0;
        };
        let apart = |place: &Place| {
            let rate = place
                .rate_jump
                .as_ref()
                .and_then(RateJumpDetector::rate)
                .map(|rate| (rate.mean - self.state.rate).abs());
            rate.or_else(|| self.first_sight(place)).unwrap_or_default()
        };
        self.places
            .witnesses(since, now)
            .map(apart)
            .reduce(f64::min)
            .unwrap_or_default()
    }

    /// The change of the rate since the last observation that was explained, without its sign, if
    /// such a change can be the cause of an observation that nothing explains.
    fn first_sight(&self, place: &Place) -> Option<f64> {
        let suspect = place.suspect?;
        let span = (suspect.at - place.explained).to_f64().max(1.0);
        Some((suspect.middle - self.state.offset).abs() / span).filter(|rate| *rate < NO_CLOCK)
    }

    /// The number of other sources that have seen nothing strange since then, and the number of
    /// those that have.
    fn others(&self, index: PlaceIndex, since: FreeTime) -> (usize, usize) {
        let others = self
            .places
            .latest()
            .filter(|(other, _)| *other != index)
            .map(|(_, place)| place);
        let calm =
            |place: &&Place| place.suspect.is_none() && place.explained - since >= Seconds::ZERO;
        (
            others.clone().filter(calm).count(),
            others.filter(|place| place.suspect.is_some()).count(),
        )
    }

    fn suspect(&mut self, index: PlaceIndex, suspect: Option<Suspect>) {
        if let Some(place) = self.places.get_mut(index) {
            place.suspect = suspect;
        }
    }
}
