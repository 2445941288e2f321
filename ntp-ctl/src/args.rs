//! The command line.

use crate::control::args::{KeysOrder, LogLevelArgs, SourcesChange, StepArgs, WaitArgs};
use crate::migrate::MigrateArgs;
use crate::probe::args::{NtsArgs, QueryArgs};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// The exit codes in `--help`.
const EXIT_CODES: &str = "\
Exit codes:
  0  the clock is synchronized, or served as it is because local-stratum asks for it and no
     source is configured; the configuration is valid; the server was measured; the whole
     configuration was migrated; the order was carried out
  1  the configuration is not valid, or the command failed otherwise
  2  the command line was not understood
  3  the daemon could not be reached
  4  the clock is not synchronized
  5  a part of the configuration could not be migrated
  6  this user may not give orders to the daemon";

/// Show and change the state of a running ntp-daemon, check and migrate configuration files, and
/// test servers without a daemon.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Configuration file of the daemon, which says where its observation socket is
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Observation socket of the daemon, if it is not the one of the configuration; the control
    /// socket is beside it
    #[arg(short, long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Print JSON for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommand.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show whether the clock is synchronized, and if not, why; then the clock and the sources
    Status {
        /// Show everything: reasons of every source, error bounds, steps, the daemon, and what it
        /// serves
        #[arg(short, long)]
        verbose: bool,
    },
    /// Show everything about each source, or add, remove and set sources
    #[command(args_conflicts_with_subcommands = true)]
    Sources {
        /// Without one, the sources are shown
        #[command(subcommand)]
        change: Option<SourcesChange>,
    },
    /// Make the daemon read its configuration, certificates and keys again
    Reload,
    /// Wait until the clock is synchronized; ends with 0, or with 4 when the time is over
    WaitSync(WaitArgs),
    /// Ask all servers several times now
    Burst,
    /// Set the clock at once by the next measurement, also beyond the panic threshold
    Step(StepArgs),
    /// The keys that seal the NTS cookies of our clients
    Keys {
        /// The order
        #[command(subcommand)]
        order: KeysOrder,
    },
    /// Log from this severity on, until the next reload or start
    LogLevel(LogLevelArgs),
    /// Check a configuration file without starting anything
    Validate {
        /// The file; otherwise that of --config, otherwise the daemon's default
        file: Option<PathBuf>,
    },
    /// Measure an NTP server, without a daemon
    Query(QueryArgs),
    /// Test NTS with a server: key establishment, then authenticated time; without a daemon
    Nts(NtsArgs),
    /// Translate the configuration of another NTP program
    Migrate(MigrateArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_defined() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_may_stand_before_and_after_the_command() {
        for line in [
            ["ntp-ctl", "--json", "-c", "x", "status"],
            ["ntp-ctl", "status", "-c", "x", "--json"],
        ] {
            let args = Args::try_parse_from(line).unwrap();
            assert!(args.json);
            assert_eq!(args.config, Some("x".into()));
        }
    }

    #[test]
    fn no_command_is_a_mistake_that_shows_the_help() {
        assert_eq!(
            Args::try_parse_from(["ntp-ctl"]).unwrap_err().exit_code(),
            2
        );
    }
}
