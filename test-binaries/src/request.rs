//! A request, and the true answers to it.

use ntp_proto::packet::{Header, KissCode, LeapIndicator, Mode, ReferenceId, Stratum, Version};
use ntp_proto::time::{NtpDuration, NtpShort, NtpTimestamp, Precision};
use std::net::SocketAddr;

/// The reference identifier of these servers.
const REFERENCE: ReferenceId = ReferenceId::from_letters(*b"TEST");

/// A request of a client.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The header of the request.
    pub header: Header,
    /// The client.
    pub from: SocketAddr,
    /// The time at which the request arrived, by the system's clock.
    pub arrived: NtpTimestamp,
}

impl Request {
    /// The request in a datagram; `None` for anything but mode 3 of the versions 3 and 4.
    #[must_use]
    pub fn read(octets: &[u8], from: SocketAddr, arrived: NtpTimestamp) -> Option<Self> {
        let header = Header::decode(octets).ok()?;
        let is_request =
            header.mode == Mode::Client && [Version::V3, Version::V4].contains(&header.version);
        is_request.then_some(Self {
            header,
            from,
            arrived,
        })
    }

    /// The time, from a primary server with a perfect reference.
    #[must_use]
    pub fn true_time(&self, now: NtpTimestamp) -> Header {
        Header {
            leap: LeapIndicator::NoWarning,
            version: self.header.version,
            mode: Mode::Server,
            stratum: Stratum::PRIMARY,
            poll: self.header.poll,
            precision: Precision::from_log2(-20),
            root_delay: NtpShort::ZERO,
            root_dispersion: NtpShort::ZERO,
            reference_id: REFERENCE,
            reference_time: self.arrived + -NtpDuration::SECOND,
            origin: self.header.transmit,
            receive: self.arrived,
            transmit: now,
        }
    }

    /// A kiss-o'-death (RFC 5905 §7.4): of stratum 0, and not synchronized.
    #[must_use]
    pub fn kiss(&self, code: KissCode, now: NtpTimestamp) -> Header {
        Header {
            leap: LeapIndicator::Unsynchronized,
            stratum: Stratum::UNSPECIFIED,
            reference_id: code.to_reference_id(),
            reference_time: NtpTimestamp::UNKNOWN,
            ..self.true_time(now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_proto::time::PollInterval;

    const NOW: NtpTimestamp = NtpTimestamp::from_bits(0xEC00_0001_0000_0000);

    fn request() -> Request {
        let header = Header::request(Version::V4, PollInterval::MIN, NtpTimestamp::from_bits(42));
        let from = "192.0.2.1:50000".parse().unwrap();
        Request::read(&header.encode(), from, NOW).expect("it is a request")
    }

    #[test]
    fn a_reply_answers_its_request() {
        let reply = request().true_time(NOW + NtpDuration::SECOND);

        assert_eq!(reply.origin, NtpTimestamp::from_bits(42));
        assert_eq!(reply.transmit - reply.receive, NtpDuration::SECOND);
        assert_eq!(reply.kiss(), None);
    }

    #[test]
    fn a_kiss_answers_its_request_too() {
        let kiss = request().kiss(KissCode::Deny, NOW);

        assert_eq!(kiss.origin, NtpTimestamp::from_bits(42));
        assert_eq!(kiss.kiss(), Some(KissCode::Deny));
    }

    #[test]
    fn a_reply_is_not_a_request() {
        let reply = request().true_time(NOW).encode();

        assert!(Request::read(&reply, request().from, NOW).is_none());
    }
}
