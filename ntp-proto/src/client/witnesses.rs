//! Exchanges out of turn that a correction waits for: the testimony of other sources, and a second
//! exchange of a lone one.

use super::Client;
use crate::association::AssociationId;
use crate::clock::{Outcome, Standing};
use crate::time::MonoTime;
use std::time::Duration;

/// All sources are asked for their testimony this often at most.
const TESTIMONY_SPACING: Duration = Duration::from_secs(300);

impl Client {
    /// The last measurement of a source contradicts the one before, or a correction waits for
    /// confirmation: all sources are asked to testify, in a burst if a majority says that the clock
    /// is far off.
    pub(super) fn call_witnesses(&mut self, id: AssociationId, now: MonoTime) {
        // A falseticker testifies against itself only.
        let disagreements = matches!(
            self.clock.selection().standing(id),
            Some(Standing::Falseticker { .. })
        );
        let surprising = !disagreements
            && self
                .members
                .get(&id)
                .is_some_and(|member| member.association.is_surprising());
        if !self.clock.is_held() && !surprising {
            return;
        }
        let burst = self.clock.is_watching();
        let lately = self
            .witnesses_called
            .is_some_and(|last| now < last + TESTIMONY_SPACING);
        if !lately {
            self.witnesses_called = Some(now);
        }
        for member in self.members.values_mut() {
            if burst {
                member.association.poll_soon(now);
            }
            if !lately {
                member.association.ask_soon(now);
            }
        }
    }

    /// At a start, a single exchange of a lone source is not final, and of two that contradict each
    /// other a third one decides: the source is asked again, even if no burst is configured.
    pub(super) fn ask_again(&mut self, now: MonoTime) {
        let Outcome::Agreed {
            peer, agreeing: 1, ..
        } = self.clock.selection().outcome
        else {
            return;
        };
        if !self.clock.is_steady()
            && let Some(member) = self.members.get_mut(&peer)
            && (member.association.is_surprising()
                || member.association.filter().samples().count() == 1)
        {
            member.association.ask_soon(now);
        }
    }
}
