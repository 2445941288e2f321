//! The command line.

use clap::{Parser, Subcommand};
use ntp_config::LogLevel;
use std::path::PathBuf;
use std::time::Duration;

/// Keeps the clock right with NTP, and serves time to others.
#[derive(Parser, Debug)]
#[command(
    name = "ntp-daemon",
    version,
    about,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Args {
    /// The configuration file [default: /etc/truechimer/ntp.toml]
    #[arg(short, long, value_name = "FILE", conflicts_with = "pool")]
    pub(crate) config: Option<PathBuf>,
    /// Take the time from these pools, without any configuration file
    #[arg(short, long, value_name = "NAME", num_args = 1..)]
    pub(crate) pool: Vec<String>,
    /// How much to log: error, warn, info, debug or trace
    #[arg(short, long, value_name = "LEVEL", global = true)]
    pub(crate) log_level: Option<LogLevel>,
    /// Only check the configuration
    #[arg(long)]
    pub(crate) check: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Show a reference server and a client with a wrong virtual clock on this machine, without
    /// root or internet
    Demo(DemoOptions),
}

#[derive(clap::Args, Debug)]
pub(crate) struct DemoOptions {
    /// End after this time, with success only if the clock has become right
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    pub(crate) end_after: Option<Duration>,
    /// How far the virtual clock is off at the start, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = -0.35, allow_negative_numbers = true)]
    pub(crate) offset: f64,
    /// How much too fast the virtual clock runs, in parts per million
    #[arg(
        long,
        value_name = "PPM",
        default_value_t = 40.0,
        allow_negative_numbers = true
    )]
    pub(crate) drift: f64,
}

/// A time span as people write it: `90`, `60s`, `5m`, `1h`, `500ms`.
fn span(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("write it like 60s, 5m or 1h".into()),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "write it like 60s, 5m or 1h".to_owned())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        assert_eq!(span("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(span("90"), Ok(Duration::from_secs(90)));
        assert_eq!(span("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(span("250ms"), Ok(Duration::from_millis(250)));
        assert!(span("soon").is_err());
        assert!(span("1e999h").is_err());
        assert!(span("-5s").is_err());
    }

    #[test]
    fn several_pools_can_be_named_at_once() {
        let args = Args::parse_from(["ntp-daemon", "-p", "a.example", "b.example", "-l", "debug"]);
        assert_eq!(args.pool, ["a.example", "b.example"]);
        assert_eq!(args.log_level, Some(LogLevel::Debug));
    }
}
