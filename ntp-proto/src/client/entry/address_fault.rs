//! Addresses that a name may lead to, but that cannot be one server's.

use crate::stable_word::stable_words;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The reason that an address cannot be one server's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AddressFault {
    /// `0.0.0.0/8` or `::`: this host on this network (RFC 1122 §3.2.1.3), often a filter's way to
    /// block a name.
    Unspecified,
    /// A group of hosts (RFC 5771, RFC 4291 §2.7).
    Multicast,
    /// All hosts of a network.
    Broadcast,
    /// `240.0.0.0/4`, which no host has (RFC 1112 §4).
    Reserved,
    /// A link-local IPv6 address, which means nothing without its interface (RFC 4007 §6).
    NeedsInterface,
}

impl AddressFault {
    /// The reason that `ip`, which comes from DNS and so without an interface, cannot be one
    /// server's.
    #[must_use]
    pub fn of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            IpAddr::V4(Ipv4Addr::BROADCAST) => Some(Self::Broadcast),
            IpAddr::V4(v4) if v4.octets()[0] == 0 => Some(Self::Unspecified),
            IpAddr::V4(v4) if v4.octets()[0] >= 240 => Some(Self::Reserved),
            IpAddr::V6(v6) if v6.is_unspecified() => Some(Self::Unspecified),
            ip if ip.is_multicast() => Some(Self::Multicast),
            _ => None,
        }
    }

    /// The reason that `address`, which may name an interface, cannot be one server's.
    #[must_use]
    pub fn of_socket(address: &SocketAddr) -> Option<Self> {
        match address {
            SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0 => {
                Some(Self::NeedsInterface)
            }
            _ => Self::of(address.ip()),
        }
    }
}

stable_words!(AddressFault {
    Unspecified => "unspecified",
    Multicast => "multicast",
    Broadcast => "broadcast",
    Reserved => "reserved",
    NeedsInterface => "link-local-without-interface",
});

/// An address of a name that is not used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RefusedAddress {
    /// The address.
    pub address: IpAddr,
    /// The reason.
    pub fault: AddressFault,
}

impl RefusedAddress {
    /// The addresses in `found` that cannot be used, each once.
    pub(super) fn among(found: &[SocketAddr]) -> Vec<Self> {
        let mut refused: Vec<Self> = found
            .iter()
            .filter_map(|found| {
                AddressFault::of_socket(found).map(|fault| Self {
                    address: found.ip().to_canonical(),
                    fault,
                })
            })
            .collect();
        refused.sort_unstable();
        refused.dedup();
        refused
    }
}
