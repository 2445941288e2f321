//! The clock process: from everybody's filtered measurements to commands for our clock (RFC 5905 §11 and §12).

use super::discipline::{ClockUpdate, Correction, Discipline, LoopState};
use super::leap::voted_leap;
use super::measurement::FREQUENCY_TOLERANCE;
use super::policy::ClockConfig;
use super::selection::{Candidate, Outcome, Requirements, Selection, decide};
use super::steer::Steering;
use super::system::SystemVariables;
use super::timescale::{FreeTime, Timescale};
use crate::packet::{LeapIndicator, ReferenceId, Stratum};
use crate::source::SourceId;
use crate::time::{Frequency, MonoTime, Now, NtpDuration, NtpTimestamp, PollInterval, Precision, Seconds};
use std::collections::VecDeque;
use std::time::Duration;

/// What is known about our clock when the client starts.
#[derive(Clone, Copy, Debug)]
pub struct InitialClock {
    /// Whether the clock obeys; if not, we only measure.
    pub steers: bool,
    /// The rate correction in force now.
    pub applied: Frequency,
    /// The rate correction known from the last run.
    pub frequency: Option<Frequency>,
    /// The sum of all steps so far, if this clock has ever been synchronised before.
    pub accumulated: Option<Seconds>,
    /// How finely it can be read.
    pub precision: Precision,
}

/// What the driver must do to our clock, and report with [`Clock::handle_clock_change`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ClockAction {
    /// Add this to the clock.
    Step(NtpDuration),
    /// Run at this correction of the rate; positive makes the clock run faster.
    SetFrequency(Frequency),
    /// Tell the operating system how good the clock is. Not reported back.
    SetStatus(ClockStatus),
}

/// How good the clock is, as the operating system wants to know it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockStatus {
    /// Whether the clock may be believed.
    pub synchronized: bool,
    /// The leap second to carry out at the end of the day.
    pub leap: LeapIndicator,
    /// The bound of its error.
    pub max_error: Seconds,
    /// Its typical error.
    pub estimated_error: Seconds,
}

/// What the driver did to our clock.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ClockChange {
    /// It showed `before` and was moved by `step`.
    Stepped {
        /// The reading before the step.
        before: NtpTimestamp,
        /// What was added.
        step: NtpDuration,
    },
    /// From `at` on it runs at `frequency`.
    FrequencySet {
        /// The reading when it changed.
        at: NtpTimestamp,
        /// The correction really in force.
        frequency: Frequency,
    },
    /// It refused.
    Failed,
}

/// Why the clock is left alone although a majority agrees that it is wrong.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Halt {
    /// The offset is beyond the panic threshold.
    Panic {
        /// Server minus our clock.
        offset: Seconds,
        /// The threshold.
        limit: Seconds,
    },
    /// One more step would be one too many.
    AccumulatedSteps {
        /// What the sum would be.
        sum: Seconds,
        /// The threshold.
        limit: Seconds,
    },
    /// The operating system refused.
    ClockRefused,
}

/// What happened to the clock, for logs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ClockEvent {
    /// It is right for the first time, or again.
    Synchronized,
    /// Nobody has confirmed it for so long that it can no longer be called right.
    Lost,
    /// It was stepped.
    Stepped(Seconds),
    /// It is left alone from now on.
    Halted(Halt),
    /// The reason to leave it alone has gone.
    Resumed,
}

/// The clock process.
#[derive(Debug)]
pub struct Clock {
    config: ClockConfig,
    steers: bool,
    precision: Precision,
    timescale: Timescale,
    discipline: Discipline,
    steering: Steering,
    selection: Selection,
    system: Option<SystemVariables>,
    offset: Option<(Seconds, FreeTime)>,
    jitter: Seconds,
    /// Whether the clock has been corrected since the start.
    begun: bool,
    halt: Option<Halt>,
    awaiting_step: Option<SystemVariables>,
    was_synchronized: bool,
    accumulated: Option<Seconds>,
    steps: u64,
    actions: VecDeque<ClockAction>,
    events: VecDeque<ClockEvent>,
}

impl Clock {
    /// A clock that nobody has confirmed yet.
    #[must_use]
    pub fn new(config: ClockConfig, initial: &InitialClock, now: Now) -> Self {
        let mut clock = Self {
            config,
            steers: initial.steers,
            precision: initial.precision,
            timescale: Timescale::new(now.local, initial.applied),
            discipline: Discipline::new(config.discipline, &config.steps, initial.frequency),
            steering: Steering::new(initial.frequency.unwrap_or(Frequency::ZERO)),
            selection: Selection::nobody(),
            system: None,
            offset: None,
            jitter: Seconds::ZERO,
            begun: false,
            halt: None,
            awaiting_step: None,
            was_synchronized: false,
            accumulated: initial.accumulated,
            steps: 0,
            actions: VecDeque::new(),
            events: VecDeque::new(),
        };
        clock.apply_rate(now.mono);
        clock
    }

    /// Takes in everybody's opinion after `changed` gave a new one. `pending` sources have yet to give their first.
    pub fn handle_opinions(&mut self, now: Now, candidates: &[Candidate], changed: Option<SourceId>, pending: usize) {
        let free = self.timescale.to_free(now.local);
        let requirements = Requirements {
            minimum_agreeing: self.config.minimum_agreeing,
            maximum_distance: self.config.maximum_distance,
            pending: if self.begun { 0 } else { pending },
        };
        self.selection = decide(candidates, free, &requirements);
        let Outcome::Agreed { peer, .. } = self.selection.outcome else { return };
        // A source's sample may move the clock once: when it is new and its source leads.
        let due = self.awaiting_step.is_none() && (changed == Some(peer) || self.offset.is_none());
        if let Some(candidate) = candidates.iter().find(|candidate| due && candidate.id == peer) {
            self.update(now, free, candidate);
        }
    }

    fn update(&mut self, now: Now, free: FreeTime, peer: &Candidate) {
        let Some(combined) = self.selection.combined else { return };
        self.offset = Some((combined.offset, free));
        self.jitter = combined.jitter;
        let system = self.system_after(now, free, peer, combined.offset);
        if !self.steers {
            self.system = Some(system);
            return;
        }
        let limits = if self.begun { self.config.steps.running } else { self.config.steps.startup };
        if let Some(limit) = limits.exceeded_by(combined.offset) {
            return self.halt(Halt::Panic { offset: combined.offset, limit });
        }
        let update = ClockUpdate {
            now: free,
            offset: combined.offset,
            free_offset: NtpDuration::from(combined.offset) + self.timescale.steered_by(now.local),
            jitter: combined.jitter,
            delay: peer.filtered.best.delay().max(self.precision.seconds()),
            poll: peer.poll,
        };
        match self.discipline.update(&update) {
            Correction::Watch => {}
            Correction::Step => self.request_step(now.mono, combined.offset, system),
            Correction::Steer { frequency, slew, within } => {
                self.resume();
                self.steering.steer(now.mono, frequency, slew, within);
                self.apply_rate(now.mono);
                self.confirm(system);
            }
        }
    }

    fn system_after(&self, now: Now, free: FreeTime, peer: &Candidate, offset: Seconds) -> SystemVariables {
        let best = &peer.filtered.best;
        let age = FREQUENCY_TOLERANCE * (free - best.at).max(Seconds::ZERO);
        let votes = self.selection.leap_votes.iter().copied();
        SystemVariables {
            leap: voted_leap(votes, now.local, NOMINAL_UNIX_TIME),
            stratum: best.root.stratum.next(),
            reference_id: peer.reference_id,
            reference_time: now.local,
            root_delay: best.root.delay + best.delay().max(self.precision.seconds()),
            root_dispersion: best.root.dispersion + peer.filtered.dispersion + age + self.jitter + offset.abs(),
            dispersion_rate: FREQUENCY_TOLERANCE + self.discipline.frequency_uncertainty() * UNCERTAINTY_FACTOR,
            updated: free,
        }
    }

    fn request_step(&mut self, mono: MonoTime, offset: Seconds, after: SystemVariables) {
        // The first step of a clock that was never right is free: there is nothing to compare it with.
        let sum = self.accumulated.map_or(Seconds::ZERO, |sum| sum + offset.abs());
        if let Some(limit) = self.config.steps.accumulated.filter(|limit| sum > *limit) {
            return self.halt(Halt::AccumulatedSteps { sum, limit });
        }
        self.resume();
        self.accumulated = Some(sum);
        self.steps += 1;
        self.steering.stop_slew();
        self.apply_rate(mono);
        self.actions.push_back(ClockAction::Step(NtpDuration::from(offset)));
        let root_dispersion = after.root_dispersion - offset.abs();
        self.awaiting_step = Some(SystemVariables { root_dispersion, ..after });
    }

    /// Takes in what became of a [`ClockAction`].
    pub fn handle_clock_change(&mut self, change: ClockChange) {
        match change {
            ClockChange::FrequencySet { at, frequency } => self.timescale.change_rate(at, frequency),
            ClockChange::Failed => {
                self.awaiting_step = None;
                self.halt(Halt::ClockRefused);
            }
            ClockChange::Stepped { before, step } => {
                self.timescale.step(before, step);
                self.discipline.handle_step();
                self.events.push_back(ClockEvent::Stepped(Seconds::from(step)));
                if let Some(system) = self.awaiting_step.take() {
                    self.offset = Some((Seconds::ZERO, system.updated));
                    self.confirm(SystemVariables { reference_time: before + step, ..system });
                }
            }
        }
    }

    /// Goes on when a slew has ended or the clock can no longer be called right.
    pub fn handle_timeout(&mut self, now: Now) {
        self.apply_rate(now.mono);
        let free = self.timescale.to_free(now.local);
        if !self.is_synchronized(free) {
            self.lose();
        }
    }

    fn lose(&mut self) {
        if std::mem::take(&mut self.was_synchronized) {
            self.events.push_back(ClockEvent::Lost);
            self.push_status();
        }
    }

    /// Leaves the plain frequency in force, without any slew.
    pub fn handle_shutdown(&mut self, now: Now) {
        self.steering.stop_slew();
        self.apply_rate(now.mono);
    }

    fn confirm(&mut self, system: SystemVariables) {
        self.begun = true;
        self.system = Some(system);
        if !self.was_synchronized {
            self.was_synchronized = true;
            self.events.push_back(ClockEvent::Synchronized);
        }
        self.push_status();
    }

    fn halt(&mut self, reason: Halt) {
        let news = !self.halt.is_some_and(|old| std::mem::discriminant(&old) == std::mem::discriminant(&reason));
        self.halt = Some(reason);
        if news {
            self.events.push_back(ClockEvent::Halted(reason));
        }
        self.lose();
    }

    fn resume(&mut self) {
        if self.halt.take().is_some() {
            self.events.push_back(ClockEvent::Resumed);
        }
    }

    fn apply_rate(&mut self, mono: MonoTime) {
        let rate = self.steering.rate(mono);
        // Below 2⁻¹⁶ ppm the kernel would not notice.
        let differs = (rate - self.requested_rate()).abs() > Frequency::new(1e-12);
        if self.steers && differs && self.halt != Some(Halt::ClockRefused) {
            self.actions.retain(|action| !matches!(action, ClockAction::SetFrequency(_)));
            self.actions.push_back(ClockAction::SetFrequency(rate));
        }
    }

    fn requested_rate(&self) -> Frequency {
        let queued = self.actions.iter().rev().find_map(|action| match action {
            ClockAction::SetFrequency(rate) => Some(*rate),
            _ => None,
        });
        queued.unwrap_or(self.timescale.rate())
    }

    fn push_status(&mut self) {
        if !self.steers {
            return;
        }
        self.actions.retain(|action| !matches!(action, ClockAction::SetStatus(_)));
        let max_error = self.system.map_or(UNKNOWN_ERROR, |system| system.root_distance_at(system.updated));
        self.actions.push_back(ClockAction::SetStatus(ClockStatus {
            synchronized: self.was_synchronized,
            leap: self.system.map_or(LeapIndicator::NoWarning, |system| system.leap),
            max_error,
            estimated_error: self.jitter,
        }));
    }

    /// The next thing to do to the clock.
    pub fn poll_action(&mut self) -> Option<ClockAction> {
        self.actions.pop_front()
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<ClockEvent> {
        self.events.pop_front()
    }

    /// When [`Clock::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self, now: Now) -> Option<MonoTime> {
        let expiry = self.system.filter(|_| self.was_synchronized).map(|system| {
            let free = self.timescale.to_free(now.local);
            let room = self.config.maximum_distance - system.root_distance_at(free);
            let span = room.to_f64() / system.dispersion_rate.to_f64();
            now.mono + Duration::try_from_secs_f64(span.max(0.0) + 1.0).unwrap_or(Duration::MAX)
        });
        [expiry, self.steering.timeout()].into_iter().flatten().min()
    }

    /// Whether our clock can be called right at `free`: we steer it, it was confirmed, and its error bound is still
    /// within the maximum distance.
    #[must_use]
    pub fn is_synchronized(&self, free: FreeTime) -> bool {
        let within = |system: &SystemVariables| system.root_distance_at(free) <= self.config.maximum_distance;
        self.steers && self.awaiting_step.is_none() && self.halt.is_none() && self.system.as_ref().is_some_and(within)
    }

    /// The mapping to the free-running timescale.
    #[must_use]
    pub fn timescale(&self) -> &Timescale {
        &self.timescale
    }

    /// Server minus our clock at `local`, from a filtered measurement.
    #[must_use]
    pub fn offset_of(&self, filtered: &super::filter::Filtered, local: NtpTimestamp) -> Seconds {
        let free = self.timescale.to_free(local);
        let drifted = self.drift() * (free - filtered.best.at);
        Seconds::from(filtered.best.offset() - self.timescale.steered_by(local)) + drifted
    }

    /// The rate at which servers are believed to gain against our free-running clock.
    #[must_use]
    pub fn drift(&self) -> Frequency {
        if self.steers { self.discipline.frequency() } else { Frequency::ZERO }
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

    /// Whether we may steer the clock.
    #[must_use]
    pub fn steers(&self) -> bool {
        self.steers
    }

    /// The correction still to be made: server minus our clock, as far as known. `None` before the first update.
    #[must_use]
    pub fn remaining_offset(&self, now: Now) -> Option<Seconds> {
        let (offset, at) = self.offset?;
        if !self.steers {
            return Some(offset);
        }
        let free = self.timescale.to_free(now.local);
        let moved = Seconds::from(
            self.timescale.steered_by(now.local) - self.timescale.steered_by(self.timescale.to_local(at)),
        );
        let wanted = self.drift() * (free - at);
        Some(offset - (moved - wanted))
    }

    /// Whether the clock has been corrected since the start, so that the discipline's wishes count.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// The typical error of one update.
    #[must_use]
    pub fn jitter(&self) -> Seconds {
        self.jitter
    }

    /// Why the clock is left alone, if it is.
    #[must_use]
    pub fn halted(&self) -> Option<Halt> {
        self.halt
    }

    /// The plain rate correction in force, without any slew.
    #[must_use]
    pub fn frequency(&self) -> Frequency {
        if self.steers { self.steering.base() } else { self.timescale.rate() }
    }

    /// The standard deviation of the rate correction, where the discipline has measured it.
    #[must_use]
    pub fn frequency_uncertainty(&self) -> Option<Frequency> {
        self.begun.then(|| self.discipline.frequency_uncertainty())
    }

    /// The rate correction to keep for the next start, once it is known well enough.
    #[must_use]
    pub fn frequency_worth_keeping(&self) -> Option<Frequency> {
        (self.steers && self.discipline.frequency_is_worth_keeping()).then(|| self.discipline.frequency())
    }

    /// The sum of all steps without their signs; `None` if there has never been one, nor a first synchronisation.
    #[must_use]
    pub fn accumulated_steps(&self) -> Option<Seconds> {
        self.accumulated.or(self.was_synchronized.then_some(Seconds::ZERO))
    }

    /// How many steps were made since the start.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.steps
    }

    /// Where the discipline stands.
    #[must_use]
    pub fn loop_state(&self) -> LoopState {
        self.discipline.state()
    }

    /// The poll interval that the discipline wants.
    #[must_use]
    pub fn poll(&self) -> PollInterval {
        self.discipline.poll()
    }

    /// How finely our clock can be read.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether we serve our own clock as if it were right, for want of anything better.
    #[must_use]
    pub fn is_local_reference(&self, free: FreeTime) -> bool {
        !self.is_synchronized(free) && self.config.local_stratum < Stratum::UNSYNCHRONIZED
    }
}

/// Standard deviations of the frequency that the error bound allows for.
const UNCERTAINTY_FACTOR: f64 = 3.0;
/// What the operating system is told while nobody knows better (the kernel's own value of 16 s).
const UNKNOWN_ERROR: Seconds = Seconds::new(16.0);
/// Any time in the current era of Unix time serves to tell months apart: 2026-01-01.
const NOMINAL_UNIX_TIME: i64 = 1_767_225_600;

/// The reference identifier of a server that trusts its own clock, unless configured (the traditional LOCAL address).
pub(crate) const LOCAL_REFERENCE: ReferenceId = ReferenceId::from_bits(0x7f7f_0101);
