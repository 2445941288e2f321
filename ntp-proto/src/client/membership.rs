//! The addresses that are asked: filling entries, replacing useless members, reviving demobilized
//! ones.

use super::replacement::is_useless;
use super::{Client, Event, Member, Removal};
use crate::association::{Association, AssociationConfig, AssociationId};
use crate::client::entry::{SourceEntry, SourceEntryId};
use crate::nts::NtsSession;
use crate::time::MonoTime;
use std::net::SocketAddr;

/// The error for a name that exists and has no addresses.
const NO_ADDRESSES: &str = "the name has no addresses";
impl Client {
    /// Handles the result of a look-up that [`Event::Resolve`] asked for: addresses with the port
    /// set, or the error.
    pub fn handle_resolved(
        &mut self,
        now: crate::time::Now,
        entry_id: SourceEntryId,
        found: Result<&[SocketAddr], String>,
    ) {
        let in_use: Vec<SocketAddr> = self
            .taken(entry_id)
            .into_iter()
            .map(|(address, _)| address)
            .collect();
        let own = self.addresses_of(entry_id);
        let Some(entry) = self.entries.get_mut(entry_id) else {
            return;
        };
        let found = found.and_then(|found| {
            if found.is_empty() {
                Err(NO_ADDRESSES.to_owned())
            } else {
                Ok(found)
            }
        });
        match found {
            Err(error) => {
                if entry.handle_failure(now.mono, error.clone(), &mut self.rng) {
                    self.events.push_back(Event::Unresolved {
                        entry: entry_id,
                        error,
                    });
                }
                self.use_remembered(entry_id);
            }
            Ok(found) => {
                let news = entry.handle_addresses(now.mono, found, &in_use);
                let refused = entry.refused_addresses().to_vec();
                if news && !refused.is_empty() {
                    self.events.push_back(Event::AddressesRefused {
                        entry: entry_id,
                        refused,
                    });
                }
                if self
                    .entries
                    .get(entry_id)
                    .is_some_and(|entry| !entry.is_pool())
                {
                    self.move_server(now.mono, entry_id, found, &own);
                }
                self.move_on(now.mono, entry_id, &in_use);
            }
        }
        self.maintain(now.mono);
        self.report_transitions();
    }

    /// A configured server whose useless address is gone from its name, or that has others, is
    /// asked there instead.
    fn move_server(
        &mut self,
        now: MonoTime,
        entry_id: SourceEntryId,
        found: &[SocketAddr],
        own: &[SocketAddr],
    ) {
        let useless = self
            .members_of(entry_id)
            .find(|member| is_useless(&member.association))
            .map(|member| member.association.id());
        let gone = own.iter().any(|address| {
            !found
                .iter()
                .map(crate::client::entry::canonical)
                .any(|other| other == *address)
        });
        let elsewhere = self
            .entries
            .get(entry_id)
            .is_some_and(|entry| entry.has_candidate(own));
        if let Some(id) = useless.filter(|_| elsewhere || gone) {
            self.remove(id, Removal::Moved, now);
        }
    }

    /// One member whose address is gone from the name for good, although it still answers, gives
    /// way to an address that the name has.
    fn move_on(&mut self, now: MonoTime, entry_id: SourceEntryId, in_use: &[SocketAddr]) {
        let Some(entry) = self.entries.get(entry_id) else {
            return;
        };
        let gone = self
            .members_of(entry_id)
            .find(|member| entry.is_gone(member.association.address()));
        if let Some(id) = gone
            .map(|member| member.association.id())
            .filter(|_| self.has_open_candidate(entry, in_use, now))
        {
            self.remove(id, Removal::Moved, now);
        }
    }

    /// Brings every entry up to strength and asks for look-ups where that needs more addresses.
    pub(super) fn maintain(&mut self, now: MonoTime) {
        self.avoid_what_is_closed(now);
        self.replace_useless(now);
        self.revive(now);
        self.want_keys(now);
        for id in self.entries.ids() {
            while self.members_of(id).count() < self.entries.get(id).map_or(0, SourceEntry::wanted)
            {
                let (members, taken) = (self.addresses_of(id), self.taken(id));
                let in_use: Vec<SocketAddr> = taken.iter().map(|(address, _)| *address).collect();
                let Some(entry) = self.entries.get_mut(id) else {
                    break;
                };
                let address = if entry.can_add() {
                    entry.take_candidate(&members, &in_use)
                } else {
                    None
                };
                let Some(address) = address else {
                    self.look_further(id, &taken, now);
                    break;
                };
                entry.set_rival(None);
                self.add(id, address, now);
            }
        }
        let since = self.certificates_since();
        for entry in self.entries.iter_mut() {
            if entry.poll_resolve(now) {
                let (id, host, port) =
                    (entry.id(), entry.config().host.clone(), entry.config().port);
                self.events.push_back(if entry.is_nts() {
                    Event::Establish {
                        entry: id,
                        host,
                        port,
                        since,
                    }
                } else {
                    Event::Resolve {
                        entry: id,
                        host,
                        port,
                    }
                });
            }
        }
    }

    fn add(&mut self, entry_id: SourceEntryId, address: SocketAddr, now: MonoTime) {
        let Some(config) = self
            .entries
            .get(entry_id)
            .map(|entry| entry.config().association)
        else {
            return;
        };
        let id = AssociationId::new(self.next_id);
        self.next_id += 1;
        // Replacements for a failed source skip the initial burst.
        let failures = self
            .entries
            .get(entry_id)
            .is_some_and(SourceEntry::is_struggling);
        let config = if failures {
            AssociationConfig { burst: 1, ..config }
        } else {
            config
        };
        let granted = self
            .entries
            .get_mut(entry_id)
            .and_then(SourceEntry::take_granted);
        let association = Association::new(id, address, config, now);
        let association = match granted {
            Some(granted) => association.with_session(NtsSession::new(granted, now)),
            None => association,
        };
        let hopeless_at = u32::MAX;
        let member = Member {
            association,
            entry: entry_id,
            disagreements: 0,
            hopeless_at,
            denials: 0,
            revive_at: None,
            reported: None,
            pending_report: None,
        };
        self.members.insert(id, member);
        self.events.push_back(Event::AssociationAdded {
            id,
            address,
            entry: entry_id,
        });
    }

    /// An entry has no address that it may use. Where another entry has its only server, there is
    /// nothing to be looked for, and keys are no longer wanted.
    fn look_further(
        &mut self,
        id: SourceEntryId,
        taken: &[(SocketAddr, SourceEntryId)],
        now: MonoTime,
    ) {
        let alone = self.members_of(id).next().is_none();
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let same = |address: &SocketAddr| {
            let by = |wanted: SocketAddr| {
                taken
                    .iter()
                    .find(|(other, owner)| *other == wanted && *owner != id)
            };
            by(*address)
                .or_else(|| by(entry.sibling(*address)?))
                .map(|(_, owner)| *owner)
        };
        let owners: Vec<Option<SourceEntryId>> = entry.known().iter().map(same).collect();
        let rival = owners
            .first()
            .copied()
            .flatten()
            .filter(|_| alone && owners.iter().all(Option::is_some));
        if entry.set_rival(rival)
            && let Some(rival) = rival
        {
            self.events
                .push_back(Event::SameServer { entry: id, rival });
        }
        if rival.is_some() && entry.is_nts() {
            entry.want_addresses_later(now);
        } else {
            entry.want_addresses(now, &mut self.rng);
        }
    }

    /// The addresses that an entry may not use, and the entries that have them. Authenticated time
    /// goes first: an entry with NTS gives way to entries with NTS only, and one without NTS to all
    /// that have answered or may still do so.
    fn taken(&self, entry_id: SourceEntryId) -> Vec<(SocketAddr, SourceEntryId)> {
        let is_nts = self.entries.get(entry_id).is_some_and(SourceEntry::is_nts);
        let mut taken = Vec::new();
        for member in self.members.values() {
            let sealed = member.association.session().is_some();
            let heeded = member.entry == entry_id
                || if is_nts {
                    sealed
                } else {
                    !sealed || !is_useless(&member.association)
                };
            if heeded {
                let address = member.association.address();
                let sibling = self
                    .entries
                    .get(member.entry)
                    .and_then(|entry| entry.sibling(address));
                taken.extend(
                    [Some(address), sibling]
                        .into_iter()
                        .flatten()
                        .map(|address| (address, member.entry)),
                );
            }
        }
        taken
    }

    /// A source with NTS has answered: associations without NTS at its addresses end, as one clock
    /// counts once, and what is easily forged must not stand in the way of what is authenticated.
    pub(super) fn displace_plain(&mut self, id: AssociationId, now: MonoTime) {
        let Some(member) = self
            .members
            .get(&id)
            .filter(|member| member.association.session().is_some())
        else {
            return;
        };
        let address = member.association.address();
        let sibling = self
            .entries
            .get(member.entry)
            .and_then(|entry| entry.sibling(address));
        let same_host = |other: SocketAddr| other == address || Some(other) == sibling;
        let displaced: Vec<(AssociationId, SourceEntryId, SocketAddr)> = self
            .members
            .values()
            .filter(|other| {
                other.association.session().is_none() && same_host(other.association.address())
            })
            .map(|other| {
                (
                    other.association.id(),
                    other.entry,
                    other.association.address(),
                )
            })
            .collect();
        for (plain, entry_id, at) in displaced {
            self.remove(plain, Removal::Authenticated, now);
            if let Some(entry) = self.entries.get_mut(entry_id) {
                entry.give_back(at);
            }
        }
    }

    pub(super) fn remove(&mut self, id: AssociationId, reason: Removal, now: MonoTime) {
        let Some(member) = self.members.remove(&id) else {
            return;
        };
        let address = member.association.address();
        self.clock.forget(id);
        if let Some(entry) = self.entries.get_mut(member.entry) {
            if reason == Removal::NoRoute {
                // A missing route says nothing about the server.
                entry.put_aside(address);
            } else {
                // The administrator chose the name of a configured server, so all its addresses
                // stay welcome.
                if entry.is_pool() {
                    entry.ban(address.ip(), now);
                }
                entry.record_failure();
            }
        }
        self.events.push_back(Event::AssociationRemoved {
            id,
            address,
            reason,
        });
    }

    pub(super) fn members_of(&self, entry_id: SourceEntryId) -> impl Iterator<Item = &Member> {
        self.members
            .values()
            .filter(move |member| member.entry == entry_id)
    }

    fn addresses_of(&self, entry_id: SourceEntryId) -> Vec<SocketAddr> {
        self.members_of(entry_id)
            .map(|member| member.association.address())
            .collect()
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.members
            .values()
            .map(|member| member.association.address())
            .collect()
    }
}
