//! The clock process: from everybody's filtered measurements to commands for our clock (RFC 5905
//! §11 and §12).

mod changes;
mod correction;
mod serving;
mod stalemate;
mod status;
mod stepping;
mod view;

pub use correction::NotSteered;

use super::authentication::{Authentication, Awaited};
use super::command::{ClockAction, ClockEvent, Disturbance, Halt, InitialClock};
use super::discipline::{Discipline, discipline};
use super::leap_table::LeapTable;
use super::measurement::FREQUENCY_TOLERANCE;
use super::policy::{ClockConfig, DisciplineKind};
use super::selection::{Candidate, Outcome, Requirements, Selection, Standing, decide};
use super::steer::{FASTEST_SLEW, MAXIMUM_SLEW, Steering};
use super::system::SystemVariables;
use super::timescale::{FreeTime, Timescale};
use super::unsteered::MeasuredDrift;
use crate::association::AssociationId;
use crate::packet::ReferenceId;
use crate::time::{Frequency, MonoTime, Now, Precision, Seconds};
use stalemate::Stalemate;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use stepping::Stepping;

/// The clock process.
#[derive(Debug)]
pub struct ClockProcess {
    config: ClockConfig,
    steers: bool,
    precision: Precision,
    timescale: Timescale,
    discipline: Box<dyn Discipline>,
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
    /// True if the clock has been corrected since the start.
    begun: bool,
    stepping: Stepping,
    /// True if the last measurement was not acted upon, as it needs confirmation.
    held: bool,
    /// See [`InitialClock::left_synchronized`].
    left_synchronized: bool,
    /// The last change that was not ordered, until the clock is confirmed again.
    disturbance: Option<Disturbance>,
    /// The sum of the steps of other programs since the clock was last confirmed.
    moved: Seconds,
    /// The sum of the steps before a source with NTS was believed for the first time.
    unauthenticated: Option<Seconds>,
    halt: Option<Halt>,
    awaiting_step: Option<SystemVariables>,
    /// The time until which an order to step counts, see [`Self::handle_step_order`].
    step_ordered_until: Option<MonoTime>,
    was_synchronized: bool,
    accumulated: Option<Seconds>,
    steps: u64,
    actions: VecDeque<ClockAction>,
    events: VecDeque<ClockEvent>,
    reported: Option<status::Reported>,
    leap_table: Option<Arc<LeapTable>>,
    /// The midnight of the last leap second that our clock has made, in seconds of Unix time.
    leapt: Option<i64>,
    /// The measured drift of a clock that we do not steer.
    drift: MeasuredDrift,
    stalemate: Stalemate,
}

impl ClockProcess {
    /// A clock that no source has confirmed yet.
    #[must_use]
    pub fn new(config: ClockConfig, initial: &InitialClock, now: Now) -> Self {
        let mut clock = Self {
            config,
            steers: initial.steers,
            precision: initial.precision,
            timescale: Timescale::new(now.local, initial.applied),
            discipline: discipline(config.discipline, initial.frequency),
            steering: Steering::new(
                initial
                    .frequency
                    .map_or(Frequency::ZERO, |known| known.frequency),
                if config.discipline == DisciplineKind::Estimate {
                    FASTEST_SLEW
                } else {
                    MAXIMUM_SLEW
                },
            ),
            assumed_step: initial.assumed_step,
            last_update: None,
            refused: 0,
            selection: Selection::none(),
            system: None,
            offset: None,
            jitter: Seconds::ZERO,
            begun: false,
            stepping: Stepping::new(),
            held: false,
            left_synchronized: initial.left_synchronized,
            disturbance: None,
            moved: Seconds::ZERO,
            unauthenticated: Some(Seconds::ZERO),
            halt: None,
            awaiting_step: None,
            step_ordered_until: None,
            was_synchronized: false,
            accumulated: initial.accumulated,
            steps: 0,
            actions: VecDeque::new(),
            events: VecDeque::new(),
            reported: None,
            leap_table: None,
            leapt: None,
            drift: MeasuredDrift::default(),
            stalemate: Stalemate::default(),
        };
        clock.apply_rate(now.mono);
        clock
    }

    /// Continues with other settings; the discipline stays.
    pub fn handle_config(&mut self, config: ClockConfig) {
        self.config = ClockConfig {
            discipline: self.config.discipline,
            ..config
        };
    }

    /// Takes in the opinions of all sources after `changed` gave a new one. Those that are
    /// `awaited` have yet to give theirs.
    pub fn handle_opinions(
        &mut self,
        now: Now,
        candidates: &[Candidate],
        changed: Option<AssociationId>,
        awaited: Awaited,
    ) {
        let free = self.timescale.to_free(now.local);
        let requirements = Requirements {
            minimum_agreeing: self.config.minimum_agreeing,
            maximum_distance: self.config.maximum_distance,
            authentication: self.config.authentication,
            awaited: if self.stepping.is_starting() {
                awaited
            } else {
                awaited.once_decided()
            },
            rate: self.known_rate(),
        };
        self.selection = decide(candidates, free, &requirements);
        let Outcome::Agreed {
            peer,
            authenticated,
            ..
        } = self.selection.outcome
        else {
            return self.disagree(candidates, changed);
        };
        if changed.is_some() {
            self.stalemate.handle_agreement();
        }
        if authenticated > 0 {
            self.hear_authenticated();
        }
        let leader = candidates.iter().find(|candidate| candidate.id == peer);
        if let Some(id) = changed.filter(|id| {
            self.selection
                .standing(*id)
                .is_some_and(Standing::is_truechimer)
        }) {
            self.stepping.handle_reply(id);
        }
        let learned = self.learn(candidates, changed);
        if let Some(leader) =
            leader.filter(|leader| learned || self.is_due(free, leader, candidates, changed))
        {
            self.update(now, free, leader);
        }
    }

    /// There is no majority after `changed` gave a new opinion.
    fn disagree(&mut self, candidates: &[Candidate], changed: Option<AssociationId>) {
        let Outcome::NoMajority { usable, .. } = self.selection.outcome else {
            return self.stalemate.end();
        };
        if let Some(candidate) = candidates
            .iter()
            .find(|candidate| changed == Some(candidate.id))
        {
            self.stalemate.handle_reply(candidate.poll, usable);
        }
    }

    /// A source with NTS is believed. If the clock was set by others before the first one came, the
    /// rules of a start apply once more, and the way back from there is no panic: what was not
    /// authenticated was a mere assumption.
    fn hear_authenticated(&mut self) {
        let preferred = self.config.authentication != Authentication::Mix;
        if let Some(moved) = self
            .unauthenticated
            .take()
            .filter(|_| preferred && self.begun)
        {
            self.moved += moved;
            self.stepping.begin_again();
        }
    }

    /// A source is no longer asked.
    pub fn forget(&mut self, source: AssociationId) {
        self.discipline.forget(source);
    }

    /// The error bound of the rate of our clock, if the discipline knows that well.
    fn known_rate(&self) -> Option<Frequency> {
        let estimates = self.steers && self.discipline.learns();
        let rate = self.discipline.frequency_uncertainty() * UNCERTAINTY_FACTOR + LEAST_RATE_ERROR;
        (estimates && rate < FREQUENCY_TOLERANCE).then_some(rate)
    }

    /// Hands the news of those who are believed to the discipline: at first everybody's, then what
    /// has just come. Returns whether there was something new in it.
    fn learn(&mut self, candidates: &[Candidate], changed: Option<AssociationId>) -> bool {
        if !self.steers || self.awaiting_step.is_some() {
            return false;
        }
        let first = self.last_update.is_none();
        let mut learned = false;
        for candidate in candidates
            .iter()
            .filter(|candidate| first || changed == Some(candidate.id))
        {
            if self
                .selection
                .standing(candidate.id)
                .is_some_and(Standing::is_truechimer)
            {
                learned |=
                    self.discipline
                        .learn(candidate.id, &candidate.filtered.newest, candidate.poll);
            }
        }
        learned
    }

    /// A sample may move the clock once: when it is new, and its source leads, or the leader is
    /// asked so seldom that another source in use has something to say meanwhile.
    fn is_due(
        &self,
        free: FreeTime,
        leader: &Candidate,
        all: &[Candidate],
        changed: Option<AssociationId>,
    ) -> bool {
        let learns = self.steers && self.discipline.learns();
        if self.awaiting_step.is_some() || learns {
            return false;
        }
        let Some(last) = self.last_update else {
            return true;
        };
        let in_use = |id| matches!(self.selection.standing(id), Some(Standing::Combined));
        let overdue =
            |other: &Candidate| in_use(other.id) && free - last >= other.poll.seconds() * OVERDUE;
        changed == Some(leader.id)
            || all
                .iter()
                .any(|other| changed == Some(other.id) && overdue(other))
    }

    /// Goes on when a slew has ended or the clock can no longer be called right.
    pub fn handle_timeout(&mut self, now: Now) {
        self.apply_rate(now.mono);
        let free = self.timescale.to_free(now.local);
        if !self.is_synchronized(free) {
            self.lose();
        }
        self.refresh_status(now);
    }

    fn lose(&mut self) {
        if std::mem::take(&mut self.was_synchronized) {
            self.events.push_back(ClockEvent::Lost);
            self.push_unsynchronized();
        }
    }

    /// Leaves the plain frequency in force, without any slew.
    pub fn handle_shutdown(&mut self, now: Now) {
        self.steering.stop_slew();
        self.apply_rate(now.mono);
    }

    fn confirm(&mut self, system: SystemVariables) {
        self.begun = true;
        self.stepping.handle_correction(system.updated);
        self.disturbance = None;
        self.moved = Seconds::ZERO;
        self.accumulated.get_or_insert(Seconds::ZERO);
        self.system = Some(system);
        if self.halt.is_some() {
            return;
        }
        if !self.was_synchronized {
            self.was_synchronized = true;
            self.events.push_back(ClockEvent::Synchronized);
        }
        self.push_status(system.updated);
    }

    fn halt(&mut self, reason: Halt) {
        let news = !self
            .halt
            .is_some_and(|old| std::mem::discriminant(&old) == std::mem::discriminant(&reason));
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
        // The rate in force was rounded to the kernel's unit: within half of that, the kernel would
        // get the same value again.
        let differs = (rate - self.requested_rate()).abs() > KERNEL_UNIT * 0.5;
        if self.steers && differs && self.refused == 0 {
            self.actions
                .retain(|action| !matches!(action, ClockAction::SetFrequency(_)));
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

    /// The next thing to do to the clock.
    pub fn poll_action(&mut self) -> Option<ClockAction> {
        self.actions.pop_front()
    }

    /// The next event to report.
    pub fn poll_event(&mut self) -> Option<ClockEvent> {
        self.events.pop_front()
    }

    /// The time of the next call of [`ClockProcess::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self, now: Now) -> Option<MonoTime> {
        let expiry = self.system.filter(|_| self.was_synchronized).map(|system| {
            let free = self.timescale.to_free(now.local);
            let room = self.config.maximum_distance - system.root_distance_at(free);
            let span = room.to_f64() / system.dispersion_rate.to_f64();
            now.mono + Duration::try_from_secs_f64(span.max(0.0) + 1.0).unwrap_or(Duration::MAX)
        });
        [expiry, self.steering.timeout(), self.status_timeout(now)]
            .into_iter()
            .flatten()
            .min()
    }
}

/// A leader that was silent for this many poll intervals of another source in use is not waited
/// for.
const OVERDUE: f64 = 1.5;
/// Standard deviations of the frequency that the error bound allows for.
const UNCERTAINTY_FACTOR: f64 = 3.0;
/// No rate is believed to be known better than this over the age of samples.
const LEAST_RATE_ERROR: Frequency = Frequency::new(0.5e-6);
/// The unit in which kernels hold a frequency: 2⁻¹⁶ ppm (RFC 5905 appendix A.5.6, adjtimex(2)).
const KERNEL_UNIT: Frequency = Frequency::new(1e-6 / 65_536.0);
/// The reference identifier of a server that trusts its own clock, unless configured (the
/// traditional LOCAL address).
const LOCAL_REFERENCE: ReferenceId = ReferenceId::from_bits(0x7f7f_0101);
