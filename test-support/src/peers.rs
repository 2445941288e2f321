//! Other people's NTP software.

use crate::{Skip, confined_in};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable that names the folder into which `.ci/fetch-peers` unpacked it.
const VARIABLE: &str = "TRUECHIMER_PEERS";

/// The folder with independent implementations, unpacked as Debian builds them.
#[derive(Clone, Debug)]
pub struct Peers {
    root: PathBuf,
    /// The loader for programs that are made for a newer C library than the machine's.
    loader: Option<PathBuf>,
}

impl Peers {
    /// The folder that `TRUECHIMER_PEERS` names.
    ///
    /// # Errors
    /// If it is not set.
    pub fn find() -> Result<Self, Skip> {
        let root = std::env::var_os(VARIABLE).map(PathBuf::from);
        let missing = || {
            Skip(format!(
                "{VARIABLE} is not set (.ci/run fetches them, and .ci/fetch-peers DIR as well)"
            ))
        };
        root.filter(|root| !root.as_os_str().is_empty())
            .map(|root| Self { root, loader: None })
            .ok_or_else(missing)
    }

    /// The folder of programs that stand in the way of others of the same name.
    ///
    /// # Errors
    /// If it is not there.
    pub fn apart(&self, folder: &str) -> Result<Self, Skip> {
        Ok(Self {
            root: self.path(folder)?,
            loader: None,
        })
    }

    /// The folder of programs of a newer Debian, with their own C library.
    ///
    /// # Errors
    /// If it is not there.
    pub fn newer(&self) -> Result<Self, Skip> {
        let newer = self.apart("newer")?;
        let is_loader = |path: &PathBuf| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"))
        };
        let files = newer
            .libraries()
            .into_iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .flatten();
        let loader = files.map(|entry| entry.path()).find(is_loader);
        let loader = loader
            .ok_or_else(|| Skip(format!("there is no loader in {}", newer.root.display())))?;
        Ok(Self {
            loader: Some(loader),
            ..newer
        })
    }

    /// A command for one of its programs, named by its path below the folder, such as
    /// `usr/sbin/chronyd`.
    ///
    /// # Errors
    /// If it is not there.
    pub fn command(&self, namespace: Option<&str>, program: &str) -> Result<Command, Skip> {
        let libraries =
            std::env::join_paths(self.libraries()).map_err(|error| Skip(error.to_string()))?;
        let program = self.path(program)?;
        let Some(loader) = &self.loader else {
            let mut command = confined_in(namespace, program)?;
            if !libraries.is_empty() {
                command.env("LD_LIBRARY_PATH", libraries);
            }
            return Ok(command);
        };
        let mut command = confined_in(namespace, loader)?;
        command.arg("--library-path").arg(libraries).arg(program);
        Ok(command)
    }

    /// A command for Debian's Python with the peers' modules, in a network namespace if one is
    /// named.
    ///
    /// # Errors
    /// If Python is not there.
    pub fn python(&self, namespace: Option<&str>) -> Result<Command, Skip> {
        // Debian's own, as the modules are made for it.
        let python = Path::new("/usr/bin/python3");
        if !python.exists() {
            return Err(Skip("this test needs Debian's python3".into()));
        }
        let mut command = confined_in(namespace, python)?;
        command
            .arg("-B")
            .env("PYTHONPATH", self.path("usr/lib/python3/dist-packages")?);
        Ok(command)
    }

    /// The path of something below the folder.
    ///
    /// # Errors
    /// If it is not there.
    pub fn path(&self, below: &str) -> Result<PathBuf, Skip> {
        let path = self.root.join(below);
        let missing = || {
            Skip(format!(
                "there is no {} (.ci/fetch-peers fetches it)",
                path.display()
            ))
        };
        if path.exists() {
            Ok(path)
        } else {
            Err(missing())
        }
    }

    /// The folders with the libraries that the machine lacks: one for each architecture.
    fn libraries(&self) -> Vec<PathBuf> {
        let parents = ["lib", "usr/lib"].map(|parent| self.root.join(parent));
        let entries = parents
            .iter()
            .filter_map(|parent| std::fs::read_dir(parent).ok())
            .flatten()
            .flatten();
        entries
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().contains("-linux-"))
            .collect()
    }
}
