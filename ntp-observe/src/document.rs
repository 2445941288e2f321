//! The whole document, and the daemon's process.

use serde::{Deserialize, Serialize};

use crate::{
    ClockFacts, Date, KeysetFacts, NtsKeServerFacts, SCHEMA, ServerFacts, SourceFacts, SystemFacts,
};

/// Everything the daemon shows at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The version of this document, see [`SCHEMA`].
    pub schema: u32,
    /// The process.
    pub daemon: DaemonFacts,
    /// The clock, and whether the daemon may steer it.
    pub clock: ClockFacts,
    /// The state of the system: whether the clock can be relied on, and why (not).
    pub system: SystemFacts,
    /// All sources, in the order of the configuration; the members of a pool stand together.
    #[serde(default)]
    pub sources: Vec<SourceFacts>,
    /// All addresses on which the daemon serves time; empty for a mere client.
    #[serde(default)]
    pub servers: Vec<ServerFacts>,
    /// All addresses at which the daemon hands out keys for authenticated time.
    #[serde(default)]
    pub nts_ke_servers: Vec<NtsKeServerFacts>,
    /// The keys that seal cookies; `null` where no requests with NTS are answered.
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
    /// When it started, as its clock then read.
    pub started: Date,
    /// How long it has been running, by the monotonic clock.
    pub uptime_s: f64,
    /// The configuration file in use; `null` when everything came from the command line.
    pub config_path: Option<String>,
}
