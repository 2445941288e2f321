//! Many client addresses out of one block.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The most addresses of one block that are used.
const MOST_ADDRESSES: u64 = 1 << 20;

/// A block of addresses that requests leave from, one after the other. The machine must have them
/// all, as it has all of 127.0.0.0/8, or as `ip route add local BLOCK dev lo` makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    count: u64,
}

impl AddressRange {
    /// The number of addresses.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// True if they are of the same family as `other`.
    #[must_use]
    pub const fn is_of_the_family_of(&self, other: IpAddr) -> bool {
        self.first.is_ipv4() == other.is_ipv4()
    }

    /// The address of a number, which begin again when they are used up.
    #[must_use]
    pub fn nth(&self, number: u64) -> IpAddr {
        let number = number % self.count;
        match self.first {
            IpAddr::V4(first) => IpAddr::V4(Ipv4Addr::from_bits(
                first.to_bits() | u32::try_from(number).unwrap_or(0),
            )),
            IpAddr::V6(first) => {
                IpAddr::V6(Ipv6Addr::from_bits(first.to_bits() | u128::from(number)))
            }
        }
    }
}

impl FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a block of addresses: write one such as 127.1.0.0/16");
        let (first, length) = text.split_once('/').ok_or_else(wrong)?;
        let first: IpAddr = first.parse().map_err(|_| wrong())?;
        let length: u32 = length.parse().map_err(|_| wrong())?;
        let bits = if first.is_ipv4() { 32 } else { 128 };
        let free = bits
            - Some(length)
                .filter(|length| *length <= bits)
                .ok_or_else(wrong)?;
        let value = match first {
            IpAddr::V4(first) => u128::from(first.to_bits()),
            IpAddr::V6(first) => first.to_bits(),
        };
        if value == 0 || value.trailing_zeros() < free {
            return Err(format!(
                "{first} is not the first address of a block of {free} free bits"
            ));
        }
        let count = 1u64
            .checked_shl(free)
            .filter(|count| free < 64 && *count <= MOST_ADDRESSES);
        Ok(Self {
            first,
            count: count.unwrap_or(MOST_ADDRESSES),
        })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} addresses from {} on", self.count, self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_yields_each_of_its_addresses_and_begins_again() {
        let range: AddressRange = "127.1.0.0/30".parse().unwrap();
        let addresses: Vec<String> = (0..5).map(|number| range.nth(number).to_string()).collect();

        assert_eq!(
            addresses,
            [
                "127.1.0.0",
                "127.1.0.1",
                "127.1.0.2",
                "127.1.0.3",
                "127.1.0.0"
            ]
        );
    }

    #[test]
    fn a_large_block_is_used_in_part() {
        let range: AddressRange = "fd00::/8".parse().unwrap();

        assert_eq!(range.count(), MOST_ADDRESSES);
        assert_eq!(range.nth(258).to_string(), "fd00::102");
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in [
            "",
            "127.0.0.1",
            "127.0.0.1/8",
            "127.0.0.0/33",
            "0.0.0.0/0",
            "localhost/8",
            "::/0",
        ] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }
}
