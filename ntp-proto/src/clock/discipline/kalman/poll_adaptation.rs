//! The duration of corrections and the poll interval, adapted to what the last observations showed
//! (docs/design/clock.md §5).

use crate::time::{PollInterval, Seconds};

/// Averages over observations fade by this factor.
const FADING: f64 = 0.9;
/// A correction of the size of the error that remains is spread over a quarter of the time to the
/// next observation; the smaller ones are against it, the longer they may take, as they hurt less
/// than the rate that they need.
const SPREAD: f64 = 0.35;
/// The shortest and the longest time for a correction, in intervals between observations.
const SHORTEST: f64 = 0.45;
const LONGEST: f64 = 4.0;
/// No reason to change the rate is what cannot be known anyway: where all servers' clocks have
/// coarse steps, the longest time for a correction is this many seconds at least.
const LONGEST_COARSE: f64 = 4096.0;
/// No correction is made in less time than this.
const LEAST_SPAN: Seconds = Seconds::new(0.5);
/// After an alarm, the next observation is expected within this many seconds.
const ALARMED: f64 = 16.0;
/// Observations before averages say something.
const FEW: u32 = 8;
/// The clock may wander by this many jitters between two observations of a source, where the jitter
/// is 100 µs. The worse the path, the more microseconds a shorter interval saves: so the share
/// falls with the fourth root of the jitter.
const WANDER_SHARE: f64 = 0.3;
const ORDINARY_JITTER: f64 = 1e-4;
/// An interval that is longer than it should be by this factor is shortened.
const TOO_LONG: f64 = 1.5;
/// Observations at one interval before a longer one is tried, or the time for four times as many if
/// most of them get lost.
const PATIENCE: u32 = 6;
const PATIENCE_WITH_LOSSES: f64 = 24.0;
const FEW_LEFT: u32 = 2;

/// Averages over the last observations, and the poll interval that follows from them.
#[derive(Clone, Debug)]
pub(super) struct PollAdaptation {
    observations: u32,
    /// The mean time between two observations, in seconds.
    interval: f64,
    /// The mean square of corrections.
    corrections: f64,
    /// The mean variance that remained.
    remainders: f64,
    poll: PollInterval,
    since_change: u32,
    /// The time since then, in seconds.
    since: f64,
    /// The root of the number of sources.
    share: f64,
    /// The variance of what the steps of the servers' clocks hide, in seconds squared.
    hidden: f64,
    /// Something happened that no model explains.
    alarmed: bool,
}

impl PollAdaptation {
    pub(super) fn new() -> Self {
        Self {
            observations: 0,
            interval: 1.0,
            corrections: 0.0,
            remainders: 0.0,
            poll: PollInterval::MIN,
            since_change: 0,
            since: 0.0,
            share: 1.0,
            hidden: 0.0,
            alarmed: false,
        }
    }

    pub(super) fn observations(&self) -> u32 {
        self.observations
    }

    /// An observation came `span` after the one before, and moved the estimate by `correction`; a
    /// variance remains. Seconds.
    pub(super) fn observe(&mut self, span: f64, correction: f64, variance: f64) {
        self.observations = self.observations.saturating_add(1);
        self.since_change = self.since_change.saturating_add(1);
        self.since += span;
        let fading = if self.observations < FEW { 0.5 } else { FADING };
        let blend = |mean: f64, news: f64| fading * mean + (1.0 - fading) * news;
        self.interval = blend(self.interval, span);
        self.corrections = blend(self.corrections, correction * correction);
        self.remainders = blend(self.remainders, variance);
    }

    /// So many sources take part. The more there are, the better is the time known; part of that is
    /// spent on a smooth rate. The clock of the best of them has steps of the size `grain`, in
    /// seconds: to within that, the time is not known at all.
    pub(super) fn share(&mut self, sources: usize, grain: f64) {
        self.share = (sources.max(1) as f64).sqrt();
        self.hidden = grain * grain / 12.0;
    }

    /// The time in which an offset is to be made up for.
    pub(super) fn span(&self, offset: Seconds) -> Seconds {
        let unknown = self.remainders + self.hidden;
        let ratio = if self.corrections > 0.0 {
            unknown / self.corrections
        } else {
            LONGEST
        };
        let coarse = if self.hidden > self.remainders {
            LONGEST_COARSE / self.interval.max(1.0)
        } else {
            LONGEST
        };
        let longest = LONGEST.max(coarse);
        let mut intervals =
            (SPREAD * self.share * ratio).clamp(SHORTEST * self.share, longest * self.share);
        // What has piled up beyond the ordinary is not ordinary.
        let excess = offset.to_f64().powi(2) / (self.corrections + unknown).max(1e-24);
        let early = self.observations < FEW && self.hidden == 0.0;
        if excess > 9.0 || early {
            intervals = SHORTEST;
        }
        LEAST_SPAN.max(Seconds::new(self.interval * intervals))
    }

    /// The interval at which a source should be asked, given the wander of the clock and the jitter
    /// of the best path.
    pub(super) fn poll(&self) -> PollInterval {
        self.poll
    }

    /// Considers asking less or more often. `wander` is per second, `jitter` in seconds, and `now`
    /// the interval in force.
    pub(super) fn consider(&mut self, now: PollInterval, wander: f64, jitter: f64) {
        let share = WANDER_SHARE * (jitter / ORDINARY_JITTER).powf(-0.25);
        // In this time the clock wanders by that share of the jitter.
        let span = (share * jitter / wander).powf(2.0 / 3.0);
        self.poll = now;
        if std::mem::take(&mut self.alarmed) {
            self.poll = PollInterval::MIN;
        } else if now.seconds().to_f64() > span * TOO_LONG {
            let log2 = span.max(1.0).log2().floor();
            self.poll = PollInterval::clamped(log2 as i8).min(now.shorter());
            self.since_change = 0;
            self.since = 0.0;
        } else if now.longer().seconds().to_f64() <= span && self.is_patient(now) {
            self.poll = now.longer();
            self.since_change = 0;
            self.since = 0.0;
        }
    }

    /// True if this interval was in force for long enough to try a longer one.
    fn is_patient(&self, now: PollInterval) -> bool {
        let lossy = self.since_change >= FEW_LEFT
            && self.since >= PATIENCE_WITH_LOSSES * now.seconds().to_f64();
        self.since_change >= PATIENCE || lossy
    }

    /// Something may have happened: ask soon.
    pub(super) fn hurry(&mut self) {
        self.alarmed = true;
        self.poll = PollInterval::MIN;
        self.since_change = 0;
        self.since = 0.0;
    }

    /// Something happened that no model explains: ask soon, and often.
    pub(super) fn alarm(&mut self) {
        self.alarmed = true;
        self.poll = PollInterval::MIN;
        self.since_change = 0;
        self.since = 0.0;
        self.observations = self.observations.min(FEW / 2);
        // What has to be made up for is no noise, and the next observation comes soon.
        self.interval = self.interval.min(ALARMED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A poll adaptation after observations at this interval that each moved the estimate by 100
    /// µs, of which 1 ms is not known.
    fn adaptation(interval: f64, observations: u32) -> PollAdaptation {
        let mut adaptation = PollAdaptation::new();
        (0..observations).for_each(|_| adaptation.observe(interval, 1e-4, 1e-6));
        adaptation
    }

    #[test]
    fn what_a_coarse_clock_hides_is_made_up_for_slowly() {
        let mut adaptation = adaptation(64.0, 200);
        let smooth = adaptation.span(Seconds::new(1e-4));
        adaptation.share(1, 0.015_625);
        let coarse = adaptation.span(Seconds::new(1e-4));
        assert!(
            smooth.to_f64() < 260.0 && coarse.to_f64() > 4000.0,
            "{smooth:?} {coarse:?}"
        );
    }

    #[test]
    fn after_an_alarm_what_is_found_is_made_up_for_within_seconds() {
        let mut adaptation = adaptation(1024.0, 200);
        adaptation.alarm();
        assert!(adaptation.span(Seconds::new(0.02)).to_f64() < 10.0);
    }

    #[test]
    fn where_most_replies_get_lost_a_longer_interval_is_tried_after_24_intervals() {
        let (poll, calm) = (PollInterval::clamped_const(6), 1e-12);
        for (observations, next) in [(2, 6), (3, 7)] {
            let mut adaptation = adaptation(640.0, observations);
            adaptation.consider(poll, calm, 1e-4);
            assert_eq!(
                adaptation.poll().log2(),
                next,
                "{observations} of some {} replies",
                10 * observations
            );
        }
    }

    #[test]
    fn something_that_may_have_happened_is_looked_at_soon() {
        let mut adaptation = adaptation(1024.0, 200);
        adaptation.hurry();
        adaptation.consider(PollInterval::clamped_const(10), 1e-12, 1e-4);
        assert_eq!(adaptation.poll(), PollInterval::MIN);
    }
}
