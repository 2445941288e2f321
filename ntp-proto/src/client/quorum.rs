//! The sources that the first decision waits for.

use super::{Client, Member};
use crate::client::entry::SourceEntry;
use crate::clock::Awaited;
use crate::time::MonoTime;
use std::time::Duration;

/// This long after the first reply, the first decision no longer waits for sources that have not
/// answered.
const QUORUM_PATIENCE: Duration = Duration::from_secs(10);

impl Client {
    /// The time from which the first decision no longer waits.
    pub(super) fn quorum_ends(&self) -> Option<MonoTime> {
        self.first_measured.map(|first| first + QUORUM_PATIENCE)
    }

    /// The sources without a measurement so far.
    pub(super) fn awaited(&self, now: MonoTime) -> Awaited {
        // A source that was measured and has answered one of its last eight polls may well answer
        // the next.
        let silent = |member: &Member| {
            let association = &member.association;
            let quiet = association.reach().is_reachable()
                && association.problem().is_none()
                && association.demobilized().is_none();
            association.session().is_some()
                && association.counters().measured > 0
                && quiet
                && !association.is_usable()
        };
        let silent = self.members.values().any(silent);
        if self.quorum_ends().is_some_and(|end| now >= end) {
            return Awaited {
                silent,
                ..Awaited::default()
            };
        }
        let missing = |entry: &SourceEntry| {
            let looking = entry.is_looking() && entry.rival().is_none();
            if looking {
                entry
                    .wanted()
                    .saturating_sub(self.members_of(entry.id()).count())
            } else {
                0
            }
        };
        let patient = |member: &Member| {
            usize::from(
                member.association.is_pending()
                    && member.association.useless_polls() < member.hopeless_at,
            )
        };
        let of = |entry: &SourceEntry| {
            missing(entry) + self.members_of(entry.id()).map(patient).sum::<usize>()
        };
        let authenticated = self
            .entries
            .iter()
            .filter(|entry| entry.is_nts())
            .map(of)
            .sum();
        Awaited {
            sources: self.entries.iter().map(of).sum(),
            authenticated,
            silent,
        }
    }
}
