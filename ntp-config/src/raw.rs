//! The contents of the files as they are, with the place of each key and value.

use crate::diagnostic::{Located, Report, SourceFile, Span};
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value of TOML.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime,
    Array(Vec<Located<Value>>),
    Table(Table),
}

impl Value {
    /// The kind of the value, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number with a fraction",
            Self::Boolean(_) => "a boolean",
            Self::Datetime => "a date or time",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }

    /// True for `[]`.
    pub(crate) fn is_empty_array(&self) -> bool {
        matches!(self, Self::Array(items) if items.is_empty())
    }

    fn is_array_of_tables(&self) -> bool {
        let Self::Array(items) = self else {
            return false;
        };
        items
            .iter()
            .all(|item| matches!(item.value, Self::Table(_)))
    }
}

/// One `key = value`.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Located<String>,
    pub(crate) value: Located<Value>,
}

/// A table, its keys in alphabetical order and those of a later file at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

impl Table {
    /// Removes an entry and returns it.
    pub(crate) fn take(&mut self, key: &str) -> Option<Entry> {
        let index = self
            .entries
            .iter()
            .position(|entry| entry.key.value == key)?;
        Some(self.entries.remove(index))
    }

    /// Overlays this table with that of a later file: tables are merged key by key, arrays of
    /// tables are extended, other values are replaced.
    pub(crate) fn overlay(&mut self, later: Self) {
        for entry in later.entries {
            let known = self
                .entries
                .iter_mut()
                .find(|known| known.key.value == entry.key.value);
            match known {
                Some(known) => overlay_entry(known, entry),
                None => self.entries.push(entry),
            }
        }
    }
}

fn overlay_entry(known: &mut Entry, later: Entry) {
    let appends = known.value.value.is_array_of_tables() && later.value.value.is_array_of_tables();
    match (&mut known.value.value, later.value.value) {
        (Value::Table(known), Value::Table(later)) => known.overlay(later),
        (Value::Array(known), Value::Array(later)) if appends => known.extend(later),
        (_, value) => {
            let value = Located {
                value,
                span: later.value.span,
            };
            *known = Entry {
                key: later.key,
                value,
            };
        }
    }
}

/// Parses one file; syntax errors go into the report.
pub(crate) fn parse(path: &Path, text: &str, report: &mut Report) -> Table {
    let file = report.add_file(SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    });
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = Span {
            file,
            range: error.span().unwrap_or(0..0),
        };
        let message = format!("this is not TOML: {}", error.message());
        report.error(
            &span,
            message,
            "write `key = value` lines below `[section]` headers, with strings in double quotes",
        );
    }
    Conversion { file, report }.table(document.into_inner())
}

/// The conversion from the parser's borrowed tree to our own.
struct Conversion<'r> {
    file: usize,
    report: &'r mut Report,
}

impl Conversion<'_> {
    fn table(&mut self, table: DeTable<'_>) -> Table {
        let entries = table.into_iter().filter_map(|(key, value)| {
            let key = Located {
                span: self.span(&key),
                value: key.into_inner().into_owned(),
            };
            let value = self.value(value)?;
            Some(Entry { key, value })
        });
        Table {
            entries: entries.collect(),
        }
    }

    fn value(&mut self, value: Spanned<DeValue<'_>>) -> Option<Located<Value>> {
        let span = self.span(&value);
        let value = match value.into_inner() {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Integer(digits) => {
                let Ok(number) = i64::from_str_radix(digits.as_str(), digits.radix()) else {
                    self.report.error(
                        &span,
                        "this integer has more than 64 bits",
                        "write a smaller number",
                    );
                    return None;
                };
                Value::Integer(number)
            }
            // A malformed number becomes NaN, which is refused wherever a number is read.
            DeValue::Float(digits) => Value::Float(digits.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Value::Boolean(value),
            DeValue::Datetime(_) => Value::Datetime,
            DeValue::Array(items) => Value::Array(
                items
                    .into_iter()
                    .filter_map(|item| self.value(item))
                    .collect(),
            ),
            DeValue::Table(table) => Value::Table(self.table(table)),
        };
        Some(Located { value, span })
    }

    fn span<T>(&self, spanned: &Spanned<T>) -> Span {
        Span {
            file: self.file,
            range: spanned.span(),
        }
    }
}
