//! What the clock may be served as: synchronized, measured but kept by another program, its own reference, or nothing.

use super::{Clock, LOCAL_REFERENCE};
use crate::clock::measurement::FREQUENCY_TOLERANCE;
use crate::clock::selection::{Candidate, Outcome};
use crate::clock::system::SystemVariables;
use crate::clock::timescale::FreeTime;
use crate::clock::unsteered::MeasuredDrift;
use crate::packet::Stratum;
use crate::server::ServedState;
use crate::time::{Frequency, Now, Seconds};

/// The error that a clock which is its own reference claims where nothing better is known: half of MAXDIST (RFC 5905
/// §11.2.3), so that clients of its clients still use it.
const UNKNOWN_ERROR: Seconds = Seconds::new(0.5);

/// The error of a clock that is declared a primary reference: what it may drift in a minute, by Φ.
const PRIMARY_ERROR: Seconds = Seconds::new(0.001);

impl Clock {
    /// Takes in what the sources say about a clock that is not ours to steer. It was measured as it is now, so that no change
    /// of before matters any more.
    pub(super) fn observe(&mut self, free: FreeTime, peer: &Candidate, system: SystemVariables) {
        let Some((offset, at)) = self.offset else { return };
        if self.disturbance.take().is_some() {
            self.drift = MeasuredDrift::default();
        }
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

    /// Whether a clock that we do not steer is served by what is measured: where that is asked for, and while its bound,
    /// which contains the measured offset, is within the maximum distance. A clock that was changed has to be measured anew.
    #[must_use]
    pub fn serves_unsteered(&self, free: FreeTime) -> bool {
        let within = |system: &SystemVariables| system.root_distance_at(free) <= self.config.maximum_distance;
        let asked_for = !self.steers && self.config.serves_unsteered && self.disturbance.is_none();
        asked_for && self.system.as_ref().is_some_and(within)
    }

    /// Whether we serve our own clock as if it were right, for want of anything better. A clock that the sources contradict
    /// is known to be wrong, and never served so; nor is one that was moved away from what they have said.
    #[must_use]
    pub fn is_local_reference(&self, free: FreeTime) -> bool {
        let contradicted = self.halt.is_some()
            || self.awaiting_step.is_some()
            || matches!(self.selection.outcome, Outcome::Agreed { .. })
            || self.bound_by_sources(free).is_some_and(|bound| self.moved.abs() > bound.max(UNKNOWN_ERROR));
        let better = self.is_synchronized(free) || self.serves_unsteered(free);
        self.config.local_stratum < Stratum::UNSYNCHRONIZED && !better && !contradicted
    }

    /// What the error of the clock is at most by what sources have said last, changes by other programs not counted. `None` if
    /// none has said anything since the start or the last suspend, which changes a clock by an unknown amount.
    fn bound_by_sources(&self, free: FreeTime) -> Option<Seconds> {
        self.last_update?;
        Some(self.system?.root_distance_at(free))
    }

    /// What our server tells its clients.
    #[must_use]
    pub fn served_state(&self, now: Now) -> ServedState {
        let free = self.timescale.to_free(now.local);
        let unsynchronized = ServedState { precision: self.precision, at: now.local, ..ServedState::UNSYNCHRONIZED };
        match self.system {
            Some(system) if self.is_synchronized(free) || self.serves_unsteered(free) => ServedState {
                leap: self.leap_at(now.local),
                stratum: system.stratum,
                root_delay: system.root_delay,
                root_dispersion: system.root_dispersion_at(free),
                dispersion_rate: system.dispersion_rate,
                reference_id: system.reference_id,
                reference_time: system.reference_time,
                ..unsynchronized
            },
            _ if self.is_local_reference(free) => self.local_reference(free, unsynchronized),
            _ => unsynchronized,
        }
    }

    /// What a server says that trusts its own clock for want of anything better.
    fn local_reference(&self, free: FreeTime, state: ServedState) -> ServedState {
        let primary = self.config.local_stratum == Stratum::PRIMARY;
        let most = if primary { PRIMARY_ERROR } else { UNKNOWN_ERROR };
        let known = self.bound_by_sources(free).map(|bound| bound + self.moved.abs()).filter(|known| *known < most);
        ServedState {
            leap: self.leap_at(state.at),
            stratum: self.config.local_stratum,
            root_delay: Seconds::ZERO,
            root_dispersion: known.unwrap_or(most),
            dispersion_rate: if known.is_some() { FREQUENCY_TOLERANCE } else { Frequency::ZERO },
            reference_id: if primary { self.config.local_reference_id } else { LOCAL_REFERENCE },
            is_own_reference: true,
            ..state
        }
    }
}
