//! Read access to the client.

use super::entry::SourceEntry;
use super::{AssociationState, Client, Member, state};
use crate::clock::{ClockProcess, Filtered};
use crate::server::ServedState;
use crate::time::{Now, Seconds};

impl Client {
    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &ClockProcess {
        &self.clock
    }

    /// The configured entries.
    #[must_use]
    pub fn entries(&self) -> &[SourceEntry] {
        self.entries.as_slice()
    }

    /// The associations.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The state of an association, with its reason.
    #[must_use]
    pub fn state_of(&self, member: &Member) -> AssociationState {
        state::state_of(&member.association, self.clock.selection())
    }

    /// Server minus our clock according to one association, and its jitter.
    #[must_use]
    pub fn opinion_of(&self, member: &Member, now: Now) -> Option<(Seconds, Filtered)> {
        let free = self.clock.timescale().to_free(now.local);
        let filtered = member
            .association
            .filter()
            .filtered(free, self.clock.drift())?;
        Some((self.clock.offset_of(&filtered, now.local), filtered))
    }

    /// The root distance through this source: the bound of the error of its offset.
    #[must_use]
    pub fn distance_of(&self, member: &Member, now: Now, filtered: Filtered) -> Seconds {
        let free = self.clock.timescale().to_free(now.local);
        self.candidate(member, now, filtered).distance(free)
    }

    /// The state of our clock for replies of our own server.
    #[must_use]
    pub fn served_state(&self, now: Now) -> ServedState {
        self.clock.served_state(now)
    }
}
