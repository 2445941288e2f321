//! Checks, before the daemon starts, that this machine has the files and addresses that a
//! configuration names: `ntp-daemon --check` and `ntp-ctl validate` find the same as the daemon
//! will.
//!
//! The configuration itself is judged by `ntp-config`, which opens nothing. This crate reads the
//! files that it names and asks the system for its addresses, and leaves everything as it was.
//!
//! | module | concept |
//! |---|---|
//! | `certificates` | certificates and private keys of servers, authorities of sources |
//! | `addresses` | addresses and interfaces to listen on |
//! | `files` | the file of leap seconds, the folder of kept keys |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

mod addresses;
mod certificates;
mod files;

use ntp_config::Config;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The severity of a finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// A part of the daemon cannot work.
    Error,
    /// It works, but probably not as it was meant, or not for long.
    Warning,
}

/// Something on this machine that is not as the configuration needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The severity: an error if a part of the daemon cannot work.
    pub severity: Severity,
    /// The fault, with the names of files and addresses.
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

    /// A finding from a sentence that names the cause before its first semicolon and the remedy
    /// behind it.
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

/// All findings, each once. A file that this user may not read is a warning, as the daemon's user
/// perhaps may.
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
        .chain(files::findings(config, now));
    for finding in found {
        if !all.contains(&finding) {
            all.push(finding);
        }
    }
    all
}
