//! Checks of the NTS-KE servers against the NTP servers whose keys they use.

use crate::config::{Config, NTP_PORT, NtsKeServerEntry, ServerEntry};
use crate::diagnostic::{Located, Report, Span};

pub(crate) fn servers(servers: &[Located<NtsKeServerEntry>], report: &mut Report) {
    for (index, server) in servers.iter().enumerate() {
        let listen = server.value.listen;
        // Port 0 gets a port of its own each time.
        if listen.port() != 0
            && servers
                .iter()
                .take(index)
                .any(|earlier| earlier.value.listen == listen)
        {
            let help = "use another address or port, or remove this section";
            report.error(
                &server.span,
                format!("another `[[nts-ke-server]]` listens on {listen} already"),
                help,
            );
        }
    }
}

/// Sets the NTP port in responses where the file does not.
pub(crate) fn assign_ntp_ports(
    nts_ke_servers: &mut [Located<NtsKeServerEntry>],
    servers: &[Located<ServerEntry>],
    report: &mut Report,
) {
    let mut ports: Vec<u16> = servers
        .iter()
        .map(|server| server.value.listen.port())
        .collect();
    ports.sort_unstable();
    // Each port 0 will be another one.
    ports.dedup_by(|one, other| one == other && *one != 0);
    for server in nts_ke_servers {
        if ports.is_empty() && server.value.ntp_server.is_none() {
            let help = "add a [[server]] for the clients that get keys here, or name another host \
                        with `ntp-server` that has the same keys";
            report.error(
                &server.span,
                "an `[[nts-ke-server]]` without a `[[server]]` that has its keys",
                help,
            );
        } else if server.value.ntp_port.is_none() {
            server.value.ntp_port = port(&ports, &server.span, report);
        }
    }
}

/// The NTP port in responses; `None` for port 123, and for one that the system will choose.
fn port(ports: &[u16], at: &Span, report: &mut Report) -> Option<u16> {
    const HELP: &str = "write `ntp-port` with the NTP port for clients";
    match ports {
        [] | [0 | NTP_PORT] => None,
        [port] => Some(*port),
        several if several.contains(&NTP_PORT) => {
            let message =
                "the `[[server]]` sections have several ports; clients are directed to port 123";
            report.warning(at, message, HELP);
            None
        }
        _ => {
            report.error(
                at,
                "the `[[server]]` sections have several ports, none of which is 123",
                HELP,
            );
            None
        }
    }
}

/// Warns of `[nts-ke]` without any NTS-KE server.
pub(crate) fn threads(config: &Config, nts_ke: Option<&Span>, report: &mut Report) {
    if let Some(nts_ke) = nts_ke.filter(|_| config.nts_ke_servers.is_empty()) {
        let help = "add an [[nts-ke-server]], or remove this section";
        report.warning(
            nts_ke,
            "`[nts-ke]` has no effect: no `[[nts-ke-server]]` hands out keys",
            help,
        );
    }
}

/// Warns of keys that no client can get.
pub(crate) fn keys(
    config: &Config,
    keyset: Option<&Span>,
    servers: &[Located<ServerEntry>],
    report: &mut Report,
) {
    // Another host may run NTS-KE with the same file of keys.
    let shared = config.keyset.key_storage_path.is_some() && !config.servers.is_empty();
    if !config.nts_ke_servers.is_empty() || shared {
        return;
    }
    if let Some(keyset) = keyset {
        let help = "add an [[nts-ke-server]], or remove this section";
        report.warning(
            keyset,
            "`[keyset]` has no effect: no `[[nts-ke-server]]` hands out keys",
            help,
        );
    }
    for server in servers
        .iter()
        .filter(|server| server.value.config.require_nts.is_some())
    {
        let help =
            "add an [[nts-ke-server]], or remove `require-nts` to answer without authentication";
        let message =
            "`require-nts` would refuse every client: no `[[nts-ke-server]]` hands out keys";
        report.warning(&server.span, message, help);
    }
}
