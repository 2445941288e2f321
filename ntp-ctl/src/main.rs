//! Show the state of a running ntp-daemon, check and migrate configuration files, and test servers
//! without a daemon.
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `args` | the command line |
//! | `fetch` | finding the daemon and reading its state |
//! | `pages` | the pages that `status` and `sources` print |
//! | `messages` | states and reasons in sentences, with a remedy |
//! | `probe` | measuring a server without a daemon: `query` and `nts` |
//! | `validate` | checking a configuration file, and what it needs of this machine |
//! | `sandbox` | the rights that are given up first |
//! | `migrate` | translating the configuration of another NTP program |
//! | `outcome` | the exit status |
//! | `terminal` | width, color and sanitized output of the terminal |
//! | `units` | numbers for people |
#![forbid(unsafe_code)]

mod args;
mod fetch;
mod messages;
mod migrate;
mod outcome;
mod pages;
mod probe;
mod sandbox;
mod terminal;
mod units;
mod validate;

use args::{Args, Command};
use clap::Parser as _;
use pages::status::Page;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.command {
        Command::Status { verbose } => fetch::run(&args, Page::Status { verbose: *verbose }),
        Command::Sources => fetch::run(&args, Page::Sources),
        Command::Validate { file } => validate::run(&args, file.as_deref()),
        Command::Query(query) => probe::query(&args, query),
        Command::Nts(nts) => probe::nts(&args, nts),
        Command::Migrate(migrate) => migrate::run(&args, migrate),
    }
    .into()
}
