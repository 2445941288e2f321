//! Reads one table key by key, and reports the values that cannot be used.

mod values;

pub(crate) use values::{integer, limit, string, wrong_kind};

use crate::diagnostic::{Located, Report, Span};
use crate::raw::{Entry, Table, Value};
use crate::suggest::{listed, nearest};
use ntp_proto::time::Seconds;
use std::ops::RangeInclusive;
use values::{number, seconds};

/// A kind of table: its name for messages and all keys that it may hold.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [&'static str],
}

/// A table that is being read. The keys that are left at the end are unknown.
pub(crate) struct Fields {
    section: &'static Section,
    table: Table,
    /// The place of the table, for reports of missing keys.
    span: Span,
}

impl Fields {
    pub(crate) const fn new(section: &'static Section, table: Table, span: Span) -> Self {
        Self {
            section,
            table,
            span,
        }
    }

    /// An absent table, whose keys all have their defaults.
    pub(crate) const fn absent(section: &'static Section) -> Self {
        Self {
            section,
            table: Table {
                entries: Vec::new(),
            },
            span: Span {
                file: 0,
                range: 0..0,
            },
        }
    }

    /// The name of the section.
    pub(crate) const fn name(&self) -> &'static str {
        self.section.name
    }

    pub(crate) const fn span(&self) -> &Span {
        &self.span
    }

    /// Takes a key with a value of any kind.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Entry> {
        debug_assert!(
            self.section.keys.contains(&key),
            "{key} is missing in the keys of {}",
            self.section.name
        );
        self.table.take(key)
    }

    /// Takes a key that the section does not suggest.
    pub(crate) fn take_foreign(&mut self, key: &str) -> Option<Entry> {
        self.table.take(key)
    }

    /// Looks at a key without taking it.
    pub(crate) fn peek(&self, key: &str) -> Option<&Entry> {
        self.table
            .entries
            .iter()
            .find(|entry| entry.key.value == key)
    }

    /// A string.
    pub(crate) fn string(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Located<String>> {
        let entry = self.take(key)?;
        string(&entry.value, key, report)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Located<bool>> {
        let entry = self.take(key)?;
        if let Value::Boolean(value) = entry.value.value {
            return Some(entry.value.with(value));
        }
        wrong_kind(
            &entry.value,
            key,
            "`true` or `false`, without quotes",
            report,
        );
        None
    }

    /// An integer within a range.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        report: &mut Report,
    ) -> Option<Located<i64>> {
        let entry = self.take(key)?;
        integer(&entry.value, key, range, report)
    }

    /// One of several words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
        report: &mut Report,
    ) -> Option<Located<T>> {
        self.word_or(key, words, &[], report)
    }

    /// One of several words, or one of `others`, which messages do not suggest.
    pub(crate) fn word_or<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
        others: &[(&'static str, T)],
        report: &mut Report,
    ) -> Option<Located<T>> {
        let text = self.string(key, report)?;
        if let Some((_, value)) = words
            .iter()
            .chain(others)
            .find(|(word, _)| *word == text.value)
        {
            return Some(text.with(*value));
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let guess = nearest(&text.value, &known)
            .map_or(String::new(), |word| format!("; did you mean `{word}`?"));
        let message = format!("`{key}` cannot be `{}`{guess}", text.value);
        report.error(
            &text.span,
            message,
            format!("possible here: {}", listed(&known)),
        );
        None
    }

    /// A span of time in seconds that is not negative.
    pub(crate) fn seconds(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Located<Seconds>> {
        let entry = self.take(key)?;
        seconds(&entry.value, key, report)
    }

    /// A span of time in seconds that is not negative, or `None` for `"inf"`.
    pub(crate) fn limit(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Located<Option<Seconds>>> {
        let entry = self.take(key)?;
        limit(&entry.value, key, report)
    }

    /// A number of either sign, within ±`bound`.
    pub(crate) fn signed(
        &mut self,
        key: &'static str,
        bound: f64,
        report: &mut Report,
    ) -> Option<Located<f64>> {
        let entry = self.take(key)?;
        let number = number(&entry.value, key, report)?;
        if number.value.abs() <= bound {
            return Some(number);
        }
        let help = format!("write a number from {} to {bound}", -bound);
        report.error(&number.span, format!("`{key}` is out of range"), help);
        None
    }

    /// The items of an array.
    pub(crate) fn array(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Located<Vec<Located<Value>>>> {
        let Entry {
            value: Located { value, span },
            ..
        } = self.take(key)?;
        match value {
            Value::Array(value) => Some(Located { value, span }),
            other => {
                wrong_kind(
                    &Located { value: other, span },
                    key,
                    "an array, in square brackets",
                    report,
                );
                None
            }
        }
    }

    /// A list whose items `item` reads; `None` if the key is absent.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        report: &mut Report,
        mut item: impl FnMut(&Located<Value>, &mut Report) -> Option<T>,
    ) -> Option<Located<Vec<T>>> {
        let items = self.array(key, report)?;
        let read: Vec<T> = items
            .value
            .iter()
            .filter_map(|value| item(value, report))
            .collect();
        Some(Located {
            value: read,
            span: items.span,
        })
    }

    /// A table within this one.
    pub(crate) fn table(
        &mut self,
        section: &'static Section,
        key: &'static str,
        report: &mut Report,
    ) -> Option<Self> {
        let Entry {
            value: Located { value, span },
            ..
        } = self.take(key)?;
        match value {
            Value::Table(table) => Some(Self::new(section, table, span)),
            other => {
                wrong_kind(
                    &Located { value: other, span },
                    key,
                    &format!("a table with {}", listed(section.keys)),
                    report,
                );
                None
            }
        }
    }

    /// Every table of an array of tables, `[[key]]`.
    pub(crate) fn tables(
        &mut self,
        section: &'static Section,
        key: &'static str,
        report: &mut Report,
    ) -> Vec<Self> {
        let Some(entry) = self.take(key) else {
            return Vec::new();
        };
        let Value::Array(items) = entry.value.value else {
            let message = format!("`{key}` must be a list of sections");
            report.error(
                &entry.key.span,
                message,
                format!("write `[[{key}]]` with two brackets on each side"),
            );
            return Vec::new();
        };
        let tables = items.into_iter().filter_map(|item| match item.value {
            Value::Table(table) => Some(Self::new(section, table, item.span)),
            other => {
                let item = Located {
                    value: other,
                    span: item.span,
                };
                wrong_kind(&item, key, &format!("a section `[[{key}]]`"), report);
                None
            }
        });
        tables.collect()
    }

    /// Takes a key of ntpd-rs that has no effect here, and warns of it.
    pub(crate) fn no_effect(&mut self, key: &'static str, reason: &str, report: &mut Report) {
        if let Some(entry) = self.take(key) {
            let message = format!("`{key}` has no effect: {reason}");
            report.warning(&entry.key.span, message, "remove this line");
        }
    }

    /// Refuses a key of ntpd-rs that is not supported.
    pub(crate) fn refuse(
        &mut self,
        key: &'static str,
        (message, help): (&str, &str),
        report: &mut Report,
    ) {
        if let Some(entry) = self.take(key) {
            report.error(&entry.key.span, format!("`{key}`: {message}"), help);
        }
    }

    /// Gives the table up, and reports only its unknown keys: one of them may be the misspelled
    /// form of a missing one.
    pub(crate) fn abandon(mut self, report: &mut Report) {
        self.table
            .entries
            .retain(|entry| !self.section.keys.contains(&entry.key.value.as_str()));
        self.finish(report);
    }

    /// Reports every key that has not been taken.
    pub(crate) fn finish(self, report: &mut Report) {
        let Section { name, keys } = self.section;
        for entry in self.table.entries {
            let key = &entry.key.value;
            let guess = nearest(key, keys)
                .map_or(String::new(), |known| format!("; did you mean `{known}`?"));
            let message = format!("unknown key `{key}` in {name}{guess}");
            report.error(
                &entry.key.span,
                message,
                format!("possible here: {}", listed(keys)),
            );
        }
    }
}
