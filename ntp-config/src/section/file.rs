//! Paths of files that are opened later, by the daemon.

use crate::diagnostic::{Located, Report};
use crate::fields::{Fields, string};
use crate::raw::Value;
use std::path::PathBuf;

/// The file of leap seconds of the time zone database on most systems.
const LEAP_SECONDS: &str = "/usr/share/zoneinfo/leap-seconds.list";

/// The path of a file. It has to be absolute: the folder in which a daemon starts is nobody's
/// choice.
pub(super) fn path(value: &Located<Value>, key: &str, report: &mut Report) -> Option<PathBuf> {
    let text = string(value, key, report)?;
    if text.value.contains("-----BEGIN") {
        let help = "save the text in a file, and write the path of the file here";
        report.error(
            &text.span,
            format!("`{key}` must be the path of a file, not what is in it"),
            help,
        );
        return None;
    }
    if text.value.starts_with('/') && !text.value.contains('\0') {
        return Some(PathBuf::from(text.value));
    }
    let example = if key == "leap-seconds-file" {
        LEAP_SECONDS
    } else {
        "/etc/truechimer/example.pem"
    };
    let help = format!("write the whole path, as \"{example}\"");
    report.error(
        &text.span,
        format!("`{key}` must be an absolute path"),
        help,
    );
    None
}

/// The path of a file that a key names.
pub(super) fn optional(
    fields: &mut Fields,
    key: &'static str,
    report: &mut Report,
) -> Option<PathBuf> {
    let entry = fields.take(key)?;
    path(&entry.value, key, report)
}

/// The path of a file without which the section is of no use; `help` says what belongs there.
pub(super) fn required(
    fields: &mut Fields,
    key: &'static str,
    help: &str,
    report: &mut Report,
) -> Option<PathBuf> {
    if fields.peek(key).is_none() {
        report.error(
            fields.span(),
            format!("a `{}` without `{key}`", fields.name()),
            help,
        );
    }
    optional(fields, key, report)
}
