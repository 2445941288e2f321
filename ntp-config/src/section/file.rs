//! Paths of files, which the daemon opens later.

use crate::diagnostic::{Located, Report};
use crate::fields::{Fields, string};
use crate::raw::Value;
use std::path::PathBuf;

/// The file of leap seconds of the time zone database on most systems.
const LEAP_SECONDS: &str = "/usr/share/zoneinfo/leap-seconds.list";

/// Reads the path of a file. It must be absolute, because the working directory of a daemon is
/// arbitrary.
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

/// Reads the path of a file from `key`.
pub(super) fn optional(
    fields: &mut Fields,
    key: &'static str,
    report: &mut Report,
) -> Option<PathBuf> {
    let entry = fields.take(key)?;
    path(&entry.value, key, report)
}

/// Reads the path of a file from a key that must be present; `help` is the remedy.
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
