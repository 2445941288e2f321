//! The system variables (RFC 5905 §11.1): our time and its error, as our clients get them.

use super::leap::LeapSecond;
use super::timescale::FreeTime;
use crate::packet::{ReferenceId, Stratum};
use crate::time::{Frequency, NtpTimestamp, Seconds};

/// The state of the clock after an update. Its uncertainty is a function of time: ask for it at an
/// instant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SystemVariables {
    /// The leap second that the sources announce.
    pub leap: Option<LeapSecond>,
    /// One more than the system peer's.
    pub stratum: Stratum,
    /// Whom we follow.
    pub reference_id: ReferenceId,
    /// The time of the last correction, by the clock itself.
    pub reference_time: NtpTimestamp,
    /// The round trip to the reference clock.
    pub root_delay: Seconds,
    /// The bound of the error against the reference clock at `updated`, the round trip and the
    /// correction still to be made left out.
    pub root_dispersion: Seconds,
    /// The rate at which that grows: Φ, and the error bound of our own frequency.
    pub dispersion_rate: Frequency,
    /// The time to which all this applies.
    pub updated: FreeTime,
}

impl SystemVariables {
    /// Root dispersion at `now`: it grows, as the clock is not measured between updates.
    #[must_use]
    pub fn root_dispersion_at(&self, now: FreeTime) -> Seconds {
        self.root_dispersion + self.dispersion_rate * (now - self.updated).max(Seconds::ZERO)
    }

    /// The root distance at `now`: half the round trip and the root dispersion (RFC 5905 §11.1 Λ).
    #[must_use]
    pub fn root_distance_at(&self, now: FreeTime) -> Seconds {
        self.root_delay * 0.5 + self.root_dispersion_at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_bound_grows_by_fifteen_parts_per_million() {
        let updated = FreeTime::new(NtpTimestamp::from_unix(1_800_000_000, 0));
        let system = SystemVariables {
            leap: None,
            stratum: Stratum::from_bits(2),
            reference_id: ReferenceId::NONE,
            reference_time: updated.shown(),
            root_delay: Seconds::new(0.010),
            root_dispersion: Seconds::new(0.001),
            dispersion_rate: Frequency::new(15e-6),
            updated,
        };
        let later = updated + Seconds::new(1000.0);
        assert!((system.root_distance_at(later).to_f64() - (0.005 + 0.001 + 0.015)).abs() < 1e-9);
    }
}
