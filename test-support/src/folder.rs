//! Temporary folders.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// A temporary folder with a short path, as paths of sockets have to be, that is removed in the
/// end. Only its owner may enter it, which chronyd demands of the folder of its socket.
///
/// # Panics
/// If there is no room for temporary files.
#[must_use]
pub fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("tc-")
        .permissions(Permissions::from_mode(0o750))
        .tempdir()
        .expect("a temporary folder can be made")
}
