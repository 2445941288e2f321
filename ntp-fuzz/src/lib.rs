//! The bodies of the fuzz targets: every reader of octets that come from outside.
//!
//! Each function takes arbitrary octets, asserts the invariants of one reader, and returns true if
//! the reader accepted them. A violated invariant panics. All of them are deterministic.
//!
//! `tests/replay.rs` calls them with the files of `corpus/TARGET` and with mutations of those, as
//! part of `cargo test`. `fuzz/` calls them from libFuzzer. Files of a corpus whose names begin
//! with `valid-` must be accepted, those with `hostile-` refused; libFuzzer's finds have other
//! names. `examples/write_seeds.rs` writes the files that our own encoders make ([`seeds`]).
//!
//! | module | target |
//! |---|---|
//! | `packets` | [`packet`], [`nts_fields`] |
//! | `records` | [`ke_client`], [`ke_server`] |
//! | `secrets` | [`cookie`], [`key_set`] |
//! | `texts` | [`certificate`], [`configuration`], [`migration`], [`document`] |
//! | `session` | the fixed keys that the targets and seeds share |
#![forbid(unsafe_code)]

mod packets;
mod records;
mod secrets;
pub mod seeds;
mod session;
mod texts;

pub use packets::{nts_fields, packet};
pub use records::{ke_client, ke_server};
pub use secrets::{cookie, key_set};
pub use texts::{certificate, configuration, document, migration};

/// The body of a fuzz target: true if the octets were accepted.
pub type Target = fn(&[u8]) -> bool;

/// All targets, with the names of their corpora.
pub const TARGETS: [(&str, Target); 10] = [
    ("packet", packet),
    ("nts_fields", nts_fields),
    ("ke_client", ke_client),
    ("ke_server", ke_server),
    ("certificate", certificate),
    ("cookie", cookie),
    ("key_set", key_set),
    ("configuration", configuration),
    ("migration", migration),
    ("document", document),
];
