//! From offsets to corrections: the inner seam behind which algorithms can be exchanged.
//!
//! An algorithm sees one [`ClockUpdate`] after the other and answers each with a [`Correction`]. It
//! neither reads a clock nor sets one, and it decides nothing about limits: those are the
//! [policy's](super::StepPolicy).

mod kalman;
mod pll_fll;

use super::measurement::Measurement;
use super::policy::DisciplineKind;
use super::timescale::FreeTime;
use crate::association::AssociationId;
use crate::time::{Frequency, NtpDuration, PollInterval, Seconds};
pub use kalman::Estimate;
pub use pll_fll::{LoopState, PllFll};

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

/// The algorithm in use.
#[derive(Clone, Debug)]
pub enum Discipline {
    /// RFC 5905 §11.3.
    PllFll(PllFll),
    /// The estimator.
    Estimate(Box<Estimate>),
}

impl Discipline {
    /// A new one; `known` is what is known of the frequency beforehand.
    #[must_use]
    pub fn new(kind: DisciplineKind, known: Option<KnownFrequency>) -> Self {
        match kind {
            DisciplineKind::PllFll => Self::PllFll(PllFll::new(known)),
            DisciplineKind::Estimate => Self::Estimate(Box::new(Estimate::new(known))),
        }
    }

    /// Takes in the newest measurement of a source that is believed, and that is asked at the
    /// interval `poll`. Returns whether that calls for an [`update`](Self::update): the classic
    /// discipline takes nothing but what the sources say together.
    pub fn learn(
        &mut self,
        source: AssociationId,
        measurement: &Measurement,
        poll: PollInterval,
    ) -> bool {
        match self {
            Self::PllFll(_) => false,
            Self::Estimate(it) => it.learn(source, measurement, poll),
        }
    }

    /// A source is no longer asked: what it said stays, and it no longer testifies nor takes up
    /// room.
    pub fn forget(&mut self, source: AssociationId) {
        match self {
            Self::PllFll(_) => {}
            Self::Estimate(it) => it.forget(source),
        }
    }

    /// True if the clock needs a larger correction of its rate than [`frequency`](Self::frequency)
    /// can be, so that its error grows between two updates. Always false for the classic
    /// discipline, which does not measure it.
    #[must_use]
    pub fn is_saturated(&self) -> bool {
        match self {
            Self::PllFll(_) => false,
            Self::Estimate(it) => it.is_saturated(),
        }
    }

    /// Server minus the free-running clock at `now`, and its standard deviation, where the
    /// discipline knows better than what the sources said last.
    #[must_use]
    pub fn estimate(&self, now: FreeTime) -> Option<(NtpDuration, Seconds)> {
        match self {
            Self::PllFll(_) => None,
            Self::Estimate(it) => it.free_offset(now).map(|offset| (offset, it.deviation())),
        }
    }

    /// The error bound of the estimate, half the round trip to the system peer aside; the classic
    /// discipline does not know.
    #[must_use]
    pub fn spread(&self, peer: AssociationId) -> Option<Seconds> {
        match self {
            Self::PllFll(_) => None,
            Self::Estimate(it) => Some(it.spread(peer)),
        }
    }

    /// Takes in what the sources say and answers what to do about it. An offset that is to be
    /// stepped, or held until it is confirmed, goes to [`prepare_step`](Self::prepare_step) or
    /// [`watch`](Self::watch) instead.
    #[must_use]
    pub fn update(&mut self, update: &ClockUpdate) -> Correction {
        match self {
            Self::PllFll(it) => it.update(update),
            Self::Estimate(it) => it.update(update),
        }
    }

    /// Takes in an offset that is too large to be corrected before it is confirmed.
    pub fn watch(&mut self, update: &ClockUpdate) {
        match self {
            Self::PllFll(it) => it.watch(update),
            Self::Estimate(it) => it.watch(),
        }
    }

    /// Takes in an offset that is about to be stepped.
    pub fn prepare_step(&mut self, update: &ClockUpdate) {
        match self {
            Self::PllFll(it) => it.prepare_step(update),
            Self::Estimate(_) => {}
        }
    }

    /// The clock may be anywhere, as after a suspend; what is known of its rate stays.
    pub fn forget_offset(&mut self) {
        match self {
            Self::PllFll(it) => it.forget_offset(),
            Self::Estimate(it) => it.forget_offset(),
        }
    }

    /// The clock was stepped.
    pub fn handle_step(&mut self) {
        match self {
            Self::PllFll(it) => it.handle_step(),
            Self::Estimate(_) => {}
        }
    }

    /// The correction of the clock's rate that is believed to be right; positive makes the clock
    /// run faster.
    #[must_use]
    pub fn frequency(&self) -> Frequency {
        match self {
            Self::PllFll(it) => it.frequency(),
            Self::Estimate(it) => it.frequency(),
        }
    }

    /// The rate at which the servers gain on the free-running clock. It differs from
    /// [`frequency`](Self::frequency) where the clock needs more than can be corrected.
    #[must_use]
    pub fn believed_rate(&self) -> Frequency {
        match self {
            Self::PllFll(it) => it.frequency(),
            Self::Estimate(it) => it.believed_rate(),
        }
    }

    /// The standard deviation of [`frequency`](Self::frequency), as far as it was measured.
    #[must_use]
    pub fn frequency_uncertainty(&self) -> Frequency {
        match self {
            Self::PllFll(it) => it.frequency_uncertainty(),
            Self::Estimate(it) => it.frequency_uncertainty(),
        }
    }

    /// The interval at which it wants to hear from the sources.
    #[must_use]
    pub fn poll(&self) -> PollInterval {
        match self {
            Self::PllFll(it) => it.poll(),
            Self::Estimate(it) => it.poll(),
        }
    }

    /// Its state, for people.
    #[must_use]
    pub fn state(&self) -> LoopState {
        match self {
            Self::PllFll(it) => it.state(),
            Self::Estimate(it) => it.state(),
        }
    }

    /// True if the frequency is known well enough to be kept for the next start.
    #[must_use]
    pub fn frequency_is_worth_keeping(&self) -> bool {
        match self {
            Self::PllFll(it) => it.frequency_is_worth_keeping(),
            Self::Estimate(it) => it.frequency_is_worth_keeping(),
        }
    }
}
