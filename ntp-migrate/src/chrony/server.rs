//! The NTP server and the NTS-KE server.

use super::Chrony;
use crate::access::Prefix;
use crate::ledger::LineId;
use crate::plan::{NtsKe, RateLimit, SYNCHRONIZATION};
use crate::text::Directive;
use crate::units::{log2_millis, whole};
use std::net::{IpAddr, Ipv4Addr};
use toml::Value;

/// The octets of memory that chrony needs for one client.
const OCTETS_PER_CLIENT: i64 = 128;

/// The largest table of clients.
const MOST_CLIENTS: i64 = 1 << 24;

/// The share of requests beyond the rate limit that is answered, as a power of two, in chrony by
/// default and here always.
const LEAK: i64 = 2;

/// The longest time for which a key seals cookies, in seconds.
const LONGEST_ROTATION: i64 = 31_536_000;

impl Chrony<'_> {
    /// Reads a directive of this module; false if it is another one.
    pub(super) fn server_directive(&mut self, directive: &Directive, id: LineId) -> bool {
        let arguments = directive.arguments();
        let first = arguments.first().copied().unwrap_or_default();
        match directive.keyword().as_str() {
            "allow" => self.access(arguments, true, id),
            "deny" => self.access(arguments, false, id),
            "bindaddress" => match first.parse::<IpAddr>() {
                Ok(address) => {
                    let family = |other: &IpAddr| other.is_ipv4() != address.is_ipv4();
                    self.server.listen.retain(family);
                    self.server.listen.push(address);
                    self.server.lines.push(id);
                }
                Err(_) => self.malformed(id),
            },
            "binddevice" => {
                self.server.interface = Some(first.to_owned());
                self.server.lines.push(id);
            }
            "port" => self.port(first, id),
            "ratelimit" => self.ratelimit(arguments, id),
            "clientloglimit" => match whole(first) {
                Some(octets) => self.client_log = Some((octets, id)),
                None => self.malformed(id),
            },
            "local" => self.local(arguments, id),
            _ => return self.nts_directive(directive, id),
        }
        true
    }

    /// Reads `allow` or `deny`.
    fn access(&mut self, arguments: &[&str], allow: bool, id: LineId) {
        let (all, subnet) = match arguments {
            [all] if all.eq_ignore_ascii_case("all") => (true, None),
            [all, subnet] if all.eq_ignore_ascii_case("all") => (true, Some(*subnet)),
            [] => (false, None),
            [subnet] => (false, Some(*subnet)),
            _ => return self.malformed(id),
        };
        let prefixes = match subnet {
            None => vec![Prefix::ALL_V4, Prefix::ALL_V6],
            Some(text) => match subnet_of(text) {
                Some(prefix) => vec![prefix],
                None => {
                    let note = format!(
                        "`{text}` is not an address or a block of addresses; names are not looked \
                         up for access lists"
                    );
                    self.plan.ledger.lose(id, note);
                    return;
                }
            },
        };
        self.server.lines.push(id);
        for prefix in prefixes {
            if all {
                self.server.access.set_all(prefix, allow);
            } else {
                self.server.access.set(prefix, allow);
            }
        }
    }

    fn port(&mut self, port: &str, id: LineId) {
        match port.parse() {
            Ok(0) => self.serves = false,
            Ok(port) => {
                self.server.port = Some(port);
                self.server.lines.push(id);
            }
            Err(_) => self.malformed(id),
        }
    }

    fn ratelimit(&mut self, arguments: &[&str], id: LineId) {
        let (mut interval, mut burst, mut leak, mut kod) = (3, 8, LEAK, 0);
        for pair in arguments.chunks(2) {
            let [name, value] = pair else {
                return self.malformed(id);
            };
            let Some(value) = whole(value) else {
                return self.malformed(id);
            };
            match name.to_ascii_lowercase().as_str() {
                "interval" => interval = value,
                "burst" => burst = value,
                "leak" => leak = value,
                "kod" => kod = value,
                _ => return self.malformed(id),
            }
        }
        if !(-19..=12).contains(&interval) || !(1..=255).contains(&burst) {
            return self.malformed(id);
        }
        if leak != LEAK {
            let note = "`leak`: one request in four beyond the limit is answered";
            self.plan.ledger.approximate(id, note);
        }
        if kod != 0 {
            let note = "`kod`: the first request beyond the limit gets a kiss";
            self.plan.ledger.approximate(id, note);
        }
        let (cutoff_ms, exact) = log2_millis(interval);
        if !exact {
            let note = format!("`interval`: {cutoff_ms} ms is used");
            self.plan.ledger.approximate(id, note);
        }
        self.server.rate_limit = Some(RateLimit {
            cutoff_ms,
            burst,
            entries: None,
        });
        self.server.lines.push(id);
    }

    fn local(&mut self, arguments: &[&str], id: LineId) {
        let mut stratum = 10;
        let mut rest = arguments.iter();
        while let Some(option) = rest.next() {
            match option.to_ascii_lowercase().as_str() {
                "stratum" => match rest.next().and_then(|value| whole(value)) {
                    Some(value) => stratum = value,
                    None => return self.malformed(id),
                },
                "orphan" => self.plan.ledger.approximate(
                    id,
                    "`orphan`: servers that list one another do not choose one of them; give each \
                     another stratum",
                ),
                option @ ("distance" | "activate" | "waitsynced" | "waitunsynced") => {
                    rest.next();
                    let note = format!(
                        "`{option}`: the clock is its own reference while no source is used"
                    );
                    self.plan.ledger.approximate(id, note);
                }
                _ => return self.malformed(id),
            }
        }
        self.plan
            .set((SYNCHRONIZATION, "local-stratum"), stratum, id);
    }

    /// Reads a directive of the NTS-KE server; false if it is another one.
    fn nts_directive(&mut self, directive: &Directive, id: LineId) -> bool {
        let first = directive.arguments().first().copied().unwrap_or_default();
        match directive.keyword().as_str() {
            "ntsservercert" | "ntsserverkey" => self.nts_file(directive, first, id),
            "ntsport" => match first.parse() {
                Ok(port) => self.nts_ke().port = Some(port),
                Err(_) => self.malformed(id),
            },
            "ntsntpserver" => self.nts_ke_key("ntp-server", first),
            "maxntsconnections" => match whole(first) {
                Some(most) => self.nts_ke_key("concurrent-connections", most.clamp(1, 65_536)),
                None => self.malformed(id),
            },
            "ntsprocesses" => self.ntsprocesses(first, id),
            "ntsrotate" => self.ntsrotate(first, id),
            _ => return false,
        }
        self.nts_ke().lines.push(id);
        true
    }

    fn nts_ke(&mut self) -> &mut NtsKe {
        self.server.nts_ke.get_or_insert_default()
    }

    /// Sets a key of the section; the last line wins.
    fn nts_ke_key(&mut self, key: &'static str, value: impl Into<Value>) {
        let verbatim = &mut self.nts_ke().verbatim;
        verbatim.retain(|(earlier, _)| *earlier != key);
        verbatim.push((key, value.into()));
    }

    fn nts_file(&mut self, directive: &Directive, path: &str, id: LineId) {
        let nts_ke = self.nts_ke();
        let slot = if directive.keyword() == "ntsservercert" {
            &mut nts_ke.certificate
        } else {
            &mut nts_ke.key
        };
        if slot.is_some() {
            let note = "an NTS-KE server has one certificate: the first one is used";
            self.plan.ledger.lose(id, note);
        } else {
            *slot = Some(path.to_owned());
        }
    }

    fn ntsprocesses(&mut self, processes: &str, id: LineId) {
        let Some(processes) = whole(processes) else {
            return self.malformed(id);
        };
        let threads = processes.clamp(1, 64);
        if threads != processes {
            let note = format!("{threads} threads talk to clients");
            self.plan.ledger.approximate(id, note);
        }
        self.plan.set(("nts-ke", "handshake-threads"), threads, id);
    }

    fn ntsrotate(&mut self, interval: &str, id: LineId) {
        match whole(interval) {
            Some(0) => self.plan.ledger.lose(
                id,
                "the daemon makes and rotates the keys itself; servers cannot share those of \
                 another program",
            ),
            Some(interval) if interval > 0 => {
                let used = interval.min(LONGEST_ROTATION);
                if used != interval {
                    let note = "a key seals cookies for a year at most";
                    self.plan.ledger.approximate(id, note);
                }
                self.plan.set(("keyset", "key-rotation-interval"), used, id);
            }
            _ => self.malformed(id),
        }
    }

    /// Adds the server to the plan if a client may ask it.
    pub(super) fn finish_server(&mut self) {
        let mut server = std::mem::take(&mut self.server);
        if let Some((octets, id)) = self.client_log {
            if let Some(limit) = &mut server.rate_limit {
                let clients = (octets / OCTETS_PER_CLIENT).clamp(1, MOST_CLIENTS);
                limit.entries = Some(clients);
                let note = format!("memory for {clients} clients");
                self.plan.ledger.approximate(id, note);
                server.lines.push(id);
            } else {
                let note = "clients are only remembered for a rate limit";
                self.plan.ledger.approximate(id, note);
            }
        }
        let nts_ke = server.nts_ke.take();
        let answers = server
            .access
            .lists()
            .allow
            .is_none_or(|allow| !allow.is_empty());
        if !self.serves || !answers {
            self.unused(
                nts_ke,
                if answers {
                    "`port` is 0"
                } else {
                    "no client is allowed"
                },
            );
            return;
        }
        server.nts_ke = self.complete(nts_ke);
        self.plan.servers.push(server);
    }

    /// The NTS-KE server, if it has a certificate and a key.
    fn complete(&mut self, nts_ke: Option<NtsKe>) -> Option<NtsKe> {
        let nts_ke = nts_ke?;
        if nts_ke.certificate.is_some() && nts_ke.key.is_some() {
            return Some(nts_ke);
        }
        self.unused(
            Some(nts_ke),
            "an NTS-KE server needs both a certificate and a key",
        );
        None
    }

    fn unused(&mut self, nts_ke: Option<NtsKe>, reason: &str) {
        for id in nts_ke.map(|nts_ke| nts_ke.lines).unwrap_or_default() {
            let note = format!("{reason}, so that there is no NTS-KE server");
            self.plan.ledger.approximate(id, note);
        }
    }
}

/// Reads a block of addresses; the first parts of an IPv4 address stand for all that begin so.
fn subnet_of(text: &str) -> Option<Prefix> {
    if let Some(prefix) = Prefix::parse(text) {
        return Some(prefix);
    }
    let (parts, length) = match text.split_once('/') {
        Some((parts, length)) => (parts, Some(length.parse().ok()?)),
        None => (text, None),
    };
    let mut octets = [0_u8; 4];
    let parts: Vec<&str> = parts.split('.').collect();
    if parts.len() > octets.len() {
        return None;
    }
    for (octet, part) in octets.iter_mut().zip(&parts) {
        *octet = part.parse().ok()?;
    }
    let given = u32::try_from(8 * parts.len()).ok()?;
    let address = IpAddr::V4(Ipv4Addr::from(octets));
    Prefix::around(address, length.unwrap_or(given))
}
