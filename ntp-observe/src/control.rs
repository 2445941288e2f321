//! Orders to the daemon over its control socket: one line of JSON each way.

use crate::fetch::connect;
use serde::{Deserialize, Serialize};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The version of requests and replies.
pub const CONTROL_SCHEMA: u32 = 1;

/// The longest request in octets.
pub const MAX_CONTROL_BYTES: usize = 64 << 10;

/// A request to the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRequest {
    /// The version of this request, see [`CONTROL_SCHEMA`].
    pub schema: u32,
    /// The order.
    #[serde(flatten)]
    pub command: ControlCommand,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum ControlCommand {
    /// Read the configuration, certificates and keys again.
    Reload,
    /// Add a source until the next reload.
    AddSource {
        /// The source.
        source: NewSource,
    },
    /// Remove all sources with this address until the next reload.
    RemoveSource {
        /// The address as the configuration has it, with or without its port.
        address: String,
    },
    /// Use these sources and no others until the next reload.
    SetSources {
        /// The sources.
        sources: Vec<NewSource>,
    },
    /// Poll all sources at once, and again in short intervals.
    Burst,
    /// Step the clock by the next measurement, whatever its size.
    Step,
    /// Seal NTS cookies with the next key from now on.
    RotateKeys,
    /// Log from this severity on, until the next reload that changes it.
    LogLevel {
        /// The word of the level.
        level: String,
    },
}

impl ControlCommand {
    /// The stable word of this order.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::AddSource { .. } => "add-source",
            Self::RemoveSource { .. } => "remove-source",
            Self::SetSources { .. } => "set-sources",
            Self::Burst => "burst",
            Self::Step => "step",
            Self::RotateKeys => "rotate-keys",
            Self::LogLevel { .. } => "log-level",
        }
    }
}

/// A source that an order adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSource {
    /// The `mode` of `[[source]]`.
    pub mode: String,
    /// The `address` of `[[source]]`.
    pub address: String,
}

/// The answer of the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlReply {
    /// The version of this reply, see [`CONTROL_SCHEMA`].
    pub schema: u32,
    /// The result in a sentence; `null` when there is an error.
    pub done: Option<String>,
    /// The sections and keys whose change needs a restart and is not in force.
    #[serde(default)]
    pub restart_needed: Vec<String>,
    /// The reason for which nothing was done.
    #[serde(default)]
    pub error: Option<ControlFailure>,
}

/// The reason for which an order was not carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlFailure {
    /// Its stable word.
    pub code: String,
    /// The reason and the remedy.
    pub message: String,
}

impl ControlReply {
    /// The order was carried out.
    #[must_use]
    pub fn done(what: impl Into<String>) -> Self {
        Self {
            schema: CONTROL_SCHEMA,
            done: Some(what.into()),
            ..Self::default()
        }
    }

    /// The order was refused.
    #[must_use]
    pub fn refused(code: &str, message: impl Into<String>) -> Self {
        Self {
            schema: CONTROL_SCHEMA,
            error: Some(ControlFailure {
                code: code.to_owned(),
                message: message.into(),
            }),
            ..Self::default()
        }
    }
}

/// The order could not be given, or its answer not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// No file exists at the path.
    #[error(
        "there is no control socket at {path}: the daemon is not running, or its `[observability] \
         control-path` is another one; name its configuration with -c"
    )]
    NoSocket {
        /// The path that was tried.
        path: PathBuf,
    },
    /// The permission to open the socket is missing.
    #[error(
        "no permission to give orders through {path}: run this as root (`sudo ntp-ctl …`), or add \
         this user to the group of the socket (`sudo usermod -aG truechimer USER`, then log in again)"
    )]
    Permission {
        /// The path that was tried.
        path: PathBuf,
    },
    /// A socket exists, but no daemon listens on it.
    #[error(
        "no daemon listens at {path}: the one that made this socket has ended; start the daemon \
         again"
    )]
    Stale {
        /// The path that was tried.
        path: PathBuf,
    },
    /// The reply is not one that this program reads.
    #[error(
        "the reply of the daemon was not understood ({error}): use the program of the same release \
         as the daemon"
    )]
    BadReply {
        /// The error of the decoder.
        error: serde_json::Error,
    },
    /// Another error of the operating system.
    #[error("cannot give an order through {path}: {error}")]
    Io {
        /// The path that was tried.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
}

impl ControlError {
    /// The stable word of this error.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NoSocket { .. } => "no-socket",
            Self::Permission { .. } => "no-permission",
            Self::Stale { .. } => "stale-socket",
            Self::BadReply { .. } => "bad-reply",
            Self::Io { .. } => "io-error",
        }
    }
}

/// Gives an order to the daemon at `path`, and waits for its answer for about `timeout`.
///
/// # Errors
/// Every [`ControlError`]; its text is a sentence for the operator.
pub fn order(
    path: &Path,
    command: ControlCommand,
    timeout: Duration,
) -> Result<ControlReply, ControlError> {
    let request = ControlRequest {
        schema: CONTROL_SCHEMA,
        command,
    };
    let text = exchange(path, &request, timeout).map_err(|error| explain(error, path))?;
    serde_json::from_slice(&text).map_err(|error| ControlError::BadReply { error })
}

fn exchange(path: &Path, request: &ControlRequest, timeout: Duration) -> io::Result<Vec<u8>> {
    let mut stream = connect(path, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut text = Vec::new();
    // The answer to a reload may show many lines of a configuration.
    let limit = 16 * MAX_CONTROL_BYTES as u64;
    stream.take(limit).read_to_end(&mut text)?;
    Ok(text)
}

fn explain(error: io::Error, path: &Path) -> ControlError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ControlError::NoSocket { path },
        io::ErrorKind::PermissionDenied => ControlError::Permission { path },
        io::ErrorKind::ConnectionRefused => ControlError::Stale { path },
        _ => ControlError::Io { path, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_flat_object() {
        let request = ControlRequest {
            schema: CONTROL_SCHEMA,
            command: ControlCommand::LogLevel {
                level: "debug".into(),
            },
        };
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(
            text,
            r#"{"schema":1,"command":"log-level","level":"debug"}"#
        );
        assert_eq!(
            serde_json::from_str::<ControlRequest>(&text).unwrap(),
            request
        );
    }

    #[test]
    fn a_missing_permission_names_the_group() {
        let error = explain(io::ErrorKind::PermissionDenied.into(), Path::new("/run/x"));
        assert_eq!(error.word(), "no-permission");
        assert!(error.to_string().contains("usermod -aG truechimer"));
    }
}
