//! Access rules in which the longest matching prefix decides, as the two lists of a `[[server]]`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Prefix {
    v4: bool,
    length: u32,
    /// The first address, in the uppermost bits.
    bits: u128,
}

impl Prefix {
    /// All IPv4 addresses.
    pub(crate) const ALL_V4: Self = Self {
        v4: true,
        length: 0,
        bits: 0,
    };
    /// All IPv6 addresses.
    pub(crate) const ALL_V6: Self = Self {
        v4: false,
        length: 0,
        bits: 0,
    };

    /// The block of `length` bits around an address; `None` if there are not so many.
    pub(crate) fn around(address: IpAddr, length: u32) -> Option<Self> {
        let (v4, bits, longest) = match address {
            IpAddr::V4(v4) => (true, u128::from(v4.to_bits()) << 96, 32),
            IpAddr::V6(v6) => (false, v6.to_bits(), 128),
        };
        (length <= longest).then(|| Self {
            v4,
            length,
            bits: bits & mask(length),
        })
    }

    /// The block of one address.
    pub(crate) fn of(address: IpAddr) -> Self {
        let length = if address.is_ipv4() { 32 } else { 128 };
        Self::around(address, length).unwrap_or(Self::ALL_V6)
    }

    /// Reads an address, or an address and a length behind a slash.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once('/') {
            None => Some(Self::of(text.parse().ok()?)),
            Some((address, length)) => Self::around(address.parse().ok()?, length.parse().ok()?),
        }
    }

    /// Reads an address and its network mask, whose bits must be contiguous.
    pub(crate) fn with_mask(address: IpAddr, mask: IpAddr) -> Option<Self> {
        let length = match mask {
            IpAddr::V4(mask) => contiguous(u128::from(mask.to_bits()) << 96)?,
            IpAddr::V6(mask) => contiguous(mask.to_bits())?,
        };
        (address.is_ipv4() == mask.is_ipv4())
            .then(|| Self::around(address, length))
            .flatten()
    }

    pub(crate) const fn is_v4(&self) -> bool {
        self.v4
    }

    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.v4 == other.v4
            && self.length <= other.length
            && other.bits & mask(self.length) == self.bits
    }

    fn halves(&self) -> [Self; 2] {
        let length = self.length + 1;
        let upper = self.bits | (mask(length) & !mask(self.length));
        [
            Self { length, ..*self },
            Self {
                length,
                bits: upper,
                ..*self
            },
        ]
    }

    /// The blocks that cover this one without `holes`.
    fn without(self, holes: &[Self], pieces: &mut Vec<Self>) {
        let inside: Vec<Self> = holes
            .iter()
            .filter(|hole| self.contains(hole))
            .copied()
            .collect();
        if inside.is_empty() {
            pieces.push(self);
        } else if !inside.contains(&self) {
            for half in self.halves() {
                half.without(&inside, pieces);
            }
        }
    }
}

const fn mask(length: u32) -> u128 {
    match u128::MAX.checked_shl(128 - length) {
        Some(mask) => mask,
        None => 0,
    }
}

fn contiguous(mask: u128) -> Option<u32> {
    let ones = mask.leading_ones();
    (mask.count_ones() == ones).then_some(ones)
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, longest) = if self.v4 {
            let bits = u32::try_from(self.bits >> 96).unwrap_or(0);
            (IpAddr::V4(Ipv4Addr::from_bits(bits)), 32)
        } else {
            (IpAddr::V6(Ipv6Addr::from_bits(self.bits)), 128)
        };
        if self.length == longest {
            write!(f, "{address}")
        } else {
            write!(f, "{address}/{}", self.length)
        }
    }
}

/// The rules of one input. The longest prefix that contains a client decides; without one,
/// `default_allow`.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessRules {
    pub(crate) default_allow: bool,
    rules: Vec<(Prefix, bool)>,
}

/// The lists of a `[[server]]`, of which the denylist goes first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Lists {
    /// `None`: every client that is not denied.
    pub(crate) allow: Option<Vec<Prefix>>,
    pub(crate) deny: Vec<Prefix>,
}

impl AccessRules {
    /// Adds a rule, which replaces an earlier one for the same prefix.
    pub(crate) fn set(&mut self, prefix: Prefix, allow: bool) {
        self.rules.retain(|(earlier, _)| *earlier != prefix);
        self.rules.push((prefix, allow));
    }

    /// Adds a rule that replaces all earlier ones within its prefix.
    pub(crate) fn set_all(&mut self, prefix: Prefix, allow: bool) {
        self.rules.retain(|(earlier, _)| !prefix.contains(earlier));
        self.rules.push((prefix, allow));
    }

    /// The rule for exactly this prefix.
    pub(crate) fn get(&self, prefix: Prefix) -> Option<bool> {
        let mut rules = self.rules.iter();
        rules
            .find(|(rule, _)| *rule == prefix)
            .map(|(_, allow)| *allow)
    }

    /// True if there are rules, all for IPv4.
    pub(crate) fn only_v4(&self) -> bool {
        !self.default_allow && self.rules.iter().all(|(prefix, allow)| !allow || prefix.v4)
    }

    /// True if the rule that surrounds `prefix` allows.
    fn surroundings_allow(&self, prefix: &Prefix) -> bool {
        let around = self
            .rules
            .iter()
            .filter(|(other, _)| other != prefix && other.contains(prefix));
        around
            .max_by_key(|(other, _)| other.length)
            .map_or(self.default_allow, |(_, allow)| *allow)
    }

    /// The same decisions as two lists.
    pub(crate) fn lists(&self) -> Lists {
        let turning: Vec<(Prefix, bool)> = self
            .rules
            .iter()
            .filter(|(prefix, allow)| self.surroundings_allow(prefix) != *allow)
            .copied()
            .collect();
        let side = |wanted: bool| {
            let rules = turning.iter().filter(move |(_, allow)| *allow == wanted);
            rules.map(|(prefix, _)| *prefix).collect::<Vec<_>>()
        };
        let allow = side(true);
        let mut deny = Vec::new();
        for prefix in side(false) {
            prefix.without(&allow, &mut deny);
        }
        let everyone = [Prefix::ALL_V4, Prefix::ALL_V6]
            .iter()
            .all(|all| allow.contains(all));
        Lists {
            allow: (!self.default_allow && !everyone).then_some(allow),
            deny,
        }
    }
}
