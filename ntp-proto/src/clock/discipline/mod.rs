//! From offsets to corrections: the inner seam behind which algorithms can be exchanged.
//!
//! An algorithm sees one [`ClockUpdate`] after the other and answers each with a [`Correction`]. It
//! neither reads a clock nor sets one, and it decides nothing about limits: those are the
//! [policy's](super::StepPolicy).

mod kalman;
mod pll_fll;

pub use kalman::Estimate;
pub use pll_fll::{LoopState, PllFll};

use super::measurement::Measurement;
use super::policy::DisciplineKind;
use super::timescale::FreeTime;
use crate::association::AssociationId;
use crate::time::{Frequency, NtpDuration, PollInterval, Seconds};
use std::fmt::Debug;

/// The largest frequency error that the loops of RFC 5905 correct (§7.2 MAXFREQ). The estimator
/// goes further.
pub const MAXIMUM_FREQUENCY: Frequency = Frequency::new(500e-6);

/// The combined offset of the sources in use.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockUpdate {
    /// Now.
    pub now: FreeTime,
    /// Server minus our clock, now.
    pub offset: Seconds,
    /// Server minus the free-running clock, now.
    pub free_offset: NtpDuration,
    /// The scatter of the last offsets. As long as the rate is not known, its error is in there,
    /// too.
    pub jitter: Seconds,
    /// The round trip of the sample that this rests upon most: the longer it took, the less it
    /// says.
    pub delay: Seconds,
    /// The interval at which the system peer is asked.
    pub poll: PollInterval,
}

/// A rate correction that is known from before, and how well.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct KnownFrequency {
    /// The correction; positive makes the clock run faster.
    pub frequency: Frequency,
    /// Its standard deviation.
    pub uncertainty: Frequency,
}

/// The correction of the clock that a discipline asks for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Correction {
    /// Nothing yet: the last measurements contradict what is believed.
    Watch,
    /// Run at `frequency` from now on, and make up for `slew` on top of it, in `within` if limits
    /// allow.
    Steer {
        /// The correction of the clock's rate; positive makes it run faster.
        frequency: Frequency,
        /// The part of the offset to make up for.
        slew: Seconds,
        /// The time in which to do that.
        within: Seconds,
    },
}

/// An algorithm that disciplines the clock.
pub trait Discipline: Debug + Send + Sync {
    /// True if it learns from each measurement of a source by itself. The classic loops take
    /// nothing but what the sources say together, in [`update`](Self::update).
    fn learns(&self) -> bool {
        false
    }

    /// Takes in the newest measurement of a source that is believed, and that is asked at the
    /// interval `poll`. Returns true if that calls for an [`update`](Self::update).
    fn learn(
        &mut self,
        source: AssociationId,
        measurement: &Measurement,
        poll: PollInterval,
    ) -> bool {
        let _ = (source, measurement, poll);
        false
    }

    /// A source is no longer asked: what it said stays, and it no longer testifies nor takes up
    /// room.
    fn forget(&mut self, source: AssociationId) {
        let _ = source;
    }

    /// True if the clock needs a larger correction of its rate than [`frequency`](Self::frequency)
    /// can be, so that its error grows between two updates. False where that is not measured.
    fn is_saturated(&self) -> bool {
        false
    }

    /// Server minus the free-running clock at `now`, and its standard deviation, where the
    /// discipline knows better than what the sources said last.
    fn estimate(&self, now: FreeTime) -> Option<(NtpDuration, Seconds)> {
        let _ = now;
        None
    }

    /// The error bound of the estimate, half the round trip to the system peer aside, which bounds
    /// its bias; `None` where the discipline does not know.
    fn spread(&self, peer: AssociationId) -> Option<Seconds> {
        let _ = peer;
        None
    }

    /// Takes in what the sources say and answers what to do about it. An offset that is to be
    /// stepped, or held until it is confirmed, goes to [`prepare_step`](Self::prepare_step) or
    /// [`watch`](Self::watch) instead.
    #[must_use]
    fn update(&mut self, update: &ClockUpdate) -> Correction;

    /// Takes in an offset that is too large to be corrected before it is confirmed.
    fn watch(&mut self, update: &ClockUpdate);

    /// Takes in an offset that is about to be stepped.
    fn prepare_step(&mut self, update: &ClockUpdate) {
        let _ = update;
    }

    /// The clock may be anywhere, as after a suspend; what is known of its rate stays.
    fn forget_offset(&mut self);

    /// The clock was stepped.
    fn handle_step(&mut self) {}

    /// The correction of the clock's rate that is believed to be right; positive makes the clock
    /// run faster.
    fn frequency(&self) -> Frequency;

    /// The rate at which the servers gain on the free-running clock. It differs from
    /// [`frequency`](Self::frequency) where the clock needs more than can be corrected.
    fn believed_rate(&self) -> Frequency {
        self.frequency()
    }

    /// The standard deviation of [`frequency`](Self::frequency), as far as it was measured.
    fn frequency_uncertainty(&self) -> Frequency;

    /// True if the frequency is known well enough to be kept for the next start.
    fn frequency_is_worth_keeping(&self) -> bool;

    /// The interval at which it wants to hear from the sources.
    fn poll(&self) -> PollInterval;

    /// Its state, for people.
    fn state(&self) -> LoopState;
}

/// A new discipline of this kind; `known` is what is known of the frequency beforehand.
#[must_use]
pub fn discipline(kind: DisciplineKind, known: Option<KnownFrequency>) -> Box<dyn Discipline> {
    match kind {
        DisciplineKind::PllFll => Box::new(PllFll::new(known)),
        DisciplineKind::Estimate => Box::new(Estimate::new(known)),
    }
}
