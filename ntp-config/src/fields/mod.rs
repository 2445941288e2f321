//! Reading the values of one table, key by key, with a problem reported for each that cannot be
//! used.

use crate::diagnostic::{Located, Report, Span};
use crate::raw::{Entry, Table, Value};
use crate::suggest::{listed, nearest};
use ntp_proto::time::Seconds;
use std::ops::RangeInclusive;

/// A kind of table: its name for messages and every key that it may hold.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [&'static str],
}

/// One table that is being read. What is left at the end is unknown.
pub(crate) struct Fields {
    section: &'static Section,
    table: Table,
    /// Where the table stands, for what is missing in it.
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

    /// An absent table, of which every key has its default.
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

    /// Takes a key out, whatever its value is.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Entry> {
        debug_assert!(
            self.section.keys.contains(&key),
            "{key} is missing in the keys of {}",
            self.section.name
        );
        self.table.take(key)
    }

    /// Takes a key out that the section does not offer.
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

    /// One of several words, or one of others that are understood but not worth recommending.
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

    /// A span of time in seconds that is not negative, or `"inf"`, told as `None`.
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

    /// Gives the table up, and reports only the keys that it cannot have: one of them may be what
    /// is missing, misspelled.
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

/// Reports a value of another kind than the one that is expected.
pub(crate) fn wrong_kind(value: &Located<Value>, key: &str, expected: &str, report: &mut Report) {
    let message = format!("`{key}` must not be {}", value.value.kind());
    report.error(&value.span, message, format!("write {expected}"));
}

/// A string.
pub(crate) fn string(
    value: &Located<Value>,
    key: &str,
    report: &mut Report,
) -> Option<Located<String>> {
    if let Value::String(text) = &value.value {
        return Some(value.with(text.clone()));
    }
    wrong_kind(value, key, "a string, in double quotes", report);
    None
}

/// An integer within a range.
pub(crate) fn integer(
    value: &Located<Value>,
    key: &str,
    range: RangeInclusive<i64>,
    report: &mut Report,
) -> Option<Located<i64>> {
    let help = format!("write an integer from {} to {}", range.start(), range.end());
    match value.value {
        Value::Integer(number) if range.contains(&number) => return Some(value.with(number)),
        Value::Integer(_) => report.error(&value.span, format!("`{key}` is out of range"), help),
        _ => report.error(
            &value.span,
            format!("`{key}` must not be {}", value.value.kind()),
            help,
        ),
    }
    None
}

/// A finite number; `nan` and `inf` are refused.
fn number(value: &Located<Value>, key: &str, report: &mut Report) -> Option<Located<f64>> {
    match value.value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "2⁵³ seconds are longer than any clock runs"
        )]
        Value::Integer(number) => Some(value.with(number as f64)),
        Value::Float(number) if number.is_finite() => Some(value.with(number)),
        Value::Float(number) => {
            let what = if number.is_nan() {
                "not-a-number"
            } else {
                "infinite"
            };
            report.error(
                &value.span,
                format!("`{key}` must not be {what}"),
                "write a finite number",
            );
            None
        }
        _ => {
            wrong_kind(value, key, "a number, without quotes", report);
            None
        }
    }
}

/// A span of time in seconds that is not negative.
fn seconds(value: &Located<Value>, key: &str, report: &mut Report) -> Option<Located<Seconds>> {
    let number = number(value, key, report)?;
    if number.value >= 0.0 {
        return Some(number.with(Seconds::new(number.value)));
    }
    report.error(
        &number.span,
        format!("`{key}` must not be negative"),
        "write a number of seconds from 0 upwards",
    );
    None
}

/// A span of time in seconds that is not negative, or `"inf"`, told as `None`.
pub(crate) fn limit(
    value: &Located<Value>,
    key: &str,
    report: &mut Report,
) -> Option<Located<Option<Seconds>>> {
    const HELP: &str =
        "write a number of seconds from 0 upwards, or \"inf\" with quotes for no limit";
    match &value.value {
        Value::String(word) if word == "inf" => Some(value.with(None)),
        Value::Float(number) if *number == f64::INFINITY => {
            report.error(
                &value.span,
                format!("`{key}` must not be an infinite number"),
                HELP,
            );
            None
        }
        Value::String(_)
        | Value::Boolean(_)
        | Value::Datetime
        | Value::Array(_)
        | Value::Table(_) => {
            report.error(
                &value.span,
                format!("`{key}` must be a number of seconds or \"inf\""),
                HELP,
            );
            None
        }
        Value::Integer(_) | Value::Float(_) => {
            seconds(value, key, report).map(|span| span.with(Some(span.value)))
        }
    }
}
