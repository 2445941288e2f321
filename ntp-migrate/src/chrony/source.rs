//! The lines `server`, `pool` and `peer` of chrony.conf.

use super::{CertSet, Chrony};
use crate::ledger::LineId;
use crate::plan::{Mode, Source};
use crate::text::Directive;
use crate::units::{
    LARGEST_POOL, LONGEST_MAX_POLL, LONGEST_MIN_POLL, SHORTEST_MIN_POLL, number, whole,
};
use std::slice::Iter;

/// Options with a value that change how the source is measured, with the difference.
const WITH_VALUE: [(&str, &str); 13] = [
    (
        "maxdelay",
        "delays are judged by the statistics of the source",
    ),
    (
        "maxdelayratio",
        "delays are judged by the statistics of the source",
    ),
    (
        "maxdelaydevratio",
        "delays are judged by the statistics of the source",
    ),
    (
        "maxdelayquant",
        "delays are judged by the statistics of the source",
    ),
    ("mindelay", "the least delay is measured"),
    ("asymmetry", "the asymmetry of the path is estimated"),
    (
        "minsamples",
        "the estimator decides how many measurements it uses",
    ),
    (
        "maxsamples",
        "the estimator decides how many measurements it uses",
    ),
    ("filter", "the estimator weighs single measurements"),
    (
        "polltarget",
        "the poll interval follows the noise of the source",
    ),
    ("presend", "no request is sent beforehand"),
    ("minstratum", "the stratum that the server claims is used"),
    ("maxunreach", "a source that does not answer is not used"),
];

/// Options without a value, with the difference.
const FLAGS: [(&str, &str); 9] = [
    (
        "prefer",
        "no source is preferred: the majority decides, and NTS goes first",
    ),
    (
        "trust",
        "no source is trusted alone: the majority decides, and NTS goes first",
    ),
    ("require", "no single source is required"),
    ("burst", "a burst is sent at the start and after an outage"),
    (
        "offline",
        "the source is asked as soon as there is a network",
    ),
    (
        "auto_offline",
        "the source is asked as soon as there is a network again",
    ),
    ("xleave", "the basic mode is used, not the interleaved one"),
    ("ipv4", "the addresses of both families are used"),
    ("ipv6", "the addresses of both families are used"),
];

impl Chrony<'_> {
    /// Reads one line.
    pub(super) fn source(&mut self, directive: &Directive, id: LineId) {
        let arguments = directive.arguments();
        let Some((host, options)) = arguments.split_first() else {
            self.plan
                .ledger
                .lose(id, "the name of the server is missing");
            return;
        };
        let is_pool = directive.keyword() == "pool";
        if directive.keyword() == "peer" {
            let note = "there are no symmetric associations; if the peer answers clients, write a \
                        [[source]] with mode = \"server\"";
            self.plan.ledger.lose(id, note);
            return;
        }
        let mode = if is_pool {
            Mode::Pool(None)
        } else {
            Mode::Server
        };
        let mut line = Options {
            source: Source::new(id, mode, host),
            nts: false,
            ke_port: None,
            ntp_port: None,
            set: 0,
            unusable: None,
        };
        let mut rest = options.iter();
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
        let Options {
            mut source,
            nts,
            ke_port,
            ntp_port,
            set,
            ..
        } = line;
        source.port = if nts { ke_port } else { ntp_port };
        if nts {
            if is_pool && source.mode != Mode::Pool(Some(1)) {
                let note = "there are no pools with NTS: one server of this name is used";
                self.plan.ledger.approximate(id, note);
            }
            if ntp_port.is_some() {
                let note = "`port`: the NTS-KE server names the port of NTP";
                self.plan.ledger.approximate(id, note);
            }
            source.mode = Mode::Nts;
            self.certificate_sets
                .push((self.plan.sources.len(), CertSet(set)));
        }
        self.plan.sources.push(source);
    }

    fn option(&mut self, option: &str, rest: &mut Iter<&str>, line: &mut Options, id: LineId) {
        let find = |list: &[(&str, &'static str)]| {
            let found = list.iter().find(|(name, _)| *name == option);
            found.map(|(_, note)| *note)
        };
        if let Some(note) = find(&WITH_VALUE) {
            rest.next();
            self.plan
                .ledger
                .approximate(id, format!("`{option}`: {note}"));
            return;
        }
        if let Some(note) = find(&FLAGS) {
            self.plan
                .ledger
                .approximate(id, format!("`{option}`: {note}"));
            return;
        }
        match option {
            // A burst at the start is the default.
            "iburst" => {}
            "nts" => line.nts = true,
            "noselect" => line.unusable = Some(NOSELECT),
            "key" => {
                rest.next();
                self.keys_used = true;
                line.unusable = Some(SYMMETRIC_KEY);
            }
            "copy" => self
                .plan
                .ledger
                .approximate(id, "`copy`: the stratum is one more"),
            "extfield" => {
                rest.next();
                let note = "`extfield`: experimental extension fields are not sent";
                self.plan.ledger.approximate(id, note);
            }
            "offset" => {
                if rest.next().and_then(|value| number(value)) != Some(0.0) {
                    line.unusable = Some(CORRECTED);
                }
            }
            "minpoll" | "maxpoll" | "maxsources" | "version" | "port" | "ntsport" | "certset" => {
                match rest.next().and_then(|value| whole(value)) {
                    Some(value) => self.number(option, value, line, id),
                    None => {
                        self.plan.ledger.needs_number(id, option);
                    }
                }
            }
            _ => {
                self.plan.ledger.unknown_option(id, option);
            }
        }
    }

    fn number(&mut self, option: &str, value: i64, line: &mut Options, id: LineId) {
        let mut limited = |least: i64, most: i64| {
            let used = value.clamp(least, most);
            if used != value {
                let note = format!("`{option}` {value}: {used} is used");
                self.plan.ledger.approximate(id, note);
            }
            Some(used)
        };
        let source = &mut line.source;
        match option {
            "minpoll" => source.min_poll = limited(SHORTEST_MIN_POLL, LONGEST_MIN_POLL),
            "maxpoll" => source.max_poll = limited(SHORTEST_MIN_POLL, LONGEST_MAX_POLL),
            "version" => source.version = limited(3, 4),
            "port" => line.ntp_port = Some(value),
            "ntsport" => line.ke_port = Some(value),
            "certset" => line.set = value,
            _ => {
                if let Mode::Pool(count) = &mut source.mode {
                    *count = limited(1, LARGEST_POOL);
                }
            }
        }
    }
}

/// One line while it is read.
struct Options {
    source: Source,
    nts: bool,
    ke_port: Option<i64>,
    ntp_port: Option<i64>,
    set: i64,
    /// The reason why the source cannot be taken over.
    unusable: Option<&'static str>,
}

pub(crate) const SYMMETRIC_KEY: &str = "there are no symmetric keys, and without one the server would be \
     asked without authentication; write a [[source]] with mode = \"nts\" if it has NTS, or with \
     mode = \"server\" to do without";

pub(crate) const NOSELECT: &str =
    "a source that is only watched cannot be configured, and it must not set the clock";

pub(crate) const CORRECTED: &str =
    "the time of a source cannot be corrected by a constant, and without that it would be wrong";
