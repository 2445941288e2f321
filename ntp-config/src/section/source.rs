//! `[source-defaults]` and `[[source]]`.

use super::trust;
use crate::address;
use crate::config::{DEFAULT_POOL_COUNT, HostPort, NTP_PORT, NTS_KE_PORT, SourceEntry, SourceKind};
use crate::diagnostic::{Located, Report};
use crate::fields::{Fields, Section, integer, string};
use crate::raw::Value;
use ntp_proto::association::AssociationConfig;
use ntp_proto::packet::Version;
use ntp_proto::time::{PollInterval, PollLimits};
use std::net::IpAddr;

pub(crate) const DEFAULTS: Section = Section {
    name: "[source-defaults]",
    keys: &["poll-interval-limits", "initial-poll-interval", "burst"],
};

pub(crate) const SOURCE: Section = Section {
    name: "[[source]]",
    keys: &[
        "mode",
        "address",
        "port",
        "count",
        "ignore",
        "poll-interval-limits",
        "initial-poll-interval",
        "burst",
        "ntp-version",
        "certificate-authority",
        "system-authorities",
        "pinned-keys",
        "aead-algorithms",
    ],
};

/// The longest interval, and the reason. After two lost replies of an interval of 2¹⁵ s, the bound
/// has grown by 1.5 s at 15 ppm (RFC 5905 §7.2 PHI), which is MAXDIST.
const LONGEST: (i64, &str) = (
    15,
    "the error bound grows by 1 s in 2^16 s, so one lost reply would leave the clock \
     unsynchronized",
);
/// The longest interval at the start, while the frequency of the clock is not known: 175 ppm over
/// 2¹³ s are 1.4 s.
const LONGEST_AT_START: (i64, &str) = (
    12,
    "while the frequency of the clock is not known, it may drift by more than a second until the \
     next reply",
);

pub(crate) const POLL_LIMITS: Section = Section {
    name: "`poll-interval-limits`",
    keys: &["min", "max"],
};

/// The most servers of one pool in use at a time; more would only burden the pool.
const LARGEST_POOL_COUNT: i64 = 16;

/// The most requests of a burst: the eight stages of the clock filter. More would only burden the
/// server.
const LARGEST_BURST: i64 = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Server,
    Pool,
    Nts,
    NtsPool,
    Sock,
    Pps,
    Csptp,
}

impl Mode {
    /// The default port.
    const fn port(self) -> u16 {
        match self {
            Self::Nts | Self::NtsPool => NTS_KE_PORT,
            _ => NTP_PORT,
        }
    }
}

const MODES: [(&str, Mode); 3] = [
    ("server", Mode::Server),
    ("pool", Mode::Pool),
    ("nts", Mode::Nts),
];

/// The modes of ntpd-rs that this version does not support.
const MODES_OF_OTHERS: [(&str, Mode); 4] = [
    ("nts-pool", Mode::NtsPool),
    ("sock", Mode::Sock),
    ("pps", Mode::Pps),
    ("csptp", Mode::Csptp),
];

/// Reads all sources, each with the place of its address.
pub(super) fn read(root: &mut Fields, report: &mut Report) -> Vec<Located<SourceEntry>> {
    let mut defaults = root
        .table(&DEFAULTS, "source-defaults", report)
        .unwrap_or(Fields::absent(&DEFAULTS));
    let settings = settings(&mut defaults, AssociationConfig::default(), report);
    defaults.finish(report);
    let sources = root.tables(&SOURCE, "source", report);
    sources
        .into_iter()
        .filter_map(|source| read_one(source, settings, report))
        .collect()
}

fn read_one(
    mut fields: Fields,
    defaults: AssociationConfig,
    report: &mut Report,
) -> Option<Located<SourceEntry>> {
    let Some(entry) = fields.peek("mode") else {
        let help = "write mode = \"nts\" for a server with authentication, mode = \"server\" for \
                    one without, or mode = \"pool\" for a name behind which there are many";
        report.error(fields.span(), "a `[[source]]` without a `mode`", help);
        fields.abandon(report);
        return None;
    };
    let mode_span = entry.value.span.clone();
    let mode = fields
        .word_or("mode", &MODES, &MODES_OF_OTHERS, report)?
        .value;
    if let Some((message, help)) = not_in_this_version(mode) {
        report.error(&mode_span, message, help);
        return None;
    }
    let address = read_address(&mut fields, mode.port(), report);
    let mut settings = settings(&mut fields, defaults, report);
    settings.version = version(&mut fields, mode, report).unwrap_or(settings.version);
    let pool = (mode == Mode::Pool).then(|| pool(&mut fields, report));
    let trust = (mode == Mode::Nts).then(|| trust::read(&mut fields, report));
    refuse_keys_of_others(&mut fields, mode, report);
    fields.finish(report);
    let address = address?;
    let host = address.value.clone();
    let kind = match (pool, trust) {
        (Some((count, ignore)), _) => SourceKind::Pool {
            address: host,
            count,
            ignore,
        },
        (None, Some(trust)) => {
            trust::check_host(&address.with(host.host.as_str()), &trust, report);
            SourceKind::Nts {
                address: host,
                trust,
            }
        }
        (None, None) => SourceKind::Server { address: host },
    };
    Some(address.with(SourceEntry { kind, settings }))
}

/// Refuses the keys of other modes, and those of other daemons for NTS, because their effect would
/// be missing.
fn refuse_keys_of_others(fields: &mut Fields, mode: Mode, report: &mut Report) {
    let mut refuse_all = |keys: &[&'static str], message, help| {
        keys.iter()
            .for_each(|key| fields.refuse(key, (message, help), report));
    };
    match mode {
        Mode::Pool => {}
        Mode::Nts => refuse_all(
            &["count", "ignore"],
            "only a pool has it, and pools have no NTS",
            SEVERAL_NTS,
        ),
        _ => refuse_all(
            &["count", "ignore"],
            "only a pool has it",
            "write mode = \"pool\" or remove this line",
        ),
    }
    if mode != Mode::Nts {
        let help = "write mode = \"nts\" for time with authentication, or remove this line";
        refuse_all(&trust::KEYS, "only a source with NTS has it", help);
    }
    if let Some(entry) = fields.take_foreign("nts") {
        let help = match mode {
            Mode::Nts => "remove this line",
            Mode::Pool => SEVERAL_NTS,
            _ => {
                "write mode = \"nts\" and remove this line; without that, nothing would be \
                 authenticated"
            }
        };
        report.error(
            &entry.key.span,
            "`nts`: the `mode` sets whether a source has NTS",
            help,
        );
    }
    match fields.take_foreign("enable-srv-resolution") {
        Some(entry) if matches!(entry.value.value, Value::Boolean(false)) => {}
        Some(entry) => {
            let message = "`enable-srv-resolution`: servers are not looked up by SRV records";
            report.error(
                &entry.key.span,
                message,
                "remove this line and write the name of one server",
            );
        }
        None => {}
    }
}

/// The remedy for pools with NTS.
const SEVERAL_NTS: &str = "write one [[source]] with mode = \"nts\" for each of several servers";

const fn not_in_this_version(mode: Mode) -> Option<(&'static str, &'static str)> {
    Some(match mode {
        Mode::Server | Mode::Pool | Mode::Nts => return None,
        Mode::NtsPool => ("this version does not support NTS pools", SEVERAL_NTS),
        Mode::Sock => (
            "this version has no reference clocks, such as gpsd's socket",
            "use mode = \"server\" with an NTP server that has the reference clock, or remove this \
             section",
        ),
        Mode::Pps => (
            "this version has no reference clocks, such as pulses per second",
            "use mode = \"server\" with an NTP server that has the reference clock, or remove this \
             section",
        ),
        Mode::Csptp => (
            "this version does not support CSPTP",
            "write mode = \"nts\" or mode = \"server\" if the host speaks NTP as well",
        ),
    })
}

fn read_address(
    fields: &mut Fields,
    default_port: u16,
    report: &mut Report,
) -> Option<Located<HostPort>> {
    let port = fields.integer("port", 1..=i64::from(u16::MAX), report);
    if fields.peek("address").is_none() {
        let help = format!(
            "write address = \"ntp.example.org\", with another port than {default_port} as \
             \"ntp.example.org:1123\""
        );
        report.error(fields.span(), "a `[[source]]` without an `address`", help);
        return None;
    }
    let text = fields.string("address", report)?;
    let mut host = match address::host(&text.value) {
        Ok(host) => host,
        Err(reason) => {
            report.error(&text.span, reason.message(), reason.help());
            return None;
        }
    };
    if let Some(refusal) = address::not_a_server(&host.host) {
        report.error(&text.span, refusal.message(), refusal.help());
        return None;
    }
    if let Some(port) = port {
        if host.port.is_some() {
            report.error(
                &port.span,
                "the port is given twice",
                "remove `port` or the port at the end of `address`",
            );
        }
        host.port = u16::try_from(port.value).ok();
    }
    Some(text.with(host.or_port(default_port)))
}

fn settings(
    fields: &mut Fields,
    defaults: AssociationConfig,
    report: &mut Report,
) -> AssociationConfig {
    let limits = poll_limits(fields, defaults.poll_limits, report);
    let initial = fields.integer(
        "initial-poll-interval",
        log2(PollInterval::MIN)..=log2(PollInterval::MAX),
        report,
    );
    let initial = initial
        .and_then(|initial| workable(&initial, "initial-poll-interval", LONGEST_AT_START, report));
    let initial_poll = match initial {
        Some(initial) if limits.clamp(initial.value) != initial.value => {
            let used = limits.clamp(initial.value);
            let message = format!(
                "`initial-poll-interval` is outside `poll-interval-limits`; {} is used",
                used.log2()
            );
            let help = format!(
                "write a value from {} to {}",
                limits.min().log2(),
                limits.max().log2()
            );
            report.warning(&initial.span, message, help);
            used
        }
        Some(initial) => initial.value,
        None => limits.clamp(defaults.initial_poll),
    };
    let burst = fields
        .integer("burst", 1..=LARGEST_BURST, report)
        .and_then(|burst| u8::try_from(burst.value).ok());
    AssociationConfig {
        poll_limits: limits,
        initial_poll,
        burst: burst.unwrap_or(defaults.burst),
        ..defaults
    }
}

fn poll_limits(fields: &mut Fields, defaults: PollLimits, report: &mut Report) -> PollLimits {
    let Some(mut table) = fields.table(&POLL_LIMITS, "poll-interval-limits", report) else {
        return defaults;
    };
    let range = log2(PollInterval::MIN)..=log2(PollInterval::MAX);
    let min = table.integer("min", range.clone(), report);
    let max = table.integer("max", range, report);
    let at = min
        .as_ref()
        .or(max.as_ref())
        .map_or(table.span(), |bound| &bound.span)
        .clone();
    table.finish(report);
    let min = min
        .and_then(|min| workable(&min, "min", LONGEST_AT_START, report))
        .map(|min| min.value);
    let max = max
        .and_then(|max| workable(&max, "max", LONGEST, report))
        .map(|max| max.value);
    let (min, max) = (min.unwrap_or(defaults.min()), max.unwrap_or(defaults.max()));
    PollLimits::new(min, max).unwrap_or_else(|| {
        let message = format!(
            "`min` ({}) is longer than `max` ({})",
            min.log2(),
            max.log2()
        );
        report.error(
            &at,
            message,
            "write a `min` that is at most `max`; both are powers of two of seconds",
        );
        defaults
    })
}

/// Refuses an interval beyond `longest`. The protocol allows longer ones (RFC 5905 §7.2), but the
/// error bound would grow too large.
fn workable(
    poll: &Located<i64>,
    key: &str,
    (longest, why): (i64, &str),
    report: &mut Report,
) -> Option<Located<PollInterval>> {
    if poll.value > longest {
        let message = format!("`{key}` of {} cannot work: {why}", poll.value);
        report.error(
            &poll.span,
            message,
            format!("write a value from 0 to {longest}"),
        );
        return None;
    }
    Some(poll.with(self::poll(poll.value)?))
}

fn poll(log2_seconds: i64) -> Option<PollInterval> {
    i8::try_from(log2_seconds).ok().and_then(PollInterval::new)
}

fn log2(poll: PollInterval) -> i64 {
    i64::from(poll.log2())
}

fn version(fields: &mut Fields, mode: Mode, report: &mut Report) -> Option<Version> {
    let help = match mode {
        Mode::Nts => "write 4 or remove this line",
        _ => "write 4, or 3 for a very old server, or remove this line",
    };
    let entry = fields.take("ntp-version")?;
    match &entry.value.value {
        Value::String(word) if word == "auto" => {
            report.warning(
                &entry.value.span,
                "`ntp-version` \"auto\" means 4: this version does not support NTPv5",
                help,
            );
            Some(Version::V4)
        }
        Value::Integer(3) if mode == Mode::Nts => {
            report.error(&entry.value.span, "version 3 does not support NTS", help);
            None
        }
        Value::Integer(5) => {
            report.error(
                &entry.value.span,
                "this version does not support NTPv5",
                help,
            );
            None
        }
        Value::String(_) => {
            report.error(&entry.value.span, "`ntp-version` must be a number", help);
            None
        }
        _ => {
            let number = integer(&entry.value, "ntp-version", 3..=4, report)?;
            Some(if number.value == 3 {
                Version::V3
            } else {
                Version::V4
            })
        }
    }
}

fn pool(fields: &mut Fields, report: &mut Report) -> (usize, Vec<IpAddr>) {
    let count = fields.integer("count", 1..=LARGEST_POOL_COUNT, report);
    let count = count
        .and_then(|count| usize::try_from(count.value).ok())
        .unwrap_or(DEFAULT_POOL_COUNT);
    let ignore = fields.list("ignore", report, |value, report| {
        let text = string(value, "ignore", report)?;
        let address = text.value.parse::<IpAddr>().ok();
        if address.is_none() {
            let message = format!("`{}` is not an IP address", text.value);
            report.error(
                &text.span,
                message,
                "write addresses without ports, as \"192.0.2.1\" or \"2001:db8::1\"",
            );
        }
        address.map(|address| address.to_canonical())
    });
    (count, ignore.map_or(Vec::new(), |ignore| ignore.value))
}
