//! Finding the daemon and reading its state.

use crate::args::Args;
use crate::outcome::Outcome;
use crate::pages::status::{Page, render};
use crate::{sandbox, terminal};
use ntp_config::DEFAULT_OBSERVATION_PATH;
use ntp_observe::{Document, FetchError, SCHEMA};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The time limit for fetching the daemon's state.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Prints the page with the daemon's state.
pub(crate) fn run(args: &Args, page: Page) -> Outcome {
    with_socket(args, |path| match ntp_observe::fetch(path, FETCH_TIMEOUT) {
        Ok(document) => {
            show(args, &document, page);
            if document.system.is_healthy() {
                Outcome::Fine
            } else {
                Outcome::NotSynchronized
            }
        }
        Err(error) => fail(args, Failure::from(error), Outcome::Unreachable),
    })
}

/// Runs `command` with the daemon's observation socket and without other rights, or explains why
/// there is no socket.
pub(crate) fn with_socket(args: &Args, command: impl FnOnce(&Path) -> Outcome) -> Outcome {
    match socket(args) {
        Ok(path) => {
            sandbox::enter(&args.command);
            command(&path)
        }
        Err(error) => {
            let advice = "fix the configuration file (`ntp-ctl validate` checks it), or name the \
                          socket with --socket";
            fail(
                args,
                Failure::new("bad-configuration", format!("{error}\n{advice}")),
                Outcome::Failed,
            )
        }
    }
}

/// The daemon's socket: the one named, that of the configuration named, or the default.
fn socket(args: &Args) -> Result<PathBuf, ntp_config::ConfigError> {
    match (&args.socket, &args.config) {
        (Some(path), _) => Ok(path.clone()),
        (None, Some(config)) => Ok(ntp_config::load(config)?
            .config
            .observability
            .observation_path_or_default()
            .to_owned()),
        (None, None) => Ok(DEFAULT_OBSERVATION_PATH.into()),
    }
}

fn show(args: &Args, document: &Document, page: Page) {
    if !args.json {
        return terminal::print_page(
            &render(document, page, terminal::width()),
            document.system.is_healthy(),
        );
    }
    let json = match page {
        Page::Status { .. } => serde_json::to_string_pretty(document),
        Page::Sources => {
            serde_json::to_string_pretty(&json!({ "schema": SCHEMA, "sources": document.sources }))
        }
    };
    let json = json.expect("invariant: every key is a string and writing to memory cannot fail");
    terminal::print(&format!("{json}\n"));
}

/// The reason why no page can be shown.
struct Failure {
    code: String,
    message: String,
}

impl Failure {
    fn new(code: &str, message: String) -> Self {
        let code = code.to_owned();
        Self { code, message }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::new(error.word(), error.to_string())
    }
}

fn fail(args: &Args, failure: Failure, outcome: Outcome) -> Outcome {
    let Failure { code, message } = failure;
    if args.json {
        let json = json!({ "schema": SCHEMA, "error": { "code": code, "message": message } });
        terminal::print(&format!("{json:#}\n"));
    } else {
        terminal::complain(&message);
    }
    outcome
}
