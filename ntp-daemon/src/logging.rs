//! The log: transitions, once, to standard error.

use ntp_config::{LogLevel, Observability};
use std::io::IsTerminal;
use tracing::level_filters::LevelFilter;

/// Sends the log to standard error from now on.
pub(crate) fn start(settings: &Observability) {
    let terminal = std::io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        // A reader that has gone away is no reason to end.
        .log_internal_errors(false)
        .with_ansi(settings.ansi_colors.unwrap_or(terminal))
        .with_max_level(filter(settings.log_level));
    // The journal and container logs stamp their lines themselves, and better than a clock that we are about to set.
    let outcome = if terminal { subscriber.try_init() } else { subscriber.without_time().try_init() };
    // A second start in one process (tests) keeps the first log.
    drop(outcome);
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
