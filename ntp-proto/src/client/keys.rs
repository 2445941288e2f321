//! NTS keys: the associations that need new ones, the distribution of grants, and the trust in a
//! time that a certificate vouches for.

use super::{Client, Event, Removal, replacement};
use crate::association::{AssociationId, Discard};
use crate::client::entry::{EstablishFailure, SourceEntryId};
use crate::clock::{Authentication, Doubt, FirstTime, Outcome};
use crate::nts::{NtsGrant, NtsSession};
use crate::time::{MonoTime, Now, NtpTimestamp, Seconds};
use std::net::SocketAddr;

/// So far ahead a clock may be set without a word of doubt.
const A_DAY: Seconds = Seconds::new(86_400.0);

impl Client {
    /// Handles the result of the key establishment that [`Event::Establish`] asked for.
    pub fn handle_established(
        &mut self,
        now: Now,
        entry_id: SourceEntryId,
        outcome: Result<NtsGrant, EstablishFailure>,
    ) {
        let Some(entry) = self.entries.get_mut(entry_id) else {
            return;
        };
        match outcome {
            Err(failure) => {
                let expired = failure.is_expired();
                if entry.handle_not_established(now.mono, failure.clone(), &mut self.rng) {
                    self.events.push_back(Event::NotEstablished {
                        entry: entry_id,
                        failure,
                    });
                }
                if expired {
                    self.doubt_the_time(now.mono);
                }
            }
            Ok(granted) => {
                if entry.handle_established(now.mono) {
                    let (algorithm, cookies) =
                        (granted.keys.primary.algorithm(), granted.cookies.len());
                    self.events.push_back(Event::Established {
                        entry: entry_id,
                        algorithm,
                        cookies,
                    });
                }
                self.hand_out(now.mono, entry_id, granted);
            }
        }
        self.maintain(now.mono);
        self.report_transitions();
    }

    /// Gives keys to the association that wants them, or keeps them for a new one.
    pub(super) fn hand_out(
        &mut self,
        now: MonoTime,
        entry_id: SourceEntryId,
        mut granted: NtsGrant,
    ) {
        let known: Vec<SocketAddr> = granted
            .addresses
            .iter()
            .map(crate::client::entry::canonical)
            .collect();
        let member = self
            .members
            .values_mut()
            .find(|member| member.entry == entry_id);
        if let Some(member) = member {
            let address = member.association.address();
            let elsewhere = known.iter().any(|other| *other != address);
            let stays = known.contains(&address)
                && !(replacement::is_useless(&member.association) && elsewhere);
            if stays {
                return member.association.rekey(NtsSession::new(granted, now), now);
            }
            let id = member.association.id();
            self.remove(id, Removal::Moved, now);
            // Of several addresses, the one that has failed is tried last.
            granted
                .addresses
                .sort_by_key(|other| crate::client::entry::canonical(other) == address);
        }
        if let Some(entry) = self.entries.get_mut(entry_id) {
            entry.put(granted, now);
        }
    }

    /// Asks for new keys where they are wanted.
    pub(super) fn want_keys(&mut self, now: MonoTime) {
        for member in self.members.values() {
            if member
                .association
                .session()
                .is_some_and(|session| session.wants_keys(now))
                && let Some(entry) = self.entries.get_mut(member.entry)
            {
                entry.want_addresses(now, &mut self.rng);
            }
        }
    }

    /// The keys and cookies of each entry as they are now, to be kept over a restart. A driver that
    /// keeps them must not use them twice: a cookie is used once.
    #[must_use]
    pub fn sessions(&self, now: MonoTime) -> Vec<(SourceEntryId, NtsGrant)> {
        let of = |member: &super::Member| {
            let session = member
                .association
                .session()
                .filter(|session| !session.wants_keys(now) && !session.is_provisional());
            session.map(|session| {
                (
                    member.entry,
                    session.granted(member.association.address(), now),
                )
            })
        };
        self.members.values().filter_map(of).collect()
    }

    /// If the clock has never been right, and certificates cannot be judged by it, a time in Unix
    /// seconds that has certainly passed.
    pub(super) fn certificates_since(&self) -> Option<i64> {
        self.unproven_since.filter(|_| !self.confirmed)
    }

    /// A certificate was refused because it has expired. If there is nothing else to go by, or if
    /// sources without NTS have moved our clock far ahead, it is likelier that we are wrong about
    /// the time than that all certificates were forgotten: only what is certain counts from now on.
    fn doubt_the_time(&mut self, now: MonoTime) {
        let Some(certain) = self.certain_since else {
            return;
        };
        let preferred = self.clock.config().authentication != Authentication::Mix;
        let moved_ahead = preferred && self.clock.unauthenticated_steps() > A_DAY;
        let hopeful = |member: &super::Member| {
            let counts = member.association.session().is_some() || !moved_ahead;
            let pending =
                member.association.is_pending() && !replacement::is_useless(&member.association);
            counts && (member.association.is_usable() || pending)
        };
        let mut entries = self.entries.iter().filter(|entry| entry.is_nts());
        let in_doubt_already = self
            .certificates_since()
            .is_some_and(|since| since <= certain);
        let known = self.confirmed && !moved_ahead;
        if known || in_doubt_already || self.members.values().any(hopeful) {
            return;
        }
        if !entries.all(|entry| entry.establishment().is_failing()) {
            return;
        }
        self.unproven_since = Some(certain);
        (self.confirmed, self.doubted) = (false, true);
        self.events.push_back(Event::TimeDoubted);
        for entry in self.entries.iter_mut().filter(|entry| entry.is_nts()) {
            entry.look_up_soon(now);
        }
    }

    /// From its first synchronization on, the clock is fit to judge certificates; where it was
    /// doubted, from the time when a source with NTS has confirmed it.
    pub(super) fn confirm(&mut self, now: Now) {
        let free = self.clock.timescale().to_free(now.local);
        let sealed = matches!(
            self.clock.selection().outcome,
            Outcome::Agreed {
                authenticated: 1..,
                ..
            }
        );
        if !self.confirmed && self.clock.is_synchronized(free) && (sealed || !self.doubted) {
            self.confirmed = true;
            self.revalidate(now);
        }
    }

    /// A server may not claim a time at which the certificate that vouches for it is not valid.
    pub(super) fn check_certificate_time(&mut self, now: Now, id: AssociationId) {
        let Some(member) = self.members.get(&id) else {
            return;
        };
        let Some(session) = member.association.session() else {
            return;
        };
        let Some((offset, _)) = self.opinion_of(member, now) else {
            return;
        };
        if !session.vouches_for(now.local + offset.into(), now.mono)
            && let Some(member) = self.members.get_mut(&id)
        {
            member.association.reject(Discard::CertificateTime);
        }
    }

    /// The reason for which a source that claims this time may not set the clock alone, if there is
    /// one.
    pub(super) fn doubt_about(
        &self,
        member: &super::Member,
        claimed: NtpTimestamp,
    ) -> Option<Doubt> {
        match member.association.session() {
            Some(session) => {
                let proof_needed =
                    self.clock.config().first_time == FirstTime::Witness && !self.confirmed;
                (session.is_provisional() && proof_needed).then_some(Doubt::CertificateUnproven)
            }
            None => {
                let until = self
                    .plausible_until
                    .filter(|until| claimed.to_unix_near(*until).0 > *until)?;
                Some(Doubt::Implausible { claimed, until })
            }
        }
    }

    /// The time is known from now on: associations whose certificates are not valid are removed.
    fn revalidate(&mut self, now: Now) {
        let mut out = Vec::new();
        for member in self.members.values_mut() {
            let id = member.association.id();
            if let Some(session) = member
                .association
                .session_mut()
                .filter(|session| session.is_provisional())
            {
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
        for entry in self.entries.iter_mut().filter(|entry| entry.is_nts()) {
            entry.look_up_soon(now.mono);
        }
    }
}
