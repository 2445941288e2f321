//! The files of the machine, or of an unpacked tree.

use ntp_migrate::{Files, LARGEST_FILE};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The file that a link points to if it disables another one (systemd).
const DISABLED: &str = "/dev/null";

/// The files below a root.
pub(super) struct Disk {
    root: Option<PathBuf>,
}

impl Disk {
    /// The files below `root`, or those of the machine.
    pub(super) fn new(root: Option<&Path>) -> Result<Self, String> {
        let real = root.map(|root| {
            root.canonicalize()
                .map_err(|error| format!("{} cannot be read: {error}", root.display()))
        });
        Ok(Self {
            root: real.transpose()?,
        })
    }

    /// The real place of a path. A link must not lead out of the tree, whose files may be of
    /// others.
    fn place(&self, path: &Path) -> io::Result<PathBuf> {
        let Some(root) = &self.root else {
            return Ok(path.to_owned());
        };
        let place = root
            .join(path.strip_prefix("/").unwrap_or(path))
            .canonicalize()?;
        if place.starts_with(root) || place == Path::new(DISABLED) {
            Ok(place)
        } else {
            Err(io::Error::other("it is outside of --root"))
        }
    }
}

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let place = self.place(path)?;
        // Opening a pipe would wait for a writer.
        if !fs::metadata(&place)?.is_file() {
            let disabled = place.canonicalize()? == Path::new(DISABLED);
            return if disabled {
                Ok(Vec::new())
            } else {
                Err(io::Error::other("it is not a regular file"))
            };
        }
        let mut octets = Vec::new();
        let read = File::open(place)?
            .take(LARGEST_FILE + 1)
            .read_to_end(&mut octets)?;
        if read as u64 > LARGEST_FILE {
            return Err(io::Error::other("it is larger than 1 MiB"));
        }
        Ok(octets)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(self.place(directory)?)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    }
}
