//! The state of the daemon beside the client and the clock: its configuration and the status of its
//! other parts, for the log and the observation document.

use crate::client::rivals::Rivalry;
use crate::nts::cookie_keys::CookieKeyStatus;
use crate::nts::ke_supervisor::KeServiceStatuses;
use crate::reload::{ConfigurationStatus, NumberedSources};
use crate::server::ServerStatuses;
use arc_swap::ArcSwap;
use ntp_config::ClockMode;
use ntp_observe::SandboxFacts;
use ntp_proto::client::entry::SourceEntryId;
use ntp_proto::time::MonoTime;
use std::path::PathBuf;
use std::sync::Arc;

/// The configuration and the status of the parts, as the client task holds them.
#[derive(Debug)]
pub(crate) struct DaemonContext {
    /// The configuration file; `None` if the daemon runs without one.
    pub(crate) config_path: Option<PathBuf>,
    /// The configured sources, in the order of the file.
    pub(crate) sources: NumberedSources,
    /// The clock mode that the configuration asks for.
    pub(crate) requested_clock: ClockMode,
    /// The rights that the daemon has given up; `None` for the demonstration.
    pub(crate) sandbox: Option<SandboxFacts>,
    /// The status of the configuration.
    pub(crate) configuration: ConfigurationStatus,
    /// True if a step of the clock is logged as a warning.
    pub(crate) warn_on_jump: bool,
    /// The status of each listening address.
    pub(crate) servers: ServerStatuses,
    /// The status of the cookie keys, if the daemon has any.
    pub(crate) keys: Option<Arc<ArcSwap<CookieKeyStatus>>>,
    /// The status of each NTS-KE server.
    pub(crate) ke_servers: KeServiceStatuses,
    /// The time at which the daemon started.
    pub(crate) started: MonoTime,
    /// The operating system's error from the last correction of the clock, if it was refused.
    pub(crate) clock_error: Option<String>,
    /// Interference by another program that steers the clock, if any was noticed.
    pub(crate) rivalry: Option<Rivalry>,
}

impl DaemonContext {
    /// The name of a configured source; empty if there is no such source.
    pub(crate) fn name_of(&self, entry: SourceEntryId) -> String {
        self.sources
            .get(entry)
            .map(|entry| entry.kind.address().to_string())
            .unwrap_or_default()
    }
}
