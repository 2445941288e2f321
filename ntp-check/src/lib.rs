//! Checks that this machine has the files and addresses that a configuration names, before the
//! daemon starts: for `ntp-daemon --check` and `ntp-ctl validate`.
//!
//! `ntp-config` validates the configuration itself and opens nothing. This crate reads the files
//! that it names with the code of the daemon, asks the system for its addresses, and changes
//! nothing.
//!
//! | module | concept |
//! |---|---|
//! | `certificates` | certificates and private keys of NTS-KE servers, authorities of sources |
//! | `addresses` | addresses and interfaces to listen on |
//! | `files` | `leap-seconds-file`, the directory of `key-storage-path` |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

mod addresses;
mod certificates;
mod files;
mod user;

use ntp_config::Config;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The severity of a finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// A part of the daemon cannot work.
    Error,
    /// The daemon works, but probably not as intended, or not for long.
    Warning,
}

/// A defect of this machine for a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The severity of the defect.
    pub severity: Severity,
    /// The defect, with the names of files and addresses.
    pub message: String,
    /// The remedy.
    pub help: String,
}

impl Finding {
    pub(crate) fn warning(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            message: message.into(),
            help: help.into(),
        }
    }

    /// A finding from a sentence with the defect before its first semicolon and the remedy after
    /// it.
    pub(crate) fn from_sentence(severity: Severity, sentence: &str) -> Self {
        let (message, help) = sentence
            .split_once("; ")
            .unwrap_or((sentence, "correct the file or the configuration"));
        Self {
            severity,
            message: message.to_owned(),
            help: help.to_owned(),
        }
    }

    /// True if a part of the daemon cannot work.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.is_error() { "error" } else { "warning" };
        write!(f, "{severity}: {}\n  = help: {}", self.message, self.help)
    }
}

/// All findings, without duplicates. A file that this user may not read is only a warning, because
/// the daemon's user perhaps may.
#[must_use]
pub fn findings(config: &Config) -> Vec<Finding> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let mut all: Vec<Finding> = Vec::new();
    let found = certificates::findings(config, now)
        .into_iter()
        .chain(addresses::findings(config))
        .chain(files::findings(config, now))
        .chain(user::findings(config));
    for finding in found {
        if !all.contains(&finding) {
            all.push(finding);
        }
    }
    all
}
