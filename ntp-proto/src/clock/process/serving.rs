//! The state in which the clock is served: synchronized, measured but kept by another program, its
//! own reference, or not at all.

use super::{ClockProcess, LOCAL_REFERENCE};
use crate::clock::measurement::FREQUENCY_TOLERANCE;
use crate::clock::selection::{Candidate, Outcome};
use crate::clock::system::SystemVariables;
use crate::clock::timescale::FreeTime;
use crate::packet::Stratum;
use crate::server::ServedState;
use crate::time::{Frequency, Now, Seconds};

/// The error that a clock which is its own reference claims where nothing better is known: half of
/// MAXDIST (RFC 5905 §11.2.3), so that clients of its clients still use it.
const UNKNOWN_ERROR: Seconds = Seconds::new(0.5);

/// The error of a clock that is declared a primary reference: what it may drift in a minute, by Φ.
const PRIMARY_ERROR: Seconds = Seconds::new(0.001);

impl ClockProcess {
    /// Takes in what the sources say about a clock that is not ours to steer. It was measured as it
    /// is now, so that no change of before matters any more.
    pub(super) fn observe(&mut self, free: FreeTime, peer: &Candidate, system: SystemVariables) {
        let Some((offset, at)) = self.offset else {
            return;
        };
        self.disturbance = None;
        self.moved = Seconds::ZERO;
        let rate = self.drift.learn(at, offset);
        // The best sample may be a few polls old, and the clock has moved since.
        let age = (free - peer.filtered.best.at).max(Seconds::ZERO);
        self.system = Some(SystemVariables {
            root_dispersion: system.root_dispersion + rate * age,
            dispersion_rate: FREQUENCY_TOLERANCE + rate,
            ..system
        });
    }

    /// True if a clock that we do not steer is served with the error that is measured: if that is
    /// configured, while its error bound, which contains the measured offset, is within the maximum
    /// distance, and unless it was set since the measurement.
    #[must_use]
    pub fn serves_unsteered(&self, free: FreeTime) -> bool {
        let within = |system: &SystemVariables| {
            system.root_distance_at(free) <= self.config.maximum_distance
        };
        let measured = self.disturbance.is_none() && self.system.as_ref().is_some_and(within);
        !self.steers && self.config.serves_unsteered && measured
    }

    /// True if we serve our own clock as its own reference, for want of a source. A clock that the
    /// sources contradict is known to be wrong, and never served so; nor is one that was moved away
    /// from what they have said.
    #[must_use]
    pub fn is_local_reference(&self, free: FreeTime) -> bool {
        let contradicted = self.halt.is_some()
            || self.awaiting_step.is_some()
            || matches!(self.selection.outcome, Outcome::Agreed { .. })
            || self
                .bound_by_sources(free)
                .is_some_and(|bound| self.moved.abs() > bound.max(UNKNOWN_ERROR));
        let better = self.is_synchronized(free) || self.serves_unsteered(free);
        self.config.local_stratum < Stratum::UNSYNCHRONIZED && !better && !contradicted
    }

    /// The bound of the clock's error by the last update, changes by other programs not counted.
    /// `None` without an update since the start or the last suspend, which changes a clock by an
    /// unknown amount.
    fn bound_by_sources(&self, free: FreeTime) -> Option<Seconds> {
        self.last_update?;
        Some(self.system?.root_distance_at(free))
    }

    /// The state of the clock in the replies of our server.
    #[must_use]
    pub fn served_state(&self, now: Now) -> ServedState {
        let free = self.timescale.to_free(now.local);
        let unsynchronized = ServedState {
            precision: self.precision,
            at: now.local,
            ..ServedState::UNSYNCHRONIZED
        };
        match self.system {
            Some(system) if self.is_synchronized(free) || self.serves_unsteered(free) => {
                ServedState {
                    leap: self.leap_at(now.local),
                    stratum: system.stratum,
                    root_delay: system.root_delay,
                    root_dispersion: system.root_dispersion_at(free),
                    dispersion_rate: system.dispersion_rate,
                    reference_id: system.reference_id,
                    reference_time: system.reference_time,
                    ..unsynchronized
                }
            }
            _ if self.is_local_reference(free) => self.local_reference(free, unsynchronized),
            _ => unsynchronized,
        }
    }

    /// The served state of a clock that is its own reference.
    fn local_reference(&self, free: FreeTime, state: ServedState) -> ServedState {
        let primary = self.config.local_stratum == Stratum::PRIMARY;
        let most = if primary {
            PRIMARY_ERROR
        } else {
            UNKNOWN_ERROR
        };
        let known = self
            .bound_by_sources(free)
            .map(|bound| bound + self.moved.abs())
            .filter(|known| *known < most);
        ServedState {
            leap: self.leap_at(state.at),
            stratum: self.config.local_stratum,
            root_delay: Seconds::ZERO,
            root_dispersion: known.unwrap_or(most),
            dispersion_rate: if known.is_some() {
                FREQUENCY_TOLERANCE
            } else {
                Frequency::ZERO
            },
            reference_id: if primary {
                self.config.local_reference_id
            } else {
                LOCAL_REFERENCE
            },
            is_own_reference: true,
            ..state
        }
    }
}
