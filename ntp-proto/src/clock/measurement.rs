//! The measurement that one exchange with a server gives.

use super::timescale::FreeTime;
use crate::packet::{LeapIndicator, ReferenceId, Stratum};
use crate::time::{Frequency, NtpDuration, NtpTimestamp, Precision, Seconds, StampOrigin};

/// The rate at which an unobserved clock's error may grow (RFC 5905 §7.2 PHI).
pub const FREQUENCY_TOLERANCE: Frequency = Frequency::new(15e-6);

/// The path of a server to the reference clock, as the server states it (RFC 5905 §7.3).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RootFacts {
    /// The leap bits.
    pub leap: LeapIndicator,
    /// The server's stratum.
    pub stratum: Stratum,
    /// The round trip from the server to its reference clock.
    pub delay: Seconds,
    /// The bound of the server's error against its reference clock, the round trip left out.
    pub dispersion: Seconds,
    /// Whom the server follows.
    pub reference_id: ReferenceId,
    /// The precision of the server's clock.
    pub precision: Precision,
}

/// The four timestamps of an exchange, T1 and T4 by the free-running clock (RFC 5905 §8).
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// T1, the request left.
    pub sent: FreeTime,
    /// T2, the request reached the server, by the server's clock.
    pub server_received: NtpTimestamp,
    /// T3, the reply left, by the server's clock.
    pub server_sent: NtpTimestamp,
    /// T4, the reply reached us.
    pub received: FreeTime,
}

/// One exchange, judged: both one-way readings, and how much they can be trusted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measurement {
    /// T2 − T1: server minus free-running clock on the way out; the one-way delay makes it too
    /// large.
    pub outbound: NtpDuration,
    /// T3 − T4: server minus free-running clock on the way back; the one-way delay makes it too
    /// small.
    pub inbound: NtpDuration,
    /// The bound of what reading clocks and their rates added: both precisions, and Φ over the
    /// exchange.
    pub dispersion: Seconds,
    /// The arrival of the reply.
    pub at: FreeTime,
    /// The origin of T1.
    pub sent_by: StampOrigin,
    /// The origin of T4.
    pub received_by: StampOrigin,
    /// The root facts of the reply.
    pub root: RootFacts,
}

impl Measurement {
    pub(crate) fn new(
        exchange: &Exchange,
        stamps: (StampOrigin, StampOrigin),
        root: RootFacts,
        ours: Precision,
    ) -> Self {
        let span = exchange.received - exchange.sent;
        Self {
            outbound: exchange.server_received - exchange.sent.shown(),
            inbound: exchange.server_sent - exchange.received.shown(),
            dispersion: root.precision.seconds() + ours.seconds() + FREQUENCY_TOLERANCE * span,
            at: exchange.received,
            sent_by: stamps.0,
            received_by: stamps.1,
            root,
        }
    }

    /// Server minus free-running clock, RFC 5905 §8 θ.
    #[must_use]
    pub fn offset(&self) -> NtpDuration {
        self.inbound + (self.outbound - self.inbound).halved()
    }

    /// The round trip without the server's own time, RFC 5905 §8 δ. Coarse clocks can make it
    /// negative.
    #[must_use]
    pub fn delay(&self) -> Seconds {
        Seconds::from(self.outbound - self.inbound)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn root_facts() -> RootFacts {
        RootFacts {
            leap: LeapIndicator::NoWarning,
            stratum: Stratum::PRIMARY,
            delay: Seconds::ZERO,
            dispersion: Seconds::ZERO,
            reference_id: ReferenceId::from_letters(*b"GPS\0"),
            precision: Precision::from_log2(-25),
        }
    }

    /// A measurement of a clock that is `offset` behind, over a symmetric path, arriving `at`
    /// seconds after some epoch.
    pub(crate) fn measurement(at: f64, offset: f64, delay: f64) -> Measurement {
        let epoch = NtpTimestamp::from_unix(1_800_000_000, 0);
        let received = epoch + NtpDuration::from_seconds(at);
        let middle =
            received - NtpDuration::from_seconds(delay / 2.0) + NtpDuration::from_seconds(offset);
        let exchange = Exchange {
            sent: FreeTime::new(received - NtpDuration::from_seconds(delay)),
            server_received: middle,
            server_sent: middle,
            received: FreeTime::new(received),
        };
        Measurement::new(
            &exchange,
            (StampOrigin::Kernel, StampOrigin::Kernel),
            root_facts(),
            Precision::from_log2(-25),
        )
    }

    #[test]
    fn a_clock_that_is_behind_has_a_positive_offset() {
        let behind = measurement(0.0, 0.25, 0.01);
        assert!((behind.offset().to_seconds() - 0.25).abs() < 1e-8);
        assert!((behind.delay().to_f64() - 0.01).abs() < 1e-8);
    }

    #[test]
    fn an_asymmetric_path_shifts_the_offset_by_half_the_difference() {
        let mut skewed = measurement(0.0, 0.0, 0.01);
        skewed.outbound += NtpDuration::from_seconds(0.004);
        assert!((skewed.offset().to_seconds() - 0.002).abs() < 1e-8);
    }
}
