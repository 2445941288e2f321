//! Checks `leap-seconds-file`, and the directory of `key-storage-path`.

use crate::Finding;
use ntp_config::{Config, parse_leap_seconds};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The remaining validity in seconds below which `leap-seconds-file` is reported: a month.
const SOON: i64 = 30 * 86_400;

pub(crate) fn findings(config: &Config, now: i64) -> Vec<Finding> {
    let leap = config
        .synchronization
        .leap_seconds_file
        .as_deref()
        .and_then(|path| leap_seconds(path, now));
    let folder = config
        .keyset
        .key_storage_path
        .as_deref()
        .and_then(Path::parent)
        .and_then(absent_folder);
    leap.into_iter().chain(folder).collect()
}

fn leap_seconds(path: &Path, now: i64) -> Option<Finding> {
    const HELP: &str =
        "update the time zone data of this system, or name another file in `leap-seconds-file`";
    let shown = path.display();
    let text = match ntp_ke::read_regular_file(path) {
        Ok(octets) => String::from_utf8_lossy(&octets).into_owned(),
        Err(error) => {
            return Some(Finding::warning(
                format!("`leap-seconds-file`: {shown} cannot be read: {error}"),
                HELP,
            ));
        }
    };
    let table = match parse_leap_seconds(&text) {
        Ok(table) => table,
        Err(error) => {
            return Some(Finding::warning(
                format!("`leap-seconds-file`: {shown} cannot be used: {error}"),
                HELP,
            ));
        }
    };
    let until = ntp_ke::utc(table.expires());
    if now >= table.expires() {
        return Some(Finding::warning(
            format!("`leap-seconds-file`: {shown} expired at {until}"),
            HELP,
        ));
    }
    (now + SOON >= table.expires()).then(|| {
        Finding::warning(
            format!("`leap-seconds-file`: {shown} expires soon, at {until}"),
            HELP,
        )
    })
}

fn absent_folder(folder: &Path) -> Option<Finding> {
    let found = fs::metadata(folder);
    let absent = found
        .is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory));
    absent.then(|| {
        let message = format!(
            "`key-storage-path`: the folder {} does not exist",
            folder.display()
        );
        Finding::warning(
            message,
            "make the folder, or the keys will be lost at each restart",
        )
    })
}
