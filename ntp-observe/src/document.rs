//! The whole document, and the daemon's process.

use crate::{
    ClockFacts, Date, KeysetFacts, NtsKeServerFacts, SandboxFacts, ServerFacts, SourceFacts,
    SystemFacts,
};
use serde::{Deserialize, Serialize};

/// The version of the document that this crate writes and reads.
pub const SCHEMA: u32 = 2;

/// The daemon's state at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The version of this document, see [`SCHEMA`].
    pub schema: u32,
    /// The daemon's process.
    pub daemon: DaemonFacts,
    /// The clock, and the obstacle to steering it.
    pub clock: ClockFacts,
    /// The state of the system: synchronized or not, with the reasons.
    pub system: SystemFacts,
    /// All sources in the order of the configuration; the members of a pool are adjacent.
    #[serde(default)]
    pub sources: Vec<SourceFacts>,
    /// All addresses on which the daemon serves time; empty for a client.
    #[serde(default)]
    pub servers: Vec<ServerFacts>,
    /// All addresses of the NTS-KE server.
    #[serde(default)]
    pub nts_ke_servers: Vec<NtsKeServerFacts>,
    /// The keys that seal cookies; `null` without an NTS server.
    #[serde(default)]
    pub keyset: Option<KeysetFacts>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            daemon: DaemonFacts::default(),
            clock: ClockFacts::default(),
            system: SystemFacts::default(),
            sources: Vec::new(),
            servers: Vec::new(),
            nts_ke_servers: Vec::new(),
            keyset: None,
        }
    }
}

/// The daemon's process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DaemonFacts {
    /// The release of the daemon (`0.1.0`).
    pub version: String,
    /// Its process id, in the daemon's own name space.
    pub pid: u32,
    /// The start by the clock at that time.
    pub started: Date,
    /// The time since the start by the monotonic clock.
    pub uptime_s: f64,
    /// The configuration file in use; `null` when everything came from the command line.
    pub config_path: Option<String>,
    /// The rights that the daemon has given up; `null` where it has no sandbox at all.
    #[serde(default)]
    pub sandbox: Option<SandboxFacts>,
    /// The state of the configuration.
    #[serde(default)]
    pub configuration: ConfigurationFacts,
}

/// The state of the configuration, which can change while the daemon runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationFacts {
    /// The time at which the configuration in force was read, by the machine's clock; `null` of an
    /// older daemon.
    pub loaded: Option<Date>,
    /// The number of times that another configuration was applied.
    pub reloads: u64,
    /// The last reload, if it failed; then the configuration before it is in force.
    pub failure: Option<ConfigurationFailure>,
    /// The sections and keys whose change needs a restart and is not in force.
    #[serde(default)]
    pub restart_needed: Vec<String>,
}

/// The failure of a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationFailure {
    /// The time of the failure, by the machine's clock.
    pub at: Date,
    /// The error of the configuration, with its place and remedy.
    pub error: String,
}
