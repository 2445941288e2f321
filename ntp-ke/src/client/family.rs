//! The two families of IP addresses.

use std::net::SocketAddr;

/// A family of IP addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of `address`; an IPv4-mapped address is IPv4.
    pub(super) fn of(address: &SocketAddr) -> Self {
        if address.ip().to_canonical().is_ipv6() {
            Self::V6
        } else {
            Self::V4
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}
