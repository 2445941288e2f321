//! Resolves names to addresses.

use super::failure_reason::FailureReason;
use super::family::Family;
use ntp_config::sanitize;
use ntp_proto::client::entry::AddressFault;
use std::net::SocketAddr;

/// The most addresses of one name.
pub const MAX_ADDRESSES: usize = 16;

/// The most characters of the resolver's text.
const MAX_TEXT: usize = 120;

/// All addresses of a name in the resolver's order; [`look_up`] judges them as well. A literal
/// address needs no resolver.
///
/// It has no deadline of its own. If the future is dropped, the system's resolver still ends its
/// work on its own thread.
///
/// # Errors
/// The resolver's message.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    match tokio::net::lookup_host((host, port)).await {
        Ok(found) => Ok(found.collect()),
        Err(error) => Err(sanitize(&error.to_string(), MAX_TEXT)),
    }
}

/// The addresses that [`resolve`] finds, without unusable ones, and only those of `family` if it is
/// set.
///
/// # Errors
/// [`FailureReason::NameNotResolved`] with the resolver's message;
/// [`FailureReason::NoUsableAddress`] or [`FailureReason::NotOfFamily`] if no address is left.
pub async fn look_up(
    host: &str,
    port: u16,
    family: Option<Family>,
) -> Result<Vec<SocketAddr>, FailureReason> {
    let name = || sanitize(host, MAX_TEXT);
    let found = resolve(host, port).await;
    let found = found.map_err(|error| FailureReason::NameNotResolved {
        name: name(),
        error,
    })?;
    let mut addresses = usable(found);
    if addresses.is_empty() {
        return Err(FailureReason::NoUsableAddress { name: name() });
    }
    match family {
        None => Ok(addresses),
        Some(family) => {
            addresses.retain(|address| Family::of(address) == family);
            if addresses.is_empty() {
                Err(FailureReason::NotOfFamily {
                    name: name(),
                    family,
                })
            } else {
                Ok(addresses)
            }
        }
    }
}

/// Each address once, without those that are not the address of one server.
fn usable(found: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for address in found {
        let is_usable = AddressFault::of_socket(&address).is_none();
        if is_usable && !addresses.contains(&address) && addresses.len() < MAX_ADDRESSES {
            addresses.push(address);
        }
    }
    addresses
}

/// The addresses with both families alternating, beginning with the family of the first one, so
/// that a family without a route does not take all attempts.
#[must_use]
pub fn in_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) = addresses
        .iter()
        .copied()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut turns = Vec::with_capacity(addresses.len());
    first.reverse();
    second.reverse();
    while !(first.is_empty() && second.is_empty()) {
        turns.extend(first.pop());
        turns.extend(second.pop());
    }
    turns
}

/// Moves the addresses of the family of `like` to the front; otherwise the order is kept.
pub(super) fn same_family_first(addresses: &mut [SocketAddr], like: SocketAddr) {
    addresses.sort_by_key(|address| Family::of(address) != Family::of(&like));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn addresses_that_no_server_has_are_left_out() {
        let found = addresses(&[
            "0.0.0.0:1",
            "224.0.0.1:1",
            "[ff02::1]:1",
            "255.255.255.255:1",
            "192.0.2.1:1",
            "[::]:1",
            "0.0.0.7:1",
            "240.0.0.1:1",
            "[fe80::1]:1",
        ]);
        assert_eq!(usable(found), addresses(&["192.0.2.1:1"]));
    }

    #[test]
    fn of_a_thousand_addresses_the_first_are_kept_and_each_once() {
        let found = (0..1000u32)
            .map(|number| SocketAddr::new(Ipv4Addr::from(0xC000_0200 + number / 2).into(), 1));
        let kept = usable(found);
        assert_eq!(kept.len(), MAX_ADDRESSES);
        assert_eq!(kept[1], "192.0.2.1:1".parse().unwrap());
    }

    #[test]
    fn both_families_take_turns() {
        let found = addresses(&[
            "[2001:db8::1]:1",
            "[2001:db8::2]:1",
            "[2001:db8::3]:1",
            "192.0.2.1:1",
        ]);
        let wanted = addresses(&[
            "[2001:db8::1]:1",
            "192.0.2.1:1",
            "[2001:db8::2]:1",
            "[2001:db8::3]:1",
        ]);
        assert_eq!(in_turns(&found), wanted);
    }

    #[test]
    fn the_family_that_worked_comes_first() {
        let mut found = addresses(&["[2001:db8::1]:1", "192.0.2.1:1", "192.0.2.2:1"]);
        same_family_first(&mut found, "198.51.100.1:4460".parse().unwrap());
        assert_eq!(
            found,
            addresses(&["192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1"])
        );
    }

    #[tokio::test]
    async fn a_literal_address_needs_no_resolver() {
        assert_eq!(
            look_up("2001:db8::7", 123, None).await,
            Ok(addresses(&["[2001:db8::7]:123"]))
        );
        assert!(matches!(
            look_up("0.0.0.0", 123, None).await,
            Err(FailureReason::NoUsableAddress { .. })
        ));
    }

    #[tokio::test]
    async fn a_name_without_the_wanted_family_says_so() {
        let refused = look_up("192.0.2.1", 123, Some(Family::V6))
            .await
            .unwrap_err();
        assert_eq!(refused.to_string(), "192.0.2.1 has no IPv6 address");
        assert_eq!(
            look_up("192.0.2.1", 123, Some(Family::V4)).await,
            Ok(addresses(&["192.0.2.1:123"]))
        );
    }
}
