//! The rights that the exporter gives up when its port is bound: it connects to one Unix socket.

use crate::StartError;
use ntp_config::{SandboxMode, Security};
use ntp_sandbox::{CapabilitySet, Mode, Policy, User, is_root};

/// Becomes the configured user and gives up everything else. Must be called before the first thread
/// is started.
///
/// # Errors
/// If rights cannot be given up that the configuration wants to be given up.
pub(crate) fn enter(security: &Security) -> Result<(), StartError> {
    let user = security.user.as_deref().filter(|_| is_root());
    let user = user.map(User::named).transpose()?;
    let policy = Policy {
        // As root, for a socket that only the daemon's user may open; another user has none.
        keep: if user.is_none() {
            CapabilitySet::DAC_OVERRIDE
        } else {
            CapabilitySet::empty()
        },
        user,
        mode: match security.sandbox {
            SandboxMode::Auto => Mode::Auto,
            SandboxMode::Require => Mode::Require,
            SandboxMode::Off => Mode::Off,
        },
        libraries: false,
        ..Policy::default()
    };
    for lacking in policy.apply()?.lacking {
        tracing::warn!("the sandbox is not complete: {lacking}");
    }
    Ok(())
}
