//! Translating the configuration of another NTP program.
//!
//! | module | concept |
//! |---|---|
//! | `disk` | the files of the machine or of an unpacked tree |
//! | `summary` | what was kept, approximated and dropped |

mod disk;
mod summary;

use crate::args::Args;
use crate::outcome::Outcome;
use crate::terminal;
use clap::Args as ClapArgs;
use disk::Disk;
use ntp_config::sanitize;
use ntp_migrate::{Format, Migration, Verdict};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The end of `migrate --help`.
const MORE: &str = "\
The configuration goes to standard output or to the file of --output, with a comment for each line
that was approximated or dropped; the summary goes to standard error, with --json as JSON.

Formats: timesyncd (also nts-timesyncd), chrony, ntpd (also NTPsec), openntpd, ntpd-rs, ntsclient.
Included files and drop-ins are read as well.

Example:
  ntp-ctl migrate /etc/chrony/chrony.conf -o /etc/truechimer/ntp.toml
  ntp-ctl validate /etc/truechimer/ntp.toml

Exit codes:
  0  everything was kept or approximated
  1  a file could not be read or written, or its format is not clear
  2  the command line was not understood
  5  something had to be dropped";

/// The command line of `migrate`.
#[derive(Debug, ClapArgs)]
#[command(after_help = MORE)]
pub(crate) struct MigrateArgs {
    /// The files; with several, one configuration is made of all
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The format of the files, which is otherwise recognized
    #[arg(long, value_name = "FORMAT")]
    from: Option<Format>,
    /// Write the configuration to this file, which must not exist
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file of --output if it exists
    #[arg(long, requires = "output")]
    force: bool,
    /// The root of an unpacked tree in which the files, and those that they include, are looked up
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// Translates the files.
pub(crate) fn run(args: &Args, migrate: &MigrateArgs) -> Outcome {
    let result = Disk::new(migrate.root.as_deref()).and_then(|disk| {
        ntp_migrate::migrate(&migrate.files, migrate.from, &disk).map_err(|error| error.to_string())
    });
    let written = result.and_then(|migration| {
        write(migrate, &migration)?;
        Ok(migration)
    });
    match written {
        Err(message) => {
            // Names of files may hold line breaks.
            summary::print_failure(args.json, &sanitize(&message, usize::MAX));
            Outcome::Failed
        }
        Ok(migration) => {
            summary::print(args.json, migrate.output.as_deref(), &migration);
            if migration.count(Verdict::Dropped) > 0 {
                Outcome::Incomplete
            } else {
                Outcome::Fine
            }
        }
    }
}

fn write(migrate: &MigrateArgs, migration: &Migration) -> Result<(), String> {
    let Some(path) = &migrate.output else {
        return terminal::try_print(&migration.text)
            .map_err(|error| format!("the configuration cannot be written: {error}"));
    };
    let shown = path.display();
    // A rename would also replace a link, or a device such as /dev/null.
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(format!(
                "{shown} is not a regular file, but a link, a folder or a device, which is never \
                 replaced; name another file"
            ));
        }
        Ok(_) if !migrate.force => return Err(exists(path)),
        _ => {}
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !directory.is_dir() {
        let directory = directory.display();
        return Err(format!(
            "{shown} cannot be written: there is no folder {directory}; create it with `mkdir -p \
             {directory}`"
        ));
    }
    replace(path, directory, &migration.text, migrate.force).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        // The error itself may name the temporary file.
        kind => format!("{shown} cannot be written: {kind}"),
    })
}

fn exists(path: &Path) -> String {
    format!("{} exists already; --force replaces it", path.display())
}

/// Writes the file as a whole or not at all.
fn replace(path: &Path, directory: &Path, text: &str, force: bool) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".ntp-ctl-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    if force {
        file.persist(path)?;
    } else {
        file.persist_noclobber(path)?;
    }
    fs::File::open(directory)?.sync_all()
}
