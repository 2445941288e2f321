//! The end of associations: useless ones are replaced, demobilized ones are tried again later.

use super::{Client, Member, Removal};
use crate::association::{Association, AssociationId};
use crate::client::entry::SourceEntry;
use crate::clock::Standing;
use crate::time::MonoTime;
use rand::RngExt;
use std::time::Duration;

/// A member that has been measured before is replaced after this many useless polls.
const PATIENCE: u32 = 8;
/// A member that has never been measured is replaced after this many useless polls.
const PATIENCE_WITH_STRANGERS: u32 = 4;
/// Opinions in a row against the majority, or too vague, after which a pool member is replaced.
const PATIENCE_WITH_LIARS: u32 = 8;
/// The first back-off after a kiss that ended an association; doubled each time.
const DENIAL_BACK_OFF: Duration = Duration::from_secs(3600);
/// Doublings of that, up to 16 hours.
const DENIAL_DOUBLINGS: u32 = 4;

impl Client {
    /// Members of pools are replaced as soon as there is another address; configured servers are
    /// looked up again.
    pub(super) fn replace_useless(&mut self, now: MonoTime) {
        let in_use = self.addresses();
        let mut out = Vec::new();
        for (id, member) in &self.members {
            let Some(reason) = reason_to_replace(member) else {
                continue;
            };
            let open = |entry: &SourceEntry| self.has_open_candidate(entry, &in_use, now);
            let elsewhere = self.entries.get(member.entry).is_some_and(open);
            let Some(entry) = self.entries.get_mut(member.entry) else {
                continue;
            };
            if reason == Removal::NoRoute {
                if elsewhere {
                    out.push((*id, reason));
                }
                continue;
            }
            // Keys that work need no replacement; where the server does not answer, it may have
            // moved.
            let established = entry.is_nts() && member.association.unanswered() == 0;
            if established {
                continue;
            }
            if entry.is_pool() && entry.has_candidate(&in_use) {
                out.push((*id, reason));
            } else if entry.is_pool() || reason == Removal::Useless {
                entry.want_addresses(now, &mut self.rng);
            }
        }
        // One at a time and entry, so that each is weighed against the candidates that are left.
        if let Some((id, reason)) = out.first() {
            self.remove(*id, *reason, now);
        }
    }

    /// A configured server that denied us is tried again after a long time: the kiss may have been
    /// forged.
    pub(super) fn revive(&mut self, now: MonoTime) {
        for member in self.members.values_mut() {
            if member.association.demobilized().is_none() {
                continue;
            }
            match member.revive_at {
                None => {
                    let doubled = DENIAL_BACK_OFF * 2_u32.pow(member.denials.min(DENIAL_DOUBLINGS));
                    member.denials += 1;
                    member.revive_at =
                        Some(now + doubled.mul_f64(self.rng.random_range(1.0..1.25)));
                }
                Some(at) if now >= at => {
                    member.revive_at = None;
                    if let Some(entry) = self.entries.get(member.entry) {
                        member.association.revive(entry.config().association, now);
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Counts how often in a row a source with a new measurement has been contradicted, or could
    /// not be used.
    pub(super) fn judge_honesty(&mut self, id: AssociationId, now: MonoTime) {
        let standing = self.clock.selection().standing(id);
        let disagreements = matches!(
            standing,
            Some(
                Standing::Falseticker { .. }
                    | Standing::ContradictsAuthenticated { .. }
                    | Standing::TooDistant { .. }
            )
        );
        if let Some(member) = self.members.get_mut(&id) {
            member.disagreements = if disagreements {
                member.disagreements + 1
            } else {
                0
            };
        }
        self.maintain(now);
    }
}

pub(super) fn is_useless(association: &Association) -> bool {
    let patience = if association.counters().measured == 0 {
        PATIENCE_WITH_STRANGERS
    } else {
        PATIENCE
    };
    association.useless_polls() >= patience
}

fn reason_to_replace(member: &Member) -> Option<Removal> {
    if member.association.demobilized().is_some() {
        Some(Removal::Denied)
    } else if member.association.has_no_route()
        && member.association.counters().measured == 0
        && !is_useless(&member.association)
    {
        Some(Removal::NoRoute)
    } else if is_useless(&member.association) {
        Some(Removal::Useless)
    } else if member.disagreements >= PATIENCE_WITH_LIARS {
        Some(Removal::Falseticker)
    } else {
        None
    }
}
