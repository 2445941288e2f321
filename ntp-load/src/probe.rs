//! The error of the served time: few requests beside the load, with the kernel's timestamps at both
//! ends.
//!
//! Server and generator read the same clock, so that every difference is an error: of the request's
//! way the server sees T2 − T1, of the reply's T4 − T3, and what a client takes for its offset is
//! half of what they differ by.

use super::requests::{LONGEST_DATAGRAM, RequestSet, reply_header};
use super::samples::Samples;
use super::slots::Slots;
use super::tally::{Tally, Verdict};
use ntp_proto::time::{NtpDuration, NtpTimestamp};
use ntp_udp::{BindOptions, KernelStamp, Notice, SendId, Socket};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The most requests of the probe that are on their way.
const MOST_IN_FLIGHT: usize = 64;

/// Sends requests one by one, and pairs them with their timestamps.
#[derive(Debug)]
pub(super) struct Probe {
    socket: Socket,
    target: SocketAddr,
    spacing: Duration,
    due: Duration,
    requests: RequestSet,
    slots: Slots,
    exchanges: Box<[Exchange]>,
    counts: Tally,
    errors: ServedTime,
}

/// The timestamps of one exchange.
#[derive(Clone, Copy, Debug, Default)]
struct Exchange {
    id: Option<SendId>,
    left: Option<NtpTimestamp>,
    reply: Option<Reply>,
}

#[derive(Clone, Copy, Debug)]
struct Reply {
    receive: NtpTimestamp,
    transmit: NtpTimestamp,
    arrived: NtpTimestamp,
}

/// The errors of the served time, each in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct ServedTime {
    /// The offset that a client would measure: ((T2 − T1) − (T4 − T3)) / 2.
    pub(super) offset: Samples,
    /// T2 − T1.
    pub(super) request: Samples,
    /// T4 − T3.
    pub(super) reply: Samples,
}

impl ServedTime {
    fn with_room_for(most: usize) -> Self {
        let samples = || Samples::with_room_for(most);
        Self {
            offset: samples(),
            request: samples(),
            reply: samples(),
        }
    }

    fn record(&mut self, left: NtpTimestamp, reply: &Reply) {
        let (request, back) = (
            (reply.receive - left).to_nanos(),
            (reply.arrived - reply.transmit).to_nanos(),
        );
        self.offset.record((request - back) / 2);
        self.request.record(request);
        self.reply.record(back);
    }
}

impl Probe {
    /// Sends `rate` requests a second for `span`.
    pub(super) fn new(
        target: SocketAddr,
        rate: u32,
        span: Duration,
        requests: RequestSet,
        seed: u64,
    ) -> Result<Self, String> {
        let any: IpAddr = if target.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let options = BindOptions {
            report_unreachable: false,
            ..BindOptions::client(SocketAddr::new(any, 0))
        };
        let socket = Socket::bind(&options).map_err(|error| error.to_string())?;
        if !(socket.stamping().receive && socket.stamping().transmit) {
            return Err(
                "this kernel gives no timestamps, without which --probes cannot be measured".into(),
            );
        }
        let slots = requests.slots(MOST_IN_FLIGHT, seed);
        let most = (f64::from(rate) * span.as_secs_f64()) as usize + 1;
        Ok(Self {
            socket,
            target,
            spacing: Duration::from_secs(1) / rate.max(1),
            due: Duration::ZERO,
            exchanges: vec![Exchange::default(); MOST_IN_FLIGHT].into(),
            requests,
            slots,
            counts: Tally::default(),
            errors: ServedTime::with_room_for(most),
        })
    }

    /// Sends if it is time, and reads what has come.
    pub(super) fn turn(&mut self, since: Duration, now: NtpTimestamp, sending: bool) {
        if sending && since >= self.due {
            // What was missed is not made up for.
            self.due = since + self.spacing;
            self.send(now);
        }
        while let Ok(Some(notice)) = self.socket.notice() {
            if let Notice::Transmitted(transmitted) = notice {
                self.left(transmitted.id, transmitted.stamp);
            }
        }
        let mut room = [0; LONGEST_DATAGRAM];
        while let Ok(received) = self.socket.receive(&mut room) {
            let octets = room.get(..received.length).unwrap_or_default();
            let verdict = self.received(octets, received.from, received.stamp);
            self.counts.count(verdict);
        }
    }

    pub(super) const fn counts(&self) -> &Tally {
        &self.counts
    }

    pub(super) const fn errors(&self) -> &ServedTime {
        &self.errors
    }

    fn send(&mut self, now: NtpTimestamp) {
        let (place, origin) = (
            self.slots.next_place(),
            self.requests.next_origin(&self.slots),
        );
        let mut room = [0; LONGEST_DATAGRAM];
        let length = self.requests.write(place, origin, &mut room);
        if let Ok(id) = self
            .socket
            .send(room.get(..length).unwrap_or_default(), self.target)
        {
            self.slots.issue(origin, now);
            self.counts.sent += 1;
            if let Some(exchange) = self.exchanges.get_mut(place % MOST_IN_FLIGHT) {
                *exchange = Exchange {
                    id: Some(id),
                    ..Exchange::default()
                };
            }
        } else {
            self.counts.send_failures += 1;
        }
    }

    fn left(&mut self, id: SendId, stamp: KernelStamp) {
        if let Some(exchange) = self
            .exchanges
            .iter_mut()
            .find(|exchange| exchange.id == Some(id))
        {
            exchange.left = Some(stamp.at);
            Self::finish(exchange, &mut self.errors);
        }
    }

    fn received(&mut self, octets: &[u8], from: SocketAddr, stamp: Option<KernelStamp>) -> Verdict {
        let Some(header) = reply_header(octets) else {
            return Verdict::Malformed;
        };
        let answered = self
            .slots
            .answer(header.origin.to_bits())
            .filter(|_| from == self.target);
        let Some(answered) = answered else {
            return Verdict::Unexpected;
        };
        let verdict = self.requests.judge(answered.place, octets, &header, true);
        let exchange = self.exchanges.get_mut(answered.place % MOST_IN_FLIGHT);
        if let (Verdict::Time | Verdict::AuthenticatedTime, Some(stamp), Some(exchange)) =
            (verdict, stamp, exchange)
        {
            let (receive, transmit) = (header.receive, header.transmit);
            exchange.reply = Some(Reply {
                receive,
                transmit,
                arrived: stamp.at,
            });
            Self::finish(exchange, &mut self.errors);
        }
        verdict
    }

    /// Counts an exchange once both of its ends are known.
    fn finish(exchange: &mut Exchange, errors: &mut ServedTime) {
        if let Exchange {
            left: Some(left),
            reply: Some(reply),
            ..
        } = *exchange
        {
            errors.record(left, &reply);
            *exchange = Exchange::default();
        }
    }

    /// Gives up what was sent too long ago.
    pub(super) fn expire(&mut self, now: NtpTimestamp, patience: NtpDuration) {
        self.slots.expire(now, patience);
    }

    /// The number of requests that were given up.
    pub(super) const fn lost(&self) -> u64 {
        self.slots.lost()
    }

    /// The number of requests in flight.
    pub(super) const fn in_flight(&self) -> u64 {
        self.slots.in_flight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transmit_timestamp_that_is_early_looks_like_a_server_that_is_behind() {
        let start = NtpTimestamp::from_bits(0xEC00_0000_0000_0000);
        let at = |micros: f64| start + NtpDuration::from_seconds(micros * 1e-6);
        let mut errors = ServedTime::with_room_for(4);
        // Each way takes 10 µs, but the server took its transmit timestamp 100 µs before it sent.
        errors.record(
            at(0.0),
            &Reply {
                receive: at(10.0),
                transmit: at(50.0),
                arrived: at(160.0),
            },
        );

        let is_about = |samples: &Samples, micros: i64| {
            samples.quantiles([0.5]).unwrap()[0].abs_diff(micros * 1000) <= 2
        };
        assert!(is_about(&errors.request, 10), "{errors:?}");
        assert!(is_about(&errors.reply, 110), "{errors:?}");
        assert!(is_about(&errors.offset, -50), "{errors:?}");
    }
}
