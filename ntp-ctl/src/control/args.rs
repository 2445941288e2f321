//! The arguments of orders.

use clap::{Args, Subcommand, ValueEnum};
use ntp_config::{LogLevel, parse_span};
use ntp_observe::{ControlCommand, NewSource};
use std::time::Duration;

/// The `mode` of a source.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Mode {
    /// One server
    #[default]
    Server,
    /// A name with the addresses of many servers
    Pool,
    /// One server with NTS
    Nts,
}

/// A change of the sources.
#[derive(Debug, Subcommand)]
pub(crate) enum SourcesChange {
    /// Add a source until the next reload
    Add {
        /// Its name or address, with a port if it is not the default
        address: String,
        /// The kind of source
        #[arg(long, value_enum, default_value_t)]
        mode: Mode,
    },
    /// Remove a source until the next reload
    Remove {
        /// Its address as the configuration has it
        address: String,
    },
    /// Use these sources and no others until the next reload
    Set {
        /// Their names or addresses
        #[arg(required = true)]
        addresses: Vec<String>,
        /// The kind of these sources
        #[arg(long, value_enum, default_value_t)]
        mode: Mode,
    },
}

impl SourcesChange {
    /// The order.
    pub(crate) fn command(&self) -> ControlCommand {
        match self {
            Self::Add { address, mode } => ControlCommand::AddSource {
                source: source(address, *mode),
            },
            Self::Remove { address } => ControlCommand::RemoveSource {
                address: address.clone(),
            },
            Self::Set { addresses, mode } => ControlCommand::SetSources {
                sources: addresses
                    .iter()
                    .map(|address| source(address, *mode))
                    .collect(),
            },
        }
    }
}

fn source(address: &str, mode: Mode) -> NewSource {
    let mode = match mode {
        Mode::Server => "server",
        Mode::Pool => "pool",
        Mode::Nts => "nts",
    };
    NewSource {
        mode: mode.to_owned(),
        address: address.to_owned(),
    }
}

/// An order about the keys of NTS cookies.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum KeysOrder {
    /// Seal cookies with the next key from now on
    Rotate,
}

/// The arguments of `log-level`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LogLevelArgs {
    /// error, warn, info, debug or trace
    pub(crate) level: LogLevel,
}

/// The arguments of `step`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct StepArgs {
    /// Do not ask whether to do it
    #[arg(long)]
    pub(crate) yes: bool,
}

/// The arguments of `wait-sync`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct WaitArgs {
    /// The longest wait, as 90s or 3m; without it there is no limit
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub(crate) timeout: Option<Duration>,
    /// Wait also until the error of the clock is at most this, as 100ms
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub(crate) max_error: Option<Duration>,
}
