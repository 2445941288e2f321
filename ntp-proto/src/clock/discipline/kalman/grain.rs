//! The steps in which a server's clock advances (docs/design/clock.md §3), learned from its
//! timestamps: some servers claim to be far more precise than they are.
//!
//! Two signs give them away. Their timestamps are multiples of something; or observations
//! contradict one another to and fro, by more than delays can explain: a clock may jump or run at
//! another rate, but does not go back and forth.

use crate::clock::timescale::FreeTime;
use crate::time::NtpTimestamp;

/// The steps that are looked for, in seconds. Finer ones are jitter, and coarser ones are no clock.
const FINEST: f64 = 0.5e-3;
const COARSEST: f64 = 0.1;
/// Timestamps are multiples of a step if they are as near as this, in seconds, or in steps where
/// the time between them multiplies what the step may be wrong by.
const NEAR: f64 = 20e-6;
const NEAR_STEPS: f64 = 1.0 / 64.0;
/// Timestamps in a row that must be multiples. By chance, at most one in 25 is.
const MULTIPLES: u32 = 4;
/// Timestamps in a row that are no multiples, after which the step is given up.
const MISSES: u32 = 3;
/// Observations that are looked at for contradictions, and contradictions among them that are no
/// accident: a single observation that is wrong makes one.
const WINDOW: usize = 32;
const CONTRADICTIONS: usize = 3;
/// Delays that just explain a difference do not, if the shortest one is known a little too badly.
const SURELY: f64 = 1.5;
/// The largest of few contradictions is smaller than the step.
const HEADROOM: f64 = 1.2;
/// The standard deviation of an observation in units of the median difference of two: 0.99 if it is
/// uniformly distributed, as it is where a clock has steps, and 1.05 for a normal distribution.
const DEVIATION_OF_MEDIAN: f64 = 1.02;

/// Steps are news if they are so many times larger than those that were known.
const LARGER: f64 = 1.5;

/// The steps of one server's clock, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Grain {
    grids: Grids,
    ticks: Ticks,
    swings: Swings,
    /// The largest steps that timestamps have ever shown, in seconds.
    coarsest: f64,
}

impl Grain {
    /// Takes in a reply that left at `sent`, by the server's clock. Returns whether it shows steps
    /// that are larger than any that were known.
    pub(super) fn observe_timestamp(&mut self, sent: NtpTimestamp) -> bool {
        self.ticks.observe(sent);
        self.grids.observe(sent);
        let news = self.certain() > LARGER * self.coarsest;
        self.coarsest = self.coarsest.max(self.certain());
        news
    }

    /// Takes in an observation, whose interval has this middle and width in seconds. The clock
    /// gains at `rate`, which may be wrong by `tolerance`.
    pub(super) fn observe_interval(&mut self, point: Point, rate: f64, tolerance: f64) {
        self.swings.observe(point, rate, tolerance);
    }

    /// Observations are counted from elsewhere from now on.
    pub(super) fn interrupt(&mut self) {
        self.swings.last = None;
        self.swings.unexplained = 0.0;
    }

    /// The size of the steps in seconds if timestamps show it; 0 if they do not. What only
    /// observations show may be noise.
    pub(super) fn certain(&self) -> f64 {
        self.ticks.size().max(self.grids.size())
    }

    /// The size of the steps in seconds; 0 if there are none.
    pub(super) fn size(&self) -> f64 {
        self.certain().max(self.swings.size())
    }
}

/// Steps that clocks are known to have, and how many timestamps in a row all of their own time, not
/// just the time between them, must be multiples: by chance, that happens once in ten million
/// times.
const GRIDS: [(f64, u32); 4] = [(1.0 / 64.0, 2), (0.01, 2), (1.0 / 1024.0, 3), (1e-3, 3)];
/// Timestamps are on a grid if they are as near as this, in seconds.
const ON_GRID: f64 = 1e-6;

/// The known steps that all timestamps are multiples of.
#[derive(Clone, Debug, Default)]
struct Grids {
    last: Option<NtpTimestamp>,
    hits: [u32; GRIDS.len()],
}

impl Grids {
    fn observe(&mut self, sent: NtpTimestamp) {
        // Timestamps that follow at once say the same twice.
        if self
            .last
            .is_some_and(|last| (sent - last).to_seconds().abs() < COARSEST)
        {
            return;
        }
        self.last = Some(sent);
        let second = f64::from(sent.to_bits() as u32) / 2_f64.powi(32);
        for (hits, (step, _)) in self.hits.iter_mut().zip(GRIDS) {
            let off = (second / step - (second / step).round()).abs() * step;
            *hits = if off <= ON_GRID {
                hits.saturating_add(1)
            } else {
                0
            };
        }
    }

    fn size(&self) -> f64 {
        // Some multiples of a step are multiples of another one, too: the true one has the longest
        // run.
        let known = self
            .hits
            .iter()
            .zip(GRIDS)
            .filter(|(hits, (_, enough))| **hits >= *enough);
        known
            .rev()
            .max_by_key(|(hits, _)| **hits)
            .map_or(0.0, |(_, (step, _))| step)
    }
}

/// The largest step that all timestamps are multiples of.
#[derive(Clone, Debug, Default)]
struct Ticks {
    last: Option<NtpTimestamp>,
    step: f64,
    multiples: u32,
    misses: u32,
}

impl Ticks {
    fn observe(&mut self, sent: NtpTimestamp) {
        let Some(last) = self.last.replace(sent) else {
            return;
        };
        let span = (sent - last).to_seconds().abs();
        if span < FINEST {
            return;
        }
        if self.step == 0.0 {
            self.step = span;
        } else if (span / self.step - (span / self.step).round()).abs()
            <= NEAR_STEPS.max(NEAR / self.step)
        {
            self.multiples += 1;
            self.misses = 0;
            // The longer the span, the more precise is the step that it gives.
            self.step = span / (span / self.step).round().max(1.0);
        } else if self.size() > 0.0 && self.misses < MISSES {
            self.misses += 1;
        } else {
            let step = common_measure(self.step, span);
            // A smooth clock leaves a small remainder. A remainder that may be chance is no
            // evidence yet.
            let step = if step < FINEST { 0.0 } else { step };
            *self = Self {
                last: self.last,
                step,
                multiples: 0,
                misses: 0,
            };
        }
    }

    fn size(&self) -> f64 {
        if self.multiples >= MULTIPLES && self.step <= COARSEST {
            self.step
        } else {
            0.0
        }
    }
}

/// The largest number that both are multiples of, nearly.
fn common_measure(a: f64, b: f64) -> f64 {
    let (mut large, mut small) = (a.max(b), a.min(b));
    while small > NEAR {
        (large, small) = (small, (large - small * (large / small).round()).abs());
    }
    large
}

/// An observation: its time, and the middle and width of its interval in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) at: FreeTime,
    pub(super) middle: f64,
    pub(super) width: f64,
}

/// Contradictions to and fro between observations that follow each other.
#[derive(Clone, Debug)]
struct Swings {
    last: Option<Point>,
    /// The difference to the observation before that nothing explains, with its sign.
    unexplained: f64,
    /// The smaller one of two such differences in a row with opposite signs, for the last
    /// observations; else 0.
    sizes: [f64; WINDOW],
    /// The magnitudes of all differences.
    differences: [f64; WINDOW],
    seen: usize,
}

impl Default for Swings {
    fn default() -> Self {
        Self {
            last: None,
            unexplained: 0.0,
            sizes: [0.0; WINDOW],
            differences: [0.0; WINDOW],
            seen: 0,
        }
    }
}

impl Swings {
    fn observe(&mut self, point: Point, rate: f64, tolerance: f64) {
        let Some(last) = self.last.replace(point) else {
            return;
        };
        let span = (point.at - last.at).to_f64().max(0.0);
        let difference = point.middle - last.middle - rate * span;
        let explained = SURELY * f64::midpoint(point.width, last.width) + tolerance * span;
        let unexplained = (difference.abs() - explained).max(0.0).copysign(difference);
        let swings = unexplained * self.unexplained < 0.0;
        let size = if swings {
            unexplained.abs().min(self.unexplained.abs())
        } else {
            0.0
        };
        let mut slots = self.sizes.iter_mut().zip(&mut self.differences);
        if let Some((slot, magnitude)) = slots.nth(self.seen % WINDOW) {
            *slot = if size <= COARSEST { size } else { 0.0 };
            *magnitude = difference.abs();
        }
        self.seen += 1;
        self.unexplained = unexplained;
    }

    fn size(&self) -> f64 {
        let notable = self.sizes.iter().filter(|size| **size > FINEST);
        if notable.clone().count() < CONTRADICTIONS {
            return 0.0;
        }
        let mut differences = self.differences;
        let seen = self.seen.min(WINDOW);
        let known = differences.get_mut(..seen).unwrap_or_default();
        let median = *known.select_nth_unstable_by(seen / 2, f64::total_cmp).1;
        let steps = DEVIATION_OF_MEDIAN * median.min(COARSEST) * 12_f64.sqrt();
        steps.max(HEADROOM * notable.copied().fold(0.0, f64::max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{NtpDuration, Seconds};

    fn at(seconds: f64) -> NtpTimestamp {
        NtpTimestamp::from_unix(1_800_000_000, 0)
            + NtpDuration::from_nanos((seconds * 1e9).round() as i64)
    }

    /// Times of requests that are no multiples of anything.
    fn times() -> impl Iterator<Item = f64> {
        (0..40).map(|place: i32| {
            f64::from(place) * 16.0 + (f64::from(place) * 0.618_033_988).fract() * 0.4
        })
    }

    #[test]
    fn steps_are_found_in_the_timestamps() {
        for step in [0.015_625, 0.0156, 0.01, 0.001] {
            let mut grain = Grain::default();
            times().for_each(|t| {
                let _ = grain.observe_timestamp(at((t / step).floor() * step));
            });
            assert!(
                (grain.size() - step).abs() < 1e-6,
                "{step}: {}",
                grain.size()
            );
        }
    }

    #[test]
    fn steps_that_clocks_are_known_to_have_are_found_within_three_timestamps() {
        for (step, enough) in GRIDS {
            let mut grain = Grain::default();
            let news = times()
                .take(3)
                .map(|t| grain.observe_timestamp(at((t / step).floor() * step)));
            assert_eq!(news.filter(|news| *news).count(), 1, "{step} is news once");
            assert!(
                (grain.certain() - step).abs() < 1e-9,
                "{step}: {} after {enough}",
                grain.certain()
            );
        }
    }

    #[test]
    fn common_multiples_of_two_steps_are_not_mistaken_for_the_larger_one() {
        let mut grain = Grain::default();
        times().take(10).for_each(|t| {
            let _ = grain.observe_timestamp(at((t * 100.0).floor() / 100.0));
        });
        for quarter in 0..8 {
            assert!(
                !grain.observe_timestamp(at(1000.0 + 0.25 * f64::from(quarter))),
                "multiples of 1/64 s, too"
            );
        }
        assert!((grain.certain() - 0.01).abs() < 1e-9, "{}", grain.certain());
    }

    #[test]
    fn a_smooth_clock_has_no_steps() {
        let mut grain = Grain::default();
        for place in 0..20_000_u32 {
            let random = f64::from(place.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24);
            let _ = grain.observe_timestamp(at(f64::from(place) * 64.0 + random));
            assert_eq!(grain.size(), 0.0, "{place}");
        }
    }

    #[test]
    fn a_step_of_the_server_does_not_hide_the_steps_of_its_clock() {
        let mut grain = Grain::default();
        let step = 0.015_625;
        for t in times() {
            let jumped = if t > 300.0 { 0.003 } else { 0.0 };
            let _ = grain.observe_timestamp(at((t / step).floor() * step + jumped));
        }
        assert!((grain.size() - step).abs() < 1e-6, "{}", grain.size());
    }

    fn swing(middles: impl Iterator<Item = f64>) -> f64 {
        let mut grain = Grain::default();
        for (place, middle) in (0..).zip(middles) {
            let at = FreeTime::new(at(0.0)) + Seconds::new(16.0 * f64::from(place));
            grain.observe_interval(
                Point {
                    at,
                    middle,
                    width: 1e-4,
                },
                0.0,
                1e-6,
            );
        }
        grain.size()
    }

    #[test]
    fn observations_that_contradict_one_another_to_and_fro_show_the_steps() {
        let size = swing((0..40).map(|place| -0.0156 * (f64::from(place) * 0.618_033_988).fract()));
        assert!((0.012..0.025).contains(&size), "{size}");
    }

    #[test]
    fn a_jump_another_rate_and_a_single_wrong_observation_are_no_steps() {
        assert_eq!(
            swing((0..40).map(|place| if place > 20 { 0.05 } else { 0.0 })),
            0.0
        );
        assert_eq!(swing((0..40).map(|place| 0.002 * f64::from(place))), 0.0);
        assert_eq!(
            swing((0..40).map(|place| if place == 20 { 0.05 } else { 0.0 })),
            0.0
        );
    }
}
