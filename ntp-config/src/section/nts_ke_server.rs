//! `[[nts-ke-server]]`.

use super::{aead, file, listen};
use crate::address;
use crate::config::{NTS_KE_PORT, NtsKeServerEntry};
use crate::diagnostic::{Located, Report};
use crate::fields::{Fields, Section, integer};
use std::time::Duration;

pub(crate) const NTS_KE_SERVER: Section = Section {
    name: "[[nts-ke-server]]",
    keys: &[
        "listen",
        "certificate-chain-path",
        "private-key-path",
        "key-exchange-timeout-ms",
        "concurrent-connections",
        "connections-per-client",
        "ntp-server",
        "ntp-port",
        "accept-ntp-versions",
        "aead-algorithms",
    ],
};

/// Enough for three round trips over a satellite, one of them after a lost packet.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The range of the timeout of a connection, in milliseconds.
const TIMEOUTS: std::ops::RangeInclusive<i64> = 100..=60_000;

const DEFAULT_CONNECTIONS: usize = 512;

/// Enough for the machines behind one router, and too few for one client to take all connections.
const DEFAULT_CONNECTIONS_PER_CLIENT: usize = 16;

/// The largest limit on open connections.
const MOST_CONNECTIONS: i64 = 65_536;

/// Reads all NTS-KE servers, each with the place of its `listen`.
pub(super) fn read(root: &mut Fields, report: &mut Report) -> Vec<Located<NtsKeServerEntry>> {
    let servers = root.tables(&NTS_KE_SERVER, "nts-ke-server", report);
    servers
        .into_iter()
        .filter_map(|server| read_one(server, report))
        .collect()
}

fn read_one(mut fields: Fields, report: &mut Report) -> Option<Located<NtsKeServerEntry>> {
    let listen = listen::read(&mut fields, NTS_KE_PORT, report);
    let help = "name the file (PEM) with the certificate of this server, followed by those up to \
                its authority";
    let certificate_chain = file::required(&mut fields, "certificate-chain-path", help, report);
    let help = "name the file (PEM) with the private key of the certificate";
    let private_key = file::required(&mut fields, "private-key-path", help, report);
    let timeout = fields.integer("key-exchange-timeout-ms", TIMEOUTS, report);
    let (concurrent_connections, connections_per_client) = connections(&mut fields, report);
    let ntp_server = ntp_server(&mut fields, report);
    let ntp_port = fields.integer("ntp-port", 1..=i64::from(u16::MAX), report);
    versions(&mut fields, report);
    let aead_algorithms = aead::algorithms(&mut fields, report);
    keys_for_pools(&mut fields, report);
    fields.finish(report);
    let listen = listen?;
    Some(
        listen.with(NtsKeServerEntry {
            listen: listen.value,
            certificate_chain: certificate_chain?,
            private_key: private_key?,
            timeout: timeout
                .and_then(|millis| u64::try_from(millis.value).ok())
                .map_or(DEFAULT_TIMEOUT, Duration::from_millis),
            concurrent_connections,
            connections_per_client,
            ntp_server,
            ntp_port: ntp_port.and_then(|port| u16::try_from(port.value).ok()),
            aead_algorithms,
        }),
    )
}

fn connections(fields: &mut Fields, report: &mut Report) -> (usize, usize) {
    let mut number = |key| {
        let number = fields.integer(key, 1..=MOST_CONNECTIONS, report)?;
        Some(number.with(usize::try_from(number.value).ok()?))
    };
    let (all, each) = (
        number("concurrent-connections"),
        number("connections-per-client"),
    );
    let all = all.map_or(DEFAULT_CONNECTIONS, |all| all.value);
    if let Some(each) = each.as_ref().filter(|each| each.value > all) {
        let help = format!("write a number up to {all}, or more `concurrent-connections`");
        report.warning(
            &each.span,
            format!("one client alone can take all {all} connections"),
            help,
        );
    }
    (
        all,
        each.map_or(DEFAULT_CONNECTIONS_PER_CLIENT, |each| each.value)
            .min(all),
    )
}

/// Reads the NTP server of responses: a name, or an address without a zone (RFC 8915 §4.1.7).
fn ntp_server(fields: &mut Fields, report: &mut Report) -> Option<String> {
    const HELP: &str = "write a host name or an IP address that every client can reach";
    let text = fields.string("ntp-server", report)?;
    let host = match address::host(&text.value) {
        Ok(host) => host,
        Err(reason) => {
            report.error(&text.span, reason.message(), reason.help());
            return None;
        }
    };
    if host.port.is_some() {
        report.error(
            &text.span,
            "`ntp-server` must not hold a port",
            "write the port as `ntp-port`",
        );
    } else if let Some(refusal) = address::not_a_server(&host.host) {
        report.error(&text.span, refusal.message(), HELP);
    } else if host.host.contains('%') {
        report.error(
            &text.span,
            "clients cannot use an interface of this machine",
            HELP,
        );
    }
    Some(host.host)
}

fn versions(fields: &mut Fields, report: &mut Report) {
    const KEY: &str = "accept-ntp-versions";
    let numbers = fields.list(KEY, report, |value, report| {
        let number = integer(value, KEY, 3..=5, report)?.value;
        match number {
            3 => report.error(
                &value.span,
                "version 3 does not support NTS",
                "write [4] or remove this line",
            ),
            5 => {
                let help = "remove the 5; no keys are handed out for that version";
                report.warning(
                    &value.span,
                    "version 5 has no effect: this version does not support NTPv5",
                    help,
                );
            }
            _ => {}
        }
        Some(number)
    });
    if let Some(numbers) =
        numbers.filter(|numbers| !numbers.value.contains(&4) && !numbers.value.contains(&3))
    {
        report.error(
            &numbers.span,
            format!("`{KEY}` would serve no client"),
            "write [4] or remove this line",
        );
    }
}

/// Reports the keys of ntpd-rs for servers in an NTS pool.
fn keys_for_pools(fields: &mut Fields, report: &mut Report) {
    if let Some(entry) = fields.take_foreign("longlived-connections") {
        let message = "`longlived-connections` has no effect: only NTS pools keep connections open";
        report.warning(&entry.key.span, message, "remove this line");
    }
    let Some(entry) = fields.take_foreign("accepted-pool-authentication-tokens") else {
        return;
    };
    if !entry.value.value.is_empty_array() {
        let message =
            "`accepted-pool-authentication-tokens`: this version does not support NTS pools";
        report.error(
            &entry.key.span,
            message,
            "remove this line; clients then name this server itself",
        );
    }
}
