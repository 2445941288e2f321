//! The exit status.

use std::process::ExitCode;

/// The exit status of the program. Usage errors end it with 2, which is clap's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The clock is synchronized, or served unsynchronized as configured; the configuration is
    /// valid; the server was measured; the whole configuration was migrated.
    Fine,
    /// The configuration is not valid, or the command failed otherwise.
    Failed,
    /// The daemon could not be reached.
    Unreachable,
    /// The daemon says that the clock is not synchronized.
    NotSynchronized,
    /// A part of a configuration could not be migrated.
    Incomplete,
    /// This user may not give orders to the daemon.
    NoPermission,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Fine => 0,
            Outcome::Failed => 1,
            Outcome::Unreachable => 3,
            Outcome::NotSynchronized => 4,
            Outcome::Incomplete => 5,
            Outcome::NoPermission => 6,
        })
    }
}
