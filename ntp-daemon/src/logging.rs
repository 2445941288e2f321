//! The form of the log, on standard error.
//!
//! Each line begins with the date and time of the machine's clock. The journal stamps its lines
//! itself, and better than a clock that may be about to be set: where standard error goes there
//! (`JOURNAL_STREAM`, see systemd.exec(5)), a line begins with its priority instead (sd-daemon(3)),
//! so that `journalctl -p warning` works.

use ntp_config::{LogLevel, Observability};
use std::fmt;
use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

/// The variable that names the stream of the journal, device and inode.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// The filter of the log, once it has started.
static FILTER: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Sends the log to standard error from now on.
pub(crate) fn start(settings: &Observability) {
    let journal =
        std::env::var(JOURNAL_STREAM).is_ok_and(|stream| Some(stream) == standard_error());
    let colors = settings
        .ansi_colors
        .unwrap_or_else(|| std::io::stderr().is_terminal());
    let (level, handle) = reload::Layer::new(filter(settings.log_level));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        // A reader that has gone away is no reason to end.
        .log_internal_errors(false)
        .with_ansi(colors && !journal);
    let lines = if journal {
        lines.event_format(ForJournal).boxed()
    } else {
        lines.boxed()
    };
    // A second start in one process (tests) keeps the first log.
    if Registry::default()
        .with(level)
        .with(lines)
        .try_init()
        .is_ok()
    {
        let _ = FILTER.set(handle);
    }
}

/// Logs from this severity on.
pub(crate) fn set_level(level: LogLevel) {
    // It fails only when the log has gone.
    let _ = FILTER.get().map(|handle| handle.reload(filter(level)));
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

/// Device and inode of standard error, as `JOURNAL_STREAM` has them.
fn standard_error() -> Option<String> {
    let metadata = File::from(std::io::stderr().as_fd().try_clone_to_owned().ok()?)
        .metadata()
        .ok()?;
    Some(format!("{}:{}", metadata.dev(), metadata.ino()))
}

/// Lines for the journal: the priority, then the message and its fields.
struct ForJournal;

impl<S, N> FormatEvent<S, N> for ForJournal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = FormattedFields::<N>::new(String::new());
        context
            .field_format()
            .format_fields(text.as_writer(), event)?;
        write_lines(&mut writer, *event.metadata().level(), &text)
    }
}

/// Each line has its own priority, since the journal takes each for an entry.
fn write_lines(writer: &mut impl fmt::Write, level: Level, text: &str) -> fmt::Result {
    let priority = priority(level);
    text.lines()
        .try_for_each(|line| writeln!(writer, "<{priority}>{line}"))
}

/// The priority of syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_gets_the_priority_of_every_line() {
        let mut text = String::new();
        write_lines(
            &mut text,
            Level::WARN,
            "a file cannot be written\nand one more",
        )
        .unwrap();
        write_lines(&mut text, Level::DEBUG, "an exchange").unwrap();
        assert_eq!(
            text,
            "<4>a file cannot be written\n<4>and one more\n<7>an exchange\n"
        );
        assert_eq!((priority(Level::ERROR), priority(Level::INFO)), (3, 6));
    }
}
