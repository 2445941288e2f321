//! The place that the configuration comes from.

use ntp_config::{ConfigError, Loaded, LogLevel};
use std::path::{Path, PathBuf};

/// The attempts to read all files of one version of the configuration.
const ATTEMPTS: usize = 5;

/// The files or names of the command line, and the options that go over them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConfigOrigin {
    /// The configuration file; `None`: the default one.
    pub(crate) file: Option<PathBuf>,
    /// Pools that are used instead of a file, if there are any.
    pub(crate) pools: Vec<String>,
    /// The log level of the command line.
    pub(crate) log_level: Option<LogLevel>,
}

impl ConfigOrigin {
    /// Reads the configuration.
    ///
    /// # Errors
    /// All problems of the files, with their places.
    pub(crate) fn load(&self) -> Result<Loaded, ConfigError> {
        let mut loaded = match self.path() {
            None => ntp_config::for_pools(&self.pools)?,
            Some(path) => load_one_version(path)?,
        };
        if let Some(level) = self.log_level {
            loaded.config.observability.log_level = level;
        }
        Ok(loaded)
    }

    /// The main file; `None` if there is none.
    pub(crate) fn path(&self) -> Option<&Path> {
        let default = Path::new(ntp_config::DEFAULT_CONFIG_PATH);
        let path = self.file.as_deref().unwrap_or(default);
        self.pools.is_empty().then_some(path)
    }
}

/// Reads a file and its drop-ins. If a symbolic link on the way is swapped meanwhile, as for a
/// ConfigMap of Kubernetes, they are read again, so that no mixture of two versions counts.
fn load_one_version(path: &Path) -> Result<Loaded, ConfigError> {
    let real = || std::fs::canonicalize(path).ok();
    let mut before = real();
    for _ in 1..ATTEMPTS {
        let loaded = ntp_config::load(path);
        let after = real();
        if before == after {
            return loaded;
        }
        before = after;
    }
    ntp_config::load(path)
}
