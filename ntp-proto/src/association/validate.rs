//! The packet tests (RFC 5905 §9.2 and figure 26) that a reply with the right origin still has to
//! pass.

use super::OwnServers;
use super::discard::Discard;
use crate::clock::{Exchange, Measurement, RootFacts, SystemVariables};
use crate::packet::{Header, KissCode, LeapIndicator, ReferenceId};
use crate::time::{NtpDuration, NtpShort, Precision, Seconds, StampOrigin};
use std::net::{IpAddr, SocketAddr};

/// A server further away than this from its reference clock is out of its mind (RFC 5905 §7.2
/// MAXDISP).
const MAXIMUM_DISPERSION: Seconds = Seconds::new(16.0);
/// T3 may lie before T2 by the grain of the server's clock: by the precision that the server
/// states, and by this much in any case (15.6 ms), as clocks that tick 64 times a second are common
/// and state the resolution of another counter. The round trip comes out too long by as much, so
/// the error bound contains it.
const COARSEST_GRAIN: Precision = Precision::from_log2(-6);
/// A round trip may come out negative by the coarser clock's precision, and by this much in any
/// case.
const LEAST_TOLERANCE: Seconds = Seconds::new(1e-6);

/// Our own addresses and system variables, by which a server that follows us is recognized.
#[derive(Clone, Copy, Debug)]
pub struct Ourselves<'a> {
    /// The address that the reply was sent to.
    pub address: Option<IpAddr>,
    /// The system variables that our own server sends to its clients.
    pub system: Option<&'a SystemVariables>,
    /// The server that the reply came from.
    pub server: Option<SocketAddr>,
    /// The addresses at which our own server answers.
    pub own_servers: &'a OwnServers,
}

/// A reply that passed all tests of its header. Only [`check`](Self::check) makes one.
#[derive(Clone, Copy, Debug)]
pub struct ValidReply {
    header: Header,
}

impl ValidReply {
    /// Packet tests 3, 6 and 7, and the loop test. The tests of origin and sender come before.
    ///
    /// # Errors
    /// The reason for which the reply has no valid time.
    pub fn check(header: &Header, ourselves: &Ourselves<'_>) -> Result<Self, Discard> {
        check_header(header, ourselves)
    }

    /// The measurement of an exchange that ended with this reply. `stamps` has the origins of T1
    /// and T4, and `ours` is the precision of our clock.
    ///
    /// # Errors
    /// [`Discard::NegativeDelay`] if the reply came back sooner than it could.
    pub fn measure(
        &self,
        exchange: &Exchange,
        stamps: (StampOrigin, StampOrigin),
        ours: Precision,
    ) -> Result<Measurement, Discard> {
        check_exchange(
            exchange,
            self.header.precision.seconds().max(ours.seconds()),
        )?;
        Ok(Measurement::new(exchange, stamps, self.root(), ours))
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    fn root(&self) -> RootFacts {
        RootFacts {
            leap: self.header.leap,
            stratum: self.header.stratum,
            delay: self.header.root_delay.to_seconds(),
            dispersion: self.header.root_dispersion.to_seconds(),
            reference_id: self.header.reference_id,
            precision: self.header.precision,
        }
    }
}

fn check_header(header: &Header, ourselves: &Ourselves<'_>) -> Result<ValidReply, Discard> {
    match header.kiss() {
        // Some servers send stratum 0 with another identifier while they are not synchronized.
        None | Some(KissCode::Other(_)) => {}
        Some(kiss) => return Err(Discard::Kiss(kiss)),
    }
    if header.leap == LeapIndicator::Unsynchronized || !header.stratum.is_synchronized() {
        return Err(Discard::Unsynchronized);
    }
    let grain = NtpDuration::from(header.precision.seconds().max(COARSEST_GRAIN.seconds()));
    if header.receive.is_unknown()
        || header.transmit.is_unknown()
        || header.transmit - header.receive < -grain
    {
        return Err(Discard::InvalidTimestamps);
    }
    if root_distance(header.root_delay, header.root_dispersion) >= MAXIMUM_DISPERSION {
        return Err(Discard::RootDistance);
    }
    if follows_us(header, ourselves) {
        return Err(Discard::Loop);
    }
    Ok(ValidReply { header: *header })
}

/// The round trip must not be negative beyond what reading clocks in steps of `precision` explains.
fn check_exchange(exchange: &Exchange, precision: Seconds) -> Result<(), Discard> {
    let outbound = exchange.server_received - exchange.sent.shown();
    let inbound = exchange.server_sent - exchange.received.shown();
    if Seconds::from(outbound - inbound) < -LEAST_TOLERANCE.max(precision) {
        Err(Discard::NegativeDelay)
    } else {
        Ok(())
    }
}

fn root_distance(delay: NtpShort, dispersion: NtpShort) -> Seconds {
    delay.to_seconds() * 0.5 + dispersion.to_seconds()
}

/// A server follows us if it names our address as its reference, or if it is our own server: at an
/// address where that answers, or because its state is exactly the one that we serve. On the
/// loopback interface, all hosts share their addresses, so references prove nothing there.
fn follows_us(header: &Header, ourselves: &Ourselves<'_>) -> bool {
    let above_primary = header.stratum.to_bits() > 1;
    let names_us = ourselves
        .address
        .filter(|address| !address.to_canonical().is_loopback())
        .is_some_and(|address| header.reference_id == ReferenceId::from_address(address));
    let is_us = ourselves.system.is_some_and(|system| {
        header.stratum == system.stratum
            && header.reference_id == system.reference_id
            && header.reference_time == system.reference_time
    });
    let at_our_address = ourselves
        .server
        .is_some_and(|server| ourselves.own_servers.contain(server, ourselves.address));
    at_our_address || (above_primary && (names_us || is_us))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Mode, Stratum, Version};
    use crate::time::{NtpTimestamp, PollInterval};

    const UNKNOWN: Ourselves<'_> = Ourselves {
        address: None,
        system: None,
        server: None,
        own_servers: &OwnServers::NONE,
    };

    fn reply() -> Header {
        let at = NtpTimestamp::from_unix(1_800_000_000, 0);
        Header {
            mode: Mode::Server,
            stratum: Stratum::from_bits(2),
            precision: Precision::from_log2(-23),
            receive: at,
            transmit: at + NtpDuration::from_nanos(20_000),
            reference_time: at,
            reference_id: ReferenceId::from_bits(0xc000_0201),
            ..Header::request(Version::V4, PollInterval::clamped(4), at)
        }
    }

    fn verdict(change: impl FnOnce(&mut Header)) -> Option<Discard> {
        let mut header = reply();
        change(&mut header);
        check_header(&header, &UNKNOWN).err()
    }

    #[test]
    fn a_good_reply_passes() {
        assert_eq!(verdict(|_| ()), None);
    }

    #[test]
    fn missing_or_backward_timestamps_fail_test_3() {
        assert_eq!(
            verdict(|h| h.receive = NtpTimestamp::UNKNOWN),
            Some(Discard::InvalidTimestamps)
        );
        assert_eq!(
            verdict(|h| h.transmit = NtpTimestamp::UNKNOWN),
            Some(Discard::InvalidTimestamps)
        );
        assert_eq!(
            verdict(|h| h.transmit = h.receive - NtpDuration::SECOND),
            Some(Discard::InvalidTimestamps)
        );
    }

    #[test]
    fn an_unsynchronized_server_fails_test_6() {
        assert_eq!(
            verdict(|h| h.leap = LeapIndicator::Unsynchronized),
            Some(Discard::Unsynchronized)
        );
        assert_eq!(
            verdict(|h| h.stratum = Stratum::UNSYNCHRONIZED),
            Some(Discard::Unsynchronized)
        );
        assert_eq!(
            verdict(|h| h.stratum = Stratum::from_bits(200)),
            Some(Discard::Unsynchronized)
        );
    }

    #[test]
    fn an_absurd_root_distance_fails_test_7() {
        assert_eq!(
            verdict(|h| h.root_dispersion = NtpShort::from_bits(16 << 16)),
            Some(Discard::RootDistance)
        );
        assert_eq!(
            verdict(|h| h.root_delay = NtpShort::from_bits(32 << 16)),
            Some(Discard::RootDistance)
        );
    }

    #[test]
    fn a_server_that_follows_us_is_a_loop() {
        let ours = Ourselves {
            address: Some("192.0.2.1".parse().unwrap()),
            ..UNKNOWN
        };
        assert_eq!(check_header(&reply(), &ours).err(), Some(Discard::Loop));
        let other = Ourselves {
            address: Some("192.0.2.2".parse().unwrap()),
            ..UNKNOWN
        };
        assert!(check_header(&reply(), &other).is_ok());
    }

    #[test]
    fn a_clock_that_ticks_coarsely_may_send_before_it_receives_by_its_own_grain_and_no_more() {
        let early = |nanos: i64, precision: i8| {
            verdict(|h| {
                h.transmit = h.receive - NtpDuration::from_nanos(nanos);
                h.precision = Precision::from_log2(precision);
            })
        };
        assert_eq!(early(1, -23), None);
        assert_eq!(
            early(15_600_000, -23),
            None,
            "64 ticks a second, and the precision of another counter"
        );
        assert_eq!(early(15_700_000, -23), Some(Discard::InvalidTimestamps));
        assert_eq!(
            early(900_000_000, 0),
            None,
            "a clock of whole seconds that says so"
        );
        assert_eq!(early(1_100_000_000, 0), Some(Discard::InvalidTimestamps));
        assert_eq!(
            early(1_100_000_000, 30),
            Some(Discard::InvalidTimestamps),
            "no claim stretches it further"
        );
    }

    #[test]
    fn our_own_server_is_a_loop_even_if_it_claims_a_reference_clock() {
        let own_servers = OwnServers::new(vec!["0.0.0.0:123".parse().unwrap()], Vec::new());
        for stratum in [1, 8] {
            let header = Header {
                stratum: Stratum::from_bits(stratum),
                ..reply()
            };
            let at = |server: &str| Ourselves {
                server: server.parse().ok(),
                own_servers: &own_servers,
                ..UNKNOWN
            };
            assert_eq!(
                check_header(&header, &at("127.0.0.1:123")).err(),
                Some(Discard::Loop)
            );
            assert!(check_header(&header, &at("127.0.0.1:1123")).is_ok());
        }
    }

    #[test]
    fn a_reply_faster_than_the_servers_own_work_is_refused() {
        use crate::clock::FreeTime;
        let at = NtpTimestamp::from_unix(1_800_000_000, 0);
        let exchange = Exchange {
            sent: FreeTime::new(at),
            server_received: at,
            server_sent: at + NtpDuration::SECOND,
            received: FreeTime::new(at + NtpDuration::from_nanos(1_000_000)),
        };
        assert_eq!(
            check_exchange(&exchange, Seconds::new(1e-6)),
            Err(Discard::NegativeDelay)
        );
        assert_eq!(
            check_exchange(&exchange, Seconds::new(1.0)),
            Ok(()),
            "a clock that ticks once a second"
        );
    }
}
