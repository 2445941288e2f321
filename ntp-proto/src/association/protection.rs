//! The association with NTS: what is only believed under its seal, and keys that come and go.

use super::Association;
use crate::association::Discard;
use crate::nts::NtsSession;
use crate::packet::Header;
use crate::time::MonoTime;
use rand::{CryptoRng, RngExt as _};

impl Association {
    /// This association, protected by the keys of a session (RFC 8915): nothing is sent or believed
    /// without them.
    #[must_use]
    pub fn with_session(self, session: NtsSession) -> Self {
        Self {
            session: Some(session),
            ..self
        }
    }

    /// Ends the association, and returns its NTS session for another address of the server. Cookies
    /// that were sent are not in it.
    #[must_use]
    pub fn into_session(self) -> Option<NtsSession> {
        self.session
    }

    /// Switches to the alternate keys (see [`ClientKeys`](crate::nts::ClientKeys)), if there are
    /// any and the server has never used the present ones; true if so. The exchange in flight is
    /// then abandoned. An association does this by itself after a NAK, once the deadline has
    /// passed; a driver can do it sooner, or after [`Discard::Forged`].
    pub fn try_alternate_keys(&mut self) -> bool {
        let switched = self
            .session
            .as_mut()
            .is_some_and(NtsSession::switch_to_alternate);
        if switched {
            self.abandon();
        }
        switched
    }

    /// Continues with new keys. The exchange in flight is abandoned, as its reply could not be
    /// opened.
    pub(crate) fn rekey(&mut self, session: NtsSession, now: MonoTime) {
        self.abandon();
        self.session = Some(match &self.session {
            Some(before) => session.succeeding(before),
            None => session,
        });
        self.next_poll = self.next_poll.min(now);
    }

    /// A request was due, and there is no cookie to send it with. It counts as one that was lost.
    pub(super) fn skip_poll(&mut self, now: MonoTime, rng: &mut impl CryptoRng) {
        self.give_up(now);
        self.reach.polled();
        self.lost();
        self.next_poll = now + self.pacing.interval(rng.random());
    }

    /// The header as the server has sealed it, where the request was protected. A NAK, which anyone
    /// who sees our request can forge, counts only if no true reply comes until the deadline.
    pub(super) fn authenticate(
        &mut self,
        header: Header,
        octets: &[u8],
    ) -> Result<Header, Discard> {
        let Some(session) = &mut self.session else {
            return Ok(header);
        };
        let request = self.in_flight.as_mut().ok_or(Discard::Bogus)?;
        let unique_id = request.unique_id.as_ref().ok_or(Discard::Unauthenticated)?;
        let opened = session.open(octets, unique_id);
        if opened == Err(Discard::Nak) {
            request.refused = true;
        }
        opened
    }
}
