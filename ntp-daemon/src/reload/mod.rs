//! Changes of the configuration while the daemon runs; see docs/design/reload.md.

mod orders;
mod origin;
mod pairing;
mod plan;
mod reloader;
mod sources;
mod status;

pub(crate) use origin::ConfigOrigin;
pub(crate) use reloader::{Reloader, Running};
pub(crate) use sources::NumberedSources;
pub(crate) use status::{ConfigurationStatus, at_start};
