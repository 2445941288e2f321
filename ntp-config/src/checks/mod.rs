//! Checks across sections.

pub(crate) mod nts_ke;

use crate::config::{Config, NTP_PORT, ServerEntry, SourceEntry, SourceKind};
use crate::diagnostic::{Located, Report};
use crate::section::synchronization::Demands;
use ntp_proto::clock::{Authentication, FirstTime};
use ntp_proto::packet::Stratum;

/// The fewest sources of which a majority can outvote a false one.
const OUTVOTING: usize = 3;

/// A host name without its final dot, which makes no difference.
fn plain(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

pub(crate) fn sources(sources: &[Located<SourceEntry>], report: &mut Report) {
    const HELP: &str = "name another server, or remove this section: the same clock would count \
                        twice in every vote";
    for (index, source) in sources.iter().enumerate() {
        let kind = &source.value.kind;
        let mut earlier = sources
            .iter()
            .take(index)
            .map(|earlier| &earlier.value.kind);
        let Some(same) = earlier.find(|earlier| same_clock(earlier, kind)) else {
            continue;
        };
        let message = format!("`{}` is already a source", same.address());
        match (same, kind) {
            // A second NTS association with the same server is never useful.
            (SourceKind::Nts { .. }, SourceKind::Nts { .. }) => {
                report.error(&source.span, message, HELP);
            }
            _ => report.warning(&source.span, message, HELP),
        }
    }
}

/// True if both have the same host name and, unless only one has NTS, the same port.
fn same_clock(one: &SourceKind, other: &SourceKind) -> bool {
    let is_nts = |kind: &SourceKind| matches!(kind, SourceKind::Nts { .. });
    let ports_match = match (is_nts(one), is_nts(other)) {
        (true, false) => other.address().port == NTP_PORT,
        (false, true) => one.address().port == NTP_PORT,
        _ => one.address().port == other.address().port,
    };
    ports_match && plain(&one.address().host).eq_ignore_ascii_case(plain(&other.address().host))
}

pub(crate) fn servers(servers: &[Located<ServerEntry>], report: &mut Report) {
    for (index, server) in servers.iter().enumerate() {
        let (listen, interface) = (server.value.listen, &server.value.interface);
        let taken = |earlier: &Located<ServerEntry>| {
            earlier.value.listen == listen && earlier.value.interface == *interface
        };
        // Port 0 gets a port of its own each time.
        if listen.port() != 0 && servers.iter().take(index).any(taken) {
            let help = "use another address, port or `interface`, or remove this section";
            report.error(
                &server.span,
                format!("another `[[server]]` listens on {listen} already"),
                help,
            );
        }
    }
}

pub(crate) fn whole(config: &Config, demands: &Demands, report: &mut Report) {
    let usable = config.most_usable_sources();
    if usable == 0 {
        no_sources(config, report);
        return;
    }
    let with_nts = config
        .sources
        .iter()
        .filter(|source| matches!(source.kind, SourceKind::Nts { .. }))
        .count();
    if with_nts == 0 {
        without_nts(demands, report);
    }
    let required = config.synchronization.settings.authentication == Authentication::Require;
    // The lack of any source with NTS has been reported.
    let usable = if required && with_nts > 0 {
        with_nts
    } else {
        usable
    };
    if let Some(minimum) = demands
        .minimum_agreeing
        .as_ref()
        .filter(|minimum| minimum.value > usable)
    {
        let message = format!(
            "`minimum-agreeing-sources` is {}, but there {} at most {usable}: the clock would \
             never be synchronized",
            minimum.value,
            if usable == 1 { "is" } else { "are" },
        );
        let help = "add sources, or remove this line (a strict majority of the usable sources must \
                    always agree; ntpd-rs asks for three by default)";
        report.error(&minimum.span, message, help);
    }
    if usable < OUTVOTING {
        let message = match usable {
            1 => "with one source, a wrong time cannot be detected",
            _ => "with two sources, a falseticker can be detected but not identified",
        };
        report.warning_anywhere(
            message,
            "configure three or more, so that a majority outvotes a false one (four survive the \
             loss of one)",
        );
    }
}

/// Reports requirements on sources with NTS if there is none.
fn without_nts(demands: &Demands, report: &mut Report) {
    let required = demands
        .authentication
        .as_ref()
        .filter(|policy| policy.value == Authentication::Require);
    if let Some(policy) = required {
        let message = "`authentication` is `require`, and no source has NTS: the clock would never \
                       be synchronized";
        report.error(
            &policy.span,
            message,
            "add a source with mode = \"nts\", or remove this line",
        );
    }
    if let Some(policy) = demands
        .first_time
        .as_ref()
        .filter(|policy| policy.value == FirstTime::Single)
    {
        let message =
            "`first-time-from` has no effect: it concerns certificates, and no source has NTS";
        report.warning(
            &policy.span,
            message,
            "remove this line, or add a source with mode = \"nts\"",
        );
    }
}

fn no_sources(config: &Config, report: &mut Report) {
    if config.servers.is_empty() && !config.nts_ke_servers.is_empty() {
        // A host that only runs NTS-KE, for NTP servers elsewhere with the same keys.
    } else if config.servers.is_empty() {
        let help = concat!(
            "add a source, such as\n\n",
            "            [[source]]\n",
            "            mode = \"pool\"\n",
            "            address = \"pool.ntp.org\"",
        );
        report.error_anywhere(
            "there is nothing to do: no `[[source]]`, no `[[server]]` and no `[[nts-ke-server]]`",
            help,
        );
    } else if config.synchronization.settings.local_stratum == Stratum::UNSYNCHRONIZED {
        let help = "add a [[source]]; or, if this clock is right by other means, write \
                    local-stratum = 10 in [synchronization]";
        report.warning_anywhere(
            "without a source, the servers answer that they are not synchronized",
            help,
        );
    }
}
