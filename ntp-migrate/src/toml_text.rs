//! TOML of the input, with the place of each key.

use crate::files::Input;
use crate::ledger::{Ledger, LineId};
use std::ops::Range;
use toml::de::{DeArray, DeTable, DeValue};
use toml::{Spanned, Value};

/// The most keys and elements of a file.
const MOST_VALUES: usize = 10_000;

/// Parses a file.
pub(crate) fn parse(input: &Input) -> Result<Spanned<DeTable<'_>>, String> {
    let shown = input.path.display();
    let table = DeTable::parse(&input.text).map_err(|error| {
        let place = error.span().map_or(1, |span| input.line_of(span.start));
        let message = error.message().replace('\n', " ");
        format!("{shown}:{place}: {message}")
    })?;
    if values_of_table(table.get_ref()) > MOST_VALUES {
        return Err(format!(
            "{shown} has more than {MOST_VALUES} keys and elements"
        ));
    }
    Ok(table)
}

fn values_of_table(table: &DeTable) -> usize {
    table.values().map(|value| values(value.get_ref())).sum()
}

/// The number of values within a value, itself included.
fn values(value: &DeValue) -> usize {
    1 + match value {
        DeValue::Array(array) => array.iter().map(|value| values(value.get_ref())).sum(),
        DeValue::Table(table) => values_of_table(table),
        _ => 0,
    }
}

/// Enters the line at a place of the file.
pub(crate) fn enter(input: &Input, place: &Range<usize>, ledger: &mut Ledger) -> LineId {
    let number = input.line_of(place.start);
    ledger.enter(&input.path, number, input.whole_line(place.start))
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
