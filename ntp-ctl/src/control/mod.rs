//! Orders to the daemon, and waiting for its clock.

pub(crate) mod args;
mod wait;

pub(crate) use wait::wait_sync;

use crate::args::Args;
use crate::outcome::Outcome;
use crate::sandbox;
use crate::terminal::{self, sanitize};
use ntp_config::{CONTROL_SOCKET, ConfigError, DEFAULT_OBSERVATION_PATH};
use ntp_observe::{CONTROL_SCHEMA, ControlCommand, ControlError, ControlReply};
use serde_json::json;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The time limit for an order; a reload may have to wait for a slow disk.
const ORDER_TIMEOUT: Duration = Duration::from_secs(60);

/// Gives an order and prints the answer.
pub(crate) fn order(args: &Args, command: ControlCommand) -> Outcome {
    let path = match socket(args) {
        Ok(path) => path,
        Err(error) => {
            let advice = "correct the configuration file; the daemon goes on with the one in force";
            return complain(
                args,
                "bad-configuration",
                &format!("{error}\n{advice}"),
                Outcome::Failed,
            );
        }
    };
    sandbox::enter(&args.command);
    match ntp_observe::order(&path, command, ORDER_TIMEOUT) {
        Ok(reply) => show(args, &reply),
        Err(error) => {
            let outcome = match error {
                ControlError::Permission { .. } => Outcome::NoPermission,
                ControlError::BadReply { .. } => Outcome::Failed,
                _ => Outcome::Unreachable,
            };
            complain(args, error.word(), &error.to_string(), outcome)
        }
    }
}

/// Orders a step, once that is confirmed.
pub(crate) fn step(args: &Args, confirmed: bool) -> Outcome {
    if confirmed || is_confirmed() {
        return order(args, ControlCommand::Step);
    }
    let message = "nothing was done: programs may misbehave when the clock jumps; confirm with \
                   `ntp-ctl step --yes`";
    complain(args, "not-confirmed", message, Outcome::Failed)
}

/// Asks on a terminal; elsewhere the answer is no.
fn is_confirmed() -> bool {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return false;
    }
    let question = "Set the clock at once, also if that takes it back? [y/N] ";
    let asked = write!(io::stderr(), "{question}").is_ok();
    let mut answer = String::new();
    asked
        && io::stdin().read_line(&mut answer).is_ok()
        && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// The control socket: that beside the observation socket that is named, that of the configuration
/// that is named, or the default.
fn socket(args: &Args) -> Result<PathBuf, ConfigError> {
    match (&args.socket, &args.config) {
        (Some(path), _) => Ok(path.with_file_name(CONTROL_SOCKET)),
        (None, Some(config)) => Ok(ntp_config::load(config)?
            .config
            .observability
            .control_path_or_default()),
        (None, None) => Ok(Path::new(DEFAULT_OBSERVATION_PATH).with_file_name(CONTROL_SOCKET)),
    }
}

fn show(args: &Args, reply: &ControlReply) -> Outcome {
    if args.json {
        let json = json!(reply);
        terminal::print(&format!("{json:#}\n"));
    } else if let Some(failure) = &reply.error {
        terminal::complain(&failure.message);
    } else {
        let done = reply.done.as_deref().unwrap_or("done");
        terminal::print(&format!("{}\n", sanitize(done)));
        if !reply.restart_needed.is_empty() {
            let waiting = reply.restart_needed.join(", ");
            terminal::print(&format!(
                "restart the daemon to apply the changes of {}\n",
                sanitize(&waiting)
            ));
        }
    }
    if reply.error.is_some() {
        Outcome::Failed
    } else {
        Outcome::Fine
    }
}

fn complain(args: &Args, code: &str, message: &str, outcome: Outcome) -> Outcome {
    if args.json {
        let reply = ControlReply {
            schema: CONTROL_SCHEMA,
            ..ControlReply::refused(code, message)
        };
        terminal::print(&format!("{:#}\n", json!(reply)));
    } else {
        terminal::complain(message);
    }
    outcome
}
