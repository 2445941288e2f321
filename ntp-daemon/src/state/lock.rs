//! Locks that keep a second daemon from the system's clock and from the folder of stored files.
//!
//! A lock is held on a file; the kernel releases it when the process ends in any way. The file
//! contains the number of the process. Only its owner can read it, since every user who can open it
//! can lock it.

use super::file;
use crate::simulated_time::is_simulated;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The lock of the system's clock: one for the whole machine, whatever the configuration.
const CLOCK: &str = "/run/truechimer/clock.lock";
/// The name of the lock in a folder of stored files.
const STORAGE: &str = "lock";

/// A lock, which is released on drop.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// The lock that another daemon has.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockHeld {
    #[error(
        "another ntp-daemon steers the system clock already: process {0}. Only one can: stop that one \
         first, or set [clock] mode = \"none\" here"
    )]
    Clock(String),
    #[error(
        "another ntp-daemon stores its files in {folder} already: process {process}. Stop that one first, or set [storage] \
         directory to a folder of its own, or to \"none\""
    )]
    Storage { folder: PathBuf, process: String },
}

/// The folder of the lock of the system's clock.
pub(crate) fn clock_folder() -> Option<&'static Path> {
    Path::new(CLOCK).parent()
}

/// Locks the system's clock. `None` where locking fails for another reason than another daemon:
/// then the daemon starts without it.
///
/// # Errors
/// If another daemon steers it.
pub(crate) fn clock() -> Result<Option<Lock>, LockHeld> {
    // Each simulated machine has a clock of its own.
    if is_simulated() {
        return Ok(None);
    }
    let path = Path::new(CLOCK);
    if let Some(folder) = path.parent() {
        let _ = DirBuilder::new().recursive(true).mode(0o755).create(folder);
    }
    lock(path).map_err(LockHeld::Clock)
}

/// Locks a folder of stored files.
///
/// # Errors
/// If another daemon has locked it.
pub(crate) fn storage(folder: &Path) -> Result<Option<Lock>, LockHeld> {
    lock(&folder.join(STORAGE)).map_err(|process| LockHeld::Storage {
        folder: folder.to_owned(),
        process,
    })
}

/// Locks a file. `Err` contains the number of the process that has locked it.
fn lock(path: &Path) -> Result<Option<Lock>, String> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(file::SECRET)
        .open(path);
    let Ok(mut file) = opened else {
        return Ok(None);
    };
    match file.try_lock() {
        Ok(()) => {
            let _ = note(&mut file);
            Ok(Some(Lock { _file: file }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut process = String::new();
            let _ = file.read_to_string(&mut process);
            let process = process.trim();
            Err(if process.is_empty() {
                "unknown".into()
            } else {
                process.into()
            })
        }
        // A file system without locks.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

fn note(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_with_the_number_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = storage(folder.path()).unwrap().unwrap();
        let text = storage(folder.path()).unwrap_err().to_string();
        assert!(
            text.contains(&format!("process {}.", std::process::id())),
            "{text}"
        );
        assert!(
            text.contains("[storage] directory") && text.contains(folder.path().to_str().unwrap()),
            "{text}"
        );
        drop(first);
        assert!(
            storage(folder.path()).unwrap().is_some(),
            "once the first has ended, the next one can"
        );
    }

    #[test]
    fn a_lock_that_cannot_be_made_keeps_no_daemon_from_starting() {
        assert!(lock(Path::new("/nowhere/at/all")).unwrap().is_none());
    }

    #[test]
    fn a_clock_that_is_taken_names_the_process_and_both_ways_out() {
        let text = LockHeld::Clock("4711".into()).to_string();
        for word in ["process 4711", "stop that one", "mode = \"none\""] {
            assert!(text.contains(word), "{text}");
        }
    }
}
