//! Read access to an association.

use super::exchange::{DOUBT_LASTS, UNREACHABLE_LASTS};
use super::{Association, AssociationCounters, Doubt, LastReply};
use crate::association::{AssociationId, Discard, Reach};
use crate::clock::{ClockFilter, RootFacts};
use crate::nts::NtsSession;
use crate::packet::KissCode;
use crate::time::{MonoTime, PollInterval};
use std::net::SocketAddr;

/// Error numbers of Linux that say that there is no way out for a family of addresses:
/// `EAFNOSUPPORT`, `EADDRNOTAVAIL` and `ENETUNREACH`.
const NO_ROUTE: [i32; 3] = [97, 99, 101];

impl Association {
    /// The identifier of the association.
    #[must_use]
    pub fn id(&self) -> AssociationId {
        self.id
    }

    /// The server's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The last measurements.
    #[must_use]
    pub fn filter(&self) -> &ClockFilter {
        &self.filter
    }

    /// True if the newest measurement contradicts the one before: one of the clocks may have
    /// jumped.
    #[must_use]
    pub fn is_surprising(&self) -> bool {
        self.surprising
    }

    /// The regular poll interval now.
    #[must_use]
    pub fn poll(&self) -> PollInterval {
        self.pacing.poll()
    }

    /// The time at which the next request is due.
    #[must_use]
    pub fn next_poll(&self) -> MonoTime {
        self.next_poll
    }

    /// The last eight polls.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// The kiss that ended the association, if one did.
    #[must_use]
    pub fn demobilized(&self) -> Option<KissCode> {
        self.demobilized
    }

    /// The reason why the last reply could not be used.
    #[must_use]
    pub fn problem(&self) -> Option<Discard> {
        self.problem
    }

    /// Polls in a row that brought no measurement.
    #[must_use]
    pub fn useless_polls(&self) -> u32 {
        self.useless
    }

    /// The number of polls in a row without an answer.
    #[must_use]
    pub fn unanswered(&self) -> u32 {
        self.pacing.unanswered()
    }

    /// True while requests are sent less often because the server has asked for it (kiss code
    /// RATE).
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.pacing.is_rate_limited()
    }

    /// The operating system error number of the last attempt to send, if it failed.
    #[must_use]
    pub fn send_error(&self) -> Option<i32> {
        self.send_error
    }

    /// True if the last request could not be sent because this machine has no way out for its
    /// family of addresses.
    #[must_use]
    pub fn has_no_route(&self) -> bool {
        self.send_error
            .is_some_and(|error| NO_ROUTE.contains(&error))
    }

    /// The cause for which requests do not arrive, as the network reported it: an operating system
    /// error number, `ECONNREFUSED` if nothing listens at the server's port. `None` once a datagram
    /// of the server has come, or four requests have been sent without such a message.
    #[must_use]
    pub fn unreachable(&self) -> Option<i32> {
        let (os_error, sequence) = self.unreachable?;
        (self.sequence.wrapping_sub(sequence) <= UNREACHABLE_LASTS).then_some(os_error)
    }

    /// The last datagram that came for one of the last eight requests and was not believed; `None`
    /// once a later one was measured.
    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        self.doubt
            .filter(|doubt| self.sequence.wrapping_sub(doubt.sequence) <= DOUBT_LASTS)
    }

    /// The NTS keys and cookies, if the server's time is authenticated.
    #[must_use]
    pub fn session(&self) -> Option<&NtsSession> {
        self.session.as_ref()
    }

    /// The NTS session, to confirm it.
    pub(crate) fn session_mut(&mut self) -> Option<&mut NtsSession> {
        self.session.as_mut()
    }

    /// The last reply of the server, usable or not.
    #[must_use]
    pub fn last_reply(&self) -> Option<&LastReply> {
        self.last_reply.as_ref()
    }

    /// The server's root variables in the newest measurement.
    #[must_use]
    pub fn root(&self) -> Option<RootFacts> {
        self.filter.samples().next().map(|sample| sample.root)
    }

    /// The counters of this association.
    #[must_use]
    pub fn counters(&self) -> &AssociationCounters {
        &self.counters
    }

    /// True until it is measured for the first time since the start or the last disturbance of our
    /// clock.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pending && self.demobilized.is_none()
    }

    /// True if its measurements may be used: the server has answered one of the last polls, and its
    /// last answer was usable.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let heeded = matches!(self.problem, None | Some(Discard::Kiss(KissCode::Rate)));
        self.reach.is_fresh() && self.demobilized.is_none() && heeded
    }
}
