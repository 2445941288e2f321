//! The NTP client and server daemon of Truechimer.
//!
//! The daemon is a dull driver: all knowledge of NTP is in `ntp-proto`. One task owns the
//! associations and the clock ([`client`]), plain threads own the server's sockets ([`server`]),
//! and other parts ask the owner with a message.
//!
//! | module | concept |
//! |---|---|
//! | [`daemon`], [`lifecycle`] | the parts as a whole: open, start, wait, shut down |
//! | [`prepared`] | the steps of the start that come before the first thread |
//! | [`listening`] | the sockets of all listening addresses, bound before anything else |
//! | [`sandbox`] | the rights that the daemon keeps, and the folders that it prepares as root |
//! | [`notify`] | readiness, status and watchdog for the service manager |
//! | [`client`] | the client task with the clock, and what it waits for |
//! | [`server`] | the worker threads of each listening address |
//! | [`nts`] | NTS-KE servers, cookie keys, stored sessions |
//! | [`state`] | the files that survive a restart |
//! | [`observe`], [`context`] | the document for `ntp-ctl` and the exporter |
//! | [`control`] | the control socket |
//! | [`reload`] | changes of the configuration at run time |
//! | [`logging`], [`digits`], [`os_error`] | the form of the log |
//! | [`demo`] | the demonstration, which is left out of what ships (feature `demo`) |
#![forbid(unsafe_code)]

mod args;
mod client;
mod context;
mod control;
mod daemon;
#[cfg(feature = "demo")]
mod demo;
#[cfg(not(feature = "demo"))]
#[path = "no_demo.rs"]
mod demo;
mod digits;
mod lifecycle;
mod listening;
mod logging;
mod notify;
mod nts;
mod observe;
mod os_error;
mod prepared;
mod random;
mod reload;
mod sandbox;
mod server;
mod signals;
mod simulated_time;
mod state;

use args::{Args, Command};
use clap::Parser;
use client::open_clock;
use std::io::Write;
use std::process::ExitCode;

/// The exit code for a wrong configuration: EX_CONFIG of sysexits.h, as in ntpd-rs.
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.command {
        Some(Command::Demo(options)) => demo::run(options, args.log_level),
        None => run(&args),
    }
}

fn run(args: &Args) -> ExitCode {
    let origin = args.origin();
    let loaded = match origin.load() {
        Ok(loaded) => loaded,
        Err(error) => {
            print(&error.to_string());
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    if args.check {
        for warning in &loaded.warnings {
            print(&warning.to_string());
        }
        let found = ntp_check::findings(&loaded.config);
        found.iter().for_each(|finding| print(&finding.to_string()));
        if found.iter().any(ntp_check::Finding::is_error) {
            print(
                "the configuration is valid, but a part of the daemon cannot run with it on this machine",
            );
            return ExitCode::from(EXIT_CONFIG);
        }
        print("the configuration is valid");
        return ExitCode::SUCCESS;
    }
    logging::start(&loaded.config.observability);
    let from = origin.path().map_or_else(
        || "no file, pools".to_owned(),
        |path| path.display().to_string(),
    );
    tracing::info!(
        "Truechimer ntp-daemon {} starts; configuration: {from}; clock: {}",
        env!("CARGO_PKG_VERSION"),
        open_clock::in_words(loaded.config.clock.mode)
    );
    for warning in &loaded.warnings {
        tracing::warn!("{}; {}", warning.message(), warning.help());
    }
    match daemon::run(loaded.config, origin) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard error before the log is there. A failure cannot be reported anywhere.
fn print(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}
