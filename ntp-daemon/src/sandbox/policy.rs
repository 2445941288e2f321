//! The files and ports that a configuration needs.

use ntp_config::{ClockMode, Config, NTS_KE_PORT, SandboxMode, SourceKind};
use ntp_sandbox::{CapabilitySet, Mode, Policy, User};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The TCP port of DNS, for answers that are too long for UDP.
const DNS_PORT: u16 = 53;

/// The rights that the daemon needs for this configuration, which comes from `file`.
pub(super) fn of(config: &Config, file: Option<&Path>, user: Option<User>) -> Policy {
    Policy {
        user,
        keep: match config.clock.mode {
            ClockMode::Auto | ClockMode::System => CapabilitySet::SYS_TIME,
            ClockMode::Virtual | ClockMode::None => CapabilitySet::empty(),
        },
        mode: match config.security.sandbox {
            SandboxMode::Auto => Mode::Auto,
            SandboxMode::Require => Mode::Require,
            SandboxMode::Off => Mode::Off,
        },
        read: read(config, file),
        write: written_folders(config),
        connect: connect(config),
        bind: bind(config),
        // Only a service manager in a container has such a socket.
        abstract_sockets: std::env::var("NOTIFY_SOCKET").is_ok_and(|path| path.starts_with('@')),
        ..Policy::default()
    }
}

pub(super) fn read(config: &Config, file: Option<&Path>) -> Vec<PathBuf> {
    let trusted = config
        .sources
        .iter()
        .filter_map(|source| match &source.kind {
            SourceKind::Nts { trust, .. } => Some(&trust.certificate_authorities),
            SourceKind::Server { .. } | SourceKind::Pool { .. } => None,
        });
    let own = config
        .nts_ke_servers
        .iter()
        .flat_map(|server| [&server.certificate_chain, &server.private_key]);
    file.map(Path::to_owned)
        .into_iter()
        .chain(trusted.flatten().cloned())
        .chain(own.cloned())
        .chain(config.synchronization.leap_seconds_file.clone())
        .collect()
}

/// The folders in which the daemon makes files.
pub(super) fn written_folders(config: &Config) -> Vec<PathBuf> {
    let folder = |path: &Path| path.parent().map(Path::to_owned);
    let storage = config.storage.directory.clone();
    let keys = config.keyset.key_storage_path.as_deref().and_then(folder);
    let observation = folder(config.observability.observation_path_or_default());
    let control = folder(&config.observability.control_path_or_default());
    let lock = crate::state::lock::clock_folder().map(Path::to_owned);
    let all: BTreeSet<_> = [storage, keys, observation, control, lock]
        .into_iter()
        .flatten()
        .collect();
    all.into_iter().collect()
}

fn connect(config: &Config) -> Vec<u16> {
    let sources = config
        .sources
        .iter()
        .filter_map(|source| match &source.kind {
            SourceKind::Nts { address, .. } => Some(address.port),
            SourceKind::Server { .. } | SourceKind::Pool { .. } => None,
        });
    let ports: BTreeSet<_> = sources.chain([NTS_KE_PORT, DNS_PORT]).collect();
    ports.into_iter().collect()
}

fn bind(config: &Config) -> Vec<u16> {
    let servers = config
        .nts_ke_servers
        .iter()
        .map(|server| server.listen.port());
    let ports: BTreeSet<_> = servers.chain([NTS_KE_PORT]).collect();
    ports.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        ntp_config::parse_str("test", text).unwrap().config
    }

    #[test]
    fn the_policy_names_what_the_configuration_names() {
        let config = config(
            "[[source]]\nmode = \"nts\"\naddress = \"a.example:4461\"\ncertificate-authority = \"/srv/ca.pem\"\n\
             [[server]]\nlisten = \"127.0.0.1:123\"\n[[nts-ke-server]]\nlisten = \"127.0.0.1:4470\"\n\
             certificate-chain-path = \"/srv/c/chain.pem\"\nprivate-key-path = \"/srv/k/key.pem\"\n\
             [keyset]\nkey-storage-path = \"/srv/keys/nts-keys\"\n\
             [observability]\nobservation-path = \"/run/x/o.sock\"\ncontrol-path = \"/run/y/c.sock\"\n\
             [storage]\ndirectory = \"/var/lib/x\"\n",
        );
        let policy = of(&config, Some(Path::new("/etc/x/ntp.toml")), None);

        for path in [
            "/etc/x/ntp.toml",
            "/srv/ca.pem",
            "/srv/c/chain.pem",
            "/srv/k/key.pem",
        ] {
            assert!(policy.read.contains(&PathBuf::from(path)), "{path}");
        }
        let written = [
            "/run/truechimer",
            "/run/x",
            "/run/y",
            "/srv/keys",
            "/var/lib/x",
        ];
        assert_eq!(policy.write, written.map(PathBuf::from));
        assert_eq!(policy.connect, [53, 4460, 4461]);
        assert_eq!(policy.bind, [4460, 4470]);
        assert_eq!(policy.keep, CapabilitySet::SYS_TIME);
    }

    #[test]
    fn a_clock_that_is_not_steered_needs_no_capability() {
        for mode in ["virtual", "none"] {
            let text = format!(
                "[[server]]\nlisten = \"127.0.0.1:0\"\n[synchronization]\nlocal-stratum = 9\n[clock]\nmode = \"{mode}\"\n"
            );
            assert!(of(&config(&text), None, None).keep.is_empty(), "{mode}");
        }
    }
}
