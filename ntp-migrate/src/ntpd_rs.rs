//! ntp.toml of ntpd-rs, whose keys are mostly ours.
//!
//! Each key is asked of our own checker, so that what it accepts is kept and what it refuses is
//! dropped with its words.

use crate::checked;
use crate::files::Input;
use crate::ledger::LineId;
use crate::plan::{Mode, Plan, Section, Source};
use crate::toml_text::{enter, parse, plain};
use std::ops::Range;
use toml::Value;
use toml::de::{DeTable, DeValue};

/// The tables that both have.
const TABLES: [&str; 6] = [
    "source-defaults",
    "synchronization",
    "clock",
    "observability",
    "keyset",
    "storage",
];

/// The sections that both have.
const SECTIONS: [&str; 2] = ["server", "nts-ke-server"];

/// The sections of drafts.
const DRAFTS: [&str; 2] = ["csptp", "csptp-server"];

/// The keys that are accepted without effect, with the difference.
const WITHOUT_EFFECT: [(&str, &str); 6] = [
    (
        "log-path",
        "the log goes to standard error, which systemd keeps in its journal",
    ),
    (
        "log-path-metrics-exporter",
        "the log goes to standard error, which systemd keeps in its journal",
    ),
    (
        "timestamp-mode",
        "the software timestamps of the kernel are used where available",
    ),
    (
        "longlived-connections",
        "only NTS pools keep connections open",
    ),
    (
        "algorithm",
        "it tunes another filter; when to step is `step-threshold`",
    ),
    (
        "observation-path",
        "the socket is where `ntp-ctl` and the metrics exporter of this program look for it",
    ),
];

/// The number of sections of a file that are known.
pub(crate) fn known_keys(table: &DeTable) -> usize {
    let known = |key: &str| {
        key == "source" || TABLES.contains(&key) || SECTIONS.contains(&key) || DRAFTS.contains(&key)
    };
    table
        .keys()
        .filter(|key| known(key.get_ref().as_ref()))
        .count()
}

/// Reads the file.
pub(crate) fn read(main: &Input, plan: &mut Plan) -> Result<(), String> {
    let table = parse(main)?;
    let mut file = File { main, plan };
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        match (name, value.get_ref()) {
            ("source", DeValue::Array(sources)) => {
                for source in sources {
                    file.source(source.get_ref(), source.span());
                }
            }
            (_, DeValue::Array(sections)) if SECTIONS.contains(&name) => {
                for section in sections {
                    file.section(name, section.get_ref(), section.span());
                }
            }
            (_, DeValue::Table(table)) if TABLES.contains(&name) => file.table(name, table),
            _ => {
                let id = file.enter(key.span());
                let note = if DRAFTS.contains(&name) {
                    "drafts such as CSPTP are not supported".to_owned()
                } else {
                    format!("`{name}` is not a section that is known")
                };
                file.plan.ledger.lose(id, note);
            }
        }
    }
    Ok(())
}

struct File<'a> {
    main: &'a Input,
    plan: &'a mut Plan,
}

/// One key of a section, with its line.
struct Entry {
    key: String,
    value: Value,
    id: LineId,
}

impl File<'_> {
    fn enter(&mut self, place: Range<usize>) -> LineId {
        enter(self.main, &place, &mut self.plan.ledger)
    }

    fn entries(&mut self, table: &DeTable) -> Vec<Entry> {
        table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                value: plain(value.get_ref()),
                id: self.enter(key.span()),
            })
            .collect()
    }

    /// Reads one `[[source]]`, without the keys that are refused beside its mode and address.
    fn source(&mut self, value: &DeValue, place: Range<usize>) {
        let DeValue::Table(table) = value else {
            let id = self.enter(place);
            self.plan.ledger.lose(id, "this is not a section");
            return;
        };
        let entries = self.entries(table);
        let text = |key: &str| {
            let entry = entries.iter().find(|entry| entry.key == key);
            entry.and_then(|entry| entry.value.as_str())
        };
        let mode = match text("mode") {
            Some("server") => Mode::Server,
            Some("pool") => Mode::Pool(None),
            Some("nts") => Mode::Nts,
            _ => return self.unusable(&entries),
        };
        let Some(address) = text("address") else {
            return self.unusable(&entries);
        };
        let Some(of_mode) = entries.iter().find(|entry| entry.key == "mode") else {
            return;
        };
        let mut source = Source::new(of_mode.id, mode, address);
        if let Some(refusal) = checked::refusal(&source.section()) {
            return self.lose_all(&entries, &refusal);
        }
        let others = |entry: &&Entry| !matches!(entry.key.as_str(), "mode" | "address");
        for entry in entries.iter().filter(others) {
            let mut trial = source.clone();
            trial.verbatim = vec![(entry.key.clone(), entry.value.clone())];
            if let Some(refusal) = checked::refusal(&trial.section()) {
                self.lose_or_default(entry, &refusal);
            } else if let (Mode::Pool(count), "count") = (&mut source.mode, entry.key.as_str()) {
                *count = entry.value.as_integer();
            } else {
                source
                    .verbatim
                    .push((entry.key.clone(), entry.value.clone()));
            }
        }
        if let Some(refusal) = checked::refusal(&source.section()) {
            self.lose_all(&entries, &refusal);
        } else {
            self.plan.sources.push(source);
        }
    }

    /// Drops a key, unless its value asks for nothing.
    fn lose_or_default(&mut self, entry: &Entry, refusal: &str) {
        if entry.value == Value::Boolean(false) {
            return;
        }
        self.plan.ledger.lose(entry.id, refusal);
    }

    fn lose_all(&mut self, entries: &[Entry], refusal: &str) {
        for entry in entries {
            self.plan.ledger.lose(entry.id, refusal);
        }
    }

    fn unusable(&mut self, entries: &[Entry]) {
        let section = Section {
            entries: entries
                .iter()
                .filter(|entry| matches!(entry.key.as_str(), "mode" | "address"))
                .map(|entry| (entry.key.clone(), entry.value.clone()))
                .collect(),
            ..Section::array("source", Vec::new())
        };
        let refusal = checked::refusal(&section)
            .unwrap_or_else(|| "the mode of the source is not supported".to_owned());
        self.lose_all(entries, &refusal);
    }

    /// Reads one `[[server]]` or `[[nts-ke-server]]`.
    fn section(&mut self, name: &str, value: &DeValue, place: Range<usize>) {
        let (DeValue::Table(table), Some(name)) =
            (value, SECTIONS.into_iter().find(|known| *known == name))
        else {
            let id = self.enter(place);
            self.plan.ledger.lose(id, "this is not a section");
            return;
        };
        let entries = self.entries(table);
        let required: &[&str] = match name {
            "server" => &["listen"],
            _ => &["listen", "certificate-chain-path", "private-key-path"],
        };
        let mut section = Section::array(name, Vec::new());
        for entry in &entries {
            if required.contains(&entry.key.as_str()) {
                section.push(&entry.key, entry.value.clone());
                section.lines.push(entry.id);
            }
        }
        if let Some(refusal) = checked::refusal(&section) {
            return self.lose_all(&entries, &refusal);
        }
        for entry in entries
            .iter()
            .filter(|entry| !required.contains(&entry.key.as_str()))
        {
            if self.has_no_effect(entry) {
                continue;
            }
            let mut trial = section.clone();
            trial.push(&entry.key, entry.value.clone());
            match checked::refusal(&trial) {
                Some(refusal) => self.lose_or_default(entry, &refusal),
                None => {
                    section = trial;
                    section.lines.push(entry.id);
                }
            }
        }
        self.plan.sections.push(section);
    }

    fn table(&mut self, name: &str, table: &DeTable) {
        let Some(name) = TABLES.into_iter().find(|known| *known == name) else {
            return;
        };
        for entry in self.entries(table) {
            if self.has_no_effect(&entry) {
                continue;
            }
            if name == "keyset" && entry.key == "key-storage-path" {
                let note = "the keys are in `nts-keys` in the directory of [storage]; those of \
                            ntpd-rs are not read";
                self.plan.ledger.approximate(entry.id, note);
                continue;
            }
            let value = both_directions(&entry.key, &entry.value);
            if let Some(value) = &value {
                let note = format!(
                    "both directions are written: {}",
                    crate::render::inline(value)
                );
                self.plan.ledger.approximate(entry.id, note);
            }
            let value = value.unwrap_or(entry.value);
            self.plan.set((name, &entry.key), value, entry.id);
        }
    }

    fn has_no_effect(&mut self, entry: &Entry) -> bool {
        let found = WITHOUT_EFFECT.iter().find(|(key, _)| *key == entry.key);
        if let Some((_, note)) = found {
            self.plan.ledger.approximate(entry.id, note);
        }
        found.is_some()
    }
}

/// A panic threshold that names one direction, with the other one, which ntpd-rs leaves without a
/// limit.
fn both_directions(key: &str, value: &Value) -> Option<Value> {
    let table = value
        .as_table()
        .filter(|table| table.len() == 1 && key.ends_with("-panic-threshold"))?;
    let mut both = table.clone();
    for direction in ["forward", "backward"] {
        both.entry(direction)
            .or_insert_with(|| Value::String("inf".to_owned()));
    }
    Some(Value::Table(both))
}
