//! The shortest round trips of one path (docs/design/clock.md §3). A single one is not believed for
//! long if no other is nearly as short.

/// Round trips per block of which the two shortest are remembered, and such blocks: a shortest
/// round trip is forgotten after between 448 and 512 others.
const BLOCK: usize = 64;
const BLOCKS: usize = 8;
/// The most others among which one is known to be the shortest.
pub(super) const REMEMBERED: usize = BLOCK * (BLOCKS - 1);
/// The shortest round trip has to be confirmed by this many that come later, where there are so
/// many in all.
const LATER: usize = 8;
const ENOUGH: usize = 16;
/// It is confirmed by one that takes this many jitters longer at most. With exponential delays, the
/// second shortest of sixteen is further away once in a million times.
const NEAR: f64 = 2.0;

/// A round trip in seconds, and its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundTrip {
    pub(super) length: f64,
    pub(super) number: usize,
}

const NONE: RoundTrip = RoundTrip {
    length: f64::INFINITY,
    number: 0,
};

/// The two shortest round trips of each of the last blocks.
#[derive(Clone, Debug)]
pub(super) struct Shortest {
    /// Newest block first.
    blocks: [[RoundTrip; 2]; BLOCKS],
    seen: usize,
}

impl Shortest {
    pub(super) fn new() -> Self {
        Self {
            blocks: [[NONE; 2]; BLOCKS],
            seen: 0,
        }
    }

    /// Takes in a round trip, in seconds.
    pub(super) fn push(&mut self, length: f64) {
        if self.seen.is_multiple_of(BLOCK) {
            self.blocks.rotate_right(1);
            self.blocks[0] = [NONE; 2];
        }
        let news = RoundTrip {
            length,
            number: self.seen,
        };
        let [first, second] = &mut self.blocks[0];
        if length < first.length {
            (*first, *second) = (news, *first);
        } else if length < second.length {
            *second = news;
        }
        self.seen += 1;
    }

    /// The shortest of all, in seconds; infinite if there is none.
    pub(super) fn least(&self) -> f64 {
        self.blocks
            .iter()
            .map(|[first, _]| first.length)
            .fold(f64::INFINITY, f64::min)
    }

    /// The shortest of all others.
    pub(super) fn second(&self) -> f64 {
        let least = self
            .blocks
            .iter()
            .flatten()
            .min_by(|a, b| a.length.total_cmp(&b.length))
            .map(|one| one.number);
        let others = self
            .blocks
            .iter()
            .flatten()
            .filter(|one| Some(one.number) != least);
        others.map(|one| one.length).fold(f64::INFINITY, f64::min)
    }

    /// By how much the newest one is shorter than all others, in seconds, if by so much that it has
    /// to be confirmed; else 0. `jitter` is as for [`doubt`](Self::doubt).
    pub(super) fn lead(&self, jitter: f64) -> f64 {
        let [newest, _] = self.blocks[0];
        let lead = self.second() - newest.length;
        let alone = self.seen > ENOUGH && newest.number + 1 == self.seen && lead.is_finite();
        if alone && lead > NEAR * jitter {
            lead
        } else {
            0.0
        }
    }

    /// Forgets the shortest one if none of those that came later, nor any before, is nearly as
    /// short. `jitter` is what it would be if the second shortest one were the shortest.
    pub(super) fn doubt(&mut self, jitter: f64) {
        let (least, second) = (self.least(), self.second());
        let due = |one: &RoundTrip| self.seen > ENOUGH && self.seen - one.number > LATER;
        if !second.is_finite() || second - least <= NEAR * jitter {
            return;
        }
        let wrong = self
            .blocks
            .iter()
            .position(|[first, _]| first.length == least && due(first));
        if let Some(block) = wrong.and_then(|block| self.blocks.get_mut(block)) {
            *block = [block[1], NONE];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(lengths: impl IntoIterator<Item = f64>) -> Shortest {
        let mut shortest = Shortest::new();
        lengths.into_iter().for_each(|length| shortest.push(length));
        shortest
    }

    #[test]
    fn a_shortest_round_trip_is_forgotten_after_512_others_at_most() {
        let mut shortest = seen([1.0]);
        (0..BLOCK * BLOCKS).for_each(|_| shortest.push(2.0));
        assert_eq!(shortest.least(), 2.0);
    }

    #[test]
    fn one_that_no_other_comes_near_is_forgotten_after_eight_more() {
        let before = (0..20).map(|place| 2.0 + 0.1 * f64::from(place % 7));
        let mut shortest = seen(before.chain([1.0]));
        for place in 0..LATER {
            shortest.doubt(0.2);
            assert_eq!(shortest.least(), 1.0, "{place}");
            shortest.push(2.0);
        }
        shortest.doubt(0.2);
        assert_eq!(shortest.least(), 2.0);
    }

    #[test]
    fn the_newest_one_has_a_lead_until_others_come_near() {
        let mut shortest = seen((0..20).map(|_| 2.0).chain([1.0]));
        assert_eq!((shortest.lead(0.2), shortest.lead(0.6)), (1.0, 0.0));
        shortest.push(1.1);
        assert_eq!(shortest.lead(0.2), 0.0);
    }

    #[test]
    fn one_that_a_second_one_confirms_is_believed() {
        let mut shortest = seen(
            (0..20)
                .map(|_| 2.0)
                .chain([1.0, 1.2])
                .chain((0..40).map(|_| 2.0)),
        );
        shortest.doubt(0.2);
        assert_eq!(shortest.least(), 1.0);
    }
}
