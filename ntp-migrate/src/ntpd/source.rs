//! `server`, `pool` and `peer` of ntp.conf, and reference clocks.

use super::{Ntpd, preferred_aead};
use crate::chrony::{CORRECTED, NOSELECT, SYMMETRIC_KEY};
use crate::ledger::LineId;
use crate::plan::{Mode, SYNCHRONIZATION, Source};
use crate::text::Directive;
use crate::units::{LONGEST_MAX_POLL, LONGEST_MIN_POLL, SHORTEST_MIN_POLL, number, whole};
use std::net::Ipv4Addr;
use std::slice::Iter;

/// The stratum of the undisciplined local clock where no line sets it.
const LOCAL_CLOCK_STRATUM: i64 = 5;

/// Options that change how the source is measured, whether they have a value, and the difference.
const NOTED: [(&str, bool, &str); 12] = [
    (
        "prefer",
        false,
        "no source is preferred: the majority decides, and NTS goes first",
    ),
    (
        "true",
        false,
        "no source is trusted alone: the majority decides, and NTS goes first",
    ),
    (
        "burst",
        false,
        "a burst is sent at the start and after an outage",
    ),
    (
        "preempt",
        false,
        "a server of a pool that is of no use is replaced",
    ),
    ("dynamic", false, "names are looked up until they are found"),
    (
        "xleave",
        false,
        "the basic mode is used, not the interleaved one",
    ),
    (
        "xmtnonce",
        false,
        "every request has a random transmit timestamp",
    ),
    ("mode", true, "it concerns reference clocks"),
    ("ttl", true, "it concerns multicast"),
    (
        "mdnstries",
        true,
        "the server is not announced by multicast DNS",
    ),
    ("ask", true, "the NTS-KE server chooses the server of NTP"),
    (
        "require",
        true,
        "the NTS-KE server chooses the server of NTP",
    ),
];

/// Options of the TLS library, all with a value.
const TLS: [&str; 5] = [
    "mintls",
    "maxtls",
    "tlsciphersuites",
    "tlsport",
    "tlscipherlist",
];

/// One line while it is read.
struct Options {
    source: Source,
    unusable: Option<&'static str>,
    authorities: Option<String>,
}

impl Ntpd<'_> {
    /// Reads one line.
    pub(super) fn source(&mut self, directive: &Directive, id: LineId) {
        let mut rest = directive.arguments().iter();
        let mut host = rest.next();
        if let Some(family) = host.filter(|word| matches!(**word, "-4" | "-6")) {
            let note = format!("`{family}`: the addresses of both families are used");
            self.plan.ledger.approximate(id, note);
            host = rest.next();
        }
        let Some(host) = host else {
            return self.malformed(id);
        };
        if let Some((driver, _)) = driver(host) {
            return self.clock_driver(driver, id);
        }
        if directive.keyword() == "peer" {
            let note = "there are no symmetric associations; if the peer answers clients, as in \
                        NTPsec, write a [[source]] with mode = \"server\"";
            self.plan.ledger.lose(id, note);
            return;
        }
        let is_pool = directive.keyword() == "pool";
        let mode = if is_pool {
            Mode::Pool(None)
        } else {
            Mode::Server
        };
        let mut line = Options {
            source: Source::new(id, mode, host),
            unusable: None,
            authorities: None,
        };
        while let Some(option) = rest.next() {
            self.option(&option.to_ascii_lowercase(), &mut rest, &mut line, id);
        }
        self.add(line, is_pool, id);
    }

    fn add(&mut self, line: Options, is_pool: bool, id: LineId) {
        if let Some(note) = line.unusable {
            self.plan.ledger.lose(id, note);
            return;
        }
        let mut source = line.source;
        if source.mode == Mode::Nts {
            if is_pool {
                let note = "there are no pools with NTS: one server of this name is used";
                self.plan.ledger.approximate(id, note);
            }
            let place = self.plan.sources.len();
            match line.authorities {
                Some(location) => {
                    source.authorities = vec![location];
                    source.system_authorities = false;
                }
                None => self.common_trust.push(place),
            }
            if source.aead.is_empty() {
                self.common_aead.push(place);
            }
        }
        self.plan.sources.push(source);
    }

    fn option(&mut self, option: &str, rest: &mut Iter<&str>, line: &mut Options, id: LineId) {
        if let Some((_, has_value, note)) = NOTED.iter().find(|(name, _, _)| *name == option) {
            if *has_value {
                rest.next();
            }
            self.plan
                .ledger
                .approximate(id, format!("`{option}`: {note}"));
            return;
        }
        if TLS.contains(&option) {
            rest.next();
            let note = format!("`{option}`: TLS 1.3 is used, with its usual ciphers");
            self.plan.ledger.approximate(id, note);
            return;
        }
        match option {
            // A burst at the start is the default.
            "iburst" => {}
            "nts" => line.source.mode = Mode::Nts,
            "noval" => {
                let note = "`noval`: the certificate is verified all the same";
                self.plan.ledger.approximate(id, note);
            }
            "noselect" => line.unusable = Some(NOSELECT),
            "key" => {
                rest.next();
                self.keys_used = true;
                line.unusable = Some(SYMMETRIC_KEY);
            }
            "autokey" => line.unusable = Some(SYMMETRIC_KEY),
            "bias" => {
                if rest.next().and_then(|value| number(value)) != Some(0.0) {
                    line.unusable = Some(CORRECTED);
                }
            }
            "ca" => line.authorities = rest.next().map(|path| (*path).to_owned()),
            "aead" => match rest.next().and_then(|name| preferred_aead(name)) {
                Some(names) => line.source.aead = names,
                None => {
                    let note = "`aead`: the algorithm is not known, and the default is used";
                    self.plan.ledger.approximate(id, note);
                }
            },
            "minpoll" | "maxpoll" | "version" => match rest.next().and_then(|value| whole(value)) {
                Some(value) => self.number(option, value, &mut line.source, id),
                None => {
                    self.plan.ledger.needs_number(id, option);
                }
            },
            _ => {
                self.plan.ledger.unknown_option(id, option);
            }
        }
    }

    fn number(&mut self, option: &str, value: i64, source: &mut Source, id: LineId) {
        let (least, most) = match option {
            "minpoll" => (SHORTEST_MIN_POLL, LONGEST_MIN_POLL),
            "maxpoll" => (SHORTEST_MIN_POLL, LONGEST_MAX_POLL),
            _ => (3, 4),
        };
        let used = value.clamp(least, most);
        if used != value {
            let note = format!("`{option}` {value}: {used} is used");
            self.plan.ledger.approximate(id, note);
        }
        match option {
            "minpoll" => source.min_poll = Some(used),
            "maxpoll" => source.max_poll = Some(used),
            _ => source.version = Some(used),
        }
    }

    /// Reads `refclock`.
    pub(super) fn reference_clock(&mut self, directive: &Directive, id: LineId) {
        let arguments = directive.arguments();
        if arguments.first() != Some(&"local") {
            return self.clock_driver(0, id);
        }
        self.local_clock(stratum(arguments).unwrap_or(LOCAL_CLOCK_STRATUM), id);
    }

    /// Reads `fudge`, which sets up a reference clock.
    pub(super) fn fudge(&mut self, directive: &Directive, id: LineId) {
        let arguments = directive.arguments();
        match arguments.first().and_then(|address| driver(address)) {
            Some((1, _)) => {
                if let Some(stratum) = stratum(arguments) {
                    self.local_clock(stratum, id);
                }
            }
            _ => self.clock_driver(0, id),
        }
    }

    fn clock_driver(&mut self, driver: u8, id: LineId) {
        if driver == 1 {
            self.local_clock(LOCAL_CLOCK_STRATUM, id);
        } else {
            let note = "there are no reference clocks; an NTP server that has it can be a source";
            self.plan.ledger.lose(id, note);
        }
    }

    /// The clock without any source, at a stratum below that of its driver.
    fn local_clock(&mut self, stratum: i64, id: LineId) {
        let note = "the local clock is no source: `local-stratum` serves it while no source is \
                    used";
        self.plan.ledger.approximate(id, note);
        let stratum = stratum.clamp(0, 14) + 1;
        self.plan
            .set((SYNCHRONIZATION, "local-stratum"), stratum, id);
    }
}

/// The driver and the unit of the address of a reference clock.
fn driver(host: &str) -> Option<(u8, u8)> {
    match host.parse::<Ipv4Addr>().ok()?.octets() {
        [127, 127, driver, unit] => Some((driver, unit)),
        _ => None,
    }
}

fn stratum(arguments: &[&str]) -> Option<i64> {
    let mut words = arguments.iter();
    words.find(|word| **word == "stratum")?;
    whole(words.next()?)
}
