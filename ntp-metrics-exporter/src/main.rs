//! OpenMetrics and health endpoints for a running ntp-daemon.
//!
//! Every request asks the daemon again through its observation socket; the exporter keeps no state
//! of its own.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | 200 with the metrics by `Accept`; `ntp_up 0` without a daemon |
//! | `/healthz` | 200 while the exporter runs |
//! | `/readyz` | 200 when synchronized, or healthy without sources; otherwise 503 with the reason |
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `args` | the command line |
//! | `exposition` | a document as OpenMetrics |
//! | `format` | OpenMetrics or plain text, as the client wants |
//! | `metrics` | the metrics: name, meaning, and the value in the document |
//! | `answer` | the answers to HTTP requests |
//! | `sandbox` | the rights that are given up when the port is bound |
//! | `http` | connections: limits, timeouts and the end |
#![forbid(unsafe_code)]

mod answer;
mod args;
mod exposition;
mod format;
mod http;
mod metrics;
#[cfg(test)]
mod samples;
mod sandbox;

use args::Args;
use clap::Parser as _;
use ntp_config::{Config, Security};
use ntp_sandbox::{SandboxError, UserError};
use std::io::{self, IsTerminal as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing::error;

/// The error that ends the exporter.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("{0}")]
    Config(#[from] ntp_config::ConfigError),
    #[error(
        "cannot listen on {address}: {error}; is another exporter running? Choose another address \
         with --listen or `[observability] metrics-exporter-listen`"
    )]
    Listen {
        address: SocketAddr,
        error: io::Error,
    },
    #[error("{0}; create the user with `systemd-sysusers`, or correct [security] user")]
    User(#[from] UserError),
    #[error("{0}; see [security] in CONFIGURATION.md")]
    Sandbox(#[from] SandboxError),
    #[error("cannot start: {0}")]
    Runtime(io::Error),
}

/// The socket of the daemon, and the address of the exporter.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    socket: PathBuf,
    listen: SocketAddr,
    security: Security,
}

impl Settings {
    /// The settings; the command line takes precedence over the configuration file.
    fn new(args: Args) -> Result<Self, ntp_config::ConfigError> {
        let config = match &args.config {
            Some(file) => ntp_config::load(file)?.config,
            None => Config::default(),
        };
        let observability = config.observability;
        Ok(Self {
            socket: args
                .socket
                .unwrap_or_else(|| observability.observation_path_or_default().to_owned()),
            listen: args.listen.unwrap_or(observability.metrics_exporter_listen),
            security: config.security,
        })
    }
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_max_level(tracing::Level::INFO)
        .with_target(false)
        // Otherwise an error of writing to a closed log would be logged there, which panics.
        .log_internal_errors(false)
        .init();
    match start(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> Result<(), StartError> {
    let settings = Settings::new(args)?;
    let listener = listen(settings.listen)?;
    // Before the first thread, so that it holds for all of them.
    sandbox::enter(&settings.security)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Runtime)?;
    let outcome = runtime.block_on(run(listener, settings.socket));
    // A fetch from a daemon that hangs must not delay the end.
    runtime.shutdown_background();
    outcome
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|error| StartError::Listen { address, error })
}

async fn run(listener: TcpListener, socket: PathBuf) -> Result<(), StartError> {
    let listener = tokio::net::TcpListener::from_std(listener).map_err(StartError::Runtime)?;
    http::serve(listener, socket)
        .await
        .map_err(StartError::Runtime)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(line: &[&str]) -> Settings {
        let line = ["ntp-metrics-exporter"].iter().chain(line);
        Settings::new(Args::try_parse_from(line).unwrap()).unwrap()
    }

    #[test]
    fn the_defaults_are_local() {
        let defaults = settings(&[]);

        assert_eq!(defaults.listen, "127.0.0.1:9975".parse().unwrap());
        assert_eq!(
            defaults.socket,
            PathBuf::from(ntp_config::DEFAULT_OBSERVATION_PATH)
        );
    }

    #[test]
    fn the_command_line_goes_before_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ntp.toml");
        let text = "[[source]]\nmode = \"server\"\naddress = \
                    \"192.0.2.1\"\n[observability]\nobservation-path = \
                    \"/run/x.sock\"\nmetrics-exporter-listen = \"127.0.0.1:1234\"\n";
        std::fs::write(&file, text).unwrap();
        let file = file.display().to_string();

        let configured = settings(&["-c", &file]);
        let given = settings(&["-c", &file, "-s", "/run/y.sock", "-l", "[::1]:0"]);

        assert_eq!(
            configured,
            Settings {
                socket: "/run/x.sock".into(),
                listen: "127.0.0.1:1234".parse().unwrap(),
                security: Security::default(),
            }
        );
        assert_eq!(
            given,
            Settings {
                socket: "/run/y.sock".into(),
                listen: "[::1]:0".parse().unwrap(),
                security: Security::default(),
            }
        );
    }
}
