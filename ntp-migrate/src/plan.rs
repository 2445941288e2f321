//! The result while it is put together, in our own terms; each part names its lines of the input.

use crate::access::AccessRules;
use crate::ledger::{Ledger, LineId};
use crate::units::{
    DEFAULT_POLLS, LARGEST_DISTANCE, LONGEST_MAX_POLL, LONGEST_MIN_POLL, SHORTEST_MIN_POLL,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use toml::Value;

/// The table of the clock's correction and of the selection.
pub(crate) const SYNCHRONIZATION: &str = "synchronization";

/// The result so far.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) ledger: Ledger,
    pub(crate) sources: Vec<Source>,
    /// The keys of tables, by table and key. The last line wins.
    pub(crate) settings: BTreeMap<(&'static str, String), Setting>,
    pub(crate) servers: Vec<Server>,
    /// `[[server]]` and `[[nts-ke-server]]` that the input has in our form.
    pub(crate) sections: Vec<Section>,
    pub(crate) added: Vec<String>,
}

/// The value of one key.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) value: Value,
    pub(crate) line: LineId,
}

/// One section of the result.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) is_array: bool,
    pub(crate) entries: Vec<(String, Value)>,
    /// The lines that made it, with notes above the section.
    pub(crate) lines: Vec<LineId>,
}

impl Section {
    pub(crate) const fn array(name: &'static str, lines: Vec<LineId>) -> Self {
        Self {
            name,
            is_array: true,
            entries: Vec::new(),
            lines,
        }
    }

    pub(crate) fn push(&mut self, key: &str, value: impl Into<Value>) {
        self.entries.push((key.to_owned(), value.into()));
    }
}

/// The mode of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Server,
    /// The number of servers, if the input names one.
    Pool(Option<i64>),
    Nts,
}

/// One source.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) line: LineId,
    pub(crate) mode: Mode,
    pub(crate) host: String,
    pub(crate) port: Option<i64>,
    pub(crate) min_poll: Option<i64>,
    pub(crate) max_poll: Option<i64>,
    pub(crate) version: Option<i64>,
    pub(crate) authorities: Vec<String>,
    pub(crate) system_authorities: bool,
    pub(crate) aead: Vec<Value>,
    /// Keys in our own form.
    pub(crate) verbatim: Vec<(String, Value)>,
}

impl Source {
    pub(crate) fn new(line: LineId, mode: Mode, host: &str) -> Self {
        Self {
            line,
            mode,
            host: host.to_owned(),
            port: None,
            min_poll: None,
            max_poll: None,
            version: None,
            authorities: Vec::new(),
            system_authorities: true,
            aead: Vec::new(),
            verbatim: Vec::new(),
        }
    }

    /// The section of the result.
    pub(crate) fn section(&self) -> Section {
        let mut section = Section::array("source", vec![self.line]);
        let mode = match self.mode {
            Mode::Server => "server",
            Mode::Pool(_) => "pool",
            Mode::Nts => "nts",
        };
        section.push("mode", mode);
        section.push("address", self.host.as_str());
        if let Some(port) = self.port {
            section.push("port", port);
        }
        if let Mode::Pool(Some(count)) = self.mode {
            section.push("count", count);
        }
        if let Some(limits) = self.poll_limits() {
            section.push("poll-interval-limits", limits);
        }
        if let Some(version) = self.version.filter(|_| self.mode != Mode::Nts) {
            section.push("ntp-version", version);
        }
        if self.mode == Mode::Nts {
            self.trust(&mut section);
        }
        section.entries.extend(self.verbatim.iter().cloned());
        section
    }

    /// The limits of the poll interval. A bound that contradicts the default of the other moves
    /// that as well.
    fn poll_limits(&self) -> Option<Value> {
        self.min_poll.or(self.max_poll)?;
        let clamp = |value: i64, longest| value.clamp(SHORTEST_MIN_POLL, longest);
        let min = self.min_poll.map(|min| clamp(min, LONGEST_MIN_POLL));
        let max = self.max_poll.map(|max| clamp(max, LONGEST_MAX_POLL));
        let (min, max) = match (min, max) {
            (Some(min), Some(max)) => (Some(min), Some(max.max(min))),
            (Some(min), None) => (Some(min), (min > DEFAULT_POLLS.1).then_some(min)),
            (None, max) => {
                let min = max.filter(|max| *max < DEFAULT_POLLS.0);
                (min, max)
            }
        };
        let keys = [("min", min), ("max", max)];
        let given = keys
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), Value::Integer(value?))));
        Some(Value::Table(given.collect()))
    }

    fn trust(&self, section: &mut Section) {
        if !self.authorities.is_empty() {
            let files = self.authorities.iter().cloned().map(Value::String);
            section.push("certificate-authority", files.collect::<Vec<_>>());
        }
        if !self.system_authorities {
            section.push("system-authorities", false);
        }
        if !self.aead.is_empty() {
            section.push("aead-algorithms", self.aead.clone());
        }
    }
}

/// The NTP server of one input, and its NTS-KE server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    pub(crate) access: AccessRules,
    /// True if clients that are refused get a kiss.
    pub(crate) deny_kisses: bool,
    /// The addresses to listen on; empty: every one.
    pub(crate) listen: Vec<IpAddr>,
    pub(crate) interface: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) nts_ke: Option<NtsKe>,
    /// The lines that made it.
    pub(crate) lines: Vec<LineId>,
}

/// A rate limit per client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimit {
    /// The time between two requests that is allowed in the long run, in milliseconds.
    pub(crate) cutoff_ms: i64,
    pub(crate) burst: i64,
    pub(crate) entries: Option<i64>,
}

/// An NTS-KE server.
#[derive(Clone, Debug, Default)]
pub(crate) struct NtsKe {
    pub(crate) certificate: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) port: Option<u16>,
    /// Keys in our own form.
    pub(crate) verbatim: Vec<(&'static str, Value)>,
    pub(crate) lines: Vec<LineId>,
}

impl Plan {
    /// The number of addresses to listen on.
    pub(crate) fn listeners(&self) -> usize {
        let named = self.servers.iter().map(|server| server.listen.len());
        named.sum::<usize>() + self.sections.len()
    }

    /// Sets a key of a table.
    pub(crate) fn set(
        &mut self,
        (table, key): (&'static str, &str),
        value: impl Into<Value>,
        line: LineId,
    ) {
        let value = value.into();
        self.settings
            .insert((table, key.to_owned()), Setting { value, line });
    }

    /// Sets the largest root distance, as far as ours reaches.
    pub(crate) fn set_root_distance(&mut self, seconds: f64, line: LineId) {
        if seconds > LARGEST_DISTANCE {
            let note = "the largest `maximum-root-distance` is 16 s";
            self.ledger.approximate(line, note);
        }
        let seconds = seconds.min(LARGEST_DISTANCE);
        self.set((SYNCHRONIZATION, "maximum-root-distance"), seconds, line);
    }

    /// Adds a source that the input asks only when all others fail.
    pub(crate) fn add_fallback(&mut self, source: Source) {
        // The only place that knows of fallback servers.
        self.ledger.approximate(
            source.line,
            "a fallback server is asked all the time, as every other source",
        );
        self.sources.push(source);
    }
}
