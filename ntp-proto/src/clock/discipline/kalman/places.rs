//! The sources that take part, and the paths that their replies take (docs/design/clock.md §2).
//! There are eight places; each holds one path.
//!
//! A source that has missed a few polls is silent: it testifies no longer, and its place goes to
//! the next source that needs one. If more sources answer than there are places, those with the
//! shortest delay have them.

use super::grain::Grain;
use super::offset_jump::OffsetJumpDetector;
use super::path::PathModel;
use super::queue::Queue;
use super::rate_jump::RateJumpDetector;
use crate::association::AssociationId;
use crate::clock::measurement::Measurement;
use crate::clock::timescale::FreeTime;
use crate::time::{PollInterval, Seconds};
use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

/// A source is silent after missing this many polls in a row.
const SILENT_AFTER: f64 = 4.0;
/// A source whose reply is late by this much, in poll intervals, is not waited for when a change of
/// the clock is judged.
const AWAITED: f64 = 1.5;
/// Replies come up to this much later than the poll interval says.
const DELIVERY: Seconds = Seconds::new(2.0);
/// A source takes the place of one that is this much further away.
const NEARER: f64 = 0.5;

/// The sources that take part, at most.
pub(super) const SOURCES: usize = 8;

/// A place, below [`SOURCES`] by construction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub(super) struct PlaceIndex(usize);

impl PlaceIndex {
    /// The first place.
    #[cfg(test)]
    pub(super) const FIRST: Self = Self(0);

    /// All places.
    pub(super) fn all() -> impl Iterator<Item = Self> + Clone {
        (0..SOURCES).map(Self)
    }

    /// The number of places before this one.
    pub(super) const fn before(self) -> usize {
        self.0
    }
}

/// One entry per place.
#[derive(Clone, Copy, Debug)]
pub(super) struct PerPlace<T>([T; SOURCES]);

impl<T: Copy> PerPlace<T> {
    /// The same entry for all places.
    pub(super) const fn all(entry: T) -> Self {
        Self([entry; SOURCES])
    }

    /// All entries.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T> Index<PlaceIndex> for PerPlace<T> {
    type Output = T;

    #[expect(
        clippy::indexing_slicing,
        reason = "invariant: a PlaceIndex is below SOURCES"
    )]
    fn index(&self, index: PlaceIndex) -> &T {
        &self.0[index.0]
    }
}

impl<T> IndexMut<PlaceIndex> for PerPlace<T> {
    #[expect(
        clippy::indexing_slicing,
        reason = "invariant: a PlaceIndex is below SOURCES"
    )]
    fn index_mut(&mut self, index: PlaceIndex) -> &mut T {
        &mut self.0[index.0]
    }
}

/// The path to a source that takes part.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) source: AssociationId,
    pub(super) path: PathModel,
    pub(super) grain: Grain,
    /// The arrival of the last reply that was taken in.
    pub(super) last: FreeTime,
    /// The arrival of the last observation that was explained.
    pub(super) explained: FreeTime,
    pub(super) suspect: Option<Suspect>,
    /// The last observation, if it and perhaps some before it were far from what was predicted.
    pub(super) rate_jump: Option<RateJumpDetector>,
    /// The last observation, if it and perhaps some before it were off by the same.
    pub(super) offset_jump: Option<OffsetJumpDetector>,
    /// The greatest width of the last observations, in seconds.
    pub(super) width: f64,
    /// Half the first round trip, in seconds, and the variance of the bias that its fall since then
    /// has already added.
    first: f64,
    renewed: f64,
    /// The interval at which the source is asked.
    poll: Seconds,
    /// The time that the source could have been heard in, and was not.
    silence: Seconds,
    /// The error that the server admits, in seconds.
    root: f64,
}

/// A fall of half the round trip counts beyond so many jitters.
const DRAINED: f64 = 2.0;

/// A path that is not the shortest one to its source.
#[derive(Clone, Copy, Debug)]
pub(super) struct FurtherPath {
    /// Its place, and that of the shortest path.
    pub(super) place: PlaceIndex,
    pub(super) shortest: PlaceIndex,
    /// The difference of their shortest round trips, in seconds.
    pub(super) difference: f64,
}

/// An observation that nothing explains, in seconds from the origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect {
    pub(super) at: FreeTime,
    pub(super) middle: f64,
    pub(super) width: f64,
}

impl Place {
    pub(super) fn new(
        source: AssociationId,
        measurement: &Measurement,
        poll: PollInterval,
    ) -> Self {
        let before = measurement.at + Seconds::new(-1.0);
        Self {
            source,
            path: PathModel::new(),
            grain: Grain::default(),
            last: before,
            explained: before,
            suspect: None,
            rate_jump: None,
            offset_jump: None,
            width: 0.0,
            first: measurement.delay().to_f64().max(0.0) / 2.0,
            renewed: 0.0,
            poll: poll.seconds(),
            silence: Seconds::ZERO,
            root: root_error(measurement),
        }
    }

    /// The variance of the change of the bias that is due to round trips that have become shorter
    /// ever since the first one, beyond what was returned before.
    pub(super) fn drained(&mut self) -> f64 {
        let fallen = self.first - self.path.shortest() / 2.0 - DRAINED * self.path.jitter();
        let more = fallen.max(0.0).powi(2) - self.renewed;
        if more <= 0.1 * self.renewed {
            return 0.0;
        }
        self.renewed += more;
        more
    }

    fn is_silent(&self) -> bool {
        self.silence > self.poll * SILENT_AFTER
    }

    /// The usual error of an observation, in seconds: what delays do, and the steps of the server's
    /// clock.
    pub(super) fn noise(&self) -> f64 {
        self.path.jitter().hypot(self.grain.size() / 2.0)
    }

    /// The error that this source may have, in seconds: half the round trip, and what the server
    /// admits.
    fn distance(&self) -> f64 {
        self.path.shortest() / 2.0 + self.root
    }
}

/// All places.
#[derive(Clone, Debug)]
pub(super) struct Places {
    slots: PerPlace<Option<Place>>,
    /// The queue on the way to each source: it is the same whichever path replies take.
    queues: BTreeMap<AssociationId, Queue>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            slots: PerPlace(std::array::from_fn(|_| None)),
            queues: BTreeMap::new(),
        }
    }

    pub(super) fn get(&self, index: PlaceIndex) -> Option<&Place> {
        self.slots[index].as_ref()
    }

    pub(super) fn get_mut(&mut self, index: PlaceIndex) -> Option<&mut Place> {
        self.slots[index].as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Place> + Clone {
        self.slots.0.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Place> {
        self.slots.0.iter_mut().flatten()
    }

    /// The occupied places with their indices.
    pub(super) fn indexed(&self) -> impl Iterator<Item = (PlaceIndex, &Place)> + Clone {
        PlaceIndex::all().filter_map(|index| Some((index, self.slots[index].as_ref()?)))
    }

    pub(super) fn set(&mut self, index: PlaceIndex, place: Option<Place>) {
        self.slots[index] = place;
    }

    /// All paths but the shortest of each source.
    pub(super) fn further_paths(&self) -> Vec<FurtherPath> {
        let all = self.indexed().filter_map(|(place, own)| {
            let paths = self
                .indexed()
                .filter(|(_, other)| other.source == own.source);
            let (shortest, other) =
                paths.min_by(|a, b| a.1.path.shortest().total_cmp(&b.1.path.shortest()))?;
            let difference = own.path.shortest() - other.path.shortest();
            (shortest != place).then_some(FurtherPath {
                place,
                shortest,
                difference,
            })
        });
        all.collect()
    }

    /// True if no other path to its source is shorter than that at this place.
    pub(super) fn is_shortest(&self, place: PlaceIndex) -> bool {
        self.further_paths().iter().all(|path| path.place != place)
    }

    /// Half of the wait in the queue on the way to a source, in seconds.
    pub(super) fn wait(&self, source: AssociationId) -> f64 {
        self.queues.get(&source).map_or(0.0, Queue::wait)
    }

    /// The queue of a source, whichever path its replies take.
    pub(super) fn queue_mut(&mut self, source: AssociationId) -> &mut Queue {
        let slots = &self.slots;
        self.queues
            .retain(|own, _| slots.0.iter().flatten().any(|place| place.source == *own));
        self.queues.entry(source).or_insert_with(Queue::new)
    }

    /// `span` has passed until a reply came from `source`, which is asked at the interval `poll`.
    /// If nothing at all was heard for a long time, no source was silent for longer than one
    /// poll: the network was away.
    pub(super) fn pass(&mut self, span: Seconds, source: AssociationId, poll: PollInterval) {
        for place in self.iter_mut() {
            if place.source == source {
                place.silence = Seconds::ZERO;
                place.poll = poll.seconds();
            } else {
                place.silence += span.min(place.poll);
            }
        }
    }

    /// For each source that is not silent, the path that its last reply has taken.
    pub(super) fn latest(&self) -> impl Iterator<Item = (PlaceIndex, &Place)> + Clone {
        self.indexed()
            .filter(|(index, place)| !place.is_silent() && !self.is_old_path(*index, place))
    }

    /// True if another place holds a path that the same source has used since.
    fn is_old_path(&self, index: PlaceIndex, place: &Place) -> bool {
        self.indexed().any(|(other, later)| {
            later.source == place.source
                && (later.last - place.last, other) > (Seconds::ZERO, index)
        })
    }

    /// The sources that can testify about what has happened between `since` and `now`: those that
    /// were heard since, and those whose next reply is not overdue.
    pub(super) fn witnesses(&self, since: FreeTime, now: FreeTime) -> impl Iterator<Item = &Place> {
        let awaited = move |place: &Place| now - place.last <= place.poll * AWAITED + DELIVERY;
        self.latest()
            .map(|(_, place)| place)
            .filter(move |place| place.last - since >= Seconds::ZERO || awaited(place))
    }

    /// A place for a path to `source` that was not known, which differs from the path before by
    /// `difference` seconds of the round trip if there was one. In this order: an empty one, one of
    /// a silent source, one of a path that is not in use, that of the same source, that of a source
    /// that is much further away.
    pub(super) fn vacate(
        &self,
        source: AssociationId,
        measurement: &Measurement,
    ) -> Option<PlaceIndex> {
        if let Some(empty) = PlaceIndex::all().find(|index| self.slots[*index].is_none()) {
            return Some(empty);
        }
        let longest = |a: &(PlaceIndex, &Place), b: &(PlaceIndex, &Place)| {
            (b.1.last - a.1.last).to_f64().total_cmp(&0.0)
        };
        let unused = |(index, place): &(PlaceIndex, &Place)| self.is_old_path(*index, place);
        let silent = self
            .indexed()
            .filter(|(_, place)| place.is_silent())
            .max_by(longest);
        let unused = silent.or_else(|| self.indexed().filter(unused).max_by(longest));
        let own = unused.or_else(|| self.indexed().find(|(_, place)| place.source == source));
        if let Some((index, _)) = own {
            return Some(index);
        }
        let (index, furthest) = self
            .indexed()
            .max_by(|a, b| a.1.distance().total_cmp(&b.1.distance()))?;
        let distance = measurement.delay().to_f64().max(0.0) / 2.0 + root_error(measurement);
        (distance < furthest.distance() * NEARER).then_some(index)
    }
}

/// The error that a server admits, in seconds.
fn root_error(measurement: &Measurement) -> f64 {
    measurement.root.delay.to_f64().max(0.0) / 2.0 + measurement.root.dispersion.to_f64().max(0.0)
}
