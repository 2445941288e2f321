//! What may be done to the clock, and who is believed: the settings of `[synchronization]`.

use super::authentication::{Authentication, FirstTime};
use crate::packet::{ReferenceId, Stratum};
use crate::time::Seconds;

/// A limit for each direction in which the clock can be set. `None`: no limit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StepLimits {
    /// The largest step into the future (our clock was behind).
    pub forward: Option<Seconds>,
    /// The largest step into the past (our clock was ahead), as a positive number.
    pub backward: Option<Seconds>,
}

impl StepLimits {
    /// The same limit both ways.
    #[must_use]
    pub const fn both(limit: Option<Seconds>) -> Self {
        Self {
            forward: limit,
            backward: limit,
        }
    }

    /// The limit that this correction (positive: forwards) breaks, if it does.
    #[must_use]
    pub fn exceeded_by(&self, correction: Seconds) -> Option<Seconds> {
        let limit = if correction < Seconds::ZERO {
            self.backward
        } else {
            self.forward
        };
        limit.filter(|limit| correction.abs() > *limit)
    }
}

/// The conditions under which the clock is set in one go, and those under which it never is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StepPolicy {
    /// Panic limits of the step that the first synchronization may make.
    pub startup: StepLimits,
    /// Panic limits of every later correction.
    pub running: StepLimits,
    /// Panic limit of the sum of all steps without their signs, kept across restarts; the first
    /// step of a clock that was never right before is free.
    pub accumulated: Option<Seconds>,
    /// At the first synchronization, an offset above this is stepped, one below it is slewed.
    pub startup_threshold: Seconds,
    /// Later, an offset that stays above this is stepped, as RFC 5905 §11.3 does at STEPT; `None`:
    /// never again.
    pub threshold: Option<Seconds>,
    /// The panic limits that count after a suspend, and after another program has set the clock.
    pub after_disturbance: DisturbanceLimits,
}

/// The panic limits that count while the clock is confirmed again after a
/// [`Disturbance`](super::Disturbance). Going back by what another program is known to have moved
/// the clock never counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DisturbanceLimits {
    /// Those of the first synchronization.
    #[default]
    Startup,
    /// Those of every later correction.
    Running,
    /// Those of the first synchronization, and also where a majority of at least two sources says
    /// over a burst that the clock has lost time all at once: a virtual machine that was paused
    /// cannot know it otherwise.
    StartupOrLostTime,
}

impl Default for StepPolicy {
    /// The limits of ntpd-rs 1.x and the step threshold of RFC 5905.
    fn default() -> Self {
        Self {
            startup: StepLimits {
                forward: None,
                backward: Some(Seconds::new(86_400.0)),
            },
            running: StepLimits::both(Some(Seconds::new(1000.0))),
            accumulated: None,
            startup_threshold: Seconds::new(0.001),
            threshold: Some(Seconds::new(0.128)),
            after_disturbance: DisturbanceLimits::Startup,
        }
    }
}

/// Which algorithm turns offsets into corrections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DisciplineKind {
    /// The estimator: filters for many sizes of noise, weighed against each other.
    #[default]
    Estimate,
    /// The phase- and frequency-locked loops of RFC 5905 §11.3.
    PllFll,
}

/// The configuration of the clock process.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockConfig {
    /// The number of sources that must agree, beyond the strict majority of the usable ones that
    /// always must.
    pub minimum_agreeing: usize,
    /// The weight of sources with and without NTS.
    pub authentication: Authentication,
    /// The sources that may set a clock that was never right.
    pub first_time: FirstTime,
    /// A source further away than this (root distance) is not used (RFC 5905 §11.2.3 MAXDIST).
    pub maximum_distance: Seconds,
    /// The conditions of steps, and of giving up.
    pub steps: StepPolicy,
    /// The stratum that we claim while no source is used; 16 means "not synchronized".
    pub local_stratum: Stratum,
    /// The reference identifier that we show at a local stratum of 1.
    pub local_reference_id: ReferenceId,
    /// True if a clock that we do not steer, as another program keeps it, is served with the error
    /// that is measured.
    pub serves_unsteered: bool,
    /// The algorithm.
    pub discipline: DisciplineKind,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self {
            minimum_agreeing: 1,
            authentication: Authentication::default(),
            first_time: FirstTime::default(),
            maximum_distance: Seconds::new(1.5),
            steps: StepPolicy::default(),
            local_stratum: Stratum::UNSYNCHRONIZED,
            local_reference_id: ReferenceId::NONE,
            serves_unsteered: false,
            discipline: DisciplineKind::default(),
        }
    }
}
