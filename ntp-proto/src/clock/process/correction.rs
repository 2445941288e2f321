//! From an offset that a majority agrees on to a correction of our clock, within the limits of the
//! policy.

use super::stepping::{Case, Decision};
use super::{ClockProcess, UNCERTAINTY_FACTOR};
use crate::clock::combine::Combined;
use crate::clock::command::{ClockAction, Halt};
use crate::clock::discipline::{ClockUpdate, Correction, LoopState};
use crate::clock::leap::voted_leap;
use crate::clock::measurement::FREQUENCY_TOLERANCE;
use crate::clock::policy::DisturbanceLimits;
use crate::clock::selection::{Candidate, Outcome};
use crate::clock::steer::LARGEST_RATE;
use crate::clock::system::SystemVariables;
use crate::clock::timescale::FreeTime;
use crate::time::{MonoTime, Now, NtpDuration, Seconds};
use std::time::Duration;

/// The time for which an order to step counts.
const ORDER_LASTS: Duration = Duration::from_secs(60);

/// The clock is not steered, so that it cannot be stepped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotSteered;

impl ClockProcess {
    pub(super) fn update(&mut self, now: Now, free: FreeTime, peer: &Candidate) {
        let Some(combined) = self.best_offset(now, free) else {
            return;
        };
        let offset = combined.offset;
        self.offset = Some((offset, free));
        self.last_update = Some(free);
        self.jitter = combined.jitter;
        let corrected = self.system_after(now, free, peer);
        let uncorrected = SystemVariables {
            root_dispersion: corrected.root_dispersion + offset.abs(),
            ..corrected
        };
        if !self.steers {
            return self.observe(free, peer, uncorrected);
        }
        let decision = self.decide(free, offset, peer);
        self.held = false;
        if self.takes_step_order(now.mono) {
            self.discipline
                .prepare_step(&self.clock_update(now, free, peer, combined));
            return self.push_step(now.mono, offset, corrected);
        }
        let policy = &self.config.steps;
        if let Some(limit) = self
            .panic_limit(offset)
            .filter(|_| !self.stepping.has_lost_time(offset, policy))
        {
            // Only this policy asks for testimony that could lift the limit.
            self.held = policy.after_disturbance == DisturbanceLimits::StartupOrLostTime;
            if !self.held {
                self.stepping.stop_watching();
            }
            return self.halt(Halt::Panic { offset, limit });
        }
        if self.refused > 0 {
            self.refused -= 1;
            return;
        }
        let update = self.clock_update(now, free, peer, combined);
        match decision {
            Decision::Hold => {
                self.discipline.watch(&update);
                self.hold(now.mono, uncorrected);
            }
            Decision::Step => {
                self.discipline.prepare_step(&update);
                self.request_step(now.mono, offset, corrected);
            }
            Decision::Slew => self.steer(now.mono, &update, uncorrected),
        }
    }

    fn clock_update(
        &self,
        now: Now,
        free: FreeTime,
        peer: &Candidate,
        combined: Combined,
    ) -> ClockUpdate {
        let Combined { offset, jitter } = combined;
        ClockUpdate {
            now: free,
            offset,
            free_offset: NtpDuration::from(offset) + self.timescale.steered_by(now.local),
            jitter,
            delay: peer.filtered.best.delay().max(self.precision.seconds()),
            poll: peer.poll,
        }
    }

    /// The administrator orders a step: within a minute, the next offset that a majority agrees on
    /// is stepped, once, whatever its size. Returns the offset as far as it is known now.
    ///
    /// # Errors
    /// If this clock is not steered.
    pub fn handle_step_order(&mut self, now: Now) -> Result<Option<Seconds>, NotSteered> {
        if !self.steers {
            return Err(NotSteered);
        }
        self.step_ordered_until = Some(now.mono + ORDER_LASTS);
        Ok(self.remaining_offset(now))
    }

    /// True if a step was ordered that can be made now; the order is then used up.
    fn takes_step_order(&mut self, mono: MonoTime) -> bool {
        let possible = !self.is_contradicted() && self.refused == 0;
        let ordered = self.step_ordered_until.take_if(|_| possible);
        ordered.is_some_and(|until| mono < until)
    }

    /// Server minus our clock: by the discipline where it knows better than the sources' last
    /// samples.
    fn best_offset(&self, now: Now, free: FreeTime) -> Option<Combined> {
        let combined = self.selection.combined?;
        let estimate = self.discipline.estimate(free).filter(|_| self.steers);
        let Some((offset, deviation)) = estimate else {
            return Some(combined);
        };
        let offset = Seconds::from(offset - self.timescale.steered_by(now.local));
        // While the estimator cannot explain what the sources say, both may be right.
        Some(Combined {
            offset: if self.is_contradicted() {
                combined.offset
            } else {
                offset
            },
            jitter: deviation,
        })
    }

    /// True if the last measurements contradict the estimate: then nothing is corrected.
    fn is_contradicted(&self) -> bool {
        self.discipline.learns() && self.discipline.state() == LoopState::Spike
    }

    fn decide(&mut self, free: FreeTime, offset: Seconds, peer: &Candidate) -> Decision {
        if self.is_contradicted() {
            return Decision::Hold;
        }
        let Outcome::Agreed { agreeing, .. } = self.selection.outcome else {
            return Decision::Hold;
        };
        let bound = if self.left_synchronized {
            peer.distance(free)
        } else {
            peer.filtered.best.delay() * 0.5
        };
        // The offset may rest more on other exchanges than on the peer's best.
        let doubt = bound.max(self.jitter);
        let case = Case {
            free,
            offset,
            doubt,
            agreeing,
            exchanges: peer.filtered.samples,
        };
        let decision = self.stepping.decide(&case, &self.config.steps);
        if decision == Decision::Hold && self.discipline.is_saturated() {
            // While it waits, the offset would only grow.
            return Decision::Slew;
        }
        // An offset that may no longer be stepped is slewed if that takes seconds rather than
        // hours.
        let slewable = self
            .config
            .steps
            .threshold
            .is_none_or(|threshold| offset.abs() <= threshold);
        let refused = self.accumulated_limit(offset).is_some();
        if decision == Decision::Step && refused && slewable {
            Decision::Slew
        } else {
            decision
        }
    }

    /// Leaves the clock alone for now, at the rate that is known.
    fn hold(&mut self, mono: MonoTime, system: SystemVariables) {
        self.held = true;
        self.steering.rebase(self.discipline.frequency());
        self.apply_rate(mono);
        self.doubt(system);
    }

    fn steer(&mut self, mono: MonoTime, update: &ClockUpdate, system: SystemVariables) {
        let Correction::Steer {
            frequency,
            slew,
            within,
        } = self.discipline.update(update)
        else {
            return self.hold(mono, system);
        };
        if let Some(limit) = self.panic_limit(slew) {
            return self.halt(Halt::Panic {
                offset: slew,
                limit,
            });
        }
        if self.discipline.is_saturated() {
            let needed = self.discipline.believed_rate();
            self.halt(Halt::RateBeyondLimit {
                needed,
                limit: LARGEST_RATE,
            });
        } else if self.halt != Some(Halt::ClockRefused) {
            self.resume();
        }
        self.steering.steer(mono, frequency, slew, within);
        self.apply_rate(mono);
        self.confirm(system);
    }

    /// The system variables if the clock is corrected now.
    fn system_after(&self, now: Now, free: FreeTime, peer: &Candidate) -> SystemVariables {
        let best = &peer.filtered.best;
        let age = FREQUENCY_TOLERANCE * (free - best.at).max(Seconds::ZERO);
        let votes = self.selection.leap_votes.iter().copied();
        let spread = self
            .discipline
            .spread(peer.id)
            .filter(|_| self.steers)
            .unwrap_or(self.jitter);
        SystemVariables {
            leap: voted_leap(votes, now.local),
            stratum: best.root.stratum.next(),
            reference_id: peer.reference_id,
            reference_time: now.local,
            root_delay: best.root.delay + best.delay().max(self.precision.seconds()),
            root_dispersion: best.root.dispersion + peer.filtered.dispersion + age + spread,
            dispersion_rate: FREQUENCY_TOLERANCE
                + self.discipline.frequency_uncertainty() * UNCERTAINTY_FACTOR,
            updated: free,
        }
    }

    fn request_step(&mut self, mono: MonoTime, offset: Seconds, after: SystemVariables) {
        if let Some(limit) = self.accumulated_limit(offset) {
            return self.halt(Halt::AccumulatedSteps {
                sum: self.sum_with(offset),
                limit,
            });
        }
        self.push_step(mono, offset, after);
    }

    fn push_step(&mut self, mono: MonoTime, offset: Seconds, after: SystemVariables) {
        self.steering.stop_slew();
        self.steering.rebase(self.discipline.frequency());
        self.apply_rate(mono);
        self.actions
            .push_back(ClockAction::Step(NtpDuration::from(offset)));
        self.awaiting_step = Some(after);
    }

    /// The sum of all steps if one more is made. The first step of a clock that was never right is
    /// free: there is nothing to compare it with.
    pub(super) fn sum_with(&self, step: Seconds) -> Seconds {
        self.accumulated
            .map_or(Seconds::ZERO, |sum| sum + step.abs())
    }

    /// The limit of the sum of all steps, if one more would exceed it.
    fn accumulated_limit(&self, step: Seconds) -> Option<Seconds> {
        self.config
            .steps
            .accumulated
            .filter(|limit| self.sum_with(step) > *limit)
    }

    /// The panic limit that a correction exceeds, if it does. The way back from a mere assumption,
    /// and from where another program is known to have moved the clock, does not count.
    fn panic_limit(&self, correction: Seconds) -> Option<Seconds> {
        let assumed = if self.begun {
            Seconds::ZERO
        } else {
            self.assumed_step
        };
        let excuse = assumed + self.moved;
        let judged = if correction < Seconds::ZERO && excuse > Seconds::ZERO {
            (correction + excuse).min(Seconds::ZERO)
        } else if correction > Seconds::ZERO && excuse < Seconds::ZERO {
            (correction + excuse).max(Seconds::ZERO)
        } else {
            correction
        };
        self.stepping.limits(&self.config.steps).exceeded_by(judged)
    }

    /// The clock may be off as far as the last update says, which is neither confirmed nor
    /// corrected yet.
    fn doubt(&mut self, system: SystemVariables) {
        if let Some(known) = self.system {
            self.system = Some(SystemVariables {
                reference_time: known.reference_time,
                ..system
            });
            self.push_status(system.updated);
        }
    }
}
