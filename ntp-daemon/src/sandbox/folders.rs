//! The folders that the daemon writes to, prepared while it may.

use super::policy::written_folders;
use ntp_config::{Config, DEFAULT_OBSERVATION_PATH, DEFAULT_STORAGE_DIRECTORY};
use ntp_sandbox::User;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;
use std::{fs, io};

/// Makes the folders that are missing. As root, hands those that it has made and those that are the
/// daemon's by their name over to the `user` that it is about to become, with root's files in them.
/// A failure shows when the folder is used.
pub(super) fn prepare(config: &Config, user: Option<&User>) {
    for folder in written_folders(config) {
        let made = !folder.exists() && fs::create_dir_all(&folder).is_ok();
        if let Some(user) = user.filter(|_| made || is_ours(&folder))
            && let Err(error) = hand_over(&folder, user)
        {
            tracing::warn!(
                "cannot give {} to the user {}: {error}",
                folder.display(),
                user.name()
            );
        }
    }
}

/// True for the folders of the default configuration, which no other program uses.
fn is_ours(folder: &Path) -> bool {
    folder == Path::new(DEFAULT_STORAGE_DIRECTORY)
        || Some(folder) == Path::new(DEFAULT_OBSERVATION_PATH).parent()
}

/// Links are handed over themselves, never what they point to.
fn hand_over(folder: &Path, user: &User) -> io::Result<()> {
    if !fs::symlink_metadata(folder)?.is_dir() {
        return Ok(());
    }
    lchown(folder, Some(user.uid()), Some(user.gid()))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        // A second name may be that of a foreign file.
        if metadata.uid() == 0 && (metadata.is_dir() || metadata.nlink() == 1) {
            lchown(entry.path(), Some(user.uid()), Some(user.gid()))?;
        }
    }
    Ok(())
}
