//! Replies without a time in them: kisses, servers that are not synchronized, and the like.
//!
//! An attacker who sees our request can forge such a reply and have it arrive first, and a handful
//! of datagrams would silence a client. So a refusal counts only if no reply with a time in it
//! comes until the deadline of the exchange or the next poll. With NTS nothing can be forged, and a
//! refusal counts at once.

use super::{Association, InFlight};
use crate::association::Discard;
use crate::packet::{Header, KissCode};
use crate::time::MonoTime;

/// A reply to the request in flight without a time in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    discard: Discard,
    /// The poll field of its header, as log₂ of seconds.
    poll: i8,
}

impl Refusal {
    /// The cost of obeying it, from none to all. Of several refusals, the mildest counts, since the
    /// others may be forged.
    const fn severity(self) -> u8 {
        match self.discard {
            Discard::Kiss(KissCode::Deny | KissCode::Rstr) => 2,
            Discard::Kiss(KissCode::Rate) => 1,
            _ => 0,
        }
    }
}

impl InFlight {
    /// True if all that has come in reply is a refusal, a NAK included.
    const fn is_refused(&self) -> bool {
        self.refused || self.refusal.is_some()
    }
}

impl Association {
    /// True if a refused exchange may still bring a better reply. A poll that was brought forward,
    /// as by the first reply of another server, would end it at once and let a forged refusal win:
    /// that poll waits.
    pub(super) fn awaits_better(&mut self, now: MonoTime) -> bool {
        let refused = self
            .in_flight
            .as_ref()
            .filter(|request| request.is_refused());
        let Some(until) = refused
            .map(|request| request.better_until)
            .filter(|until| now < *until)
        else {
            return false;
        };
        self.next_poll = self.next_poll.max(until);
        true
    }

    /// The right server answered the right request, as far as can be seen, but there is no time in
    /// it.
    pub(super) fn refuse(&mut self, discard: Discard, header: &Header, now: MonoTime) -> Discard {
        let refusal = Refusal {
            discard,
            poll: header.poll,
        };
        let Some(request) = &mut self.in_flight else {
            return discard;
        };
        if request
            .refusal
            .is_none_or(|before| refusal.severity() < before.severity())
        {
            request.refusal = Some(refusal);
        }
        if self.session.is_some() {
            self.last_origin = Some(header.origin);
            self.settle_refusal(now);
        }
        discard
    }

    /// Ends the exchange in flight if it has been refused, a NAK included. True if it has.
    pub(super) fn settle_refusal(&mut self, now: MonoTime) -> bool {
        let refused = self.in_flight.as_ref().is_some_and(InFlight::is_refused);
        if refused {
            self.give_up(now);
        }
        refused
    }

    /// Obeys a refusal, now that no better reply can come.
    pub(super) fn obey(&mut self, refusal: Refusal, now: MonoTime) {
        self.useless = self.useless.saturating_add(1);
        self.problem = Some(refusal.discard);
        self.pacing.replied();
        match refusal.discard {
            Discard::Kiss(KissCode::Rate) => {
                self.pacing.slow_down(refusal.poll, now);
                self.next_poll = self.next_poll.max(now + self.pacing.interval(0.0));
            }
            Discard::Kiss(kiss @ (KissCode::Deny | KissCode::Rstr)) => {
                self.demobilized = Some(kiss);
            }
            _ => {}
        }
    }
}
