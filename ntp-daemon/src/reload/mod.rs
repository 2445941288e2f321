//! Changes of the configuration while the daemon runs; see docs/design/reload.md.

mod pairing;
mod sources;

pub(crate) use sources::NumberedSources;
