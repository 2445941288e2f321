//! `restrict`, rate limits, and the addresses on which ntpd listens.

use super::Ntpd;
use crate::access::Prefix;
use crate::ledger::LineId;
use crate::plan::{NtsKe, RateLimit};
use crate::text::Directive;
use crate::units::{log2_millis, number, whole};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Flags that refuse the time.
const REFUSING: [&str; 3] = ["ignore", "noserve", "notrust"];

/// Flags about what this daemon does not offer at all.
const WITHOUT_EFFECT: [&str; 10] = [
    "nomodify",
    "noquery",
    "nomrulist",
    "nopeer",
    "noepeer",
    "notrap",
    "lowpriotrap",
    "interface",
    "serverresponse",
    "srvrspfuzz",
];

/// The rate limit of `limited` where no line sets it: `discard average 3`.
const USUAL_LIMIT: RateLimit = RateLimit {
    cutoff_ms: 8000,
    burst: 16,
    entries: None,
};

/// The rules of `interface`.
#[derive(Default)]
pub(super) struct Interfaces {
    listen: Vec<IpAddr>,
    name: Option<String>,
    families: Option<(bool, bool)>,
}

/// The rules about clients that ask too often.
#[derive(Default)]
pub(super) struct Limits {
    limited: Option<LineId>,
    set: Option<(RateLimit, LineId)>,
}

impl Ntpd<'_> {
    /// Reads `restrict`.
    pub(super) fn restrict(&mut self, directive: &Directive, id: LineId) {
        let mut words = directive.arguments();
        let family = match words {
            ["-4", rest @ ..] => {
                words = rest;
                Some(true)
            }
            ["-6", rest @ ..] => {
                words = rest;
                Some(false)
            }
            _ => None,
        };
        let Some((address, mut flags)) = words.split_first() else {
            return self.malformed(id);
        };
        let mask = match flags {
            ["mask", mask, rest @ ..] => {
                flags = rest;
                Some(*mask)
            }
            _ => None,
        };
        // Replies of sources are never refused here.
        if *address == "source" {
            return;
        }
        let prefixes = prefixes(address, mask, family);
        if prefixes.is_empty() {
            let note = format!(
                "`{address}` is not an address or a block of addresses; names are not looked up \
                 for access lists"
            );
            self.plan.ledger.lose(id, note);
            return;
        }
        self.flags(&prefixes, flags, id);
    }

    fn flags(&mut self, prefixes: &[Prefix], flags: &[&str], id: LineId) {
        let refuses = flags.iter().any(|flag| REFUSING.contains(flag));
        for prefix in prefixes {
            // The flags of several lines for one prefix add up.
            let refused = self.server.access.get(*prefix) == Some(false);
            self.server.access.set(*prefix, !refuses && !refused);
        }
        if flags.contains(&"notrust") {
            let note = "`notrust`: such clients are refused, as there are no symmetric keys";
            self.plan.ledger.approximate(id, note);
        }
        if flags.contains(&"limited") {
            self.limits.limited = Some(id);
            let everyone = prefixes
                .iter()
                .any(|prefix| [Prefix::ALL_V4, Prefix::ALL_V6].contains(prefix));
            if !everyone {
                let note = "`limited`: the rate limit is the same for all clients";
                self.plan.ledger.approximate(id, note);
            }
        }
        // A client that asks too often gets a kiss in any case.
        if flags.contains(&"kod") && refuses {
            self.server.deny_kisses = true;
            let note = "`kod`: every client that is refused gets a kiss";
            self.plan.ledger.approximate(id, note);
        }
        let mut flags = flags.iter();
        while let Some(flag) = flags.next() {
            match *flag {
                "limited" | "kod" => {}
                "ippeerlimit" => {
                    flags.next();
                }
                "ntpport" | "version" | "flake" | "mssntp" => {
                    let note = format!("`{flag}` cannot be configured");
                    self.plan.ledger.approximate(id, note);
                }
                flag if WITHOUT_EFFECT.contains(&flag) || REFUSING.contains(&flag) => {}
                _ => {
                    let note = format!("`{flag}` is not a flag that is known");
                    self.plan.ledger.lose(id, note);
                }
            }
        }
        self.server.lines.push(id);
    }

    /// Reads `limit` of NTPsec or `discard` of ntpd.
    pub(super) fn limit(&mut self, directive: &Directive, id: LineId) {
        let mut limit = USUAL_LIMIT;
        if directive.keyword() == "limit" {
            limit = RateLimit {
                cutoff_ms: 1000,
                burst: 20,
                entries: None,
            };
        }
        for pair in directive.arguments().chunks(2) {
            let [name, value] = pair else {
                return self.malformed(id);
            };
            let Some(value) = number(value) else {
                return self.malformed(id);
            };
            match (*name, directive.keyword() == "limit") {
                ("average", true) if value > 0.0 => limit.cutoff_ms = millis(1000.0 / value),
                ("average", false) => {
                    let Some(power) = whole(&value.to_string()).filter(|power| *power < 17) else {
                        return self.malformed(id);
                    };
                    limit.cutoff_ms = log2_millis(power).0;
                }
                ("burst", true) if value >= 1.0 => limit.burst = millis(value).min(1000),
                ("kod", true) => {
                    let note = "`kod`: at most 100 kisses are sent in a second";
                    self.plan.ledger.approximate(id, note);
                }
                ("minimum", false) => {
                    let note = "`minimum`: a client may send a burst after a pause";
                    self.plan.ledger.approximate(id, note);
                }
                ("monitor", false) => {}
                _ => return self.malformed(id),
            }
        }
        self.limits.set = Some((limit, id));
    }

    /// Reads `interface`.
    pub(super) fn interface(&mut self, directive: &Directive, id: LineId) {
        let [action, which] = directive.arguments() else {
            return self.malformed(id);
        };
        let listens = *action == "listen";
        if !listens && !matches!(*action, "ignore" | "drop") {
            return self.malformed(id);
        }
        let (v4, v6) = self.interfaces.families.unwrap_or((true, true));
        match *which {
            "wildcard" => {}
            "all" => self.interfaces.families = Some((listens, listens)),
            "ipv4" => self.interfaces.families = Some((listens, v6)),
            "ipv6" => self.interfaces.families = Some((v4, listens)),
            _ if !listens => {
                let note = "an address cannot be left out; name those to listen on instead";
                self.plan.ledger.lose(id, note);
            }
            address => match address.split('/').next().map(str::parse::<IpAddr>) {
                Some(Ok(ip)) => {
                    if address.contains('/') {
                        let note = "only this one address is listened on";
                        self.plan.ledger.approximate(id, note);
                    }
                    self.interfaces.listen.push(ip);
                }
                _ if self.interfaces.name.is_some() => {
                    let note = "a server is tied to one interface: add a [[server]] for this one";
                    self.plan.ledger.lose(id, note);
                }
                _ => self.interfaces.name = Some(address.to_owned()),
            },
        }
        self.server.lines.push(id);
    }

    /// Adds the server, which ntpd always is, unless no client may ask it.
    pub(super) fn finish_server(&mut self, nts_ke: Option<NtsKe>) {
        let mut server = std::mem::take(&mut self.server);
        server.rate_limit = self.rate_limit();
        let interfaces = std::mem::take(&mut self.interfaces);
        server.interface = interfaces.name;
        server.listen = interfaces.listen;
        let any = [
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ];
        if let Some((v4, v6)) = interfaces.families
            && server.listen.is_empty()
        {
            let wanted = any
                .into_iter()
                .filter(|ip| if ip.is_ipv4() { v4 } else { v6 });
            server.listen.extend(wanted);
            if server.listen.is_empty() && server.interface.is_none() {
                return self.without_server(nts_ke);
            }
        }
        if !answers_anyone(&server.access.lists()) {
            return self.without_server(nts_ke);
        }
        server.nts_ke = nts_ke;
        self.plan.servers.push(server);
    }

    fn without_server(&mut self, nts_ke: Option<NtsKe>) {
        for id in nts_ke.map(|nts_ke| nts_ke.lines).unwrap_or_default() {
            let note = "no client may ask for the time, so that there is no NTS-KE server";
            self.plan.ledger.approximate(id, note);
        }
    }

    fn rate_limit(&mut self) -> Option<RateLimit> {
        match (self.limits.set, self.limits.limited) {
            (Some((limit, _)), Some(_)) => Some(limit),
            (Some((_, id)), None) => {
                let note = "no `restrict` line has `limited`, so that there is no limit";
                self.plan.ledger.approximate(id, note);
                None
            }
            (None, Some(id)) => {
                let note = "`limited`: a client may ask once in 8 s in the long run, and 16 times \
                            at once";
                self.plan.ledger.approximate(id, note);
                Some(USUAL_LIMIT)
            }
            (None, None) => None,
        }
    }
}

/// False if the lists refuse every client.
fn answers_anyone(lists: &crate::access::Lists) -> bool {
    let all = [Prefix::ALL_V4, Prefix::ALL_V6];
    match &lists.allow {
        Some(allow) => !allow.is_empty(),
        None => !all.iter().all(|prefix| lists.deny.contains(prefix)),
    }
}

/// The blocks of one `restrict` line; empty if it names none.
fn prefixes(address: &str, mask: Option<&str>, family: Option<bool>) -> Vec<Prefix> {
    if address == "default" {
        return [Prefix::ALL_V4, Prefix::ALL_V6]
            .into_iter()
            .filter(|prefix| family.is_none_or(|v4| prefix.is_v4() == v4))
            .collect();
    }
    if address == "localhost" {
        let loopback = [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            Ipv6Addr::LOCALHOST.into(),
        ];
        return loopback.into_iter().map(Prefix::of).collect();
    }
    let prefix = match mask {
        None => Prefix::parse(address),
        Some(mask) => match (address.parse(), mask.parse()) {
            (Ok(address), Ok(mask)) => Prefix::with_mask(address, mask),
            _ => None,
        },
    };
    prefix.into_iter().collect()
}

fn millis(value: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of numbers beyond the range saturates"
    )]
    let whole = value.round() as i64;
    whole.clamp(1, 86_400_000)
}
