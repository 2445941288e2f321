//! The files and ports that stay within reach, for the words about a reload that needs others.

use super::policy;
use ntp_config::{Config, NtsKeServerEntry, SourceEntry, SourceKind};
use ntp_observe::{SandboxFacts, SandboxLevel};
use ntp_sandbox::Policy;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The files and ports that the configuration of the start has named.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// True if the kernel restricts them.
    restricted: bool,
    policy: Policy,
    /// The folders whose files can be read.
    folders: Vec<PathBuf>,
}

impl Reach {
    pub(super) fn new(policy: Policy, folders: Vec<PathBuf>, facts: &SandboxFacts) -> Self {
        Self {
            restricted: matches!(facts.landlock, SandboxLevel::Full | SandboxLevel::Partial),
            policy,
            folders,
        }
    }

    /// The parts of a configuration that are out of reach until the daemon is started again.
    pub(crate) fn beyond(&self, config: &Config) -> Vec<String> {
        let files = policy::read(config, None);
        let hidden = files
            .iter()
            .filter(|path| self.hides(path))
            .map(|path| format!("{} (outside the folders of the sandbox)", path.display()));
        let sources = config.sources.iter().filter_map(|entry| self.closed(entry));
        let servers = config
            .nts_ke_servers
            .iter()
            .filter_map(|entry| self.unbindable(entry));
        hidden.chain(sources).chain(servers).collect()
    }

    /// The words for a source at a TCP port that the sandbox refuses.
    pub(crate) fn closed(&self, entry: &SourceEntry) -> Option<String> {
        let SourceKind::Nts { address, .. } = &entry.kind else {
            return None;
        };
        let open = !self.restricted || self.policy.connect.contains(&address.port);
        (!open).then(|| {
            format!(
                "[[source]] address = \"{address}\" (the sandbox refuses TCP port {})",
                address.port
            )
        })
    }

    fn unbindable(&self, entry: &NtsKeServerEntry) -> Option<String> {
        let port = entry.listen.port();
        let open = !self.restricted || self.policy.bind.contains(&port);
        (!open).then(|| {
            format!(
                "[[nts-ke-server]] listen = \"{}\" (the sandbox refuses TCP port {port})",
                entry.listen
            )
        })
    }

    /// True if the sandbox is the reason why a file cannot be read.
    pub(crate) fn hides(&self, path: &Path) -> bool {
        let denied =
            || File::open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        self.restricted && !is_within(path, &self.folders) && denied()
    }

    /// True if the sandbox refuses to make files in the folder of `path`.
    pub(crate) fn is_closed_to_writing(&self, path: &Path) -> bool {
        self.restricted && !is_within(path, &self.policy.write)
    }
}

/// True if a file, or what it is a link to, is in one of the folders.
fn is_within(path: &Path, folders: &[PathBuf]) -> bool {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    folders.iter().any(|folder| path.starts_with(folder))
}
