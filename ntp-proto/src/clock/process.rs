//! The clock process: from everybody's filtered measurements to commands for our clock (RFC 5905 §11 and §12).

mod view;

use super::combine::Combined;
use super::command::{ClockAction, ClockChange, ClockEvent, ClockStatus, Halt, InitialClock};
use super::discipline::{ClockUpdate, Correction, Discipline, LoopState};
use super::leap::{leap_today, voted_leap};
use super::measurement::FREQUENCY_TOLERANCE;
use super::policy::{ClockConfig, DisciplineKind};
use super::selection::{Candidate, Outcome, Requirements, Selection, Standing, decide};
use super::steer::{FASTEST_SLEW, MAXIMUM_SLEW, Steering};
use super::system::SystemVariables;
use super::timescale::{FreeTime, Timescale};
use crate::packet::ReferenceId;
use crate::source::SourceId;
use crate::time::{Frequency, MonoTime, Now, NtpDuration, Precision, Seconds};
use std::collections::VecDeque;
use std::time::Duration;

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
    /// See [`InitialClock::assumed_step`].
    assumed_step: Seconds,
    last_update: Option<FreeTime>,
    /// Updates to let pass before the operating system is asked again.
    refused: u32,
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
            steering: Steering::new(
                initial.frequency.map_or(Frequency::ZERO, |known| known.frequency),
                if config.discipline == DisciplineKind::Estimate { FASTEST_SLEW } else { MAXIMUM_SLEW },
            ),
            assumed_step: initial.assumed_step,
            last_update: None,
            refused: 0,
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
            rate: self.known_rate(),
        };
        self.selection = decide(candidates, free, &requirements);
        let Outcome::Agreed { peer, .. } = self.selection.outcome else { return };
        let leader = candidates.iter().find(|candidate| candidate.id == peer);
        let learnt = self.learn(candidates, changed);
        if let Some(leader) = leader.filter(|leader| learnt || self.is_due(free, leader, candidates, changed)) {
            self.update(now, free, leader);
        }
    }

    /// What the rate of our clock may be wrong by, if the discipline knows that well.
    fn known_rate(&self) -> Option<Frequency> {
        let estimates = self.steers && matches!(self.discipline, Discipline::Estimate(_));
        let rate = self.discipline.frequency_uncertainty() * UNCERTAINTY_FACTOR + LEAST_RATE_ERROR;
        (estimates && rate < FREQUENCY_TOLERANCE).then_some(rate)
    }

    /// Hands the news of those who are believed to the discipline: at first everybody's, then what has just come. Returns
    /// whether there was something new in it.
    fn learn(&mut self, candidates: &[Candidate], changed: Option<SourceId>) -> bool {
        if !self.steers || self.awaiting_step.is_some() {
            return false;
        }
        let first = self.last_update.is_none();
        let mut learnt = false;
        for candidate in candidates.iter().filter(|candidate| first || changed == Some(candidate.id)) {
            let standing = self.selection.standing(candidate.id);
            if matches!(standing, Some(Standing::SystemPeer | Standing::Combined | Standing::Outlier)) {
                learnt |= self.discipline.learn(candidate.id, &candidate.filtered.newest);
            }
        }
        learnt
    }

    /// A sample may move the clock once: when it is new, and its source leads, or the leader is asked so seldom that another
    /// source in use has something to say meanwhile.
    fn is_due(&self, free: FreeTime, leader: &Candidate, all: &[Candidate], changed: Option<SourceId>) -> bool {
        let learns = self.steers && matches!(self.discipline, Discipline::Estimate(_));
        if self.awaiting_step.is_some() || learns {
            return false;
        }
        let Some(last) = self.last_update else { return true };
        let in_use = |id| matches!(self.selection.standing(id), Some(Standing::Combined));
        let overdue = |other: &Candidate| in_use(other.id) && free - last >= other.poll.seconds() * OVERDUE;
        changed == Some(leader.id) || all.iter().any(|other| changed == Some(other.id) && overdue(other))
    }

    fn update(&mut self, now: Now, free: FreeTime, peer: &Candidate) {
        let Some(mut combined) = self.selection.combined else { return };
        if let Some((offset, deviation)) = self.discipline.estimate(free).filter(|_| self.steers) {
            let offset = Seconds::from(offset - self.timescale.steered_by(now.local));
            // While the estimator wonders at what the sources say, both may be right.
            let unexplained = matches!(self.discipline.state(), LoopState::Spike);
            combined = Combined { offset: if unexplained { combined.offset } else { offset }, jitter: deviation };
        }
        self.offset = Some((combined.offset, free));
        self.last_update = Some(free);
        self.jitter = combined.jitter;
        let system = self.system_after(now, free, peer, combined.offset);
        if !self.steers {
            self.system = Some(system);
            return;
        }
        let limits = if self.begun { self.config.steps.running } else { self.config.steps.startup };
        let judged = self.without_assumption(combined.offset);
        if let Some(limit) = limits.exceeded_by(judged) {
            return self.halt(Halt::Panic { offset: combined.offset, limit });
        }
        if self.refused > 0 {
            self.refused -= 1;
            return;
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
            Correction::Watch => {
                self.steering.rebase(self.discipline.frequency());
                self.apply_rate(now.mono);
                self.doubt(system);
            }
            Correction::Step(offset) => self.request_step(now.mono, offset, system),
            Correction::Steer { frequency, slew, within } => {
                if self.halt != Some(Halt::ClockRefused) {
                    self.resume();
                }
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
        let spread = self.discipline.spread(peer.id).filter(|_| self.steers).unwrap_or(self.jitter);
        SystemVariables {
            leap: voted_leap(votes, now.local, NOMINAL_UNIX_TIME),
            stratum: best.root.stratum.next(),
            reference_id: peer.reference_id,
            reference_time: now.local,
            root_delay: best.root.delay + best.delay().max(self.precision.seconds()),
            root_dispersion: best.root.dispersion + peer.filtered.dispersion + age + spread + offset.abs(),
            dispersion_rate: FREQUENCY_TOLERANCE + self.discipline.frequency_uncertainty() * UNCERTAINTY_FACTOR,
            updated: free,
        }
    }

    fn request_step(&mut self, mono: MonoTime, offset: Seconds, after: SystemVariables) {
        let sum = self.sum_with(offset);
        if let Some(limit) = self.config.steps.accumulated.filter(|limit| sum > *limit) {
            // What can be slewed will be, from the next update on.
            let slewed = self.config.steps.threshold.is_none_or(|threshold| offset.abs() <= threshold);
            return if slewed { self.doubt(after) } else { self.halt(Halt::AccumulatedSteps { sum, limit }) };
        }
        self.steering.stop_slew();
        self.steering.rebase(self.discipline.frequency());
        self.apply_rate(mono);
        self.actions.push_back(ClockAction::Step(NtpDuration::from(offset)));
        let root_dispersion = after.root_dispersion - offset.abs();
        self.awaiting_step = Some(SystemVariables { root_dispersion, ..after });
    }

    /// The sum of all steps if one more is made. The first step of a clock that was never right is free: there is nothing to
    /// compare it with.
    fn sum_with(&self, step: Seconds) -> Seconds {
        self.accumulated.map_or(Seconds::ZERO, |sum| sum + step.abs())
    }

    /// An offset as the panic limits see it: the way back from a mere assumption does not count.
    fn without_assumption(&self, offset: Seconds) -> Seconds {
        let back = !self.begun && offset < Seconds::ZERO;
        if back { (offset + self.assumed_step).min(Seconds::ZERO) } else { offset }
    }

    /// The clock may be off as far as the last update says, which is neither confirmed nor corrected yet.
    fn doubt(&mut self, system: SystemVariables) {
        if let Some(known) = self.system {
            self.system = Some(SystemVariables { reference_time: known.reference_time, ..system });
            self.push_status();
        }
    }

    /// Takes in what became of a [`ClockAction`].
    pub fn handle_clock_change(&mut self, change: ClockChange) {
        match change {
            ClockChange::FrequencySet { at, frequency } => {
                self.timescale.change_rate(at, frequency);
                if self.halt == Some(Halt::ClockRefused) {
                    self.resume();
                }
            }
            ClockChange::Failed => {
                self.awaiting_step = None;
                self.refused = UPDATES_AFTER_REFUSAL;
                self.halt(Halt::ClockRefused);
            }
            ClockChange::Stepped { before, step } => {
                self.accumulated = Some(self.sum_with(Seconds::from(step)));
                self.steps += 1;
                self.resume();
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
        self.accumulated.get_or_insert(Seconds::ZERO);
        self.system = Some(system);
        if self.halt.is_some() {
            return;
        }
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
        if self.steers && differs && self.refused == 0 {
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
        let known = self.system.filter(|_| self.was_synchronized);
        self.actions.push_back(ClockAction::SetStatus(known.map_or(ClockStatus::UNSYNCHRONIZED, |system| {
            ClockStatus {
                synchronized: true,
                leap: leap_today(system.leap, system.reference_time, NOMINAL_UNIX_TIME),
                max_error: system.root_distance_at(system.updated),
                estimated_error: self.jitter,
                tai_offset: None,
            }
        })));
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
}

/// A leader that was silent for this many poll intervals of another source in use is not waited for.
const OVERDUE: f64 = 1.5;
/// After the operating system has refused, this many updates pass before it is asked again.
const UPDATES_AFTER_REFUSAL: u32 = 16;
/// Standard deviations of the frequency that the error bound allows for.
const UNCERTAINTY_FACTOR: f64 = 3.0;
/// No rate is believed to be known better than this over the age of samples.
const LEAST_RATE_ERROR: Frequency = Frequency::new(0.5e-6);
/// Any time in the current era of Unix time serves to tell months apart: 2026-01-01.
const NOMINAL_UNIX_TIME: i64 = 1_767_225_600;

/// The reference identifier of a server that trusts its own clock, unless configured (the traditional LOCAL address).
pub(crate) const LOCAL_REFERENCE: ReferenceId = ReferenceId::from_bits(0x7f7f_0101);
