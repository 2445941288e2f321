//! The conditions under which an offset is corrected in one step, and the confirmations that it
//! needs before.
//!
//! | stage | an offset is stepped if it |
//! |---|---|
//! | starting | exceeds the startup threshold and four times half the round trip it rests on (below that, a second exchange must confirm it, and below half the round trip it is slewed); above a second, a second exchange or a second source must confirm it |
//! | trial | the same: the exchanges of the first burst correct each other at once |
//! | running | exceeds the step threshold until two sources have confirmed it over a burst, or for 300 s |

use crate::association::AssociationId;
use crate::clock::policy::{DisturbanceLimits, StepLimits, StepPolicy};
use crate::clock::timescale::FreeTime;
use crate::time::Seconds;

/// The time for which one source alone must insist on a large offset ("stepout"; RFC 5905 §11.3
/// says 900 s, today's implementations 300 s).
const STEPOUT: Seconds = Seconds::new(300.0);
/// At a start, an offset above this is confirmed by a second exchange before it is made up for: no
/// oscillator and no hardware clock is that wrong without reason.
const CONFIRMED_ABOVE: Seconds = Seconds::new(1.0);
/// A first offset of less than so many times half the round trip that it rests on waits for a
/// second exchange: a correction by it could leave the clock further off than it is.
const VAGUE: f64 = 4.0;
/// The first correction stays on trial for this long: a burst of six requests, and some more.
const TRIAL: Seconds = Seconds::new(16.0);
/// Replies of each of two sources that make up a burst.
const BURST_REPLIES: u32 = 3;
/// Sources that must confirm a large offset so that it need not last for [`STEPOUT`].
const WITNESSES: usize = 2;

/// The stages of confirmation of the clock.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Stage {
    /// Not yet, since the start or the last disturbance.
    Starting,
    /// It was corrected a moment ago.
    Trial {
        since: FreeTime,
    },
    Running,
}

/// A large offset that is being watched.
#[derive(Clone, Debug)]
struct Large {
    since: FreeTime,
    ahead: bool,
    /// Replies of each truechimer since then.
    witnesses: Vec<(AssociationId, u32)>,
}

impl Large {
    fn is_confirmed(&self) -> bool {
        self.witnesses
            .iter()
            .filter(|(_, replies)| *replies >= BURST_REPLIES)
            .count()
            >= WITNESSES
    }
}

/// An offset to decide about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// Now.
    pub(super) free: FreeTime,
    /// Server minus our clock.
    pub(super) offset: Seconds,
    /// The error bound of the exchange that it rests upon most: at a start, no smaller offset is
    /// stepped.
    pub(super) doubt: Seconds,
    /// Sources that agree.
    pub(super) agreeing: usize,
    /// Exchanges of the system peer that agree.
    pub(super) exchanges: usize,
}

/// The way to make up for an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// It is slewed.
    Slew,
    /// Nothing is done before it is confirmed.
    Hold,
    /// It is stepped.
    Step,
}

/// Decides about steps.
#[derive(Clone, Debug)]
pub(super) struct Stepping {
    stage: Stage,
    /// True if the clock had been confirmed before the current stage began.
    resumed: bool,
    large: Option<Large>,
}

impl Stepping {
    pub(super) const fn new() -> Self {
        Self {
            stage: Stage::Starting,
            resumed: false,
            large: None,
        }
    }

    /// True if the clock has not been confirmed since the start or the last disturbance.
    pub(super) fn is_starting(&self) -> bool {
        self.stage == Stage::Starting
    }

    /// True if the rules of a start do not apply.
    pub(super) fn is_running(&self) -> bool {
        self.stage == Stage::Running
    }

    /// The clock was disturbed: the rules of a start apply again.
    pub(super) fn restart(&mut self) {
        self.resumed |= self.stage != Stage::Starting;
        self.stage = Stage::Starting;
        self.large = None;
    }

    /// Better sources than those that confirmed the clock are there: the rules of a start apply
    /// once more.
    pub(super) fn begin_again(&mut self) {
        self.stage = Stage::Starting;
        self.large = None;
    }

    /// The panic limits in force.
    pub(super) fn limits(&self, policy: &StepPolicy) -> StepLimits {
        let starts = !self.resumed || policy.after_disturbance != DisturbanceLimits::Running;
        if self.stage != Stage::Running && starts {
            policy.startup
        } else {
            policy.running
        }
    }

    /// A truechimer has replied.
    pub(super) fn handle_reply(&mut self, source: AssociationId) {
        let Some(large) = &mut self.large else { return };
        match large
            .witnesses
            .iter_mut()
            .find(|(known, _)| *known == source)
        {
            Some((_, replies)) => *replies += 1,
            None => large.witnesses.push((source, 1)),
        }
    }

    pub(super) fn decide(&mut self, case: &Case, policy: &StepPolicy) -> Decision {
        if self.stage == Stage::Running {
            return self.decide_running(case, policy.threshold);
        }
        let size = case.offset.abs();
        let again = case.exchanges > 1;
        if size <= policy.startup_threshold || (size <= case.doubt && again) {
            Decision::Slew
        } else if !again
            && (size <= case.doubt * VAGUE || (size > CONFIRMED_ABOVE && case.agreeing < WITNESSES))
        {
            // Sources behind one congested link agree on what is wrong, so that only another
            // exchange helps against delays.
            Decision::Hold
        } else {
            Decision::Step
        }
    }

    fn decide_running(&mut self, case: &Case, threshold: Option<Seconds>) -> Decision {
        if threshold.is_none_or(|threshold| case.offset.abs() <= threshold) {
            self.large = None;
            return Decision::Slew;
        }
        let ahead = case.offset < Seconds::ZERO;
        let large = self.large.take().filter(|large| large.ahead == ahead);
        let large = large.unwrap_or(Large {
            since: case.free,
            ahead,
            witnesses: Vec::new(),
        });
        let lasting = case.free - large.since >= STEPOUT;
        let decision = if lasting || large.is_confirmed() {
            Decision::Step
        } else {
            Decision::Hold
        };
        self.large = Some(large);
        decision
    }

    /// The clock was corrected at `free`, or found to be right.
    pub(super) fn handle_correction(&mut self, free: FreeTime) {
        self.stage = match self.stage {
            Stage::Starting => Stage::Trial { since: free },
            Stage::Trial { since } if free - since >= TRIAL => Stage::Running,
            stage => stage,
        };
    }

    /// True if the policy takes an offset for time that the clock has lost unseen, and two sources
    /// have confirmed it over a burst: then the limits of a start count.
    pub(super) fn has_lost_time(&self, offset: Seconds, policy: &StepPolicy) -> bool {
        policy.after_disturbance == DisturbanceLimits::StartupOrLostTime
            && offset > Seconds::ZERO
            && policy.startup.exceeded_by(offset).is_none()
            && self.large.as_ref().is_some_and(Large::is_confirmed)
    }

    /// The offset that was watched was stepped, or is beyond the panic limits: another one is to be
    /// confirmed again.
    pub(super) fn stop_watching(&mut self) {
        self.large = None;
    }

    /// True if a large offset is being watched.
    pub(super) fn is_watching(&self) -> bool {
        self.large.is_some()
    }

    /// The time after which the offset that is being watched will be stepped at the latest.
    pub(super) fn left(&self, free: FreeTime) -> Option<Seconds> {
        self.large
            .as_ref()
            .map(|large| (STEPOUT - (free - large.since)).max(Seconds::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::NtpTimestamp;

    fn case(at: f64, offset: f64) -> Case {
        Case {
            free: FreeTime::new(NtpTimestamp::from_unix(1_800_000_000, 0)) + Seconds::new(at),
            offset: Seconds::new(offset),
            doubt: Seconds::new(0.005),
            agreeing: 1,
            exchanges: 1,
        }
    }

    fn decide(stepping: &mut Stepping, case: &Case) -> Decision {
        stepping.decide(case, &StepPolicy::default())
    }

    fn running() -> Stepping {
        let mut stepping = Stepping::new();
        for at in [0.0, 2.0, 20.0] {
            stepping.handle_correction(case(at, 0.0).free);
        }
        assert_eq!(stepping.stage, Stage::Running);
        stepping
    }

    #[test]
    fn a_first_offset_within_the_doubt_of_its_exchange_is_never_stepped() {
        let mut stepping = Stepping::new();
        let late = Case {
            doubt: Seconds::new(0.5),
            ..case(0.0, 0.42)
        };
        assert_eq!(decide(&mut stepping, &late), Decision::Hold);
        assert_eq!(
            decide(
                &mut stepping,
                &Case {
                    agreeing: 4,
                    ..late
                }
            ),
            Decision::Hold,
            "all behind one link"
        );
        assert_eq!(
            decide(
                &mut stepping,
                &Case {
                    exchanges: 2,
                    ..late
                }
            ),
            Decision::Slew
        );
        let vague = Case {
            agreeing: 4,
            ..case(0.0, 0.015)
        };
        assert_eq!(decide(&mut stepping, &vague), Decision::Hold);
        assert_eq!(
            decide(
                &mut stepping,
                &Case {
                    exchanges: 2,
                    ..vague
                }
            ),
            Decision::Step
        );
    }

    #[test]
    fn a_first_offset_of_more_than_a_second_needs_a_second_exchange_or_source() {
        let mut stepping = Stepping::new();
        let far = case(0.0, 300.0);
        assert_eq!(decide(&mut stepping, &far), Decision::Hold);
        assert_eq!(
            decide(
                &mut stepping,
                &Case {
                    exchanges: 2,
                    ..far
                }
            ),
            Decision::Step
        );
        assert_eq!(
            decide(&mut stepping, &Case { agreeing: 2, ..far }),
            Decision::Step
        );
        assert_eq!(decide(&mut stepping, &case(0.0, 0.35)), Decision::Step);
    }

    #[test]
    fn a_wrong_first_step_is_undone_at_once() {
        let mut stepping = Stepping::new();
        stepping.handle_correction(case(0.0, 0.0).free);
        assert_eq!(
            decide(
                &mut stepping,
                &Case {
                    exchanges: 2,
                    ..case(2.0, -0.42)
                }
            ),
            Decision::Step
        );
    }

    #[test]
    fn two_sources_that_agree_over_a_burst_need_not_wait() {
        let mut stepping = running();
        assert_eq!(decide(&mut stepping, &case(100.0, 300.0)), Decision::Hold);
        for (source, step) in [(1, Decision::Hold), (2, Decision::Hold)]
            .into_iter()
            .cycle()
            .take(5)
        {
            stepping.handle_reply(AssociationId::new(source));
            assert_eq!(decide(&mut stepping, &case(104.0, 300.0)), step);
        }
        stepping.handle_reply(AssociationId::new(2));
        assert_eq!(decide(&mut stepping, &case(106.0, 300.0)), Decision::Step);
    }

    #[test]
    fn one_source_alone_must_insist_for_the_stepout_whatever_it_sends() {
        let mut stepping = running();
        for at in 0..300 {
            assert_eq!(
                decide(&mut stepping, &case(100.0 + f64::from(at), 300.0)),
                Decision::Hold
            );
            stepping.handle_reply(AssociationId::new(1));
        }
        assert_eq!(
            stepping.left(case(389.0, 0.0).free),
            Some(Seconds::new(11.0))
        );
        assert_eq!(decide(&mut stepping, &case(400.0, 300.0)), Decision::Step);
    }

    #[test]
    fn an_offset_that_changes_its_sign_or_goes_away_is_watched_again() {
        let mut stepping = running();
        assert_eq!(decide(&mut stepping, &case(100.0, 0.5)), Decision::Hold);
        assert_eq!(decide(&mut stepping, &case(399.0, -0.5)), Decision::Hold);
        assert_eq!(decide(&mut stepping, &case(401.0, -0.5)), Decision::Hold);
        assert_eq!(decide(&mut stepping, &case(402.0, 0.0)), Decision::Slew);
        assert!(!stepping.is_watching());
    }

    #[test]
    fn after_a_disturbance_the_limits_are_those_of_the_policy() {
        let mut stepping = running();
        let policy = StepPolicy::default();
        assert_eq!(stepping.limits(&policy), policy.running);
        stepping.restart();
        assert_eq!(stepping.limits(&policy), policy.startup);
        let strict = StepPolicy {
            after_disturbance: DisturbanceLimits::Running,
            ..policy
        };
        assert_eq!(stepping.limits(&strict), policy.running);
        assert_eq!(
            Stepping::new().limits(&strict),
            policy.startup,
            "the first start is none"
        );
    }
}
