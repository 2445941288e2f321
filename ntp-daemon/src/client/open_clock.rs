//! The clock that is disciplined, as the configuration asks for it, and its state at the start.

use crate::state::lock::{self, Lock, LockHeld};
use ntp_config::{ClockMode, ClockSection};
use ntp_os_clock::{Clock, ClockError, ClockKind, VirtualSettings};
use ntp_proto::clock::{InitialClock, KnownFrequency};
use ntp_proto::time::{Frequency, Seconds};

/// The uncertainty of the frequency from the last run, as temperatures change.
const KEPT_UNCERTAINTY: Frequency = Frequency::new(1e-6);
/// The least uncertainty of a frequency that another program has left in the kernel.
const FOUND_UNCERTAINTY: Frequency = Frequency::new(100e-6);

/// The clock that is disciplined, with the right to steer it.
pub(crate) struct OpenClock {
    pub(crate) clock: Clock,
    /// Held until the clock has been left in order; `None` where no lock is needed or available.
    pub(crate) lock: Option<Lock>,
}

/// An error that keeps the clock from being opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenClockError {
    #[error(transparent)]
    Clock(#[from] ClockError),
    #[error(transparent)]
    LockHeld(#[from] LockHeld),
}

impl OpenClock {
    /// The clock that the configuration asks for.
    ///
    /// # Errors
    /// If the system's clock was asked for and cannot be steered, another daemon steers it, or the
    /// virtual clock cannot be made.
    pub(crate) fn open(section: &ClockSection) -> Result<Self, OpenClockError> {
        let clock = open(section)?;
        let lock = if clock.kind() == ClockKind::System {
            lock::clock()?
        } else {
            None
        };
        Ok(Self { clock, lock })
    }
}

fn open(section: &ClockSection) -> Result<Clock, ClockError> {
    match section.mode {
        ClockMode::Auto => Ok(Clock::auto()),
        ClockMode::System => {
            ntp_os_clock::steering_permission()?;
            Clock::system()
        }
        ClockMode::Virtual => Clock::simulated(VirtualSettings {
            offset: section.virtual_offset,
            frequency: section.virtual_frequency,
        }),
        ClockMode::None => Ok(Clock::measuring()),
    }
}

/// The clock that a mode asks for, in words for the log.
pub(crate) const fn in_words(mode: ClockMode) -> &'static str {
    match mode {
        ClockMode::Auto => "the system's, steered if permitted (auto)",
        ClockMode::System => "the system's (system)",
        ClockMode::Virtual => "a virtual one (virtual)",
        ClockMode::None => "the system's, measured only (none)",
    }
}

/// Logs which clock is disciplined.
pub(crate) fn announce(clock: &Clock, mode: ClockMode) {
    match (clock, clock.obstacle()) {
        (_, Some(obstacle)) if mode == ClockMode::Auto => {
            tracing::warn!("MEASURING ONLY, the clock will not be corrected: {obstacle}");
        }
        (Clock::MeasureOnly(_), _) => {
            tracing::warn!("measuring only, as configured: the clock will not be corrected");
        }
        (Clock::Virtual(_), _) => {
            tracing::warn!("steering a VIRTUAL clock; the machine's own clock is left alone");
        }
        (Clock::System(_), _) => tracing::info!("steering the system clock"),
    }
}

/// The state of the clock at the start. `kept` is the frequency from the last run, `assumed_step`
/// the step that has just set the clock forward to the last known time.
pub(crate) fn initial(
    clock: &Clock,
    kept: Option<Frequency>,
    accumulated: Option<Seconds>,
    assumed_step: Seconds,
) -> InitialClock {
    let applied = clock.frequency().unwrap_or(Frequency::ZERO);
    let oscillator = clock.oscillator_frequency().unwrap_or(applied);
    if kept.is_none() && oscillator != applied && clock.steers() {
        tracing::warn!(
            "the system clock was left running {:+.0} ppm fast, and no oscillator is off by that much: a program that \
             steered it has ended in the middle of a correction; {:+.3} ppm of it are kept",
            applied.to_f64() * 1e6,
            oscillator.to_f64() * 1e6
        );
    }
    let kept = kept.map(|frequency| KnownFrequency {
        frequency,
        uncertainty: KEPT_UNCERTAINTY,
    });
    // The frequency in the kernel comes from the program that steered the clock before us, perhaps
    // with a slew in it.
    let uncertainty = oscillator.abs().max(FOUND_UNCERTAINTY);
    let found = Some(KnownFrequency {
        frequency: oscillator,
        uncertainty,
    })
    .filter(|_| oscillator != Frequency::ZERO);
    InitialClock {
        steers: clock.steers(),
        applied,
        frequency: kept.or(found),
        assumed_step,
        accumulated,
        precision: clock.precision(),
        left_synchronized: clock.is_left_synchronized(),
    }
}
