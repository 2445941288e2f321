//! From a measurement to the clock: the candidates of the selection, and the polls that follow it.

use super::{Client, Member};
use crate::association::AssociationId;
use crate::clock::{Candidate, Filtered};
use crate::packet::ReferenceId;
use crate::time::{MonoTime, Now};

/// After the first reply, each other source may leave this many requests unanswered before it is
/// not waited for.
const PATIENCE_AT_FIRST: u32 = 2;

impl Client {
    /// A source has given a measurement. The first one of all shows that the network is up: all
    /// sources that have not answered are polled again at once, so that the first to answer does
    /// not decide alone.
    pub(super) fn on_first_measurement(&mut self, now: MonoTime, id: AssociationId) {
        let entry = self.members.get(&id).map(|member| member.entry);
        if let Some(entry) = entry.and_then(|entry| self.entries.get_mut(entry)) {
            entry.handle_success();
        }
        if self.first_measured.is_some() {
            return;
        }
        self.first_measured = Some(now);
        for member in self
            .members
            .values_mut()
            .filter(|member| member.association.is_pending())
        {
            member.hopeless_at = member
                .association
                .useless_polls()
                .saturating_add(PATIENCE_AT_FIRST);
            if member.association.useless_polls() > 0 {
                member.association.poll_soon(now);
            }
        }
        for entry in self.entries.iter_mut() {
            entry.look_up_soon(now);
        }
        self.maintain(now);
    }

    /// Passes the measurements of all usable sources to the clock process; `changed` has a new one.
    pub(super) fn decide(&mut self, now: Now, changed: Option<AssociationId>) {
        let free = self.clock.timescale().to_free(now.local);
        let drift = self.clock.drift();
        let mut candidates = Vec::with_capacity(self.members.len());
        for member in self
            .members
            .values()
            .filter(|member| member.association.is_usable())
        {
            let filtered = member.association.filter().filtered(free, drift);
            candidates.extend(filtered.map(|filtered| self.candidate(member, now, filtered)));
        }
        let awaited = self.awaited(now.mono);
        self.clock
            .handle_opinions(now, &candidates, changed, awaited);
        self.spread_poll(now.mono);
        if let Some(id) = changed {
            self.judge_honesty(id, now.mono);
            self.call_witnesses(id, now.mono);
            self.ask_again(now.mono);
        }
        self.collect_clock_events();
        self.confirm(now);
        self.report_transitions();
    }

    pub(super) fn candidate(&self, member: &Member, now: Now, filtered: Filtered) -> Candidate {
        let association = &member.association;
        let offset = self.clock.offset_of(&filtered, now.local);
        Candidate {
            id: association.id(),
            offset,
            filtered,
            poll: association.poll(),
            reference_id: ReferenceId::from_address(association.address().ip()),
            authenticated: association.session().is_some(),
            doubt: self.doubt_about(member, now.local + offset.into()),
        }
    }

    fn spread_poll(&mut self, now: MonoTime) {
        if let Some(poll) = self.clock.wanted_poll() {
            for member in self.members.values_mut() {
                member.association.want_poll(poll, now);
            }
        }
    }
}
