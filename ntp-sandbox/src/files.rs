//! Landlock: the files and TCP ports that stay within reach.

use crate::{Level, Mode, Policy};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    PathFd, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope,
};
use std::path::{Path, PathBuf};

/// The version of Landlock whose rights are asked for: files, TCP, signals, abstract sockets.
const VERSION: ABI = ABI::V6;

/// Files and folders that libraries and the daemon read: the resolver's settings, name services,
/// certificates of authorities, the numbers of processors, names of other processes. Rules are tied
/// to files, and `resolv.conf` and certificates are replaced by new ones: so these are folders.
const SYSTEM: [&str; 12] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/run",
    "/proc",
    "/sys/fs/cgroup",
    "/sys/devices/system",
    "/sys/class",
    "/dev/urandom",
];
/// The variables that name other places for the certificates of authorities.
const CERTIFICATE_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// The files that standard streams may be opened from again.
const NULL: &str = "/dev/null";

/// Restricts this thread and those that it starts.
pub(crate) fn restrict(policy: &Policy, lacking: &mut Vec<String>) -> Level {
    match try_restrict(policy) {
        Ok(RulesetStatus::FullyEnforced) => Level::Full,
        Ok(RulesetStatus::PartiallyEnforced) => {
            lacking.push(
                "Landlock is older than Linux 6.12, so that some of TCP ports, signals and abstract sockets are not \
                 restricted"
                    .to_owned(),
            );
            Level::Partial
        }
        Ok(RulesetStatus::NotEnforced) => {
            lacking.push(
                "this kernel has no Landlock of Linux 5.19 or newer, so that files are not restricted"
                    .to_owned(),
            );
            Level::Unavailable
        }
        Err(error) => {
            lacking.push(format!("Landlock: {error}"));
            Level::Unavailable
        }
    }
}

fn try_restrict(policy: &Policy) -> Result<RulesetStatus, RulesetError> {
    // Without the right to move files between folders, which the first version refuses always, no
    // socket can be moved into place.
    let movable = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::Refer);
    let Ok(ruleset) = movable else {
        return Ok(RulesetStatus::NotEnforced);
    };
    let scopes = if policy.abstract_sockets {
        Scope::Signal.into()
    } else {
        Scope::from_all(VERSION)
    };
    let mut created = ruleset
        .set_compatibility(if policy.mode == Mode::Require {
            CompatLevel::HardRequirement
        } else {
            CompatLevel::BestEffort
        })
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::from_all(VERSION))?
        .scope(scopes)?
        .create()?;
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    if policy.libraries {
        let named = CERTIFICATE_VARIABLES
            .into_iter()
            .filter_map(std::env::var_os);
        let named: Vec<_> = named
            .flat_map(|path| folders_of(Path::new(&path)))
            .collect();
        for path in SYSTEM.map(PathBuf::from).iter().chain(&named) {
            created = allow(created, path, reading)?;
        }
    }
    created = allow(
        created,
        Path::new(NULL),
        AccessFs::ReadFile | AccessFs::WriteFile,
    )?;
    for path in policy.read.iter().flat_map(|path| folders_of(path)) {
        created = allow(created, &path, reading)?;
    }
    let writing = AccessFs::from_all(VERSION)
        & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    for path in &policy.write {
        created = allow(created, path, writing)?;
    }
    for port in &policy.connect {
        created = created.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    for port in &policy.bind {
        created = created.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    Ok(created.restrict_self()?.ruleset)
}

/// The folders whose files the policy lets be read.
pub(crate) fn readable_folders(policy: &Policy) -> Vec<PathBuf> {
    let system = SYSTEM.map(PathBuf::from).into_iter();
    let named = CERTIFICATE_VARIABLES
        .into_iter()
        .filter_map(std::env::var_os);
    let libraries = system.chain(named.flat_map(|path| folders_of(Path::new(&path))));
    let libraries = libraries.filter(|_| policy.libraries);
    let read = policy.read.iter().flat_map(|path| folders_of(path));
    libraries
        .chain(read)
        .chain(policy.write.iter().cloned())
        .collect()
}

/// Allows access to a path, if it exists.
fn allow(
    created: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(created);
    };
    let access = if path.is_dir() {
        access
    } else {
        access & AccessFs::from_file(VERSION)
    };
    created.add_rule(PathBeneath::new(opened, access))
}

/// The folder of a file, and that of what it is a link to: files are replaced by new ones, which a
/// rule for the file itself would not allow. For one that does not exist yet, the folder above that
/// does; never the root.
fn folders_of(path: &Path) -> Vec<PathBuf> {
    let nearest = |path: &Path| {
        let folder = path.ancestors().find(|folder| folder.is_dir())?;
        Some(folder.canonicalize().ok()?).filter(|folder| folder.parent().is_some())
    };
    let target = path.canonicalize().ok();
    [Some(path), target.as_deref()]
        .into_iter()
        .flatten()
        .filter_map(nearest)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stands_for_its_folder_and_that_of_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["live", "archive"] {
            std::fs::create_dir(root.join(name)).unwrap();
        }
        std::fs::write(root.join("archive/key1.pem"), "").unwrap();
        std::os::unix::fs::symlink("../archive/key1.pem", root.join("live/key.pem")).unwrap();

        assert_eq!(
            folders_of(&root.join("live/key.pem")),
            [root.join("live"), root.join("archive")]
        );
        assert_eq!(
            folders_of(&root.join("live/later/x.pem")),
            [root.join("live")]
        );
        assert!(folders_of(Path::new("/no-such-folder/x")).is_empty());
    }
}
