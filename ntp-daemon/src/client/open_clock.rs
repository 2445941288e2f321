//! The clock that is disciplined, as the configuration chooses it, and its state at the start.

use ntp_config::{ClockMode, ClockSection};
use ntp_os_clock::{Clock, ClockError, VirtualSettings};
use ntp_proto::clock::{InitialClock, KnownFrequency};
use ntp_proto::time::{Frequency, Seconds};

/// What a frequency from the last run may be off by, as temperatures change.
const KEPT_UNCERTAINTY: Frequency = Frequency::new(1e-6);
/// What a frequency that somebody has left in the kernel may be off by, at least.
const FOUND_UNCERTAINTY: Frequency = Frequency::new(100e-6);

/// The clock that the configuration asks for.
///
/// # Errors
/// The system's clock was asked for and does not obey, or the virtual one cannot be made.
pub(crate) fn open(section: &ClockSection) -> Result<Clock, ClockError> {
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

/// The clock that a mode asks for, as the log calls it.
pub(crate) const fn in_words(mode: ClockMode) -> &'static str {
    match mode {
        ClockMode::Auto => "the system's, steered if this process may (auto)",
        ClockMode::System => "the system's (system)",
        ClockMode::Virtual => "a virtual one (virtual)",
        ClockMode::None => "the system's, measured only (none)",
    }
}

/// Says loudly, once, which clock this is about.
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

/// What the client must know about the clock at its start. `kept` is the frequency from the last
/// run, `assumed_step` how far the clock was just set forward to the last known time.
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
            "the system clock was left running {:+.0} ppm fast, which no oscillator is off by: a program that steered it has \
             ended in the middle of a correction; {:+.3} ppm of it are kept",
            applied.to_f64() * 1e6,
            oscillator.to_f64() * 1e6
        );
    }
    let kept = kept.map(|frequency| KnownFrequency {
        frequency,
        uncertainty: KEPT_UNCERTAINTY,
    });
    // The program that steered the clock before us has left the frequency in the kernel, perhaps
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
