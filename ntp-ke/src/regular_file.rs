//! Reads files that a configuration or command line names, bounded in time and size.

use std::io::{Error, Result};
use std::path::Path;

/// The largest file in octets, far above the size of certificates, keys and tables.
const LARGEST: u64 = 1 << 24;

/// Reads the regular file at `path`. Named pipes, which would wait for a writer, and devices, which
/// may have no end, are refused.
///
/// # Errors
/// The error of the system, or the reason for the refusal.
pub fn read_regular_file(path: &Path) -> Result<Vec<u8>> {
    let found = std::fs::metadata(path)?;
    // The system's error for a folder is clear enough.
    if !found.is_file() && !found.is_dir() {
        return Err(Error::other("it is a pipe or a device"));
    }
    if found.is_file() && found.len() > LARGEST {
        return Err(Error::other("it is larger than 16 MiB"));
    }
    std::fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_files_of_absurd_size_are_not_read() {
        let said = |path: &Path| read_regular_file(path).unwrap_err().to_string();
        assert_eq!(said(Path::new("/dev/zero")), "it is a pipe or a device");
        let large = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(read_regular_file(large.path()).unwrap(), b"");
        large.as_file().set_len(LARGEST + 1).unwrap();
        assert_eq!(said(large.path()), "it is larger than 16 MiB");
    }
}
