//! The messages between the clock process and its driver.

use super::discipline::KnownFrequency;
use crate::packet::LeapIndicator;
use crate::time::{Frequency, NtpDuration, NtpTimestamp, Precision, Seconds};
use std::time::Duration;

/// The state of our clock when the client starts.
#[derive(Clone, Copy, Debug)]
pub struct InitialClock {
    /// True if the clock can be steered; if not, we only measure.
    pub steers: bool,
    /// The rate correction in force now.
    pub applied: Frequency,
    /// The rate correction that is known from before.
    pub frequency: Option<KnownFrequency>,
    /// The step forward that was just made on the mere assumption that the last known time was
    /// right. Going back by up to that much never is a panic.
    pub assumed_step: Seconds,
    /// The sum of all steps so far, if this clock has ever been synchronized before.
    pub accumulated: Option<Seconds>,
    /// Its precision.
    pub precision: Precision,
    /// True if the operating system still calls it synchronized, because an earlier run left it
    /// right. It is not stepped then by less than the first measurements may be wrong by.
    pub left_synchronized: bool,
}

/// A change that the driver must make to our clock, and report with
/// [`ClockProcess::handle_clock_change`](super::ClockProcess::handle_clock_change).
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ClockAction {
    /// Add this to the clock.
    Step(NtpDuration),
    /// Run at this correction of the rate; positive makes the clock run faster.
    SetFrequency(Frequency),
    /// Report the quality of the clock to the operating system. Not reported back.
    SetStatus(ClockStatus),
}

/// The quality of the clock, for programs that ask the operating system.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockStatus {
    /// True if the clock follows a source; while it does, the kernel also keeps the hardware clock
    /// set.
    pub synchronized: bool,
    /// The leap second at the end of *this UTC day*: the kernel does not know of months, so one is
    /// announced on its day only. [`LeapIndicator::Unsynchronized`] has the effect of
    /// `synchronized: false`.
    pub leap: LeapIndicator,
    /// A bound for the error. The kernel lets it grow by 500 ppm and calls the clock unsynchronized
    /// at 16 s, so the bound must be renewed from time to time.
    pub max_error: Seconds,
    /// The expected error.
    pub estimated_error: Seconds,
    /// TAI − UTC in seconds, where known; otherwise the kernel keeps what it has.
    pub tai_offset: Option<i32>,
}

impl ClockStatus {
    /// A clock about which nothing is known.
    pub const UNSYNCHRONIZED: Self = Self {
        synchronized: false,
        leap: LeapIndicator::Unsynchronized,
        max_error: Seconds::new(16.0),
        estimated_error: Seconds::new(16.0),
        tai_offset: None,
    };
}

impl Default for ClockStatus {
    fn default() -> Self {
        Self::UNSYNCHRONIZED
    }
}

/// A change that the driver made to our clock.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ClockChange {
    /// It showed `before` and was moved by `step`.
    Stepped {
        /// The reading before the step.
        before: NtpTimestamp,
        /// The step that was made.
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
    /// It was changed by something else than this client.
    Disturbed(Disturbance),
}

/// A change of the clock that this client did not order: another program set it, or the machine was
/// suspended.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Disturbance {
    /// The reading of the clock without the change.
    pub before: NtpTimestamp,
    /// The difference added to it, by comparison with the clock of timers.
    pub step: NtpDuration,
    /// The duration of the suspend; zero if there was none. It comes from a coarse clock, so that
    /// the clock may be off by more than `step`.
    pub suspended: Duration,
}

/// The reason to leave the clock alone although a majority agrees that it is wrong.
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
        /// The sum, with this step.
        sum: Seconds,
        /// The threshold.
        limit: Seconds,
    },
    /// The operating system refused.
    ClockRefused,
    /// The clock's rate is off by more than can be corrected, so that its error grows.
    RateBeyondLimit {
        /// The correction that would be needed; positive makes the clock run faster.
        needed: Frequency,
        /// The largest correction.
        limit: Frequency,
    },
}

/// An event of the clock, for logs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ClockEvent {
    /// It is right for the first time, or again.
    Synchronized,
    /// No source has confirmed it for so long that it can no longer be called right.
    Lost,
    /// It was stepped.
    Stepped(Seconds),
    /// It is left alone from now on.
    Halted(Halt),
    /// The reason to leave it alone has gone.
    Resumed,
    /// Another program or a suspend changed it; it is confirmed again.
    Disturbed(Disturbance),
}
