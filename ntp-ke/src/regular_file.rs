//! Reading of a file that a configuration or command line names, bounded in time and size.

use std::io::{Error, Result};
use std::path::Path;

/// No certificates, keys or tables come near this size, in octets.
const LARGEST: u64 = 1 << 24;

/// The content of the file at `path`. A named pipe, which would wait for a writer, and a device,
/// which may have no end, are no files.
///
/// # Errors
/// The error of the system, or the reason for which it is not read.
pub fn read_regular_file(path: &Path) -> Result<Vec<u8>> {
    let found = std::fs::metadata(path)?;
    // The system's own error for a folder is clear enough.
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
