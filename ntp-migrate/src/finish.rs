//! Turns the plan into sections that our own checker accepts, alone and together.

use crate::access::Prefix;
use crate::files::LARGEST_FILE;
use crate::ledger::LineId;
use crate::plan::{Mode, Plan, SYNCHRONIZATION, Section, Server, Source};
use crate::units::{DEFAULT_POOL, LARGEST_POOL};
use crate::{MigrateError, checked, render};
use ntp_config::{NTP_PORT, NTS_KE_PORT};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use toml::Value;

/// All sections of the result.
pub(crate) fn sections(plan: &mut Plan) -> Result<Vec<Section>, MigrateError> {
    let sources = sources(plan);
    let mut servers = server_sections(plan)?;
    let has_server = servers.iter().any(|section| section.name == "server");
    if !has_server {
        without_servers(plan, &mut servers);
    }
    let settings = tables(plan, &sources);
    let mut sections: Vec<Section> = sources.iter().map(Source::section).collect();
    if sections.is_empty() && servers.is_empty() {
        sections.push(placeholder(plan));
    }
    sections.extend(servers);
    sections.extend(settings);
    Ok(sections)
}

/// The sources that the checker accepts, each once.
fn sources(plan: &mut Plan) -> Vec<Source> {
    let mut accepted: Vec<Source> = Vec::new();
    let mut known = BTreeSet::new();
    for mut source in std::mem::take(&mut plan.sources) {
        if let Mode::Pool(Some(count)) = source.mode {
            source.mode = Mode::Pool(Some(count.clamp(1, LARGEST_POOL)));
        }
        if let Some(refusal) = checked::refusal(&source.section()) {
            plan.ledger.lose(source.line, refusal);
        } else if !known.insert(identity(&source)) {
            let note = format!("`{}` is a source already", source.host);
            plan.ledger.approximate(source.line, note);
        } else {
            accepted.push(source);
        }
    }
    accepted
}

/// The host without the root's dot, the port, and true for NTS. A second source that has the same
/// would have no vote, or be refused.
fn identity(source: &Source) -> (String, i64, bool) {
    let is_nts = source.mode == Mode::Nts;
    let default_port = if is_nts { NTS_KE_PORT } else { NTP_PORT };
    let (host, port) = match ntp_config::text::host(&source.host, default_port) {
        Ok(read) => (read.host, read.port),
        Err(_) => (source.host.clone(), default_port),
    };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
    (host, source.port.unwrap_or(port.into()), is_nts)
}

/// The `[[server]]` and `[[nts-ke-server]]` sections that the checker accepts.
fn server_sections(plan: &mut Plan) -> Result<Vec<Section>, MigrateError> {
    let mut candidates = std::mem::take(&mut plan.sections);
    for server in std::mem::take(&mut plan.servers) {
        candidates.extend(of_server(&server));
    }
    let mut accepted: Vec<Section> = Vec::new();
    let mut octets = 0;
    for section in candidates {
        // Long lists are written for each address: the result is not larger than they are.
        octets += render::section(&section).len() as u64;
        if octets > LARGEST_FILE {
            return Err(MigrateError::TooLarge);
        }
        let listen = |section: &Section| {
            let found = section.entries.iter().find(|(key, _)| key == "listen");
            found.map(|(_, value)| value.to_string())
        };
        let interface = |section: &Section| {
            let found = section.entries.iter().find(|(key, _)| key == "interface");
            found.map(|(_, value)| value.to_string())
        };
        let note_all = |note: &str, plan: &mut Plan| {
            for line in &section.lines {
                plan.ledger.lose(*line, note);
            }
        };
        if let Some(refusal) = checked::refusal(&section) {
            note_all(&refusal, plan);
        } else if accepted.iter().any(|earlier| {
            earlier.name == section.name
                && listen(earlier) == listen(&section)
                && interface(earlier) == interface(&section)
        }) {
            note_all("another section listens on the same address already", plan);
        } else {
            accepted.push(section);
        }
    }
    Ok(accepted)
}

/// Removes what needs a `[[server]]`.
fn without_servers(plan: &mut Plan, servers: &mut Vec<Section>) {
    let has_other_host = |section: &Section| {
        let mut entries = section.entries.iter();
        entries.any(|(key, _)| key == "ntp-server")
    };
    servers.retain(|section| {
        let keep = has_other_host(section);
        if !keep {
            for line in &section.lines {
                let note = "no client may ask for the time, so that none needs keys";
                plan.ledger.lose(*line, note);
            }
        }
        keep
    });
}

/// The sections of one server: one for each address, all with the same rules.
fn of_server(server: &Server) -> Vec<Section> {
    let lists = server.access.lists();
    if lists.allow.as_ref().is_some_and(Vec::is_empty) {
        return Vec::new();
    }
    let any_v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let any_v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let listen: Vec<IpAddr> = match server.listen.as_slice() {
        [] if server.access.only_v4() => vec![any_v4],
        [] => vec![any_v4, any_v6],
        some => some.to_vec(),
    };
    let addresses = |prefixes: &[Prefix]| {
        let texts = prefixes
            .iter()
            .map(|prefix| Value::String(prefix.to_string()));
        let mut table = toml::Table::new();
        table.insert("filter".to_owned(), Value::Array(texts.collect()));
        if server.deny_kisses {
            table.insert("action".to_owned(), Value::from("deny"));
        }
        Value::Table(table)
    };
    let mut sections = Vec::new();
    for address in &listen {
        let mut section = Section::array("server", server.lines.clone());
        let socket = SocketAddr::new(*address, server.port.unwrap_or(NTP_PORT));
        section.push("listen", socket.to_string());
        if let Some(interface) = &server.interface {
            section.push("interface", interface.as_str());
        }
        if let Some(allow) = &lists.allow {
            section.push("allowlist", addresses(allow));
        }
        if !lists.deny.is_empty() {
            section.push("denylist", addresses(&lists.deny));
        }
        if let Some(limit) = server.rate_limit {
            section.push("rate-limiting-cutoff-ms", limit.cutoff_ms);
            section.push("rate-limiting-burst", limit.burst);
            if let Some(entries) = limit.entries {
                section.push("rate-limiting-cache-size", entries);
            }
        }
        sections.push(section);
    }
    sections.extend(
        listen
            .iter()
            .filter_map(|address| of_nts_ke(server, *address)),
    );
    sections
}

fn of_nts_ke(server: &Server, address: IpAddr) -> Option<Section> {
    let nts_ke = server.nts_ke.as_ref()?;
    let mut section = Section::array("nts-ke-server", nts_ke.lines.clone());
    let socket = SocketAddr::new(address, nts_ke.port.unwrap_or(NTS_KE_PORT));
    section.push("listen", socket.to_string());
    section.push("certificate-chain-path", nts_ke.certificate.as_deref()?);
    section.push("private-key-path", nts_ke.key.as_deref()?);
    for (key, value) in &nts_ke.verbatim {
        section.push(key, value.clone());
    }
    Some(section)
}

/// The tables, without the keys that the checker refuses.
fn tables(plan: &mut Plan, sources: &[Source]) -> Vec<Section> {
    let settings = std::mem::take(&mut plan.settings);
    let required = settings
        .get(&(SYNCHRONIZATION, "authentication".to_owned()))
        .is_some_and(|setting| setting.value.as_str() == Some("require"));
    let votes = Votes::of(sources, required);
    let mut tables: BTreeMap<&'static str, Section> = BTreeMap::new();
    for ((table, key), setting) in settings {
        let Some(value) = votes.agreed(plan, &key, setting.value, setting.line) else {
            continue;
        };
        if let Some(refusal) =
            checked::refusal_of(table, &key, &value).filter(|_| key != "minimum-agreeing-sources")
        {
            plan.ledger.lose(setting.line, refusal);
            continue;
        }
        let section = tables.entry(table).or_insert_with(|| Section {
            name: table,
            is_array: false,
            entries: Vec::new(),
            lines: Vec::new(),
        });
        section.entries.push((key, value));
        if !section.lines.contains(&setting.line) {
            section.lines.push(setting.line);
            section.lines.sort();
        }
    }
    tables.into_values().collect()
}

/// The most sources that can agree.
struct Votes {
    with_nts: i64,
    most: i64,
}

impl Votes {
    fn of(sources: &[Source], required: bool) -> Self {
        let with_nts = sources.iter().filter(|source| source.mode == Mode::Nts);
        let with_nts = i64::try_from(with_nts.count()).unwrap_or(i64::MAX);
        let all = sources.iter().map(most_servers).sum();
        Self {
            with_nts,
            most: if required && with_nts > 0 {
                with_nts
            } else {
                all
            },
        }
    }

    /// The value of a key, where it depends on the sources.
    fn agreed(&self, plan: &mut Plan, key: &str, value: Value, line: LineId) -> Option<Value> {
        match key {
            "authentication" if value.as_str() == Some("require") && self.with_nts == 0 => {
                let note = "no source has NTS: the clock would never be synchronized";
                plan.ledger.lose(line, note);
                None
            }
            "minimum-agreeing-sources" => self.minimum(plan, &value, line),
            _ => Some(value),
        }
    }

    fn minimum(&self, plan: &mut Plan, value: &Value, line: LineId) -> Option<Value> {
        let most = self.most;
        let Some(wanted) = value.as_integer().filter(|wanted| *wanted >= 1) else {
            plan.ledger
                .lose(line, "the number of sources must be at least 1");
            return None;
        };
        if most == 0 {
            plan.ledger
                .lose(line, "there are no sources that could agree");
            return None;
        }
        if wanted > most {
            let note = format!("there are at most {most} sources, so that {most} must agree");
            plan.ledger.approximate(line, note);
        }
        Some(Value::Integer(wanted.min(most).min(1000)))
    }
}

fn most_servers(source: &Source) -> i64 {
    match source.mode {
        Mode::Pool(count) => count.unwrap_or(DEFAULT_POOL),
        Mode::Server | Mode::Nts => 1,
    }
}

/// The source of a file that would otherwise have nothing to do.
fn placeholder(plan: &mut Plan) -> Section {
    let note = "no server could be taken over: pool.ntp.org was added, so that the file is \
                complete; replace it by your own servers";
    plan.added.push(note.to_owned());
    let mut section = Section::array("source", Vec::new());
    section.push("mode", "pool");
    section.push("address", "pool.ntp.org");
    section
}
