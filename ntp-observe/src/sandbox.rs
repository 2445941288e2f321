//! The rights that the daemon has given up.

use crate::stable_word::stable_words;
use serde::{Deserialize, Serialize};

/// The rights that the daemon has kept, and the sandbox around it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxFacts {
    /// The number of the user that the daemon runs as; 0 is root.
    pub uid: u32,
    /// The capabilities that it has kept (`CAP_SYS_TIME`).
    pub capabilities: Vec<String>,
    /// True if executing a program cannot give it privileges.
    pub no_new_privileges: bool,
    /// The restriction of files and TCP ports.
    pub landlock: SandboxLevel,
    /// The restriction of system calls.
    pub seccomp: SandboxLevel,
    /// The parts that could not be had, each with its cause.
    #[serde(default)]
    pub lacking: Vec<String>,
}

/// The part of a restriction that is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SandboxLevel {
    /// All of it.
    Full,
    /// The part that the kernel knows.
    Partial,
    /// Nothing: the kernel refuses it.
    Unavailable,
    /// Nothing, as configured.
    #[default]
    Off,
    /// A word of a newer daemon.
    Other(String),
}

stable_words!(SandboxLevel {
    Full => "full",
    Partial => "partial",
    Unavailable => "unavailable",
    Off => "off",
});
