//! Other people's NTP software.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Skip, confined_in};

/// The variable that names the folder into which `.ci/fetch-peers` unpacked it.
const VARIABLE: &str = "TRUECHIMER_PEERS";

/// The folder with independent implementations, unpacked as Debian builds them.
#[derive(Clone, Debug)]
pub struct Peers {
    root: PathBuf,
}

impl Peers {
    /// The folder that `TRUECHIMER_PEERS` names.
    ///
    /// # Errors
    /// When it is not set.
    pub fn find() -> Result<Self, Skip> {
        let root = std::env::var_os(VARIABLE).map(PathBuf::from);
        let missing = || Skip(format!("{VARIABLE} is not set (.ci/run fetches them, and .ci/fetch-peers DIR as well)"));
        root.filter(|root| !root.as_os_str().is_empty()).map(|root| Self { root }).ok_or_else(missing)
    }

    /// A command for one of its programs, named by its path below the folder, such as `usr/sbin/chronyd`.
    ///
    /// # Errors
    /// When it is not there.
    pub fn command(&self, namespace: Option<&str>, program: &str) -> Result<Command, Skip> {
        let mut command = confined_in(namespace, self.path(program)?)?;
        let libraries = self.libraries();
        if !libraries.is_empty() {
            command.env("LD_LIBRARY_PATH", std::env::join_paths(libraries).map_err(|error| Skip(error.to_string()))?);
        }
        Ok(command)
    }

    /// A command for Debian's Python with the peers' modules, in a network namespace if one is named.
    ///
    /// # Errors
    /// When Python is not there.
    pub fn python(&self, namespace: Option<&str>) -> Result<Command, Skip> {
        // Debian's own, as the modules are made for it.
        let python = Path::new("/usr/bin/python3");
        if !python.exists() {
            return Err(Skip("this test needs Debian's python3".into()));
        }
        let mut command = confined_in(namespace, python)?;
        command.arg("-B").env("PYTHONPATH", self.path("usr/lib/python3/dist-packages")?);
        Ok(command)
    }

    /// The path of something below the folder.
    ///
    /// # Errors
    /// When it is not there.
    pub fn path(&self, below: &str) -> Result<PathBuf, Skip> {
        let path = self.root.join(below);
        let missing = || Skip(format!("there is no {} (.ci/fetch-peers fetches it)", path.display()));
        if path.exists() { Ok(path) } else { Err(missing()) }
    }

    /// The folders with the libraries that the machine lacks: one for each architecture.
    fn libraries(&self) -> Vec<PathBuf> {
        let parents = ["lib", "usr/lib"].map(|parent| self.root.join(parent));
        let entries = parents.iter().filter_map(|parent| std::fs::read_dir(parent).ok()).flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains("-linux-")).collect()
    }
}
