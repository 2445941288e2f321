//! The detection of changed files by their metadata.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The metadata that change when a file is written, replaced, or gets other permissions. Links are
/// followed, because renewed certificates are often put in place by a new link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FileFingerprint {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileFingerprint {
    /// The fingerprint of the file at `path`; `None` if its metadata cannot be read.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let data = std::fs::metadata(path).ok()?;
        Some(Self {
            file: (data.dev(), data.ino()),
            length: data.len(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        })
    }
}
