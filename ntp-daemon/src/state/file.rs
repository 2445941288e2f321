//! Files that are replaced as a whole or not at all: written beside the old one, made durable, then
//! renamed over it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The permission bits of a file that others must not read.
pub(crate) const SECRET: u32 = 0o600;
/// The permission bits of a file that all users may read.
pub(crate) const PUBLIC: u32 = 0o644;

/// Replaces a file by one with this content and these permission bits, from its first octet on.
///
/// # Errors
/// Those of the operating system; then the old file is still there.
pub(crate) fn replace(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let beside = beside(path, "new");
    // An interrupted write may have left it with other permissions.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder(path)
}

/// Removes a file for good.
///
/// # Errors
/// Those of the operating system.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_folder(path)
}

/// Makes the change of a name durable, so that it survives a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// The content of a file; `None` if there is none, or it cannot be read, which is logged.
pub(crate) fn read(path: &Path) -> Option<Vec<u8>> {
    match ntp_ke::read_regular_file(path) {
        Ok(content) => Some(content),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!("cannot read {}: {error}", path.display());
            }
            None
        }
    }
}

/// Puts a broken file aside, so that the administrator can inspect it.
pub(crate) fn put_aside(path: &Path, reason: &str) {
    let aside = beside(path, "broken");
    tracing::warn!(
        "{} cannot be used ({reason}); it is put aside as {}",
        path.display(),
        aside.display()
    );
    let _ = fs::rename(path, aside);
}

/// Makes a secret file unreadable for others, and logs a warning if it was not.
pub(crate) fn protect(path: &Path) {
    let Ok(mode) = fs::metadata(path).map(|metadata| metadata.permissions().mode()) else {
        return;
    };
    if mode & 0o077 == 0 {
        return;
    }
    let outcome = fs::set_permissions(path, fs::Permissions::from_mode(SECRET));
    let now = if outcome.is_ok() {
        "now only the owner can"
    } else {
        "change its mode to 600"
    };
    tracing::warn!(
        "other users could read the keys in {}; {now}",
        path.display()
    );
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_secret_from_its_first_octet_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        replace(&path, PUBLIC, b"old").unwrap();
        fs::write(beside(&path, "new"), "half-wri").unwrap();
        assert_eq!(
            read(&path).unwrap(),
            b"old",
            "a write that died in the middle changes nothing"
        );
        replace(&path, SECRET, b"new").unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            SECRET
        );
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        replace(&path, SECRET, b"old").unwrap();
        // A folder in the way.
        fs::create_dir(beside(&path, "new")).unwrap();
        assert!(replace(&path, SECRET, b"new").is_err());
        assert_eq!(read(&path).unwrap(), b"old");
    }

    #[test]
    fn keys_that_others_can_read_are_protected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        replace(&path, PUBLIC, b"secret").unwrap();
        protect(&path);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            SECRET
        );
    }
}
