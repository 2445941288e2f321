//! The settings of a worker that can change while it runs.

use arc_swap::ArcSwap;
use ntp_config::ServerEntry;
use ntp_proto::server::ServerConfig;
use std::sync::Arc;
use std::time::Duration;

/// The settings of the workers of one listening address.
#[derive(Debug)]
pub(super) struct WorkerSettings {
    pub(super) server: Arc<ServerConfig>,
    pub(super) coalescing: Duration,
}

/// The settings as a snapshot, which each worker compares with its own at every batch.
pub(super) type SharedSettings = Arc<ArcSwap<WorkerSettings>>;

impl WorkerSettings {
    pub(super) fn of(entry: &ServerEntry) -> Self {
        Self {
            server: Arc::new(entry.config.clone()),
            coalescing: entry.coalescing,
        }
    }
}
