//! The state machine of one association: one request in flight at most, and its reply accepted at
//! most once.

mod exchange;
mod facts;
mod protection;
mod refusal;
mod urgency;

pub(crate) use exchange::Context;
pub use exchange::{Accepted, Datagram, Doubt, Heard, SourceCounters, Transmit, TransmitToken};

use super::discard::Discard;
use super::pacing::Pacing;
use super::reach::Reach;
use super::validate::{Ourselves, ValidReply};
use super::{Session, SourceConfig, SourceId};
use crate::clock::{ClockFilter, Exchange, Stamp, StampOrigin};
use crate::nts::RequestError;
use crate::packet::{DecodeError, Header, KissCode, Mode, Packet, Version};
use crate::time::{MonoTime, NtpTimestamp};
use exchange::{DOUBT_LASTS, InFlight, REMEMBERED, UNREACHABLE_LASTS};
use rand::{CryptoRng, RngExt};
use std::net::SocketAddr;
use std::time::Duration;

/// A reply later than this is of no use.
const REPLY_DEADLINE: Duration = Duration::from_secs(3);

/// One association with one server address.
#[derive(Debug)]
pub struct Source {
    id: SourceId,
    address: SocketAddr,
    version: Version,
    /// With a session, nothing is sent or believed without protection.
    session: Option<Session>,
    pacing: Pacing,
    next_poll: MonoTime,
    sequence: u32,
    in_flight: Option<InFlight>,
    sent_at: Option<MonoTime>,
    last_origin: Option<NtpTimestamp>,
    /// The origins of the last requests that we no longer wait for, the latest one first.
    given_up: [Option<NtpTimestamp>; REMEMBERED],
    reach: Reach,
    /// It has yet to have its first say since the start or the last disturbance of our clock.
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
    heard: Option<Heard>,
    counters: SourceCounters,
}

impl Source {
    /// A new association that polls for the first time at `start`.
    #[must_use]
    pub(crate) fn new(
        id: SourceId,
        address: SocketAddr,
        config: SourceConfig,
        start: MonoTime,
    ) -> Self {
        Self {
            id,
            address,
            version: config.version,
            session: None,
            pacing: Pacing::new(config),
            next_poll: start,
            sequence: 0,
            in_flight: None,
            sent_at: None,
            last_origin: None,
            given_up: [None; REMEMBERED],
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
            heard: None,
            counters: SourceCounters::default(),
        }
    }

    /// Writes the next request into `buffer` if one is due. The buffer must hold a header, or
    /// [`MAX_PROTECTED_REQUEST`](crate::nts::MAX_PROTECTED_REQUEST) octets with NTS; a smaller one
    /// sends nothing.
    pub(crate) fn poll_transmit(
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
        let deadline = now + REPLY_DEADLINE;
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
            source: self.id,
            sequence: self.sequence,
        };
        Some(Transmit {
            source: self.id,
            to: self.address,
            length,
            token,
            expires: deadline,
        })
    }

    /// Takes in the transmit timestamp of a request. Returns what became of a reply that waited for
    /// it.
    ///
    /// # Errors
    /// Why the waiting reply cannot be used.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a token can be redeemed once"
    )]
    pub(crate) fn handle_transmitted(
        &mut self,
        token: TransmitToken,
        stamp: Stamp,
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

    /// The request could not be sent, for the reason of this operating system error number.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a token can be redeemed once"
    )]
    pub(crate) fn handle_send_failed(&mut self, token: TransmitToken, os_error: i32) {
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
    pub(crate) fn handle_unreachable(&mut self, os_error: i32) {
        self.unreachable = Some((os_error, self.sequence));
    }

    /// Takes in a datagram that came in at the port of a request of ours.
    ///
    /// # Errors
    /// Why it is not believed; up to [`Discard::Nak`] the association is then unchanged but for its
    /// counters.
    pub(crate) fn handle_datagram(
        &mut self,
        datagram: &Datagram<'_>,
        context: &Context<'_>,
    ) -> Result<Accepted, Discard> {
        self.counters.received += 1;
        if same_endpoint(datagram.from, self.address) {
            self.unreachable = None;
        }
        // A datagram without a request in flight, such as the second copy of a reply, says nothing
        // about the server.
        let waited = self.in_flight.is_some();
        let outcome = self.judge(datagram, context);
        if let Err(discard) = outcome {
            self.counters.discards.count(discard);
            if waited || discard == Discard::TooLate {
                self.doubt = Some(Doubt {
                    discard,
                    from: datagram.from,
                    sequence: self.sequence,
                });
            }
        }
        outcome
    }

    fn judge(
        &mut self,
        datagram: &Datagram<'_>,
        context: &Context<'_>,
    ) -> Result<Accepted, Discard> {
        let header = self.answer_to_our_request(datagram, context.now)?;
        let header = self.authenticate(header, datagram.bytes)?;
        self.heard = Some(Heard {
            header,
            at: context.now,
        });
        let ourselves = Ourselves {
            address: datagram.to,
            server: Some(self.address),
            ..context.ourselves
        };
        let reply = ValidReply::check(&header, &ourselves)
            .map_err(|discard| self.refuse(discard, &header, context.now))?;
        // From here on, nothing else answers this request.
        self.last_origin = Some(header.origin);
        count_stamp(&mut self.counters.receive_stamps, datagram.received.origin);
        match self.in_flight.as_mut().map(|request| request.transmitted) {
            Some(Some(sent)) => self.conclude(&reply, sent, datagram.received, context),
            _ => {
                if let Some(request) = &mut self.in_flight {
                    request.parked = Some((reply, datagram.received));
                }
                Ok(Accepted::Parked)
            }
        }
    }

    /// Packet tests 1 and 2, and that it is a packet of our server at all.
    fn answer_to_our_request(
        &self,
        datagram: &Datagram<'_>,
        now: MonoTime,
    ) -> Result<Header, Discard> {
        if !same_endpoint(datagram.from, self.address) {
            return Err(Discard::WrongAddress);
        }
        let header = Packet::decode(datagram.bytes).map_err(unreadable)?.header;
        if header.mode != Mode::Server {
            return Err(Discard::NotAReply);
        }
        if !header.origin.is_unknown() && self.last_origin == Some(header.origin) {
            return Err(Discard::Duplicate);
        }
        if !header.origin.is_unknown() && self.given_up.contains(&Some(header.origin)) {
            return Err(Discard::TooLate);
        }
        let request = self
            .in_flight
            .as_ref()
            .filter(|request| request.origin == header.origin)
            .ok_or(Discard::Bogus)?;
        if now > request.deadline {
            return Err(Discard::TooLate);
        }
        Ok(header)
    }

    fn conclude(
        &mut self,
        reply: &ValidReply,
        sent: Stamp,
        received: Stamp,
        context: &Context<'_>,
    ) -> Result<Accepted, Discard> {
        let header = reply.header();
        let exchange = Exchange {
            sent: context.timescale.to_free(sent.at),
            server_received: header.receive,
            server_sent: header.transmit,
            received: context.timescale.to_free(received.at),
        };
        let measurement =
            reply.measure(&exchange, (sent.origin, received.origin), context.precision);
        let measurement = measurement.map_err(|discard| {
            self.last_origin = None;
            self.refuse(discard, header, context.now)
        })?;
        self.in_flight = None;
        self.surprising = self.filter.push(measurement, context.drift);
        self.pacing.answered(self.reach.is_reachable(), context.now);
        if self.surprising && self.pacing.hurry(context.now) {
            self.next_poll = self.next_poll.min(context.now + self.pacing.interval(0.0));
        }
        self.reach.answered();
        self.problem = None;
        self.doubt = None;
        self.useless = 0;
        self.counters.measured += 1;
        self.pending = false;
        Ok(Accepted::Measured)
    }

    /// Gives up on a request whose deadline has passed.
    pub(crate) fn handle_timeout(&mut self, now: MonoTime) {
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
        if request.refused && self.session.as_mut().is_some_and(Session::handle_nak) {
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
        if let Some(request) = self.in_flight.take() {
            self.remember(request.origin);
        }
    }

    /// A reply with this origin comes too late from now on.
    pub(super) fn remember(&mut self, origin: NtpTimestamp) {
        self.given_up.rotate_right(1);
        self.given_up[0] = Some(origin);
    }

    /// Tries a demobilised association again, from the start.
    pub(crate) fn revive(&mut self, config: SourceConfig, now: MonoTime) {
        let (counters, pending) = (self.counters, self.pending);
        let session = self.session.take();
        *self = Self {
            counters,
            pending,
            heard: self.heard,
            session,
            ..Self::new(self.id, self.address, config, now)
        };
    }

    /// When something is due: the next request, or the deadline of the one in flight.
    pub(crate) fn poll_timeout(&self) -> Option<MonoTime> {
        let deadline = self
            .in_flight
            .as_ref()
            .map(|request| request.deadline + Duration::from_millis(1));
        let next_poll = self.demobilized.is_none().then_some(self.next_poll);
        [deadline, next_poll].into_iter().flatten().min()
    }
}

fn unreadable(error: DecodeError) -> Discard {
    match error {
        DecodeError::UnknownVersion(version) => Discard::UnknownVersion(version.to_bits()),
        _ => Discard::Malformed,
    }
}

/// 64 unpredictable bits; never zero, as that is what a packet without origin holds.
fn unpredictable(rng: &mut impl CryptoRng) -> NtpTimestamp {
    NtpTimestamp::from_bits(rng.random::<u64>().max(1))
}

/// Addresses are compared without the scope and flow of IPv6, which differ between what we asked
/// for and what came.
fn same_endpoint(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip().to_canonical() == b.ip().to_canonical() && a.port() == b.port()
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

#[cfg(test)]
mod tests;
