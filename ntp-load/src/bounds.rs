//! The limits of a run: its time, its size and its targets. A load without them would be a weapon.

use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// The longest run.
pub const LONGEST_RUN: Duration = Duration::from_secs(120);

/// The most requests of one run.
pub const MOST_REQUESTS: u64 = 100_000_000;

/// Refuses runs that are too long, or that would end at once.
///
/// # Errors
/// If the run is too long or empty; with the remedy.
pub fn check_span(span: Duration) -> Result<(), String> {
    if span.is_zero() || span > LONGEST_RUN {
        return Err(format!(
            "a run lasts more than 0 and at most {} s: choose --for accordingly",
            LONGEST_RUN.as_secs()
        ));
    }
    Ok(())
}

/// Refuses targets that are not this machine's own. `in_a_namespace` is true in a network
/// namespace apart from the machine's, `owned` if the user answers for the network.
///
/// # Errors
/// If the target is not this machine's own; with the remedy.
pub fn check_target(target: IpAddr, in_a_namespace: bool, owned: bool) -> Result<(), String> {
    if target.to_canonical().is_loopback()
        || in_a_namespace && is_private(target.to_canonical())
        || owned
    {
        return Ok(());
    }
    Err(format!(
        "{target} is neither on loopback nor a private address within a network namespace: such a load can harm others. \
         Run the server here, or in a namespace (`ip netns`); if the whole network is yours, say --i-own-this-network"
    ))
}

/// True for addresses that are only used in private networks.
const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private() || address.is_link_local() || address.is_documentation()
        }
        IpAddr::V6(address) => {
            let is_documentation = matches!(address.segments(), [0x2001, 0xdb8, ..]);
            address.is_unique_local() || address.is_unicast_link_local() || is_documentation
        }
    }
}

/// True if this process is in a network namespace that `ip netns` has made, or at least in another
/// one than the first process of the machine. If that cannot be seen, it is not.
#[must_use]
pub fn is_in_a_namespace_of_its_own() -> bool {
    let Some(ours) = identity(Path::new("/proc/self/ns/net")) else {
        return false;
    };
    let mut named = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten();
    named.any(|entry| identity(&entry.path()) == Some(ours))
        || identity(Path::new("/proc/1/ns/net")).is_some_and(|first| first != ours)
}

/// The identity of a namespace.
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path)
        .ok()
        .map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(target: &str, in_a_namespace: bool, owned: bool) -> bool {
        check_target(target.parse().unwrap(), in_a_namespace, owned).is_ok()
    }

    #[test]
    fn loopback_is_always_allowed() {
        for target in ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"] {
            assert!(is_allowed(target, false, false), "{target}");
        }
    }

    #[test]
    fn private_addresses_are_allowed_in_a_namespace_only() {
        for target in ["10.77.0.1", "192.0.2.2", "2001:db8::2", "fd00::1"] {
            assert!(is_allowed(target, true, false), "{target}");
            assert!(!is_allowed(target, false, false), "{target}");
        }
    }

    #[test]
    fn others_need_a_word_of_the_owner() {
        assert!(!is_allowed("203.0.114.1", true, false));
        assert!(!is_allowed("2606:4700::1", true, false));
        assert!(is_allowed("203.0.114.1", false, true));
    }

    #[test]
    fn a_run_ends() {
        assert!(check_span(Duration::ZERO).is_err());
        assert!(check_span(LONGEST_RUN).is_ok());
        assert!(check_span(LONGEST_RUN + Duration::from_nanos(1)).is_err());
    }
}
