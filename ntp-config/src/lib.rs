//! The configuration file of Truechimer: reading, validation, and errors that say how to fix it.
//!
//! Reading has two stages. The raw stage ([`load`], [`parse_str`]) takes the files as they are,
//! with the place of each key and value, and overlays those of `conf.d`. The sections
//! are then validated into a [`Config`], which is complete and consistent: no program has to check
//! it again, and all programs refuse the same files. A [`ConfigError`] holds all problems: file,
//! line, column, the line itself with a mark, and the remedy. Accepted but doubtful values become
//! [`Warning`]s of the same form.
//!
//! | module | concept |
//! |---|---|
//! | `config` | the validated configuration |
//! | `load` | files, texts and command lines |
//! | `raw` | TOML with places; overlays of files |
//! | `fields` | reading one table key by key |
//! | `section` | each section of the file |
//! | `checks` | checks across sections |
//! | `diagnostic` | errors and warnings |
//! | `sanitize` | text from outside, made safe to print; also for other crates |
//! | `leap_seconds` | the file that `leap-seconds-file` names |
//! | [`text`], `span` | single values of a command line |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

mod address;
mod bad_text;
mod checks;
mod config;
mod diagnostic;
#[cfg(test)]
mod documentation;
mod fields;
mod leap_seconds;
mod load;
mod raw;
mod sanitize;
mod section;
mod span;
mod suggest;
pub mod text;

pub use config::{
    CONTROL_SOCKET, ClockMode, ClockSection, Config, DEFAULT_COALESCING, DEFAULT_CONFIG_PATH,
    DEFAULT_OBSERVATION_PATH, DEFAULT_POOL_COUNT, DEFAULT_STORAGE_DIRECTORY, HostPort, Keyset,
    LogLevel, NTP_PORT, NTS_KE_PORT, NtsKe, NtsKeServerEntry, Observability, SandboxMode, Security,
    ServerEntry, SourceEntry, SourceKind, Storage, Synchronization, Trust, UnknownLogLevel,
};
pub use diagnostic::{ConfigError, Warning};
pub use leap_seconds::{LeapSecondsError, parse_leap_seconds};
pub use load::{Loaded, for_pools, load, parse_str};
/// Part of [`Trust`].
pub use ntp_proto::nts::AeadAlgorithm;
pub use sanitize::{is_printable, sanitize};
pub use span::parse_span;
