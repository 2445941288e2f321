//! The command line.

use crate::demo;
use crate::reload::ConfigOrigin;
use clap::{Parser, Subcommand};
use ntp_config::LogLevel;
use std::path::PathBuf;

/// Synchronizes the clock with NTP, and serves time to others.
#[derive(Parser, Debug)]
#[command(
    name = "ntp-daemon",
    version,
    about,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Args {
    /// The configuration file [default: /etc/truechimer/ntp.toml]
    #[arg(short, long, value_name = "FILE", conflicts_with = "pool")]
    pub(crate) config: Option<PathBuf>,
    /// Use these pools as sources, without a configuration file
    #[arg(short, long, value_name = "NAME", num_args = 1..)]
    pub(crate) pool: Vec<String>,
    /// The log level: error, warn, info, debug or trace
    #[arg(short, long, value_name = "LEVEL", global = true)]
    pub(crate) log_level: Option<LogLevel>,
    /// Check the configuration and exit
    #[arg(long)]
    pub(crate) check: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Args {
    /// The place that the configuration comes from.
    pub(crate) fn origin(&self) -> ConfigOrigin {
        ConfigOrigin {
            file: self.config.clone(),
            pools: self.pool.clone(),
            log_level: self.log_level,
        }
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show a client with a wrong virtual clock that follows a reference server, both on this
    /// machine, without root or internet
    #[cfg_attr(not(feature = "demo"), command(hide = true))]
    Demo(demo::Options),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn several_pools_can_be_named_at_once() {
        let args = Args::parse_from(["ntp-daemon", "-p", "a.example", "b.example", "-l", "debug"]);
        assert_eq!(args.pool, ["a.example", "b.example"]);
        assert_eq!(args.log_level, Some(LogLevel::Debug));
    }
}
