//! Reads single values, and reports those that cannot be used.

use crate::diagnostic::{Located, Report};
use crate::raw::Value;
use ntp_proto::time::Seconds;
use std::ops::RangeInclusive;

/// Reports a value of another kind than `expected`.
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
pub(super) fn number(
    value: &Located<Value>,
    key: &str,
    report: &mut Report,
) -> Option<Located<f64>> {
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
pub(super) fn seconds(
    value: &Located<Value>,
    key: &str,
    report: &mut Report,
) -> Option<Located<Seconds>> {
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

/// A span of time in seconds that is not negative, or `None` for `"inf"`.
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
