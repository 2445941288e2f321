//! The report of a run: a document for programs and a table for people. Units are in the names.

use super::generator::{Generator, Pace};
use super::histogram::Histogram;
use super::probe::ServedTime;
use super::samples::Samples;
use super::tally::{OtherReplies, Tally};
use super::usage::Spent;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// The number of the document's layout. It rises when a field changes its meaning or goes; new ones
/// may come without.
pub const SCHEMA: u32 = 2;

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// See [`SCHEMA`].
    pub schema: u32,
    /// The server.
    pub target: String,
    /// A load of NTP requests, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadReport>,
    /// Handshakes of key establishment, if they were what was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshakes: Option<HandshakeReport>,
    /// The costs of the server, if its process was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Spent>,
    /// The costs of the generator.
    pub generator: Spent,
    /// The number of processors that were busy with neither of them.
    pub other_busy_processors: f64,
}

/// The shape of a load.
#[derive(Clone, Debug, Serialize)]
pub struct Shape {
    /// `plain`, or `nts` and the number of the algorithm.
    pub protocol: String,
    /// The length of a request.
    pub request_octets: usize,
    /// The number of requests in flight, in a closed loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
    /// Requests a second that were wanted, in an open loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted_per_s: Option<f64>,
    /// The number of source ports.
    pub source_ports: usize,
    /// The number of source addresses that took turns; 1 is the system's choice.
    pub source_addresses: u64,
}

/// A load and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    /// The shape of the load.
    pub shape: Shape,
    /// The duration of the load.
    pub duration_s: f64,
    /// Requests, with those of the probe.
    pub sent: u64,
    /// Requests that our own system refused to send.
    pub send_failures: u64,
    /// Good replies, with those to the probe.
    pub answered: u64,
    /// Of them, those whose authenticator was verified.
    pub authenticated: u64,
    /// Requests without any reply.
    pub lost: u64,
    /// `lost` of `sent`.
    pub lost_ratio: f64,
    /// `sent` by `duration_s`.
    pub sent_per_s: f64,
    /// `answered` by `duration_s`.
    pub answered_per_s: f64,
    /// Datagrams that were not good replies.
    pub others: OtherReplies,
    /// From the call that sent a request to the kernel's timestamp of its reply.
    pub latency_us: Option<Percentiles>,
    /// The lateness of the generator itself, in an open loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lateness_us: Option<Percentiles>,
    /// Requests that were left out because the generator was far too late.
    pub skipped: u64,
    /// The error of the served time, if there was a probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served_time: Option<ServedTimeReport>,
    /// Processor time of the server by `answered`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpu_per_answer_us: Option<f64>,
    /// Wake-ups of the server by `answered`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_wakeups_per_answer: Option<f64>,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// 90 % are not above.
    pub p90: f64,
    /// 99 % are not above.
    pub p99: f64,
    /// 99.9 % are not above.
    pub p999: f64,
    /// The greatest.
    pub max: f64,
}

impl Percentiles {
    /// Of nanoseconds; `None` without any.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Option<Self> {
        let at = |share| histogram.quantile(share).map(|nanos| nanos as f64 / 1e3);
        Some(Self {
            p50: at(0.5)?,
            p90: at(0.9)?,
            p99: at(0.99)?,
            p999: at(0.999)?,
            max: histogram.max() as f64 / 1e3,
        })
    }
}

/// The error of the served time, by a client that reads the same clock. Signs: positive means that
/// the server's timestamps are late.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServedTimeReport {
    /// The number of measured exchanges.
    pub samples: usize,
    /// The offset that a client would measure.
    pub offset_us: Spread,
    /// From the request's transmit timestamp to the server's receive timestamp.
    pub request_us: Spread,
    /// From the server's transmit timestamp to the reply's receive timestamp.
    pub reply_us: Spread,
}

/// The spread of signed values.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// 1 % are not above.
    pub p1: f64,
    /// The median.
    pub p50: f64,
    /// 99 % are not above.
    pub p99: f64,
    /// 99 % are not further from zero.
    pub p99_of_sizes: f64,
}

impl Spread {
    fn of(samples: &Samples) -> Option<Self> {
        let [p1, p50, p99] = samples
            .quantiles([0.01, 0.5, 0.99])?
            .map(|nanos| nanos as f64 / 1e3);
        let [p99_of_sizes] = samples
            .quantiles_of_sizes([0.99])?
            .map(|nanos| nanos as f64 / 1e3);
        Some(Self {
            p1,
            p50,
            p99,
            p99_of_sizes,
        })
    }
}

impl ServedTimeReport {
    fn of(errors: &ServedTime) -> Option<Self> {
        Some(Self {
            samples: errors.offset.len(),
            offset_us: Spread::of(&errors.offset)?,
            request_us: Spread::of(&errors.request)?,
            reply_us: Spread::of(&errors.reply)?,
        })
    }
}

/// Handshakes one after another.
#[derive(Clone, Debug, Serialize)]
pub struct HandshakeReport {
    /// The duration of all handshakes.
    pub duration_s: f64,
    /// The number of handshakes that gave keys and cookies.
    pub established: u64,
    /// The number of handshakes that failed.
    pub failed: u64,
    /// The error of the last one that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The group of the key exchange and the cipher suite.
    pub tls: String,
    /// The duration of one handshake.
    pub latency_us: Option<Percentiles>,
    /// Processor time of the server for each that gave keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpu_per_handshake_ms: Option<f64>,
}

impl LoadReport {
    /// The report of a generator's run.
    #[must_use]
    pub fn new(
        shape: Shape,
        generator: &Generator,
        took: Duration,
        server: Option<&Spent>,
    ) -> Self {
        let (tally, nothing) = (generator.tally(), Tally::default());
        let probed = generator.probed();
        let probe = probed.map_or(&nothing, |(counts, ..)| counts);
        let both = |of: fn(&Tally) -> u64| of(tally) + of(probe);
        let (sent, answered) = (both(|tally| tally.sent), both(|tally| tally.answered));
        let lost = generator.lost() + probed.map_or(0, |(_, lost, _)| lost);
        let seconds = took.as_secs_f64().max(1e-9);
        let per_answer = |value: f64| (answered > 0).then(|| value / answered as f64);
        let pacer = generator.pacer();
        Self {
            shape,
            duration_s: seconds,
            sent,
            send_failures: both(|tally| tally.send_failures),
            answered,
            authenticated: both(|tally| tally.authenticated),
            lost,
            lost_ratio: lost as f64 / sent.max(1) as f64,
            sent_per_s: sent as f64 / seconds,
            answered_per_s: answered as f64 / seconds,
            others: tally.others + probe.others,
            latency_us: Percentiles::of(&tally.latency),
            lateness_us: pacer.and_then(|pacer| Percentiles::of(pacer.lateness())),
            skipped: pacer.map_or(0, super::pacing::Pacer::skipped),
            served_time: probed.and_then(|(_, _, errors)| ServedTimeReport::of(errors)),
            server_cpu_per_answer_us: server.and_then(|spent| per_answer(spent.cpu_s * 1e6)),
            server_wakeups_per_answer: server
                .and_then(|spent| per_answer(spent.voluntary_switches as f64)),
        }
    }
}

impl Shape {
    /// The shape of a generator's load.
    #[must_use]
    pub fn new(generator: &Generator, protocol: String, request_octets: usize) -> Self {
        let plan = generator.plan();
        let (window, wanted_per_s) = match plan.pace {
            Pace::Closed { window } => (Some(window), None),
            Pace::Open { rate, .. } => (None, Some(rate)),
        };
        let source_addresses = plan.range.map_or(1, |range| range.count());
        Self {
            protocol,
            request_octets,
            window,
            wanted_per_s,
            source_ports: plan.ports,
            source_addresses,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "target", &self.target)?;
        if let Some(load) = &self.load {
            load.fmt(f)?;
        }
        if let Some(handshakes) = &self.handshakes {
            handshakes.fmt(f)?;
        }
        if let Some(server) = &self.server {
            spent(f, "server", server)?;
        }
        spent(f, "generator", &self.generator)?;
        line(
            f,
            "others",
            format!("{:.2} processors busy", self.other_busy_processors),
        )
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = match (self.window, self.wanted_per_s) {
            (Some(window), _) => format!("{window} on their way"),
            (None, wanted) => format!("{:.0}/s wanted", wanted.unwrap_or(0.0)),
        };
        let (ports, addresses) = (self.source_ports, self.source_addresses);
        let octets = self.request_octets;
        line(
            f,
            "load",
            format!(
                "{} of {octets} octets, {pace}, {ports} ports, {addresses} addresses",
                self.protocol
            ),
        )
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shape.fmt(f)?;
        line(
            f,
            "sent",
            format!(
                "{} in {:.2} s, {:.0}/s",
                self.sent, self.duration_s, self.sent_per_s
            ),
        )?;
        line(
            f,
            "answered",
            format!("{}, {:.0}/s", self.answered, self.answered_per_s),
        )?;
        line(
            f,
            "lost",
            format!("{}, {:.3} %", self.lost, self.lost_ratio * 100.0),
        )?;
        if self.authenticated > 0 {
            line(
                f,
                "authenticated",
                format!("{} looked at", self.authenticated),
            )?;
        }
        if self.others != OtherReplies::default() {
            line(f, "other replies", self.others)?;
        }
        percentiles(f, "latency", self.latency_us)?;
        percentiles(f, "generator late", self.lateness_us)?;
        if self.skipped > 0 {
            line(
                f,
                "left out",
                format!("{} requests, as the generator was held up", self.skipped),
            )?;
        }
        if let Some(time) = &self.served_time {
            spread(f, "served time", &time.offset_us)?;
            spread(f, "  request's way", &time.request_us)?;
            spread(f, "  reply's way", &time.reply_us)?;
        }
        if let Some(cpu) = self.server_cpu_per_answer_us {
            let wakeups = self.server_wakeups_per_answer.unwrap_or(0.0);
            line(
                f,
                "per answer",
                format!("{cpu:.2} µs of processor time, {wakeups:.3} wake-ups"),
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for HandshakeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (established, failed) = (self.established, self.failed);
        line(
            f,
            "handshakes",
            format!("{established} in {:.2} s, {failed} failed", self.duration_s),
        )?;
        line(f, "tls", &self.tls)?;
        if let Some(failure) = &self.failure {
            line(f, "last failure", failure)?;
        }
        percentiles(f, "latency", self.latency_us)?;
        if let Some(cpu) = self.server_cpu_per_handshake_ms {
            line(f, "per handshake", format!("{cpu:.3} ms of processor time"))?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<16} {value}")
}

fn percentiles(f: &mut fmt::Formatter<'_>, name: &str, of: Option<Percentiles>) -> fmt::Result {
    let Some(Percentiles {
        p50,
        p90,
        p99,
        p999,
        max,
    }) = of
    else {
        return Ok(());
    };
    line(
        f,
        name,
        format!("p50 {p50:.1}, p90 {p90:.1}, p99 {p99:.1}, p99.9 {p999:.1}, max {max:.1} µs"),
    )
}

fn spread(f: &mut fmt::Formatter<'_>, name: &str, of: &Spread) -> fmt::Result {
    let Spread {
        p1,
        p50,
        p99,
        p99_of_sizes,
    } = of;
    line(
        f,
        name,
        format!("p1 {p1:+.1}, p50 {p50:+.1}, p99 {p99:+.1} µs; 99 % within {p99_of_sizes:.1} µs"),
    )
}

fn spent(f: &mut fmt::Formatter<'_>, name: &str, of: &Spent) -> fmt::Result {
    let (woken, held) = (of.voluntary_switches, of.involuntary_switches);
    let memory = of.memory_after;
    line(
        f,
        name,
        format!(
            "{:.3} s of processor time ({:.0} % user), {woken} wake-ups, {held} times held up, {} KiB resident ({} anonymous)",
            of.cpu_s,
            of.user_ratio * 100.0,
            memory.resident_kib,
            memory.anonymous_kib
        ),
    )
}
