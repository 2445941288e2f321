//! The time of the next request: poll interval, bursts, and the back-off of a silent server.

use super::AssociationConfig;
use crate::time::{MonoTime, PollInterval};
use std::time::Duration;

/// The spacing of a burst (RFC 5905 §7.2 BTIME).
pub(super) const BURST_SPACING: Duration = Duration::from_secs(2);
/// Replies at a slowed-down pace before we try a faster one; doubled each time that this fails.
const PATIENCE: u32 = 8;
/// The most patience.
const MOST_PATIENCE: u32 = 64;
/// After this long without a complaint, a faster pace is tried, however many replies there were.
const FORGIVENESS: Duration = Duration::from_secs(3600);
/// No complaint slows us down further than this or the longest regular interval: kisses may be
/// provoked by others.
const SLOWEST: PollInterval = PollInterval::clamped_const(10);
/// Extra bursts are this far apart at least.
const HURRY_SPACING: Duration = Duration::from_secs(600);
/// Bursts that follow disturbances of our clock are this far apart at least.
const DISTURBANCE_SPACING: Duration = Duration::from_secs(30);
/// While the server does not answer, the interval grows up to this or the regular one, so that a
/// network that comes back is noticed.
const LONGEST_SEARCH: PollInterval = PollInterval::clamped_const(6);

/// Unanswered requests in a row that count when losses are looked at, and answers of the last
/// sixteen requests that are few.
const REMEMBERED_SILENCE: u32 = 8;
const FEW_ANSWERS: u32 = 3;

/// The pace of one association.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacing {
    config: AssociationConfig,
    burst_left: u8,
    wanted: PollInterval,
    /// The shortest interval that the server has not complained about.
    floor: Option<PollInterval>,
    patience: u32,
    calm_replies: u32,
    /// The last complaint, or the last step towards forgetting it.
    complained: MonoTime,
    hurried: Option<MonoTime>,
    /// The start of the last burst that followed a disturbance of our clock.
    disturbed: Option<MonoTime>,
    unanswered: u32,
    /// The outcome of the last requests before those: a bit for each, 1 if it was answered. Silence
    /// counts eight at most.
    answers: u16,
}

impl Pacing {
    pub(super) fn new(config: AssociationConfig) -> Self {
        Self {
            config,
            burst_left: config.burst,
            wanted: config.poll_limits.clamp(config.initial_poll),
            floor: None,
            patience: PATIENCE,
            calm_replies: 0,
            complained: MonoTime::ZERO,
            hurried: None,
            disturbed: None,
            unanswered: 0,
            answers: u16::MAX,
        }
    }

    /// The regular interval now.
    pub(super) fn poll(&self) -> PollInterval {
        self.floor
            .map_or(self.wanted, |floor| floor.max(self.wanted))
    }

    /// True while requests are sent less often because the server has asked for it (kiss code
    /// RATE).
    pub(super) fn is_rate_limited(&self) -> bool {
        self.floor.is_some()
    }

    /// The number of requests in a row without an answer.
    pub(super) fn unanswered(&self) -> u32 {
        self.unanswered
    }

    /// The discipline wants to hear from us at this interval.
    pub(super) fn want(&mut self, poll: PollInterval) {
        self.wanted = self.config.poll_limits.clamp(poll);
    }

    /// The time until the next request. `spread` in 0…1 keeps many clients from marching in step;
    /// it never shortens the interval, as servers count seconds.
    pub(super) fn interval(&self, spread: f64) -> Duration {
        if self.burst_left > 0 && self.floor.is_none() {
            return BURST_SPACING;
        }
        let search = self
            .poll()
            .log2()
            .saturating_add(i8::try_from(self.unanswered / 4).unwrap_or(i8::MAX));
        let poll = PollInterval::clamped(search).min(LONGEST_SEARCH.max(self.poll()));
        poll.duration().mul_f64(1.0 + 0.03 * spread.clamp(0.0, 1.0))
    }

    pub(super) fn sent(&mut self) {
        self.burst_left = self.burst_left.saturating_sub(1);
    }

    pub(super) fn lost(&mut self) {
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// The server has replied, though without a usable time.
    pub(super) fn replied(&mut self) {
        self.unanswered = 0;
    }

    /// Starts a burst out of turn, if none was started lately and the server does not mind. Returns
    /// whether it did.
    pub(super) fn poll_soon(&mut self, now: MonoTime) -> bool {
        let lately = self.hurried.is_some_and(|last| now < last + HURRY_SPACING);
        if lately || self.floor.is_some() {
            return false;
        }
        self.hurried = Some(now);
        self.burst_left = self.burst_left.max(self.config.burst);
        self.unanswered = 0;
        true
    }

    /// Starts a burst as our clock was disturbed; not again within half a minute, even if the clock
    /// is disturbed again.
    pub(super) fn burst_again(&mut self, now: MonoTime) {
        let lately = self
            .disturbed
            .is_some_and(|last| now < last + DISTURBANCE_SPACING);
        if !lately {
            self.disturbed = Some(now);
            self.burst_left = self.burst_left.max(self.config.burst);
        }
    }

    /// Forgets unanswered requests, if there were any and the server has not asked for fewer; a
    /// burst starts if none was started lately. True if there were any.
    pub(super) fn search_anew(&mut self, now: MonoTime) -> bool {
        let unanswered = self.unanswered > 0 && self.floor.is_none();
        if unanswered && !self.poll_soon(now) {
            self.unanswered = 0;
        }
        unanswered
    }

    /// A usable reply has come; after an outage this starts a new burst, but not where most
    /// requests get lost anyway.
    pub(super) fn answered(&mut self, was_reachable: bool, now: MonoTime) {
        self.answers = self.answers << self.unanswered.min(REMEMBERED_SILENCE) << 1 | 1;
        let lossy = self.answers.count_ones() < FEW_ANSWERS;
        if !was_reachable && self.unanswered > 0 && self.floor.is_none() && !lossy {
            self.burst_left = self.config.burst.saturating_sub(1);
        }
        self.unanswered = 0;
        self.relax(now);
    }

    fn relax(&mut self, now: MonoTime) {
        let Some(floor) = self.floor else { return };
        self.calm_replies += 1;
        if self.calm_replies >= self.patience || now >= self.complained + FORGIVENESS {
            self.calm_replies = 0;
            self.complained = now;
            self.floor = (floor > self.wanted)
                .then(|| floor.shorter())
                .filter(|floor| *floor > self.wanted);
        }
    }

    /// The server says RATE and, in its poll field, perhaps what it would accept.
    pub(super) fn slow_down(&mut self, servers_poll: i8, now: MonoTime) {
        if self.calm_replies > 0 || self.floor.is_some() {
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
        }
        self.calm_replies = 0;
        self.complained = now;
        self.burst_left = 0;
        let asked = PollInterval::clamped(servers_poll).min(self.poll().longer().longer());
        let slowest = SLOWEST.max(self.config.poll_limits.max());
        self.floor = Some(self.poll().longer().max(asked).min(slowest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::PollLimits;

    fn pacing() -> Pacing {
        Pacing::new(AssociationConfig::default())
    }

    fn calm(pacing: &mut Pacing, replies: usize) {
        for _ in 0..replies {
            pacing.answered(true, MonoTime::ZERO);
        }
    }

    #[test]
    fn a_burst_comes_first_and_the_regular_interval_after_it() {
        let mut pacing = pacing();
        for _ in 1..AssociationConfig::default().burst {
            pacing.sent();
            assert_eq!(pacing.interval(0.0), BURST_SPACING);
        }
        pacing.sent();
        assert_eq!(pacing.interval(0.0), Duration::from_secs(16));
    }

    #[test]
    fn rate_slows_down_and_calm_relaxes_again() {
        let mut pacing = pacing();
        pacing.slow_down(0, MonoTime::ZERO);
        assert_eq!(pacing.poll().log2(), 5);
        assert!(
            pacing.interval(0.0) >= Duration::from_secs(32),
            "the burst is over"
        );
        calm(&mut pacing, 8);
        assert!(!pacing.is_rate_limited());
        assert_eq!(pacing.poll().log2(), 4);
    }

    #[test]
    fn a_server_that_complains_again_is_tried_less_often() {
        let mut pacing = pacing();
        pacing.slow_down(0, MonoTime::ZERO);
        calm(&mut pacing, 8);
        pacing.slow_down(0, MonoTime::ZERO);
        pacing.slow_down(0, MonoTime::ZERO);
        assert_eq!(pacing.poll().log2(), 6);
        calm(&mut pacing, 8);
        assert_eq!(pacing.poll().log2(), 6, "patience has grown");
    }

    #[test]
    fn a_thousand_kisses_slow_us_down_to_the_limit_and_are_forgiven_within_hours() {
        let mut pacing = pacing();
        for _ in 0..1000 {
            pacing.slow_down(127, MonoTime::ZERO);
        }
        assert_eq!(pacing.poll(), PollLimits::default().max());
        for hour in 1..=6 {
            pacing.answered(true, MonoTime::ZERO + FORGIVENESS * hour);
        }
        assert!(!pacing.is_rate_limited());
    }

    #[test]
    fn silence_slows_the_search_but_never_beyond_a_minute_or_the_regular_interval() {
        let mut pacing = pacing();
        for _ in 0..AssociationConfig::default().burst {
            pacing.sent();
        }
        for _ in 0..100 {
            pacing.lost();
        }
        assert_eq!(pacing.interval(0.0), Duration::from_secs(64));
    }

    #[test]
    fn an_outage_is_followed_by_a_burst_and_a_path_that_loses_most_packets_is_not() {
        let mut pacing = pacing();
        let mut bursts = Vec::new();
        for _ in 0..4 {
            for _ in 0..50 {
                pacing.sent();
                pacing.lost();
            }
            pacing.answered(false, MonoTime::ZERO);
            bursts.push(pacing.interval(0.0) == BURST_SPACING);
        }
        assert_eq!(bursts, [true, false, false, false]);
        calm(&mut pacing, 16);
        pacing.lost();
        pacing.answered(false, MonoTime::ZERO);
        assert_eq!(pacing.interval(0.0), BURST_SPACING);
    }

    #[test]
    fn the_limits_of_the_source_bind_the_discipline() {
        let mut pacing = pacing();
        pacing.want(PollInterval::MAX);
        assert_eq!(pacing.poll(), PollLimits::default().max());
    }
}
