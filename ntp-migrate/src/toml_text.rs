//! TOML of the input, with the place of each key.

use crate::files::Input;
use toml::de::{DeArray, DeTable, DeValue};
use toml::{Spanned, Value};

/// Parses a file.
pub(crate) fn parse(input: &Input) -> Result<Spanned<DeTable<'_>>, String> {
    DeTable::parse(&input.text).map_err(|error| {
        let place = error
            .span()
            .map_or(1, |span| line_of(&input.text, span.start));
        let message = error.message().replace('\n', " ");
        format!("{}:{place}: {message}", input.path.display())
    })
}

/// The number of the line, from 1, at an octet.
pub(crate) fn line_of(text: &str, octet: usize) -> usize {
    let before = text.as_bytes().get(..octet).unwrap_or_default();
    before.iter().filter(|octet| **octet == b'\n').count() + 1
}

/// The whole line at an octet, without the blanks around it.
pub(crate) fn whole_line(text: &str, octet: usize) -> &str {
    let line = text.lines().nth(line_of(text, octet) - 1);
    line.unwrap_or_default().trim()
}

/// A value without the places of its parts.
pub(crate) fn plain(value: &DeValue) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::String(number.to_string()), Value::Integer),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or_else(|_| Value::String(number.to_string()), Value::Float),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(value) => Value::Datetime(*value),
        DeValue::Array(values) => array(values),
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(key, value)| (key.get_ref().to_string(), plain(value.get_ref())))
                .collect(),
        ),
    }
}

fn array(values: &DeArray) -> Value {
    let values = values.iter();
    Value::Array(values.map(|value| plain(value.get_ref())).collect())
}
