//! Access control by address.

use super::prefix::{Prefix, Range};
use std::net::IpAddr;

/// The answer to a request that is not allowed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum FilterAction {
    /// A DENY kiss (RFC 5905 §7.4).
    Deny,
    /// Silence: the client cannot distinguish us from a dead host.
    #[default]
    Ignore,
}

/// A set of addresses, made from blocks. Looking one up takes the logarithm of the number of
/// blocks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AccessList {
    // Both are sorted and without overlap; each pair is the first and the last address of a range.
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl AccessList {
    /// True if one of the blocks holds the address. An IPv4-mapped address counts as the IPv4
    /// address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(v4) => is_covered(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => is_covered(&self.v6, v6.to_bits()),
        }
    }

    /// True if there is no block at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

impl FromIterator<Prefix> for AccessList {
    fn from_iter<T: IntoIterator<Item = Prefix>>(blocks: T) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for block in blocks {
            match block.range() {
                Range::V4(first, last) => v4.push((first, last)),
                Range::V6(first, last) => v6.push((first, last)),
            }
        }
        Self {
            v4: merged(v4),
            v6: merged(v6),
        }
    }
}

/// Sorts the ranges and joins those that overlap.
fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    ranges.dedup_by(|later, earlier| {
        let overlap = later.0 <= earlier.1;
        if overlap {
            earlier.1 = earlier.1.max(later.1);
        }
        overlap
    });
    ranges.shrink_to_fit();
    ranges
}

fn is_covered<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let started = ranges.partition_point(|(first, _)| *first <= address);
    let (before, _) = ranges.split_at(started);
    before.last().is_some_and(|(_, last)| *last >= address)
}

/// The clients that are answered: none on the deny list, and, if there is an allow list, only those
/// on that one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AccessPolicy {
    /// The clients that may not ask; this list is looked at first.
    pub deny: AccessList,
    /// The answer to clients on the deny list.
    pub deny_action: FilterAction,
    /// The clients that may ask; without such a list all may.
    pub allow: Option<AccessList>,
    /// The answer to clients that are not on the allow list.
    pub allow_action: FilterAction,
}

impl AccessPolicy {
    /// The refusal of a request from this address; `None` if it is answered.
    #[must_use]
    pub fn refusal(&self, address: IpAddr) -> Option<FilterAction> {
        if self.deny.contains(address) {
            return Some(self.deny_action);
        }
        let allowed = self
            .allow
            .as_ref()
            .is_none_or(|list| list.contains(address));
        (!allowed).then_some(self.allow_action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn list(blocks: &[&str]) -> AccessList {
        blocks
            .iter()
            .map(|text| text.parse::<Prefix>().unwrap())
            .collect()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_list_holds_its_blocks_to_the_last_address_and_nothing_else() {
        let list = list(&[
            "192.0.2.0/24",
            "192.0.2.128/25",
            "10.0.0.0/8",
            "2001:db8::/32",
        ]);
        for inside in [
            "192.0.2.0",
            "192.0.2.255",
            "10.255.255.255",
            "2001:db8:ffff::",
            "::ffff:10.1.2.3",
        ] {
            assert!(list.contains(address(inside)), "{inside}");
        }
        for outside in [
            "192.0.1.255",
            "192.0.3.0",
            "11.0.0.0",
            "2001:db9::",
            "::1",
            "0.0.0.0",
        ] {
            assert!(!list.contains(address(outside)), "{outside}");
        }
    }

    #[test]
    fn all_of_ipv6_is_not_all_of_ipv4() {
        assert!(list(&["::/0"]).contains(address("2001:db8::1")));
        assert!(!list(&["::/0"]).contains(address("192.0.2.1")));
        assert!(!list(&["::/0"]).contains(address("::ffff:192.0.2.1")));
        assert!(list(&["0.0.0.0/0"]).contains(address("255.255.255.255")));
    }

    #[test]
    fn deny_is_looked_at_before_allow() {
        let policy = AccessPolicy {
            deny: list(&["192.0.2.7"]),
            deny_action: FilterAction::Deny,
            allow: Some(list(&["192.0.2.0/24"])),
            allow_action: FilterAction::Ignore,
        };
        assert_eq!(
            policy.refusal(address("192.0.2.7")),
            Some(FilterAction::Deny)
        );
        assert_eq!(policy.refusal(address("192.0.2.8")), None);
        assert_eq!(
            policy.refusal(address("198.51.100.1")),
            Some(FilterAction::Ignore)
        );
    }

    #[test]
    fn without_lists_everybody_may_ask_and_with_an_empty_allow_list_nobody() {
        assert_eq!(AccessPolicy::default().refusal(address("::1")), None);
        let nobody = AccessPolicy {
            allow: Some(AccessList::default()),
            ..AccessPolicy::default()
        };
        assert_eq!(nobody.refusal(address("::1")), Some(FilterAction::Ignore));
    }

    /// Blocks of a small corner of each family, so that they meet, overlap and hold each other.
    fn blocks() -> impl Strategy<Value = Vec<Prefix>> {
        let block = (any::<bool>(), any::<u16>(), 0_u8..=16).prop_map(|(v4, bits, shared)| {
            let bits = bits & !u16::MAX.checked_shr(shared.into()).unwrap_or(0);
            if v4 {
                Prefix::new(Ipv4Addr::from_bits(bits.into()).into(), 16 + shared).unwrap()
            } else {
                Prefix::new(
                    Ipv6Addr::from_bits(u128::from(bits) | 1 << 64).into(),
                    112 + shared,
                )
                .unwrap()
            }
        });
        prop::collection::vec(block, 0..12)
    }

    proptest! {
        #[test]
        fn a_list_holds_exactly_what_its_blocks_hold(blocks in blocks(), v4: bool, low: u16) {
            let address: IpAddr = if v4 {
                Ipv4Addr::from_bits(low.into()).into()
            } else {
                Ipv6Addr::from_bits(u128::from(low) | 1 << 64).into()
            };
            let expected = blocks.iter().any(|block| match (block.range(), address) {
                (Range::V4(first, last), IpAddr::V4(v4)) => (first..=last).contains(&v4.to_bits()),
                (Range::V6(first, last), IpAddr::V6(v6)) => (first..=last).contains(&v6.to_bits()),
                _ => false,
            });
            prop_assert_eq!(blocks.into_iter().collect::<AccessList>().contains(address), expected);
        }
    }
}
