//! Ask a running ntp-daemon how it is doing, check configuration files, and ask servers without a
//! daemon.
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `args` | the command line |
//! | `fetch` | finding the daemon and reading its state |
//! | `pages` | the pages that `status` and `sources` print |
//! | `messages` | states and reasons in sentences, with a remedy |
//! | `probe` | asking a server without a daemon: `query` and `nts` |
//! | `validate` | checking a configuration file, and what it needs of this machine |
//! | `terminal` | width, color, and output that cannot harm a terminal |
//! | `units` | numbers for people |
#![forbid(unsafe_code)]

mod args;
mod fetch;
mod messages;
mod pages;
mod probe;
mod terminal;
mod units;
mod validate;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};
use pages::status::Page;

/// The exit status of the program. Usage errors end it with 2, which is clap's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The clock is synchronized, or served unsynchronized as configured; the configuration is
    /// valid; the server was measured.
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
        Command::Status { verbose } => fetch::run(&args, Page::Status { verbose: *verbose }),
        Command::Sources => fetch::run(&args, Page::Sources),
        Command::Validate { file } => validate::run(&args, file.as_deref()),
        Command::Query(query) => probe::query(&args, query),
        Command::Nts(nts) => probe::nts(&args, nts),
    }
    .into()
}
