//! The keys of NTS: who needs new ones, what is done with them, and whether the time they vouch for can be believed.

use super::{Client, Event, Removal, membership};
use crate::pool::{EstablishFailure, GroupId};
use crate::source::{Discard, Granted, Session, SourceId};
use crate::time::{MonoTime, Now};
use std::net::SocketAddr;

impl Client {
    /// Takes in what became of the key establishment that [`Event::Establish`] asked for.
    pub fn handle_established(&mut self, now: Now, group: GroupId, outcome: Result<Granted, EstablishFailure>) {
        let Some(entry) = self.groups.get_mut(group.place()) else { return };
        match outcome {
            Err(failure) => {
                if entry.handle_not_established(now.mono, failure.clone(), &mut self.rng) {
                    self.events.push_back(Event::NotEstablished { group, failure });
                }
            }
            Ok(granted) => {
                if entry.handle_established(now.mono) {
                    let (algorithm, cookies) = (granted.keys.primary.algorithm(), granted.cookies.len());
                    self.events.push_back(Event::Established { group, algorithm, cookies });
                }
                self.hand_out(now.mono, group, granted);
            }
        }
        self.maintain(now.mono);
        self.tell_transitions();
    }

    /// Gives keys to the association that wants them, or keeps them for a new one.
    pub(super) fn hand_out(&mut self, now: MonoTime, group: GroupId, mut granted: Granted) {
        let known: Vec<SocketAddr> = granted.addresses.iter().map(crate::pool::canonical).collect();
        let member = self.members.values_mut().find(|member| member.group == group);
        if let Some(member) = member {
            let address = member.source.address();
            let elsewhere = known.iter().any(|other| *other != address);
            let stays = known.contains(&address) && !(membership::is_useless(&member.source) && elsewhere);
            if stays {
                return member.source.rekey(Session::new(granted, now), now);
            }
            let id = member.source.id();
            self.remove(id, Removal::Moved, now);
            // Of several addresses, the one that was of no use is tried last.
            granted.addresses.sort_by_key(|other| crate::pool::canonical(other) == address);
        }
        if let Some(entry) = self.groups.get_mut(group.place()) {
            entry.put(granted, now);
        }
    }

    /// Asks for new keys where they are wanted.
    pub(super) fn want_keys(&mut self, now: MonoTime) {
        for member in self.members.values() {
            if member.source.session().is_some_and(|session| session.wants_keys(now))
                && let Some(group) = self.groups.get_mut(member.group.place())
            {
                group.want_addresses(now, &mut self.rng);
            }
        }
    }

    /// The keys and cookies of each entry as they are now, to be kept over a restart. Whoever keeps them must not hand them
    /// out twice: a cookie is used once.
    #[must_use]
    pub fn sessions(&self, now: MonoTime) -> Vec<(GroupId, Granted)> {
        let of = |member: &super::Member| {
            let session =
                member.source.session().filter(|session| !session.wants_keys(now) && !session.is_provisional());
            session.map(|session| (member.group, session.granted(member.source.address(), now)))
        };
        self.members.values().filter_map(of).collect()
    }

    /// Whether the clock has never been right, so that certificates cannot be judged by it.
    pub(super) fn certificates_since(&self) -> Option<i64> {
        self.unproven_since.filter(|_| !self.confirmed)
    }

    /// A server whose certificate was judged without knowing the time may not tell a time at which it is not valid.
    pub(super) fn check_certificate_time(&mut self, now: Now, id: SourceId) {
        let Some(member) = self.members.get(&id) else { return };
        let Some(session) = member.source.session().filter(|session| session.is_provisional()) else { return };
        let Some((offset, _)) = self.opinion_of(member, now) else { return };
        if !session.validity().contains_timestamp(now.local + offset.into())
            && let Some(member) = self.members.get_mut(&id)
        {
            member.source.reject(Discard::CertificateTime);
        }
    }

    /// Whether the only opinion there is comes from a server whose certificate was judged without knowing the time: then it
    /// must not set the clock alone.
    #[must_use]
    pub fn waits_for_a_witness(&self) -> bool {
        let mut usable = self.members.values().filter(|member| member.source.is_usable());
        let first = usable.next().and_then(|member| member.source.session());
        !self.confirmed && first.is_some_and(Session::is_provisional) && usable.next().is_none()
    }

    /// The time is known from now on: certificates that are not valid vouch for nobody.
    pub(super) fn revalidate(&mut self, now: Now) {
        let mut out = Vec::new();
        for member in self.members.values_mut() {
            let id = member.source.id();
            if let Some(session) = member.source.session_mut().filter(|session| session.is_provisional()) {
                if session.validity().contains_timestamp(now.local) {
                    session.confirm();
                } else {
                    out.push(id);
                }
            }
        }
        for id in out {
            self.remove(id, Removal::Certificate, now.mono);
        }
        for group in self.groups.iter_mut().filter(|group| group.is_nts()) {
            group.hurry(now.mono);
        }
    }
}
