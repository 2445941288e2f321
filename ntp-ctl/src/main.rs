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
//! | `control` | orders to the daemon, and waiting for its clock |
//! | `validate` | checking a configuration file, and what it needs of this machine |
//! | `sandbox` | the rights that are given up first |
//! | `migrate` | translating the configuration of another NTP program |
//! | `outcome` | the exit status |
//! | `terminal` | width, color and sanitized output of the terminal |
//! | `units` | numbers for people |
#![forbid(unsafe_code)]

mod args;
mod control;
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
use control::args::KeysOrder;
use ntp_observe::ControlCommand;
use pages::status::Page;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.command {
        Command::Status { verbose } => fetch::run(&args, Page::Status { verbose: *verbose }),
        Command::Sources { change: None } => fetch::run(&args, Page::Sources),
        Command::Sources {
            change: Some(change),
        } => control::order(&args, change.command()),
        Command::Reload => control::order(&args, ControlCommand::Reload),
        Command::Burst => control::order(&args, ControlCommand::Burst),
        Command::Step(step) => control::step(&args, step.yes),
        Command::Keys {
            order: KeysOrder::Rotate,
        } => control::order(&args, ControlCommand::RotateKeys),
        Command::LogLevel(wanted) => {
            let level = wanted.level.to_string();
            control::order(&args, ControlCommand::LogLevel { level })
        }
        Command::WaitSync(wait) => {
            fetch::with_socket(&args, |socket| control::wait_sync(&args, *wait, socket))
        }
        Command::Validate { file } => validate::run(&args, file.as_deref()),
        Command::Query(query) => probe::query(&args, query),
        Command::Nts(nts) => probe::nts(&args, nts),
        Command::Migrate(migrate) => migrate::run(&args, migrate),
    }
    .into()
}
