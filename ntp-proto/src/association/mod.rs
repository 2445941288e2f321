//! One association with one server address: the exchange in flight, validation, reach and pace.
//!
//! There is one request in flight at most, and its reply is accepted at most once.
//!
//! A [`Client`](crate::client::Client) drives all its associations itself. A program that measures
//! one server without disciplining a clock drives an [`Association`] alone: it sends what
//! [`poll_transmit`](Association::poll_transmit) returns, hands over timestamps and datagrams with
//! a [`Context`], and reads the [`filter`](Association::filter).

mod config;
mod discard;
mod exchange;
mod facts;
mod id;
mod own_servers;
mod pacing;
mod protection;
mod reach;
mod refusal;
mod reply;
#[cfg(test)]
mod tests;
mod urgency;
mod validate;

use crate::clock::ClockFilter;
use crate::nts::{NtsSession, RequestError};
use crate::packet::{Header, KissCode, Version};
use crate::time::{LocalStamp, MonoTime, NtpTimestamp, StampOrigin};
pub use config::AssociationConfig;
pub use discard::{Discard, DiscardCounters};
pub use exchange::{
    Accepted, AssociationCounters, Context, Datagram, Doubt, LastReply, Transmit, TransmitToken,
};
use exchange::{InFlight, REMEMBERED};
pub use id::AssociationId;
pub use own_servers::OwnServers;
use pacing::Pacing;
use rand::{CryptoRng, RngExt};
pub use reach::Reach;
use std::net::SocketAddr;
use std::time::Duration;
pub use validate::{Ourselves, ValidReply};

/// A later reply is discarded, see [`Association::with_reply_timeout`].
const REPLY_TIMEOUT: Duration = Duration::from_secs(3);

/// One association with one server address.
#[derive(Debug)]
pub struct Association {
    id: AssociationId,
    address: SocketAddr,
    version: Version,
    /// With a session, nothing is sent or believed without protection.
    session: Option<NtsSession>,
    pacing: Pacing,
    /// The time from a request until its deadline.
    reply_timeout: Duration,
    next_poll: MonoTime,
    sequence: u32,
    in_flight: Option<InFlight>,
    sent_at: Option<MonoTime>,
    last_origin: Option<NtpTimestamp>,
    /// The origins of the last requests that we no longer wait for, the latest one first.
    abandoned_origins: [Option<NtpTimestamp>; REMEMBERED],
    reach: Reach,
    /// It has not been measured yet since the start or the last disturbance of our clock.
    pending: bool,
    filter: ClockFilter,
    /// The newest measurement contradicts the one before.
    surprising: bool,
    demobilized: Option<KissCode>,
    problem: Option<Discard>,
    useless: u32,
    send_error: Option<i32>,
    /// The cause for which a request did not arrive, as the network reported it: an operating
    /// system error number, and the request.
    unreachable: Option<(i32, u32)>,
    /// The last datagram that was not believed, since the last measurement.
    doubt: Option<Doubt>,
    last_reply: Option<LastReply>,
    counters: AssociationCounters,
}

impl Association {
    /// A new association without NTS that polls for the first time at `start`. The `id` must be
    /// unique among the associations of one driver.
    #[must_use]
    pub fn new(
        id: AssociationId,
        address: SocketAddr,
        config: AssociationConfig,
        start: MonoTime,
    ) -> Self {
        Self {
            id,
            address,
            version: config.version,
            session: None,
            pacing: Pacing::new(config),
            reply_timeout: REPLY_TIMEOUT,
            next_poll: start,
            sequence: 0,
            in_flight: None,
            sent_at: None,
            last_origin: None,
            abandoned_origins: [None; REMEMBERED],
            reach: Reach::default(),
            pending: true,
            filter: ClockFilter::default(),
            surprising: false,
            demobilized: None,
            problem: None,
            useless: 0,
            send_error: None,
            unreachable: None,
            doubt: None,
            last_reply: None,
            counters: AssociationCounters::default(),
        }
    }

    /// This association, with replies accepted for `timeout` after each request instead of 3 s.
    #[must_use]
    pub fn with_reply_timeout(self, timeout: Duration) -> Self {
        Self {
            reply_timeout: timeout,
            ..self
        }
    }

    /// Writes the next request, with 64 random bits as its transmit timestamp, into `buffer` if one
    /// is due at `now`. The buffer must hold a header, or
    /// [`MAX_PROTECTED_REQUEST`](crate::nts::MAX_PROTECTED_REQUEST) octets with NTS; a smaller one
    /// sends nothing. `None` as well if no cookie is left (RFC 8915 §5.7).
    pub fn poll_transmit(
        &mut self,
        now: MonoTime,
        rng: &mut impl CryptoRng,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        if self.demobilized.is_some() || now < self.next_poll {
            return None;
        }
        if self.awaits_better(now) {
            return None;
        }
        // A refusal of the request before may put this one off, or forbid it.
        if self.settle_refusal(now) && (self.demobilized.is_some() || now < self.next_poll) {
            return None;
        }
        let origin = unpredictable(rng);
        let header = Header::request(self.version, self.pacing.poll(), origin);
        let (length, unique_id) = match &mut self.session {
            None => {
                let octets = header.encode();
                buffer.first_chunk_mut().map(|head| *head = octets)?;
                (octets.len(), None)
            }
            Some(session) => match session.protect(&header, rng, buffer) {
                Ok(written) => (written.length, Some(written.unique_id)),
                Err(RequestError::BufferFull) => return None,
                Err(RequestError::NoCookie) => {
                    self.skip_poll(now, rng);
                    return None;
                }
            },
        };
        self.give_up(now);
        self.sequence = self.sequence.wrapping_add(1);
        self.pacing.sent();
        self.reach.polled();
        self.counters.sent += 1;
        let deadline = now + self.reply_timeout;
        self.next_poll = now + self.pacing.interval(rng.random());
        self.sent_at = Some(now);
        self.in_flight = Some(InFlight {
            origin,
            sequence: self.sequence,
            deadline,
            transmitted: None,
            parked: None,
            unique_id,
            refused: false,
            refusal: None,
            better_until: self.next_poll.min(deadline),
        });
        let token = TransmitToken {
            association: self.id,
            sequence: self.sequence,
        };
        Some(Transmit {
            association: self.id,
            to: self.address,
            length,
            token,
            expires: deadline,
        })
    }

    /// Handles the transmit timestamp of a request (RFC 5905 §8 T1), by our clock. Returns the
    /// result of a reply that waited for it; `None` if there is none, or the request is no longer
    /// in flight.
    ///
    /// # Errors
    /// The reason for which the waiting reply cannot be used.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a token can be redeemed once"
    )]
    pub fn handle_transmitted(
        &mut self,
        token: TransmitToken,
        stamp: LocalStamp,
        context: &Context<'_>,
    ) -> Result<Option<Accepted>, Discard> {
        let Some(request) = self
            .in_flight
            .as_mut()
            .filter(|request| request.sequence == token.sequence)
        else {
            return Ok(None);
        };
        request.transmitted = Some(stamp);
        self.send_error = None;
        count_stamp(&mut self.counters.transmit_stamps, stamp.origin);
        let Some((reply, received)) = request.parked.take() else {
            return Ok(None);
        };
        let outcome = self.conclude(&reply, stamp, received, context);
        if let Err(discard) = outcome {
            self.counters.discards.count(discard);
        }
        outcome.map(Some)
    }

    /// The request could not be sent, for the reason of this operating system error number (0 if
    /// there is none). It counts as lost.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a token can be redeemed once"
    )]
    pub fn handle_send_failed(&mut self, token: TransmitToken, os_error: i32) {
        if self
            .in_flight
            .take_if(|request| request.sequence == token.sequence)
            .is_some()
        {
            self.counters.send_failures += 1;
            self.send_error = Some(os_error);
            self.lost();
        }
    }

    /// The network says that requests do not arrive, with the operating system's error number for
    /// the reason. Such a message is easily forged, so it is only shown.
    pub fn handle_unreachable(&mut self, os_error: i32) {
        self.unreachable = Some((os_error, self.sequence));
    }

    /// Abandons a request whose deadline has passed at `now`. An early call has no effect.
    pub fn handle_timeout(&mut self, now: MonoTime) {
        if now >= self.next_poll && !self.awaits_better(now) {
            self.settle_refusal(now);
        }
        if self
            .in_flight
            .as_ref()
            .is_some_and(|request| now > request.deadline)
        {
            self.give_up(now);
        }
    }

    fn give_up(&mut self, now: MonoTime) {
        let Some(request) = self.in_flight.take() else {
            return;
        };
        self.remember(request.origin);
        match request.refusal {
            Some(refusal) => self.obey(refusal, now),
            None => self.lost(),
        }
        if request.refused && self.session.as_mut().is_some_and(NtsSession::handle_nak) {
            self.next_poll = self.next_poll.min(now);
        }
    }

    /// The last measurement is not to be used after all, for a reason that lies outside its reply.
    pub(crate) fn reject(&mut self, discard: Discard) {
        self.counters.discards.count(discard);
        self.problem = Some(discard);
        self.useless = self.useless.saturating_add(1);
    }

    fn lost(&mut self) {
        self.pacing.lost();
        self.useless = self.useless.saturating_add(1);
    }

    /// The local clock was stepped: timestamps of the exchange in flight no longer fit together.
    pub(crate) fn handle_step(&mut self) {
        self.abandon();
    }

    /// Ends the exchange in flight without a verdict on the server.
    fn abandon(&mut self) {
        if let Some(request) = self.in_flight.take() {
            self.remember(request.origin);
        }
    }

    /// A reply with this origin comes too late from now on.
    fn remember(&mut self, origin: NtpTimestamp) {
        self.abandoned_origins.rotate_right(1);
        self.abandoned_origins[0] = Some(origin);
    }

    /// Tries a demobilized association again, from the start.
    pub(crate) fn revive(&mut self, config: AssociationConfig, now: MonoTime) {
        let (counters, pending) = (self.counters, self.pending);
        let session = self.session.take();
        *self = Self {
            counters,
            pending,
            last_reply: self.last_reply,
            reply_timeout: self.reply_timeout,
            session,
            ..Self::new(self.id, self.address, config, now)
        };
    }

    /// The next time at which something is due: a request, or the deadline of the one in flight.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<MonoTime> {
        let deadline = self
            .in_flight
            .as_ref()
            .map(|request| request.deadline + Duration::from_millis(1));
        let next_poll = self.demobilized.is_none().then_some(self.next_poll);
        [deadline, next_poll].into_iter().flatten().min()
    }
}

/// 64 unpredictable bits; never zero, as that is what a packet without origin holds.
fn unpredictable(rng: &mut impl CryptoRng) -> NtpTimestamp {
    NtpTimestamp::from_bits(rng.random::<u64>().max(1))
}

fn count_stamp(counters: &mut [u64; 3], origin: StampOrigin) {
    let place = match origin {
        StampOrigin::Daemon => 0,
        StampOrigin::Kernel => 1,
        StampOrigin::Hardware => 2,
    };
    if let Some(counter) = counters.get_mut(place) {
        *counter += 1;
    }
}
