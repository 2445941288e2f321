//! A datagram in answer to a request of ours, from the packet tests to the measurement.

use super::exchange::{Accepted, Context, Datagram, Doubt, LastReply};
use super::{Association, Discard, Ourselves, ValidReply, count_stamp};
use crate::clock::Exchange;
use crate::packet::{DecodeError, Header, Mode, Packet};
use crate::time::{LocalStamp, MonoTime};
use std::net::SocketAddr;

impl Association {
    /// Handles a datagram that arrived at the port of a request, and measures it if it is the reply
    /// (RFC 5905 §8). The measurement is then the first one of [`filter`](Self::filter), and the
    /// header that of [`last_reply`](Self::last_reply), which a reply without a usable time sets as
    /// well.
    ///
    /// # Errors
    /// The reason to discard it; up to [`Discard::Nak`] the association is then unchanged but for
    /// its counters.
    pub fn handle_datagram(
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
        self.last_reply = Some(LastReply {
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
        if !header.origin.is_unknown() && self.abandoned_origins.contains(&Some(header.origin)) {
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

    pub(super) fn conclude(
        &mut self,
        reply: &ValidReply,
        sent: LocalStamp,
        received: LocalStamp,
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
        if self.surprising && self.pacing.poll_soon(context.now) {
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
}

fn unreadable(error: DecodeError) -> Discard {
    match error {
        DecodeError::UnknownVersion(version) => Discard::UnknownVersion(version.to_bits()),
        _ => Discard::Malformed,
    }
}

/// Addresses are compared without the scope and flow of IPv6, which differ between what we asked
/// for and what came.
fn same_endpoint(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip().to_canonical() == b.ip().to_canonical() && a.port() == b.port()
}
