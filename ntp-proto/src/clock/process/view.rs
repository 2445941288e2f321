//! Read access to the clock process.

use super::ClockProcess;
use crate::clock::command::{Disturbance, Halt};
use crate::clock::discipline::LoopState;
use crate::clock::filter::Filtered;
use crate::clock::policy::ClockConfig;
use crate::clock::selection::Selection;
use crate::clock::system::SystemVariables;
use crate::clock::timescale::{FreeTime, Timescale};
use crate::time::{Frequency, Now, NtpTimestamp, PollInterval, Precision, Seconds};

/// The poll interval when nothing is done with the answers.
const IDLE_POLL: PollInterval = PollInterval::clamped_const(6);
/// A frequency that may be wrong by more than this has not been measured.
const MEASURED: Frequency = Frequency::new(100e-6);

impl ClockProcess {
    /// True if our clock can be called right at `free`: we steer it, it was confirmed, and its
    /// error bound is still within the maximum distance.
    #[must_use]
    pub fn is_synchronized(&self, free: FreeTime) -> bool {
        let within = |system: &SystemVariables| {
            system.root_distance_at(free) <= self.config.maximum_distance
        };
        let steered = self.steers
            && self.awaiting_step.is_none()
            && self.halt.is_none()
            && self.disturbance.is_none();
        steered && self.system.as_ref().is_some_and(within)
    }

    /// The mapping to the free-running timescale.
    #[must_use]
    pub fn timescale(&self) -> &Timescale {
        &self.timescale
    }

    /// Server minus our clock at `local`, from a filtered measurement.
    #[must_use]
    pub fn offset_of(&self, filtered: &Filtered, local: NtpTimestamp) -> Seconds {
        let free = self.timescale.to_free(local);
        let drifted = self.drift() * (free - filtered.best.at);
        Seconds::from(filtered.best.offset() - self.timescale.steered_by(local)) + drifted
    }

    /// The rate at which servers are believed to gain against our free-running clock.
    #[must_use]
    pub fn drift(&self) -> Frequency {
        if self.steers {
            self.discipline.believed_rate()
        } else {
            Frequency::ZERO
        }
    }

    /// The last selection.
    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The system variables, once there are any.
    #[must_use]
    pub fn system(&self) -> Option<&SystemVariables> {
        self.system.as_ref()
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &ClockConfig {
        &self.config
    }

    /// True if we may steer the clock.
    #[must_use]
    pub fn steers(&self) -> bool {
        self.steers
    }

    /// The correction still to be made: server minus our clock, as far as known. `None` before the
    /// first update.
    #[must_use]
    pub fn remaining_offset(&self, now: Now) -> Option<Seconds> {
        let (offset, at) = self.offset?;
        if !self.steers {
            return Some(offset);
        }
        let free = self.timescale.to_free(now.local);
        let moved = Seconds::from(
            self.timescale.steered_by(now.local)
                - self.timescale.steered_by(self.timescale.to_local(at)),
        );
        let wanted = self.drift() * (free - at);
        Some(offset - (moved - wanted))
    }

    /// True if the clock has been corrected since the start, so that the discipline's wishes count.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// The typical error of one update.
    #[must_use]
    pub fn jitter(&self) -> Seconds {
        self.jitter
    }

    /// The reason to leave the clock alone, if there is one.
    #[must_use]
    pub fn halted(&self) -> Option<Halt> {
        self.halt
    }

    /// The plain rate correction in force, without any slew.
    #[must_use]
    pub fn frequency(&self) -> Frequency {
        if self.steers {
            self.steering.base()
        } else {
            self.timescale.rate()
        }
    }

    /// The standard deviation of the rate correction, where the discipline has measured it.
    #[must_use]
    pub fn frequency_uncertainty(&self) -> Option<Frequency> {
        let uncertainty = self.discipline.frequency_uncertainty();
        (self.begun && uncertainty < MEASURED).then_some(uncertainty)
    }

    /// The rate correction to keep for the next start, once it is known well enough.
    #[must_use]
    pub fn frequency_worth_keeping(&self) -> Option<Frequency> {
        (self.steers && self.discipline.frequency_is_worth_keeping())
            .then(|| self.discipline.frequency())
    }

    /// The sum of all steps without their signs; `None` if there has never been one, nor a first
    /// synchronization.
    #[must_use]
    pub fn accumulated_steps(&self) -> Option<Seconds> {
        self.accumulated
    }

    /// The number of steps since the start.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.steps
    }

    /// The sum of the steps that sources without NTS have caused before one with NTS was believed.
    #[must_use]
    pub fn unauthenticated_steps(&self) -> Seconds {
        self.unauthenticated.unwrap_or(Seconds::ZERO)
    }

    /// The state of the discipline.
    #[must_use]
    pub fn loop_state(&self) -> LoopState {
        if self.stepping.is_watching() {
            LoopState::Spike
        } else {
            self.discipline.state()
        }
    }

    /// A large offset (server minus our clock) that is left alone for now, and the time after which
    /// it will be stepped unless it goes away before. Sooner, if two sources confirm it.
    #[must_use]
    pub fn watched(&self, now: Now) -> Option<(Seconds, Seconds)> {
        let left = self
            .stepping
            .left(self.timescale.to_free(now.local))
            .filter(|_| self.halt.is_none())?;
        Some((self.remaining_offset(now)?, left))
    }

    /// True if a large offset is being watched (see [`watched`](Self::watched)).
    #[must_use]
    pub fn is_watching(&self) -> bool {
        self.stepping.is_watching()
    }

    /// True if the rules of a start do not apply any more: the clock was confirmed by more than one
    /// exchange.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        self.stepping.is_running()
    }

    /// True if the last measurement was not acted upon, as another one must confirm it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The last change of the clock that was not ordered by us, until the sources have confirmed
    /// the clock again.
    #[must_use]
    pub fn disturbance(&self) -> Option<&Disturbance> {
        self.disturbance.as_ref()
    }

    /// The poll interval that is wanted, once something is: the discipline's, a calm one where
    /// nothing can be done but measure, and one that grows while there is no majority.
    #[must_use]
    pub fn wanted_poll(&self) -> Option<PollInterval> {
        if let Some(poll) = self.stalemate.poll() {
            return Some(poll);
        }
        let idle = !self.steers || (!self.begun && self.halt.is_some());
        if idle {
            self.offset.map(|_| IDLE_POLL)
        } else {
            self.begun.then(|| self.discipline.poll())
        }
    }

    /// The precision of our clock.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }
}
