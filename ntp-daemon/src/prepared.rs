//! The steps of the start that come before the first thread (docs/design/sandbox.md).

use crate::control;
use crate::daemon::DaemonError;
use crate::listening::{Inherited, ListeningSockets};
use crate::observe::BoundSocket;
use crate::sandbox::{self, Sandbox};
use ntp_config::Config;
use std::io;
use std::path::Path;

/// Everything that needs rights which the daemon gives up at its start.
pub(crate) struct Prepared {
    pub(crate) sockets: ListeningSockets,
    /// The control socket: only root can give it to a group that the daemon's user is not in.
    pub(crate) control: io::Result<BoundSocket>,
    /// The rights that are left; `None` for the demonstration.
    pub(crate) sandbox: Option<Sandbox>,
}

impl Prepared {
    /// Binds all sockets, prepares the folders and gives up all other rights. `file` is the
    /// configuration file.
    ///
    /// # Errors
    /// If a socket of a `[[server]]` cannot be bound, or rights cannot be given up that the
    /// configuration wants to be given up; with the remedy.
    pub(crate) fn in_sandbox(config: &Config, file: Option<&Path>) -> Result<Self, DaemonError> {
        let sockets = ListeningSockets::open(config, &mut Inherited::from_service_manager())?;
        let user = sandbox::prepare(config)?;
        let owner = user.as_ref().filter(|_| ntp_sandbox::is_root());
        let path = config.observability.control_path_or_default();
        let control = control::bind(&path, owner.map(ntp_sandbox::User::uid));
        let sandbox = sandbox::enter(config, file, user)?;
        Ok(Self {
            sockets,
            control,
            sandbox: Some(sandbox),
        })
    }

    /// Binds all sockets and keeps all rights.
    ///
    /// # Errors
    /// If a socket of a `[[server]]` cannot be bound; with the remedy.
    #[cfg(feature = "demo")]
    pub(crate) fn without_sandbox(config: &Config) -> Result<Self, DaemonError> {
        let path = config.observability.control_path_or_default();
        Ok(Self {
            sockets: ListeningSockets::open(config, &mut Inherited::none())?,
            control: control::bind(&path, None),
            sandbox: None,
        })
    }
}
