//! The demonstration: a reference server and a client with a wrong virtual clock, on this machine's
//! loopback interface, on free ports, without any privilege. The time is authenticated by NTS. Both
//! consist of the parts of the daemon itself.

mod display;
mod reference;

use crate::daemon::{Daemon, DaemonError, listen_to_signals, runtime};
use crate::observe::DocumentRequest;
use crate::prepared::Prepared;
use crate::reload::ConfigOrigin;
use display::Display;
use ntp_config::{LogLevel, parse_span};
use ntp_observe::Document;
use reference::Reference;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// A clock this close to the truth counts as right.
const RIGHT_WITHIN_S: f64 = 0.001;
/// The interval at which the display is renewed.
const TICK: Duration = Duration::from_millis(500);

/// The options of `ntp-daemon demo`.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// End after this time, with success only if the clock has become right
    #[arg(long = "for", value_name = "TIME", value_parser = parse_span)]
    end_after: Option<Duration>,
    /// The offset of the virtual clock at the start, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = -0.35, allow_negative_numbers = true)]
    offset: f64,
    /// The frequency error of the virtual clock, in parts per million; positive: it runs fast
    #[arg(
        long,
        value_name = "PPM",
        default_value_t = 40.0,
        allow_negative_numbers = true
    )]
    drift: f64,
}

/// An error that ends the demonstration.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error("the demonstration cannot be set up: {0}")]
    SetUp(String),
    #[error("cannot write to the terminal: {0}")]
    Output(#[from] io::Error),
}

/// Runs the demonstration.
pub(crate) fn run(options: &Options, level: Option<LogLevel>) -> ExitCode {
    let settings = ntp_config::Observability {
        // The display shows the progress; the log is for errors.
        log_level: level.unwrap_or(LogLevel::Error),
        ..ntp_config::Observability::default()
    };
    crate::logging::start(&settings);
    let outcome = runtime().map_err(DemoError::from).and_then(|runtime| {
        let outcome = runtime.block_on(show(options));
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// A folder that is removed when the demonstration ends.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self, DemoError> {
        let path = std::env::temp_dir().join(format!("truechimer-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| DemoError::SetUp(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the demonstration; returns true if the clock was right at the end.
async fn show(options: &Options) -> Result<bool, DemoError> {
    let (reload, reloads) = watch::channel(());
    let stop = listen_to_signals(reload)?;
    let folder = Folder::create()?;
    let reference = Reference::start(&folder.0)?;
    let file = folder.0.join("ntp.toml");
    let metrics = free_tcp_port()?;
    std::fs::write(
        &file,
        configuration(
            options,
            &folder.0,
            &reference.ke_address().to_string(),
            metrics,
        ),
    )
    .map_err(|error| DemoError::SetUp(error.to_string()))?;
    let origin = ConfigOrigin {
        file: Some(file.clone()),
        ..ConfigOrigin::default()
    };
    let loaded = origin
        .load()
        .map_err(|error| DemoError::SetUp(error.to_string()))?;
    let prepared = Prepared::without_sandbox(&loaded.config)?;
    let daemon = Daemon::open(loaded.config, origin, prepared)?;
    let mut display = Display::new();
    display.introduce(options, &reference.ke_address().to_string(), &file, metrics)?;
    let mut daemon = daemon.start(reloads).await?;
    let requests = daemon.document_requests();
    let outcome = tokio::select! {
        outcome = watch(&mut display, &requests, options.end_after) => outcome,
        () = stop => last_document(&requests).await.map(|document| is_right(&document)),
        ended = daemon.wait(std::future::pending()) => Err(ended.err().map_or_else(gone, DemoError::from)),
    };
    daemon.shut_down().await;
    drop(reference);
    let right = outcome?;
    display.conclude(right)?;
    Ok(right)
}

/// Shows the state until the time is over.
async fn watch(
    display: &mut Display,
    requests: &mpsc::Sender<DocumentRequest>,
    end_after: Option<Duration>,
) -> Result<bool, DemoError> {
    let start = Instant::now();
    loop {
        let document = last_document(requests).await?;
        display.show(start.elapsed(), &document)?;
        if end_after.is_some_and(|limit| start.elapsed() >= limit) {
            return Ok(is_right(&document));
        }
        let rest = end_after.map_or(TICK, |limit| {
            limit.saturating_sub(start.elapsed()).min(TICK)
        });
        tokio::time::sleep(rest).await;
    }
}

async fn last_document(requests: &mpsc::Sender<DocumentRequest>) -> Result<Document, DemoError> {
    let (request, document) = oneshot::channel();
    requests.send(request).await.map_err(|_| gone())?;
    document.await.map_err(|_| gone())
}

fn gone() -> DemoError {
    DemoError::SetUp("the client has ended".into())
}

/// True if the daemon reports the clock as synchronized, and it is.
fn is_right(document: &Document) -> bool {
    let error = document
        .clock
        .virtual_minus_system_s
        .unwrap_or(f64::INFINITY)
        .abs();
    let bound = document.system.error_bound_s.unwrap_or(0.0);
    document.system.synchronized && error < RIGHT_WITHIN_S && error <= bound
}

fn configuration(options: &Options, folder: &Path, server: &str, metrics: u16) -> String {
    let socket = folder.join("observe.sock");
    format!(
        "[[source]]\n\
         mode = \"nts\"\n\
         address = \"{server}\"\n\
         certificate-authority = {authority:?}\n\
         system-authorities = false\n\
         \n\
         [clock]\n\
         mode = \"virtual\"\n\
         virtual-offset = {offset:?}\n\
         virtual-frequency = {frequency:?}\n\
         \n\
         [observability]\n\
         observation-path = {socket:?}\n\
         metrics-exporter-listen = \"127.0.0.1:{metrics}\"\n\
         \n\
         [storage]\n\
         directory = \"none\"\n",
        offset = options.offset,
        frequency = options.drift * 1e-6,
        socket = socket.display().to_string(),
        authority = folder.join("ca.pem").display().to_string(),
    )
}

/// A port for the exporter that is free now.
fn free_tcp_port() -> Result<u16, DemoError> {
    let listener =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener
        .map(|address| address.port())
        .map_err(|error| DemoError::SetUp(error.to_string()))
}
