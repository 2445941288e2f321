//! One association with one server address.

mod config;

pub use config::SourceConfig;
