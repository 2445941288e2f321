//! The place of the demonstration in a daemon that is built without it.

use ntp_config::LogLevel;
use std::ffi::OsString;
use std::process::ExitCode;

/// The options of `ntp-daemon demo`, which are not looked at.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    ignored: Vec<OsString>,
}

/// Reports that the demonstration is missing, and how to get it.
pub(crate) fn run(_: &Options, _: Option<LogLevel>) -> ExitCode {
    crate::print(
        "this ntp-daemon was built without the demonstration (--no-default-features); in the \
         source folder, `cargo run --bin ntp-daemon -- demo` builds and runs one that has it",
    );
    ExitCode::FAILURE
}
