//! Another configuration while the client runs.

use super::entries::Entries;
use super::entry::{SourceEntry, SourceEntryConfig, SourceEntryId};
use super::{Client, Removal};
use crate::association::AssociationId;
use crate::clock::ClockConfig;
use crate::time::Now;
use std::mem;

/// The parts of a [`ClientConfig`](super::ClientConfig) that can change while the client runs.
#[derive(Clone, Debug)]
pub struct ClientChange {
    /// All entries of `[[source]]`, in the order of the configuration. An entry with an identifier
    /// that is in use and the same settings stays as it is; the identifier of a new entry must not
    /// have been used before.
    pub entries: Vec<(SourceEntryId, SourceEntryConfig)>,
    /// The configuration of the clock process, without its discipline.
    pub clock: ClockConfig,
}

impl Client {
    /// Continues with another configuration. Entries that stay keep their associations with all
    /// measurements, keys and cookies; the other associations end. What is known of the clock
    /// stays, and so does the discipline.
    pub fn handle_config(&mut self, now: Now, change: ClientChange) {
        self.remove_members_of_others(now, &change.entries);
        let mut before = mem::replace(&mut self.entries, Entries::from_iter([]));
        self.entries = change
            .entries
            .into_iter()
            .map(|(id, config)| {
                let known = before.take(id).filter(|entry| *entry.config() == config);
                known.unwrap_or_else(|| SourceEntry::new(id, config))
            })
            .collect();
        self.end_rivalries(now);
        let measured = |member: &super::Member| member.association.counters().measured > 0;
        if !self.members.values().any(measured) {
            // The first of the new sources to answer must not decide alone.
            self.first_measured = None;
        }
        self.clock.handle_config(change.clock);
        self.maintain(now.mono);
        self.decide(now, None);
    }

    /// Removes the associations of entries that do not stay.
    fn remove_members_of_others(
        &mut self,
        now: Now,
        entries: &[(SourceEntryId, SourceEntryConfig)],
    ) {
        let stays = |id: SourceEntryId| {
            let settings = entries.iter().find(|(other, _)| *other == id);
            settings.is_some_and(|(_, config)| {
                self.entries
                    .get(id)
                    .is_some_and(|entry| entry.config() == config)
            })
        };
        let out: Vec<AssociationId> = self
            .members
            .iter()
            .filter(|(_, member)| !stays(member.entry))
            .map(|(id, _)| *id)
            .collect();
        for id in out {
            self.remove(id, Removal::Configured, now.mono);
        }
    }

    /// Entries whose rival has gone look for their server again.
    fn end_rivalries(&mut self, now: Now) {
        let ids = self.entries.ids();
        for entry in self.entries.iter_mut() {
            if entry.rival().is_some_and(|rival| !ids.contains(&rival)) {
                entry.set_rival(None);
                entry.look_up_soon(now.mono);
            }
        }
    }
}
