//! Ask a running ntp-daemon how it is doing, check configuration files, and ask servers without a
//! daemon.
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `args` | the command line |
//! | `ask` | finding the daemon and reading its state |
//! | `status` | the pages that `status` and `sources` print |
//! | `verdict` | the first line of these pages, and what to do |
//! | `headline` | the cause that all sources have in common |
//! | `clock` | the lines about the clock |
//! | `details` | everything about one source |
//! | `table` | the table of sources |
//! | `words` | reasons of the system and of the clock, in sentences with a remedy |
//! | `source_words` | reasons of a source, in sentences with a remedy |
//! | `authentication_words` | the same for the order between sources with and without NTS |
//! | `nts_words` | the same for keys and cookies of a source |
//! | `nts` | the lines about keys and cookies, of our sources and for our clients |
//! | `units` | numbers for people |
//! | `probe` | asking a server without a daemon: `query` and `nts` |
//! | `validate` | checking a configuration file, and what it needs of this machine |
//! | `terminal` | width, color, and output that cannot harm a terminal |
#![forbid(unsafe_code)]

mod args;
mod ask;
mod authentication_words;
mod clock;
mod details;
mod headline;
mod nts;
mod nts_words;
mod probe;
#[cfg(test)]
mod samples;
mod source_words;
mod status;
mod table;
mod terminal;
mod units;
mod validate;
mod verdict;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

/// How the program ends. Usage errors end it with 2, which is clap's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The clock is synchronized, or served as it is on purpose; the configuration is valid; the
    /// server has given its time.
    Fine,
    /// The configuration is not valid, or the command failed otherwise.
    Failed,
    /// The daemon could not be reached.
    Unreachable,
    /// The daemon says that the clock is not synchronized.
    NotSynchronized,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Fine => 0,
            Outcome::Failed => 1,
            Outcome::Unreachable => 3,
            Outcome::NotSynchronized => 4,
        })
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.command {
        Command::Status { verbose } => ask::run(&args, status::Page::Status { verbose: *verbose }),
        Command::Sources => ask::run(&args, status::Page::Sources),
        Command::Validate { file } => validate::run(&args, file.as_deref()),
        Command::Query(query) => probe::query(&args, query),
        Command::Nts(nts) => probe::nts(&args, nts),
    }
    .into()
}
