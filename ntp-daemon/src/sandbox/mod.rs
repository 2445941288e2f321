//! The rights that the daemon gives up when its sockets are bound (docs/design/sandbox.md).

mod folders;
mod policy;
mod reach;

pub(crate) use reach::Reach;

use ntp_config::{Config, SandboxMode};
use ntp_observe::{SandboxFacts, SandboxLevel};
use ntp_sandbox::{Level, Reached, SandboxError, User, UserError};
use std::path::Path;

/// An error that keeps the daemon from giving up its rights, and so from starting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnterError {
    #[error(
        "{0}; create the user with `systemd-sysusers` or `useradd --system`, or correct [security] user"
    )]
    User(#[from] UserError),
    #[error(
        "{0}; use a newer kernel, or set [security] sandbox = \"auto\", which does without what is lacking"
    )]
    Incomplete(SandboxError),
    #[error("{0}; start as root, or without [security] user")]
    Sandbox(SandboxError),
}

/// The rights that are left.
#[derive(Clone, Debug)]
pub(crate) struct Sandbox {
    pub(crate) facts: SandboxFacts,
    /// The files and ports within reach.
    pub(crate) reach: Reach,
}

/// Prepares the folders for the configured user, and returns that user.
///
/// # Errors
/// If this machine has no such user.
pub(crate) fn prepare(config: &Config) -> Result<Option<User>, EnterError> {
    let user = config.security.user.as_deref();
    let user = user.map(User::named).transpose()?;
    folders::prepare(config, user.as_ref().filter(|_| ntp_sandbox::is_root()));
    Ok(user)
}

/// Becomes the user and gives up all rights that are not needed any more. Must be called before the
/// first thread is started.
///
/// # Errors
/// If rights cannot be given up that the configuration wants to be given up.
pub(crate) fn enter(
    config: &Config,
    file: Option<&Path>,
    user: Option<User>,
) -> Result<Sandbox, EnterError> {
    let policy = policy::of(config, file, user);
    let folders = policy.readable_folders();
    let reached = policy.apply().map_err(|error| match error {
        SandboxError::Incomplete(_) => EnterError::Incomplete(error),
        _ => EnterError::Sandbox(error),
    })?;
    log(config, &reached);
    let facts = facts(reached);
    Ok(Sandbox {
        reach: Reach::new(policy, folders, &facts),
        facts,
    })
}

fn log(config: &Config, reached: &Reached) {
    let kept = match reached.capabilities.as_slice() {
        [] => "no capability".to_owned(),
        kept => kept.join(", "),
    };
    tracing::info!(
        "running as user {} with {kept}; Landlock: {}, seccomp: {}",
        reached.uid,
        level(reached.landlock).word(),
        level(reached.seccomp).word()
    );
    if reached.uid == 0 && config.security.user.is_none() {
        tracing::warn!(
            "the daemon stays root, although without root's capabilities: set [security] user to a user without rights"
        );
    }
    for lacking in &reached.lacking {
        tracing::warn!("the sandbox is not complete: {lacking}");
    }
    if config.security.sandbox == SandboxMode::Off {
        tracing::warn!("[security] sandbox = \"off\": files and system calls are not restricted");
    }
}

fn facts(reached: Reached) -> SandboxFacts {
    SandboxFacts {
        uid: reached.uid,
        capabilities: reached.capabilities,
        no_new_privileges: reached.no_new_privileges,
        landlock: level(reached.landlock),
        seccomp: level(reached.seccomp),
        lacking: reached.lacking,
    }
}

const fn level(level: Level) -> SandboxLevel {
    match level {
        Level::Full => SandboxLevel::Full,
        Level::Partial => SandboxLevel::Partial,
        Level::Unavailable => SandboxLevel::Unavailable,
        Level::Off => SandboxLevel::Off,
    }
}
