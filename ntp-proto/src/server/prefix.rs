//! Blocks of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A block of addresses, such as `192.0.2.0/24`, `2001:db8::/32` or one address alone.
///
/// A block of IPv4-mapped IPv6 addresses (within `::ffff:0:0/96`) is the IPv4 block that it means,
/// and any other IPv6 block holds no IPv4 address. So each address is in the same blocks, whichever
/// kind of socket it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// The lowest and the highest address of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Range {
    V4(u32, u32),
    V6(u128, u128),
}

impl Prefix {
    /// The block of all addresses that start with the first `length` bits of `address`.
    ///
    /// # Errors
    /// [`PrefixError::TooLong`] beyond 32 bits (IPv4) or 128 bits (IPv6), [`PrefixError::HostBits`] if `address` is not
    /// the first one of the block.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        let longest = longest(address);
        if length > longest {
            return Err(PrefixError::TooLong { longest });
        }
        let meant = Self {
            address: first_address(address, length),
            length,
        };
        if meant.address == address {
            Ok(meant.canonical())
        } else {
            Err(PrefixError::HostBits { meant })
        }
    }

    /// The block of one address.
    #[must_use]
    pub const fn single(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self {
            address,
            length: longest(address),
        }
    }

    /// The first address of the block.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// The number of leading bits that all addresses of the block share.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    pub(super) fn range(self) -> Range {
        match self.address {
            IpAddr::V4(v4) => Range::V4(v4.to_bits(), v4.to_bits() | host_bits_v4(self.length)),
            IpAddr::V6(v6) => Range::V6(v6.to_bits(), v6.to_bits() | host_bits_v6(self.length)),
        }
    }

    /// The IPv4 block that a block of IPv4-mapped addresses means.
    const fn canonical(self) -> Self {
        match (self.address.to_canonical(), self.length.checked_sub(96)) {
            (IpAddr::V4(v4), Some(length)) if self.address.is_ipv6() => Self {
                address: IpAddr::V4(v4),
                length,
            },
            _ => self,
        }
    }
}

/// The length of the block of one address.
const fn longest(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// A one for each bit that may differ within a block.
fn host_bits_v4(length: u8) -> u32 {
    u32::MAX.checked_shr(length.into()).unwrap_or(0)
}

fn host_bits_v6(length: u8) -> u128 {
    u128::MAX.checked_shr(length.into()).unwrap_or(0)
}

fn first_address(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !host_bits_v4(length))),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !host_bits_v6(length))),
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let address = |text: &str| {
            text.parse::<IpAddr>()
                .map_err(|_| PrefixError::NotAnAddress)
        };
        match text.split_once('/') {
            None => Ok(Self::single(address(text)?)),
            Some((head, length)) => {
                let address = address(head)?;
                // `parse` would take "+8" too.
                let digits_only = length.bytes().all(|octet| octet.is_ascii_digit());
                let length = length.parse().ok().filter(|_| digits_only);
                Self::new(
                    address,
                    length.ok_or(PrefixError::NotALength {
                        longest: longest(address),
                    })?,
                )
            }
        }
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// The reason for which a text or a pair of numbers is not a block of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrefixError {
    /// The part before the slash is not an IP address.
    NotAnAddress,
    /// The part after the slash is not a small number.
    NotALength {
        /// The largest number that may stand there.
        longest: u8,
    },
    /// The prefix has more bits than the address.
    TooLong {
        /// The number of bits of the address.
        longest: u8,
    },
    /// The address has bits beyond the prefix, so that it is unclear what is meant.
    HostBits {
        /// The block that holds the address.
        meant: Prefix,
    },
}

impl std::fmt::Display for PrefixError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAnAddress => write!(
                f,
                "not an IP address; write one like 192.0.2.0/24 or 2001:db8::/32"
            ),
            Self::NotALength { longest } => write!(
                f,
                "after the slash there must be a number from 0 to {longest}"
            ),
            Self::TooLong { longest } => write!(
                f,
                "the prefix is longer than the address; use {longest} bits at most"
            ),
            Self::HostBits { meant } => {
                write!(
                    f,
                    "the address has bits set beyond the prefix; write {meant} for the whole block"
                )
            }
        }
    }
}

impl std::error::Error for PrefixError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_survive_the_round_trip_through_text() {
        for text in [
            "192.0.2.0/24",
            "0.0.0.0/0",
            "192.0.2.7/32",
            "2001:db8::/32",
            "::/0",
            "::1/128",
        ] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_alone_is_a_block_of_one() {
        assert_eq!(
            "192.0.2.7".parse::<Prefix>().unwrap().to_string(),
            "192.0.2.7/32"
        );
        assert_eq!("::1".parse::<Prefix>().unwrap().to_string(), "::1/128");
    }

    #[test]
    fn host_bits_are_refused_with_the_block_that_was_meant() {
        let error = "192.0.2.7/24".parse::<Prefix>().unwrap_err();
        assert!(error.to_string().contains("192.0.2.0/24"), "{error}");
        let error = "2001:db8::1/32".parse::<Prefix>().unwrap_err();
        assert!(error.to_string().contains("2001:db8::/32"), "{error}");
    }

    #[test]
    fn what_is_not_a_block_is_refused_for_its_own_reason() {
        for (text, error) in [
            ("", PrefixError::NotAnAddress),
            ("pool.ntp.org", PrefixError::NotAnAddress),
            ("192.0.2/24", PrefixError::NotAnAddress),
            ("192.0.2.0/", PrefixError::NotALength { longest: 32 }),
            ("192.0.2.0/+24", PrefixError::NotALength { longest: 32 }),
            ("::/-1", PrefixError::NotALength { longest: 128 }),
            ("::/1000", PrefixError::NotALength { longest: 128 }),
            ("192.0.2.0/33", PrefixError::TooLong { longest: 32 }),
            ("::/129", PrefixError::TooLong { longest: 128 }),
        ] {
            assert_eq!(text.parse::<Prefix>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_block_of_mapped_addresses_is_the_ipv4_block() {
        assert_eq!(
            "::ffff:192.0.2.0/120".parse::<Prefix>(),
            "192.0.2.0/24".parse()
        );
        assert_eq!("::ffff:192.0.2.7".parse::<Prefix>(), "192.0.2.7".parse());
        assert_eq!("::ffff:0:0/96".parse::<Prefix>(), "0.0.0.0/0".parse());
    }
}
