//! The network of this machine: which families of addresses have a way out, and what is done when
//! that changes.

use super::{Client, Event};
use crate::association::{AssociationId, OwnServers};
use crate::client::entry::{SourceEntry, SourceEntryId};
use crate::time::{MonoTime, Now};
use std::net::SocketAddr;
use std::time::Duration;

/// An interface, its address and its routes come up one after the other; they are taken together.
const CHANGES_SETTLE: Duration = Duration::from_millis(200);
/// After a change of the network we poll no more often than this.
const CHANGE_SPACING: Duration = Duration::from_secs(2);
/// After so many changes in a row, as on a host whose containers come and go, [`LASTING_SPACING`]
/// holds instead.
const CHANGES_AT_ONCE: u32 = 8;
/// The spacing of polls while changes last, and the time after which one change is forgotten.
const LASTING_SPACING: Duration = Duration::from_secs(64);
/// A family of addresses without a route is avoided for this long, unless the network changes
/// before.
const AVOIDED_FOR: Duration = Duration::from_secs(3600);

/// The state of the network, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Network {
    /// The time until which IPv4 is taken to have no route.
    v4_closed_until: Option<MonoTime>,
    /// The time until which IPv6 is taken to have no route.
    v6_closed_until: Option<MonoTime>,
    change_due: Option<MonoTime>,
    last_change: Option<MonoTime>,
    /// Changes that are not forgotten yet.
    changes: u32,
}

impl Network {
    fn is_closed(&self, is_v6: bool, now: MonoTime) -> bool {
        let until = if is_v6 {
            self.v6_closed_until
        } else {
            self.v4_closed_until
        };
        until.is_some_and(|until| now < until)
    }

    fn close(&mut self, is_v6: bool, until: MonoTime) {
        let closed = if is_v6 {
            &mut self.v6_closed_until
        } else {
            &mut self.v4_closed_until
        };
        *closed = Some(until);
    }

    /// The family to avoid (`true`: IPv6), where only one has no way out.
    fn avoided(&self, now: MonoTime) -> Option<bool> {
        match [false, true].map(|is_v6| self.is_closed(is_v6, now)) {
            [true, false] => Some(false),
            [false, true] => Some(true),
            _ => None,
        }
    }

    /// The earliest time at which another change is acted upon.
    fn next_change(&self) -> MonoTime {
        let spacing = if self.changes < CHANGES_AT_ONCE {
            CHANGE_SPACING
        } else {
            LASTING_SPACING
        };
        self.last_change
            .map_or(MonoTime::ZERO, |last| last + spacing)
    }

    /// The state after a change at `now`: any family of addresses may have a way out again.
    fn after_change(&self, now: MonoTime) -> Self {
        let calm = self
            .last_change
            .map_or(Duration::MAX, |last| now.since(last));
        let forgotten =
            u32::try_from(calm.as_secs() / LASTING_SPACING.as_secs()).unwrap_or(u32::MAX);
        let changes = (self.changes.saturating_sub(forgotten) + 1).min(CHANGES_AT_ONCE);
        Self {
            last_change: Some(now),
            changes,
            ..Self::default()
        }
    }

    pub(super) fn timeout(&self) -> Option<MonoTime> {
        self.change_due
    }
}

impl Client {
    /// An interface, an address or a route has come up: names that could not be looked up are
    /// looked up again at once, and servers that did not answer are asked again.
    pub fn handle_network_change(&mut self, now: Now) {
        let earliest = self.network.next_change();
        self.network
            .change_due
            .get_or_insert((now.mono + CHANGES_SETTLE).max(earliest));
    }

    /// Handles the addresses of our own server; a source at one of them is a loop.
    pub fn handle_own_servers(&mut self, own: OwnServers) {
        self.own_servers = own;
    }

    /// Handles addresses that the name of an entry had in an earlier run. They are used only if it
    /// cannot be looked up now.
    pub fn remember(&mut self, entry_id: SourceEntryId, addresses: &[SocketAddr]) {
        if let Some(entry) = self.entries.get_mut(entry_id) {
            entry.remember(addresses);
        }
    }

    pub(super) fn handle_network_timeout(&mut self, now: MonoTime) {
        if self.network.change_due.take_if(|due| now >= *due).is_some() {
            self.network = self.network.after_change(now);
            for entry in self.entries.iter_mut() {
                entry.handle_network_change(now);
            }
            for member in self.members.values_mut() {
                member.association.handle_network_change(now);
            }
        }
        for id in self.entries.ids() {
            if self
                .entries
                .get(id)
                .is_some_and(|entry| entry.is_resolver_slow(now))
            {
                self.use_remembered(id);
            }
        }
    }

    /// For want of an answer of the resolver, addresses from an earlier run are used.
    pub(super) fn use_remembered(&mut self, entry_id: SourceEntryId) {
        let alone = self.members_of(entry_id).next().is_none();
        if let Some(entry) = self.entries.get_mut(entry_id).filter(|_| alone) {
            let addresses = entry.recall();
            if addresses > 0 {
                self.events.push_back(Event::LastKnownAddresses {
                    entry: entry_id,
                    addresses,
                });
            }
        }
    }

    /// A request could not be sent. If there is no way out for its family of addresses, that family
    /// is avoided.
    pub(super) fn note_send_failure(&mut self, id: AssociationId, now: MonoTime) {
        let Some(member) = self.members.get(&id) else {
            return;
        };
        if member.association.has_no_route() {
            self.network
                .close(member.association.address().is_ipv6(), now + AVOIDED_FOR);
        }
    }

    /// Sets candidates aside that cannot be reached while others can.
    pub(super) fn avoid_what_is_closed(&mut self, now: MonoTime) {
        let avoided = self.network.avoided(now);
        for id in self.entries.ids() {
            let has_members = self.members_of(id).next().is_some();
            if let Some(entry) = self.entries.get_mut(id) {
                entry.set_aside(avoided, has_members);
            }
        }
    }

    /// True if an entry has an address that is not used, of a family that has a way out.
    pub(super) fn has_open_candidate(
        &self,
        entry: &SourceEntry,
        in_use: &[SocketAddr],
        now: MonoTime,
    ) -> bool {
        entry.has_fit_candidate(in_use, |candidate| {
            !self.network.is_closed(candidate.is_ipv6(), now)
        })
    }
}
