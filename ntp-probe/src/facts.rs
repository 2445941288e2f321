//! The parts of a report: measurement, server, samples.

use ntp_observe::{Date, Leap, OneWay};
use ntp_proto::clock::{Filtered, FreeTime, Measurement};
use ntp_proto::packet::{Header, LeapIndicator};
use ntp_proto::time::{NtpTimestamp, Seconds, StampOrigin};
use serde::Serialize;
use std::net::SocketAddr;

/// The version of both reports.
pub const SCHEMA: u32 = 1;

/// The measurement from all samples.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Measured {
    /// The address of the server with the port.
    pub address: String,
    /// The offset of the sample with the shortest round trip; positive when our clock is behind.
    pub offset_s: f64,
    /// The round-trip delay of that sample.
    pub delay_s: f64,
    /// The jitter: how much the offsets of the samples differ from it (RFC 5905 §10); `null` with
    /// a single sample.
    pub jitter_s: Option<f64>,
    /// The bound of the offset's error: the root distance (RFC 5905 §11.1 Λ).
    pub error_bound_s: f64,
    /// The number of samples.
    pub sample_count: usize,
    /// The origin of the transmit timestamp of the best sample: `hardware`, `kernel` or `program`.
    pub sent_by: &'static str,
    /// The origin of its receive timestamp.
    pub received_by: &'static str,
}

impl Measured {
    pub(crate) fn new(address: SocketAddr, filtered: &Filtered, now: NtpTimestamp) -> Self {
        let best = &filtered.best;
        Self {
            address: address.to_string(),
            offset_s: best.offset().to_seconds(),
            delay_s: best.delay().to_f64(),
            jitter_s: (filtered.samples > 1).then(|| filtered.jitter.to_f64()),
            error_bound_s: filtered.distance(FreeTime::new(now)).to_f64(),
            sample_count: filtered.samples,
            sent_by: origin_word(best.sent_by),
            received_by: origin_word(best.received_by),
        }
    }
}

/// The server's claims about itself in its last reply.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ServerFacts {
    /// The server's address with the port.
    pub address: String,
    /// The NTP version of its reply.
    pub version: u8,
    /// Its leap indicator (RFC 5905 §7.3).
    pub leap: Leap,
    /// Its stratum, as received.
    pub stratum: u8,
    /// Its reference ID: letters, an IPv4 address, or eight hexadecimal digits (RFC 5905 §7.3).
    pub reference_id: String,
    /// The time at which its clock was last set or corrected.
    pub reference_time: Option<Date>,
    /// The root delay: the round trip to its reference clock.
    pub root_delay_s: f64,
    /// The root dispersion: the error accumulated on the way from there.
    pub root_dispersion_s: f64,
    /// The precision of its clock.
    pub precision_s: f64,
}

impl ServerFacts {
    pub(crate) fn new(address: SocketAddr, header: &Header) -> Self {
        let seconds = Seconds::to_f64;
        Self {
            address: address.to_string(),
            version: header.version.to_bits(),
            leap: match header.leap {
                LeapIndicator::NoWarning => Leap::None,
                LeapIndicator::Insert => Leap::Insert,
                LeapIndicator::Delete => Leap::Delete,
                LeapIndicator::Unsynchronized => Leap::Unsynchronized,
            },
            stratum: header.stratum.to_bits(),
            reference_id: header.reference_id.text(header.stratum, address.ip()),
            reference_time: (!header.reference_time.is_unknown())
                .then(|| date(header.reference_time)),
            root_delay_s: seconds(header.root_delay.to_seconds()),
            root_dispersion_s: seconds(header.root_dispersion.to_seconds()),
            precision_s: seconds(header.precision.seconds()),
        }
    }
}

/// One request and its result.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Sample {
    /// The address that was asked, with the port.
    pub address: String,
    /// `measured`, or the word of the failure.
    pub result: &'static str,
    /// The offset; positive when our clock is behind.
    pub offset_s: Option<f64>,
    /// The round-trip delay, without the server's processing time.
    pub delay_s: Option<f64>,
    /// The two one-way delays, each with the offset in it.
    pub one_way: Option<OneWay>,
    /// The origin of the transmit timestamp: `hardware`, `kernel` or `program`.
    pub sent_by: Option<&'static str>,
    /// The origin of the receive timestamp.
    pub received_by: Option<&'static str>,
    /// With NTS: the number of new cookies in the reply.
    pub new_cookies: Option<usize>,
}

impl Sample {
    pub(crate) fn failed(address: SocketAddr, result: &'static str) -> Self {
        Self {
            address: address.to_string(),
            result,
            offset_s: None,
            delay_s: None,
            one_way: None,
            sent_by: None,
            received_by: None,
            new_cookies: None,
        }
    }

    pub(crate) fn measured(address: SocketAddr, measurement: &Measurement) -> Self {
        let one_way = OneWay {
            outbound_s: measurement.outbound.to_seconds(),
            inbound_s: -measurement.inbound.to_seconds(),
        };
        Self {
            offset_s: Some(measurement.offset().to_seconds()),
            delay_s: Some(measurement.delay().to_f64()),
            one_way: Some(one_way),
            sent_by: Some(origin_word(measurement.sent_by)),
            received_by: Some(origin_word(measurement.received_by)),
            ..Self::failed(address, "measured")
        }
    }

    /// True if the request led to a measurement.
    #[must_use]
    pub const fn is_measured(&self) -> bool {
        self.offset_s.is_some()
    }
}

/// The word for our own reading is not `daemon`, as no daemon takes part.
const fn origin_word(origin: StampOrigin) -> &'static str {
    match origin {
        StampOrigin::Daemon => "program",
        StampOrigin::Kernel => "kernel",
        StampOrigin::Hardware => "hardware",
    }
}

/// A server's timestamp as a date in the era nearest to our clock.
fn date(at: NtpTimestamp) -> Date {
    let (seconds, nanoseconds) = at.to_unix_near(unix_now());
    Date::from_unix(seconds, nanoseconds)
}

/// Our clock in Unix seconds.
pub(crate) fn unix_now() -> i64 {
    Date::from(std::time::SystemTime::now()).unix_seconds()
}
