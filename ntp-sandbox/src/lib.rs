//! Giving up privileges for good: user, capabilities, `no_new_privs`, Landlock, seccomp.
//!
//! [`Policy::apply`] belongs into the only thread of a process that has opened what it will need;
//! every thread that is started later inherits all of it. docs/design/sandbox.md gives the reasons.
//!
//! | module | concept |
//! |---|---|
//! | `user` | the user to become |
//! | `privileges` | capabilities, the bounding set, `no_new_privs` |
//! | `files` | Landlock: files and TCP ports |
//! | `calls` | seccomp: refused system calls |
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

mod calls;
mod files;
mod privileges;
mod user;

pub use rustix::thread::CapabilitySet;
pub use user::{User, UserError};

use std::io;
use std::path::PathBuf;

/// The things that a process may do after [`apply`](Self::apply).
#[derive(Clone, Debug)]
pub struct Policy {
    /// The user to become. Only root can.
    pub user: Option<User>,
    /// The capabilities that are kept as far as they are held.
    pub keep: CapabilitySet,
    /// The strength of Landlock and seccomp.
    pub mode: Mode,
    /// True if the files that libraries read are in reach: settings, name services, certificates of
    /// authorities.
    pub libraries: bool,
    /// Files and folders to read. One that does not exist stands for the folder that it would be in.
    pub read: Vec<PathBuf>,
    /// Folders to read and write.
    pub write: Vec<PathBuf>,
    /// TCP ports to connect to.
    pub connect: Vec<u16>,
    /// TCP ports to listen on.
    pub bind: Vec<u16>,
    /// True if abstract Unix sockets outside of the sandbox may be used.
    pub abstract_sockets: bool,
}

impl Default for Policy {
    /// Nothing is kept, and only what every program needs can be read.
    fn default() -> Self {
        Self {
            user: None,
            keep: CapabilitySet::empty(),
            mode: Mode::Auto,
            libraries: true,
            read: Vec::new(),
            write: Vec::new(),
            connect: Vec::new(),
            bind: Vec::new(),
            abstract_sockets: false,
        }
    }
}

/// The strength of Landlock and seccomp.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// As far as the kernel has them.
    #[default]
    Auto,
    /// All of it, or [`Policy::apply`] fails.
    Require,
    /// Neither.
    Off,
}

/// The part of a layer that is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// All of it.
    Full,
    /// The part that this kernel knows.
    Partial,
    /// Nothing: this kernel refuses it.
    Unavailable,
    /// Nothing, as asked for.
    Off,
}

/// The level that was reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reached {
    /// The user, by number.
    pub uid: u32,
    /// The capabilities in effect (`CAP_SYS_TIME`).
    pub capabilities: Vec<String>,
    /// True if executing a program can never give new privileges.
    pub no_new_privileges: bool,
    /// Landlock.
    pub landlock: Level,
    /// seccomp.
    pub seccomp: Level,
    /// The things that were asked for and could not be had, each a clause with its cause.
    pub lacking: Vec<String>,
}

/// A part of the sandbox that could not be had, and without which the process must not go on.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The user could not be changed.
    #[error("cannot become the user {user}: {error}")]
    User {
        /// The name of the user.
        user: String,
        /// The error of the operating system.
        error: io::Error,
    },
    /// Capabilities could not be given up.
    #[error("cannot give up capabilities: {0}")]
    Capabilities(io::Error),
    /// Something is lacking with [`Mode::Require`].
    #[error("the sandbox is required and not complete: {0}")]
    Incomplete(String),
    /// Other threads would not be restricted.
    #[error("{0} threads run already, which the sandbox would not restrict")]
    Threads(usize),
}

impl Policy {
    /// The folders whose files can be read after [`apply`](Self::apply), if the kernel has Landlock.
    #[must_use]
    pub fn readable_folders(&self) -> Vec<PathBuf> {
        files::readable_folders(self)
    }

    /// Gives up everything that the policy does not allow.
    ///
    /// # Errors
    /// If the user or the capabilities cannot be given up; with [`Mode::Require`] also if the
    /// kernel lacks anything. Some of it may be given up then.
    pub fn apply(&self) -> Result<Reached, SandboxError> {
        let threads = threads();
        if threads > 1 {
            return Err(SandboxError::Threads(threads));
        }
        let mut lacking = Vec::new();
        let kept = privileges::drop_all_but(self.keep, self.user.as_ref())?;
        if let Some(user) = &self.user
            && !is_root()
            && rustix::process::geteuid().as_raw() != user.uid()
        {
            lacking.push(format!(
                "the user is not {}, since only root could become that user",
                user.name()
            ));
        }
        let no_new_privileges = match rustix::thread::set_no_new_privs(true) {
            Ok(()) => true,
            Err(error) => {
                lacking.push(format!("no_new_privs: {}", io::Error::from(error)));
                false
            }
        };
        let (landlock, seccomp) = match self.mode {
            Mode::Off => (Level::Off, Level::Off),
            Mode::Auto | Mode::Require => (
                files::restrict(self, &mut lacking),
                calls::restrict(&mut lacking),
            ),
        };
        if self.mode == Mode::Require && !lacking.is_empty() {
            return Err(SandboxError::Incomplete(lacking.join("; ")));
        }
        Ok(Reached {
            uid: rustix::process::geteuid().as_raw(),
            capabilities: kept,
            no_new_privileges,
            landlock,
            seccomp,
            lacking,
        })
    }
}

/// True if this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The number of threads of this process; 1 where the kernel does not show them.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}
