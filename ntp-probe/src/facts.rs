//! What a measurement consists of.

use ntp_observe::{Date, Leap, OneWay};
use ntp_proto::clock::{Filtered, FreeTime, Measurement};
use ntp_proto::packet::{Header, LeapIndicator};
use ntp_proto::time::{NtpTimestamp, Seconds, StampOrigin};
use serde::Serialize;
use std::net::SocketAddr;

/// What the samples tell together.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Measured {
    /// Who told it, with the port.
    pub address: String,
    /// How far our clock is behind (positive) or ahead, by the sample with the shortest round trip.
    pub offset_s: f64,
    /// The round trip of that sample.
    pub delay_s: f64,
    /// How much the offsets of the samples differ from it (RFC 5905 §10); `null` with a single one.
    pub jitter_s: Option<f64>,
    /// How far the offset may be wrong: the root distance (RFC 5905 §11.1 Λ).
    pub error_bound_s: f64,
    /// How many samples there are.
    pub sample_count: usize,
    /// Who took the transmit timestamp of the best sample: `hardware`, `kernel` or `program`.
    pub sent_by: &'static str,
    /// Who took its receive timestamp.
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

/// What the server says about itself, in its last reply.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ServerFacts {
    /// Its address with the port.
    pub address: String,
    /// The version of its reply.
    pub version: u8,
    /// Its leap indicator.
    pub leap: Leap,
    /// Its stratum, as it came.
    pub stratum: u8,
    /// Where its time comes from: letters, an IPv4 address, or eight hexadecimal digits (RFC 5905
    /// §7.3).
    pub reference_id: String,
    /// When its clock was last set or corrected.
    pub reference_time: Option<Date>,
    /// The round trip to its reference clock.
    pub root_delay_s: f64,
    /// The bound of the error that has added up on the way from there.
    pub root_dispersion_s: f64,
    /// How finely its clock can be read.
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

/// One request, and what became of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Sample {
    /// Who was asked, with the port.
    pub address: String,
    /// `measured`, or the word of what went wrong.
    pub result: &'static str,
    /// How far our clock is behind (positive) or ahead.
    pub offset_s: Option<f64>,
    /// The round trip, without the server's own time.
    pub delay_s: Option<f64>,
    /// The two ways apart.
    pub one_way: Option<OneWay>,
    /// Who took the transmit timestamp: `hardware`, `kernel` or `program`.
    pub sent_by: Option<&'static str>,
    /// Who took the receive timestamp.
    pub received_by: Option<&'static str>,
    /// With NTS: the new cookies that the reply has brought.
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

    /// Whether it is a measurement.
    #[must_use]
    pub const fn is_measured(&self) -> bool {
        self.offset_s.is_some()
    }
}

/// Here no daemon is at work, so the word for our own reading is another one.
const fn origin_word(origin: StampOrigin) -> &'static str {
    match origin {
        StampOrigin::Daemon => "program",
        StampOrigin::Kernel => "kernel",
        StampOrigin::Hardware => "hardware",
    }
}

/// A date of a server's, in the era that is nearest to our clock.
fn date(at: NtpTimestamp) -> Date {
    let (seconds, nanoseconds) = at.to_unix_near(unix_now());
    Date::from_unix(seconds, nanoseconds)
}

/// What our clock shows, in Unix seconds.
pub(crate) fn unix_now() -> i64 {
    Date::from(std::time::SystemTime::now()).unix_seconds()
}
