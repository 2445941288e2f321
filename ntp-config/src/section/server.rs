//! `[[server]]`.

use super::listen;
use crate::config::{DEFAULT_COALESCING, NTP_PORT, ServerEntry};
use crate::diagnostic::{Located, Report};
use crate::fields::{Fields, Section, integer, string, wrong_kind};
use crate::raw::Value;
use ntp_proto::packet::Version;
use ntp_proto::server::{
    AccessList, AccessPolicy, FilterAction, Prefix, PrefixError, RateLimit, ServerConfig,
    VersionSet,
};
use std::time::Duration;

pub(crate) const SERVER: Section = Section {
    name: "[[server]]",
    keys: &[
        "listen",
        "interface",
        "allowlist",
        "denylist",
        "rate-limiting-cache-size",
        "rate-limiting-cutoff-ms",
        "rate-limiting-burst",
        "require-nts",
        "accept-ntp-versions",
        "worker-threads",
        "pin-threads",
        "coalescing-us",
    ],
};

pub(crate) const FILTER: Section = Section {
    name: "a list of addresses",
    keys: &["filter", "action"],
};

const ACTIONS: [(&str, FilterAction); 2] = [
    ("ignore", FilterAction::Ignore),
    ("deny", FilterAction::Deny),
];

/// The most octets of an interface's name on Linux (IFNAMSIZ without the zero at the end).
const LONGEST_INTERFACE: usize = 15;

/// The largest table of a rate limiter: the limit of ntp-proto.
const LARGEST_CACHE: i64 = 1 << 24;

/// The longest time between two requests, one day in milliseconds.
const LONGEST_CUTOFF: i64 = 86_400_000;

/// The most threads of one address. Each has its own socket, client table and receive buffer.
const MOST_WORKERS: i64 = 256;

/// The longest wait for more requests, in microseconds, which adds to the round-trip time of
/// clients.
const LONGEST_COALESCING: i64 = 1000;

/// The largest burst of one client.
const LARGEST_BURST: i64 = 1000;

/// Reads all servers, each with the place of its `listen`.
pub(super) fn read(root: &mut Fields, report: &mut Report) -> Vec<Located<ServerEntry>> {
    let servers = root.tables(&SERVER, "server", report);
    servers
        .into_iter()
        .filter_map(|server| read_one(server, report))
        .collect()
}

fn read_one(mut fields: Fields, report: &mut Report) -> Option<Located<ServerEntry>> {
    let listen = listen::read(&mut fields, NTP_PORT, report);
    let interface = interface(&mut fields, report);
    let config = ServerConfig {
        access: access(&mut fields, report),
        rate_limit: rate_limit(&mut fields, report),
        versions: versions(&mut fields, report).unwrap_or(VersionSet::ALL),
        require_nts: require_nts(&mut fields, report),
        ..ServerConfig::default()
    };
    let worker_threads = fields.integer("worker-threads", 1..=MOST_WORKERS, report);
    let worker_threads = worker_threads.and_then(|count| usize::try_from(count.value).ok());
    let pin_threads = fields
        .boolean("pin-threads", report)
        .is_some_and(|pin| pin.value);
    let coalescing = fields.integer("coalescing-us", 0..=LONGEST_COALESCING, report);
    let coalescing = coalescing.and_then(|micros| u64::try_from(micros.value).ok());
    let coalescing = coalescing.map_or(DEFAULT_COALESCING, Duration::from_micros);
    fields.finish(report);
    let listen = listen?;
    let listen_at = listen.value;
    Some(listen.with(ServerEntry {
        listen: listen_at,
        interface,
        config,
        worker_threads,
        pin_threads,
        coalescing,
    }))
}

fn interface(fields: &mut Fields, report: &mut Report) -> Option<String> {
    let text = fields.string("interface", report)?;
    let good = |octet: u8| octet.is_ascii_graphic() && octet != b'/';
    if (1..=LONGEST_INTERFACE).contains(&text.value.len()) && text.value.bytes().all(good) {
        return Some(text.value);
    }
    let message = format!("`{}` is not the name of a network interface", text.value);
    report.error(
        &text.span,
        message,
        "write a name as `ip link` shows it, as \"eth0\"",
    );
    None
}

fn access(fields: &mut Fields, report: &mut Report) -> AccessPolicy {
    let (deny, deny_action) = filter(fields, "denylist", report).unwrap_or_default();
    let (allow, allow_action) = match filter(fields, "allowlist", report) {
        Some((list, action)) => (Some(list), action),
        None => (None, FilterAction::default()),
    };
    AccessPolicy {
        deny,
        deny_action,
        allow,
        allow_action,
    }
}

fn filter(
    fields: &mut Fields,
    key: &'static str,
    report: &mut Report,
) -> Option<(AccessList, FilterAction)> {
    let mut table = fields.table(&FILTER, key, report)?;
    let span = table.span().clone();
    if table.peek("filter").is_none() {
        let help = "write it as { filter = [\"192.0.2.0/24\"], action = \"ignore\" }";
        report.error(&span, format!("`{key}` without `filter`"), help);
    }
    let blocks = table.list("filter", report, prefix);
    let action = table
        .word("action", &ACTIONS, report)
        .map_or(FilterAction::default(), |action| action.value);
    table.finish(report);
    let blocks = blocks?;
    if key == "allowlist" && blocks.value.is_empty() {
        report.warning(
            &blocks.span,
            "an empty `allowlist` refuses every client",
            "list the clients to answer, or remove the list",
        );
    }
    Some((blocks.value.into_iter().collect(), action))
}

fn prefix(value: &Located<Value>, report: &mut Report) -> Option<Prefix> {
    let text = string(value, "filter", report)?;
    match text.value.parse::<Prefix>() {
        Ok(prefix) => Some(prefix),
        Err(reason) => {
            let help = match reason {
                PrefixError::HostBits { meant } => {
                    format!("write \"{meant}\" or the single address")
                }
                PrefixError::NotALength { longest } | PrefixError::TooLong { longest } => {
                    format!("write a number of bits from 0 to {longest} after the slash")
                }
                PrefixError::NotAnAddress => {
                    "write an address or a block, as \"192.0.2.0/24\" or \"2001:db8::/32\""
                        .to_owned()
                }
            };
            report.error(&text.span, format!("`{}`: {reason}", text.value), help);
            None
        }
    }
}

/// Reads the rate limit. Any of its keys enables it, and a `rate-limiting-cache-size` or cutoff of
/// 0 disables it.
fn rate_limit(fields: &mut Fields, report: &mut Report) -> Option<RateLimit> {
    let defaults = RateLimit::default();
    let keys = [
        "rate-limiting-cache-size",
        "rate-limiting-cutoff-ms",
        "rate-limiting-burst",
    ];
    let asked_for = keys.iter().any(|key| fields.peek(key).is_some());
    let entries = fields.integer("rate-limiting-cache-size", 0..=LARGEST_CACHE, report);
    let cutoff = fields.integer("rate-limiting-cutoff-ms", 0..=LONGEST_CUTOFF, report);
    let burst = fields.integer("rate-limiting-burst", 1..=LARGEST_BURST, report);
    let off = |value: &Option<Located<i64>>| value.as_ref().is_some_and(|value| value.value == 0);
    if !asked_for || off(&entries) || off(&cutoff) {
        let idle = if off(&entries) {
            cutoff.as_ref().filter(|cutoff| cutoff.value > 0)
        } else {
            entries.as_ref()
        };
        if let Some(idle) = idle.or(burst.as_ref()).filter(|_| asked_for) {
            let help = "write both `rate-limiting-cache-size` and `rate-limiting-cutoff-ms` above \
                        0, or remove them";
            report.warning(
                &idle.span,
                "rate limiting is off, because its other key is 0",
                help,
            );
        }
        return None;
    }
    let millis = cutoff.and_then(|cutoff| u64::try_from(cutoff.value).ok());
    Some(RateLimit {
        interval: millis.map_or(defaults.interval, Duration::from_millis),
        burst: burst
            .and_then(|burst| u32::try_from(burst.value).ok())
            .unwrap_or(defaults.burst),
        table_entries: entries
            .and_then(|entries| usize::try_from(entries.value).ok())
            .unwrap_or(defaults.table_entries),
        ..defaults
    })
}

fn versions(fields: &mut Fields, report: &mut Report) -> Option<VersionSet> {
    let numbers = fields.list("accept-ntp-versions", report, |value, report| {
        let number = integer(value, "accept-ntp-versions", 1..=5, report)?.value;
        if number == 5 {
            let help = "remove the 5; requests of that version are not answered";
            report.warning(
                &value.span,
                "version 5 has no effect: this version does not support NTPv5",
                help,
            );
        }
        Some(number)
    })?;
    let pairs = [
        (1, Version::V1),
        (2, Version::V2),
        (3, Version::V3),
        (4, Version::V4),
    ];
    let spoken = pairs
        .into_iter()
        .filter(|(number, _)| numbers.value.contains(number))
        .map(|(_, version)| version);
    let spoken: VersionSet = spoken.collect();
    if spoken == VersionSet::NONE {
        let help = "write [1, 2, 3, 4] or remove this line";
        report.error(
            &numbers.span,
            "`accept-ntp-versions` would answer no client",
            help,
        );
    }
    Some(spoken)
}

/// Reads the action for clients without NTS; `None` if they are answered.
fn require_nts(fields: &mut Fields, report: &mut Report) -> Option<FilterAction> {
    match fields.peek("require-nts")?.value.value {
        Value::String(_) => fields
            .word("require-nts", &ACTIONS, report)
            .map(|action| action.value),
        Value::Boolean(required) => {
            fields.take("require-nts");
            required.then_some(FilterAction::Ignore)
        }
        _ => {
            let entry = fields.take("require-nts")?;
            wrong_kind(
                &entry.value,
                "require-nts",
                "true, false, \"ignore\" or \"deny\"",
                report,
            );
            None
        }
    }
}
