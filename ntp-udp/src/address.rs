//! Socket addresses in the layout of the kernel, `sockaddr_in` and `sockaddr_in6`, by safe code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Length of a `sockaddr_in` with its padding, in bytes.
const V4_LENGTH: u8 = 16;
/// Length of a `sockaddr_in6`, in bytes, the longest that we handle.
const V6_LENGTH: u8 = 28;

/// Room for an address in the kernel's layout, aligned as the kernel's own type is.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct RawAddress {
    bytes: [u8; V6_LENGTH as usize],
}

impl RawAddress {
    /// Room for either family.
    pub(crate) const CAPACITY: usize = V6_LENGTH as usize;

    /// No address at all.
    pub(crate) const EMPTY: Self = Self {
        bytes: [0; Self::CAPACITY],
    };

    /// The kernel's form of `address` and its length in bytes.
    pub(crate) fn encode(address: SocketAddr) -> (Self, usize) {
        let mut writer = Writer {
            raw: Self::EMPTY,
            at: 0,
        };
        match address {
            SocketAddr::V4(v4) => {
                writer.put(&family(libc::AF_INET));
                writer.put(&v4.port().to_be_bytes());
                writer.put(&v4.ip().octets());
                (writer.raw, usize::from(V4_LENGTH))
            }
            SocketAddr::V6(v6) => {
                writer.put(&family(libc::AF_INET6));
                writer.put(&v6.port().to_be_bytes());
                writer.put(&v6.flowinfo().to_ne_bytes());
                writer.put(&v6.ip().octets());
                writer.put(&v6.scope_id().to_ne_bytes());
                (writer.raw, usize::from(V6_LENGTH))
            }
        }
    }

    /// The address in the first `length` bytes, if it is one of IPv4 or IPv6.
    pub(crate) fn decode(&self, length: usize) -> Option<SocketAddr> {
        let bytes = self.bytes.get(..length)?;
        let (family, rest) = bytes.split_first_chunk()?;
        let (port, rest) = rest.split_first_chunk()?;
        let port = u16::from_be_bytes(*port);
        match i32::from(u16::from_ne_bytes(*family)) {
            libc::AF_INET => {
                let octets: [u8; 4] = *rest.first_chunk()?;
                Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(octets)), port))
            }
            libc::AF_INET6 => {
                let (flow, rest) = rest.split_first_chunk()?;
                let (octets, rest) = rest.split_first_chunk::<16>()?;
                let (flow, scope) = (
                    u32::from_ne_bytes(*flow),
                    u32::from_ne_bytes(*rest.first_chunk()?),
                );
                Some(SocketAddr::V6(SocketAddrV6::new(
                    Ipv6Addr::from(*octets),
                    port,
                    flow,
                    scope,
                )))
            }
            _ => None,
        }
    }

    /// For the kernel to read from or write to.
    pub(crate) const fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr()
    }

    /// For the kernel to read from.
    pub(crate) const fn as_ptr(&self) -> *const u8 {
        self.bytes.as_ptr()
    }
}

/// Puts the fields of an address one behind the other.
struct Writer {
    raw: RawAddress,
    at: usize,
}

impl Writer {
    fn put(&mut self, field: &[u8]) {
        let end = self.at + field.len();
        if let Some(room) = self.raw.bytes.get_mut(self.at..end) {
            room.copy_from_slice(field);
        }
        self.at = end;
    }
}

/// An address family in the two bytes that an address begins with.
fn family(family: i32) -> [u8; 2] {
    let family = u16::try_from(family).expect("invariant: address families are small numbers");
    family.to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_round_trip() {
        for text in [
            "192.0.2.7:123",
            "[2001:db8::1]:65535",
            "0.0.0.0:0",
            "[fe80::1%3]:123",
        ] {
            let address: SocketAddr = text.parse().unwrap();
            let (raw, length) = RawAddress::encode(address);
            assert_eq!(raw.decode(length), Some(address));
        }
    }

    #[test]
    fn a_cut_or_foreign_address_is_none() {
        let (raw, length) = RawAddress::encode("[2001:db8::1]:1".parse().unwrap());
        for cut in 0..length {
            assert_eq!(raw.decode(cut), None);
        }
        assert_eq!(raw.decode(29), None);
        assert_eq!(RawAddress::EMPTY.decode(16), None);
    }
}
