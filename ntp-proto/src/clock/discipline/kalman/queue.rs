//! The queue on the path to a source (docs/design/clock.md §3.1): how much longer than the shortest
//! round trip the others take by now, beyond fast jitter, and how precise the middle of an
//! observation is once the share of that queue has been taken off.
//!
//! Nothing here decides how the queue is split between requests and replies; `split_models.rs`
//! does.

use crate::clock::timescale::FreeTime;

/// Observations from which the scatter of the middles is found, and the least number of them.
const BENDS: usize = 32;
const FEW: usize = 8;
/// No scatter is assumed to be smaller than this, in seconds.
const LEAST_SCATTER: f64 = 1e-8;
/// The splits for which the scatter is found: the share of requests less that of replies.
const SPLITS: [f64; 5] = [-1.0, -0.5, 0.0, 0.5, 1.0];
/// A median of absolute values is this share of a standard deviation.
const MEDIAN: f64 = 1.0 / 1.4826;
/// The variance of a middle in units of the least scatter squared. It is the same for all splits,
/// and generous: else the split whose noise happens to be least would be preferred to the one that
/// leaves the clock steady.
const GENEROUS: f64 = 5.0;
/// The gains of the trend of round trips: of its level, and of its slope.
const LEVEL_GAIN: f64 = 0.45;
const SLOPE_GAIN: f64 = 0.2;
/// An observation that is this many usual distances off the trend begins the trend again.
const BREAK: f64 = 6.0;
/// The memory of the usual distance, in observations.
const USUAL: f64 = 10.0;
/// An observation that is this many scatters off the trend has a queue of its own.
const NEAR: f64 = 4.0;
/// The trend is preferred to the single round trip unless the middles scatter by so much more about
/// it.
const WORSE: f64 = 1.1;
/// Half of what fast jitter adds to a round trip on average, in scatters: jitters are exponential,
/// with a mean J each way, and then the middles scatter by J/√2.
const FAST_SHARE: f64 = std::f64::consts::SQRT_2;
/// Falls of the shortest round trip fade by this factor per observation.
const FALL_MEMORY: f64 = 0.9;
/// The queue is not empty if it is longer than this share of the standard deviation of a middle.
const MOVING: f64 = 0.3;
/// It is certainly not empty if it is longer than this.
const CERTAIN: f64 = 1.5;
/// It certainly was not empty if the shortest round trip has lately become shorter by this.
const DRAINED: f64 = 4.0;
/// The trend says so many nats less about round trips than they show: fast jitter that is not
/// exponential is no queue.
const DOUBT: f64 = 1.0;
/// The share of those nats that counts, as round trips that follow each other are not independent,
/// and the most per observation.
const CREDIT: f64 = 0.5;
const MOST_CREDIT: f64 = 2.0;

/// An observation: its time, and its middle, half its round trip and the level of those halves in
/// seconds.
#[derive(Clone, Copy, Debug)]
struct Point {
    at: FreeTime,
    middle: f64,
    half: f64,
    level: f64,
}

/// The queue on the path to a source, as its last observations show it.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// The distances of the last middles, halves and levels from the lines through their neighbors.
    bends: [[f64; 3]; BENDS],
    bent: usize,
    last: [Option<Point>; 2],
    /// Half the shortest round trip ever, and by how much it fell lately.
    empty: f64,
    fallen: f64,
    /// The trend of half the round trip, its slope per second, and the usual distance of an
    /// observation from it.
    level: f64,
    slope: f64,
    usual: f64,
    /// Half of the wait of the last observation.
    wait: f64,
}

/// An observation in the light of the queue.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wait {
    /// Half of the wait of both packets together, in seconds.
    pub(super) half: f64,
    /// Half of the time by which the round trip is longer than the shortest one: the truth is no
    /// further from the middle.
    pub(super) excess: f64,
    /// The variance of the middle, once its share of the wait has been taken off.
    pub(super) variance: f64,
    /// The queue is not empty, and certainly not.
    pub(super) moving: bool,
    pub(super) certain: bool,
    /// The wait of the observations before was longer by this than was thought.
    pub(super) fall: f64,
    /// Evidence in nats that the round trip follows a trend and is not fast jitter.
    pub(super) steady: f64,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            bends: [[0.0; 3]; BENDS],
            bent: 0,
            last: [None; 2],
            empty: f64::INFINITY,
            fallen: 0.0,
            level: 0.0,
            slope: 0.0,
            usual: 0.0,
            wait: 0.0,
        }
    }

    /// Takes in an observation with this middle and half this round trip, of a path with this
    /// jitter and a server with this grain.
    pub(super) fn observe(
        &mut self,
        at: FreeTime,
        [middle, half]: [f64; 2],
        jitter: f64,
        grain: f64,
    ) -> Wait {
        let fall = if self.bent < FEW {
            0.0
        } else {
            (self.empty - half).max(0.0)
        };
        self.empty = self.empty.min(half);
        self.fallen = FALL_MEMORY * self.fallen + fall;
        self.follow(at, half);
        self.bend(Point {
            at,
            middle,
            half,
            level: self.level,
        });
        let (Some(raw), Some(smooth)) = (self.scatter(1), self.scatter(2)) else {
            return Wait::default();
        };
        let least = raw.min(smooth);
        let near = (half - self.level).abs() <= NEAR * least;
        let long = if near && smooth <= WORSE * raw {
            self.level
        } else {
            half
        };
        let wait = (long - self.empty - FAST_SHARE * least).max(0.0);
        self.wait = wait;
        let variance = GENEROUS * least * least + (grain / 4.0).powi(2);
        let deviation = variance.sqrt();
        let credit = CREDIT * ((jitter / (FAST_SHARE * least)).ln() - DOUBT);
        Wait {
            half: wait,
            excess: half - self.empty,
            variance,
            moving: wait > MOVING * deviation,
            certain: wait > CERTAIN * deviation || self.fallen > DRAINED * deviation,
            fall,
            steady: if near {
                credit.clamp(0.0, MOST_CREDIT)
            } else {
                0.0
            },
        }
    }

    /// Half of the time by which the last round trip was longer than the shortest one, fast jitter
    /// aside, in seconds.
    pub(super) fn wait(&self) -> f64 {
        self.wait
    }

    /// Follows the trend of half the round trip.
    fn follow(&mut self, at: FreeTime, half: f64) {
        let Some(before) = self.last[0] else {
            self.level = half;
            return;
        };
        let span = (at - before.at).to_f64().max(1e-3);
        let predicted = self.level + self.slope * span;
        let off = half - predicted;
        if off.abs() > BREAK * self.usual {
            self.level = half;
        } else {
            self.level = predicted + LEVEL_GAIN * off;
            self.slope += SLOPE_GAIN * off / span;
        }
        let share = 1.0 / (self.bent as f64 + 1.0).min(USUAL);
        self.usual += share * (off.abs().min(BREAK * self.usual.max(LEAST_SCATTER)) - self.usual);
    }

    /// Compares the observation before with the line through its neighbors.
    fn bend(&mut self, point: Point) {
        if let [Some(newer), Some(older)] = self.last {
            let (before, after) = (
                (newer.at - older.at).to_f64(),
                (point.at - newer.at).to_f64(),
            );
            if before > 0.0 && after > 0.0 {
                let share = before / (before + after);
                let norm = (1.0 + share * share + (1.0 - share) * (1.0 - share)).sqrt();
                let off = |first: f64, second: f64, third: f64| {
                    (second - first - (third - first) * share) / norm
                };
                if let Some(slot) = self.bends.get_mut(self.bent % BENDS) {
                    *slot = [
                        off(older.middle, newer.middle, point.middle),
                        off(older.half, newer.half, point.half),
                        off(older.level, newer.level, point.level),
                    ];
                }
                self.bent += 1;
            }
        }
        self.last = [Some(point), self.last[0]];
    }

    /// The standard deviation of the middles about a line, for the split with which it is least.
    /// The share of the wait is that of each round trip (1) or of the trend (2).
    fn scatter(&self, wait: usize) -> Option<f64> {
        if self.bent < FEW {
            return None;
        }
        let known = self.bends.get(..self.bent.min(BENDS))?;
        let of = |split: f64| {
            let mut sorted = [0.0; BENDS];
            for (slot, bend) in sorted.iter_mut().zip(known) {
                *slot = (bend[0] - split * bend.get(wait).copied().unwrap_or_default()).abs();
            }
            let sorted = sorted.get_mut(..known.len()).unwrap_or_default();
            *sorted
                .select_nth_unstable_by(known.len() / 2, f64::total_cmp)
                .1
                / MEDIAN
        };
        Some(
            SPLITS
                .map(of)
                .into_iter()
                .fold(f64::INFINITY, f64::min)
                .max(LEAST_SCATTER),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{NtpTimestamp, Seconds};

    const JITTER: f64 = 1e-4;

    /// A number between 0 and 1 that is always the same.
    fn random(place: u32) -> f64 {
        let mut mixed = u64::from(place)
            .wrapping_add(1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(place: u32) -> f64 {
        -(1.0 - random(place)).max(1e-9).ln()
    }

    /// The waits that are found in polls of 64 s on a path of 1 ms each way, where packets wait in
    /// a queue of `length` seconds.
    fn waits(polls: u32, length: impl Fn(u32) -> [f64; 2]) -> Vec<Wait> {
        let start = FreeTime::new(NtpTimestamp::from_unix(1_800_000_000, 0));
        let mut queue = Queue::new();
        let observe = |poll: u32| {
            let [request, reply] = length(poll);
            let (out, back) = (
                request + JITTER * exponential(2 * poll),
                reply + JITTER * exponential(2 * poll + 1),
            );
            let at = start + Seconds::new(64.0 * f64::from(poll));
            queue.observe(
                at,
                [(out - back) / 2.0, 1e-3 + (out + back) / 2.0],
                JITTER,
                1e-9,
            )
        };
        (0..polls).map(observe).collect()
    }

    #[test]
    fn a_path_with_fast_jitter_has_no_queue() {
        let mut waits = waits(2100, |_| [0.0, 0.0]).split_off(100);
        // Single packets are held up.
        assert!(waits.iter().filter(|wait| wait.certain).count() < 100);
        waits.sort_by(|a, b| a.half.total_cmp(&b.half));
        assert!(
            waits[1000].half < 0.2 * JITTER && waits[1900].half < 1.5 * JITTER,
            "{:?}",
            (waits[1000], waits[1900])
        );
    }

    #[test]
    fn half_of_a_growing_queue_is_found_whichever_way_it_is_in() {
        let length = |poll: u32| 360e-6 * f64::from(poll.saturating_sub(100));
        for shares in [[0.5, 0.5], [1.0, 0.0], [0.3, 0.7]] {
            let waits = waits(160, |poll| shares.map(|share| share * length(poll)));
            for (poll, wait) in (0..).zip(&waits).skip(110) {
                assert!(
                    (wait.half - length(poll) / 2.0).abs() < 3.0 * JITTER,
                    "{shares:?}, poll {poll}: {wait:?}"
                );
                assert!(wait.certain && wait.moving);
            }
        }
    }

    #[test]
    fn a_queue_that_is_empty_again_is_known_at_once() {
        let waits = waits(200, |poll| {
            if (100..150).contains(&poll) {
                [0.02, 0.02]
            } else {
                [0.0, 0.0]
            }
        });
        assert!(waits[100].certain && waits[149].certain);
        assert!(
            waits[150..].iter().all(|wait| !wait.certain),
            "{:?}",
            waits[150]
        );
    }

    #[test]
    fn a_trend_is_evidence_against_fast_jitter_and_noise_is_not() {
        let grown = waits(200, |poll| [50e-6 * f64::from(poll); 2]);
        let start = FreeTime::new(NtpTimestamp::from_unix(1_800_000_000, 0));
        assert!(grown[150].half > 5e-3);
        let mut queue = Queue::new();
        let mut last = Wait::default();
        for poll in 0..200_u32 {
            let half = 1e-3 + JITTER * (exponential(2 * poll) + exponential(2 * poll + 1)) / 2.0;
            let at = start + Seconds::new(64.0 * f64::from(poll));
            last = queue.observe(at, [JITTER * (random(poll) - 0.5), half], JITTER, 1e-9);
            assert!(last.steady < 0.2, "{last:?}");
        }
        assert!(last.variance > 0.0);
    }
}
