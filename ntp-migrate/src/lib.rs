//! Translates the configuration of other NTP programs into that of Truechimer.
//!
//! [`migrate`] takes paths and a way to read files ([`Files`]), and returns the text of a
//! configuration that `ntp-config` accepts, with an account of every directive of the input: kept,
//! approximated, or dropped with the reason ([`Line`]). It opens, resolves and writes nothing.
//!
//! The modules of the formats read into a plan, which has our terms and names for each part the
//! lines from which it comes. Then every section is asked of `ntp-config` by itself: what it
//! refuses is dropped with its words, so that no format repeats the rules of the configuration and
//! nothing of the input reaches the result but as a checked value or as a sanitized comment. Last,
//! the whole file is checked.
//!
//! | module | concept |
//! |---|---|
//! | `format` | the formats, and how one is recognized |
//! | `timesyncd`, `chrony`, `ntpd`, `openntpd`, `ntpd_rs`, `ntsclient` | one format each |
//! | `files` | reading within bounds: includes, directories, patterns |
//! | `text`, `toml_text`, `units` | words, TOML with places, numbers with units |
//! | `ledger` | the account of the input |
//! | `plan` | the result in our terms |
//! | `access` | rules by the longest prefix, as two lists |
//! | `checked`, `finish` | what our own checker accepts, alone and together |
//! | `render` | the text, with comments |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

mod access;
mod checked;
mod chrony;
mod files;
mod finish;
mod format;
mod ledger;
mod ntpd;
mod ntpd_rs;
mod ntsclient;
mod openntpd;
mod plan;
mod reasons;
mod render;
mod text;
mod timesyncd;
mod toml_text;
mod units;

pub use files::{Files, LARGEST_FILE};
use files::{Input, Reader};
pub use format::Format;
pub use ledger::{Line, Verdict};
use plan::{Plan, Section};
use std::path::PathBuf;

/// The most directives of all files.
const MOST_DIRECTIVES: usize = 10_000;

/// The most sources of all files.
const MOST_SOURCES: usize = 1000;

/// The most addresses to listen on.
const MOST_LISTENERS: usize = 100;

/// The result of a migration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Migration {
    /// The configuration (TOML), which `ntp-config` accepts.
    pub text: String,
    /// The format of each file that was named.
    pub formats: Vec<Format>,
    /// All files that were read, in order.
    pub files: Vec<PathBuf>,
    /// Every directive of the input.
    pub lines: Vec<Line>,
    /// The parts of the result without any line of the input.
    pub added: Vec<String>,
}

impl Migration {
    /// The number of directives with this result.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        let lines = self.lines.iter();
        lines.filter(|line| line.verdict == verdict).count()
    }
}

/// A migration without a result.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MigrateError {
    /// A file that was named, or a drop-in of it, cannot be read, or its format is not clear.
    #[error("{0}")]
    Unreadable(String),
    /// The input has more directives, sources or addresses than any configuration.
    #[error("the input has more than {0}; name fewer files")]
    TooMuch(&'static str),
    /// The result would be larger than a configuration may be.
    #[error("the result would be larger than 1 MiB; divide the input")]
    TooLarge,
    /// The result is not accepted as a whole.
    #[error("the result would not be accepted: {0}; name fewer files")]
    Refused(String),
}

/// Translates the files at `paths`, of the format `from` or of those that are recognized, into one
/// configuration.
///
/// # Errors
/// If a file cannot be read or is of no known format, or if the result would be larger than a
/// configuration may be.
pub fn migrate(
    paths: &[PathBuf],
    from: Option<Format>,
    files: &dyn Files,
) -> Result<Migration, MigrateError> {
    let mut reader = Reader::new(files);
    let mut plan = Plan::default();
    let mut formats = Vec::new();
    for path in paths {
        let input = reader.enter(path).map_err(MigrateError::Unreadable)?;
        let format = match from {
            Some(format) => format,
            None => Format::detect(&input).map_err(MigrateError::Unreadable)?,
        };
        read(format, &input, &mut reader, &mut plan).map_err(MigrateError::Unreadable)?;
        reader.leave();
        formats.push(format);
        if plan.ledger.len() > MOST_DIRECTIVES {
            return Err(MigrateError::TooMuch("10000 directives"));
        } else if plan.sources.len() > MOST_SOURCES {
            return Err(MigrateError::TooMuch("1000 sources"));
        } else if plan.listeners() > MOST_LISTENERS {
            return Err(MigrateError::TooMuch("100 addresses to listen on"));
        }
    }
    let sections = finish::sections(&mut plan)?;
    let text = text_of(&formats, &mut plan, sections)?;
    Ok(Migration {
        text,
        formats,
        files: reader.into_read(),
        lines: plan.ledger.into_lines(),
        added: plan.added,
    })
}

fn read(format: Format, input: &Input, reader: &mut Reader, plan: &mut Plan) -> Result<(), String> {
    match format {
        Format::Timesyncd => timesyncd::read(input, reader, plan)?,
        Format::Chrony => chrony::read(input, reader, plan),
        Format::Ntpd => ntpd::read(input, reader, plan)?,
        Format::Openntpd => openntpd::read(input, plan),
        Format::NtpdRs => ntpd_rs::read(input, plan)?,
        Format::Ntsclient => ntsclient::read(input, plan)?,
    }
    Ok(())
}

/// The sections that may contradict others, although each is accepted by itself: the ports of
/// servers, and poll intervals of which one bound is that of the defaults.
const CONTRADICTING: [&str; 2] = ["nts-ke-server", "source-defaults"];

/// The text of the result, without the sections that contradict others.
fn text_of(
    formats: &[Format],
    plan: &mut Plan,
    mut sections: Vec<Section>,
) -> Result<String, MigrateError> {
    let mut head = vec![format!(
        "Made by `ntp-ctl migrate` from the configuration of {}.",
        Format::list(formats)
    )];
    head.extend(plan.added.iter().cloned());
    let whole = |sections: &[Section], plan: &Plan| render::file(&head, sections, &plan.ledger);
    let mut text = whole(&sections, plan);
    if let Some(problem) = checked::problem(&text) {
        let without = |names: &[&str]| {
            let kept = sections.iter().filter(|kept| !names.contains(&kept.name));
            kept.cloned().collect::<Vec<Section>>()
        };
        let one = CONTRADICTING
            .chunks(1)
            .find(|name| checked::problem(&whole(&without(name), plan)).is_none());
        let names = one.unwrap_or(&CONTRADICTING);
        let kept = without(names);
        for section in sections.iter().filter(|one| names.contains(&one.name)) {
            for line in &section.lines {
                plan.ledger.lose(*line, &problem);
            }
        }
        sections = kept;
        text = whole(&sections, plan);
        if let Some(problem) = checked::problem(&text) {
            return Err(MigrateError::Refused(problem));
        }
    }
    if text.len() as u64 > LARGEST_FILE {
        return Err(MigrateError::TooLarge);
    }
    Ok(text)
}
