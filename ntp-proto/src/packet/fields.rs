//! The small fields of a header, each with the names of RFC 5905.

use std::net::{IpAddr, Ipv4Addr};

/// The two leap bits (RFC 5905 figure 9).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LeapIndicator {
    /// 0: no leap second is announced.
    #[default]
    NoWarning,
    /// 1: the last minute of the current month has 61 seconds.
    Insert,
    /// 2: the last minute of the current month has 59 seconds.
    Delete,
    /// 3: the clock is not synchronized.
    Unsynchronized,
}

impl LeapIndicator {
    /// From the two bits; higher bits are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0 => Self::NoWarning,
            1 => Self::Insert,
            2 => Self::Delete,
            _ => Self::Unsynchronized,
        }
    }

    /// The two bits.
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        match self {
            Self::NoWarning => 0,
            Self::Insert => 1,
            Self::Delete => 2,
            Self::Unsynchronized => 3,
        }
    }
}

/// The protocol version, three bits of the first octet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(u8);

impl Version {
    /// NTPv1, RFC 1059. It has no modes: the three bits are zero.
    pub const V1: Self = Self(1);
    /// NTPv2, RFC 1119.
    pub const V2: Self = Self(2);
    /// NTPv3, RFC 1305.
    pub const V3: Self = Self(3);
    /// NTPv4, RFC 5905.
    pub const V4: Self = Self(4);

    /// From the three bits; higher bits are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0b111)
    }

    /// The three bits.
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        self.0
    }
}

/// The association mode (RFC 5905 figure 10).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// 0: reserved.
    Reserved,
    /// 1: symmetric active.
    SymmetricActive,
    /// 2: symmetric passive.
    SymmetricPassive,
    /// 3: client, a request.
    Client,
    /// 4: server, a reply.
    Server,
    /// 5: broadcast.
    Broadcast,
    /// 6: NTP control message.
    Control,
    /// 7: private use.
    Private,
}

impl Mode {
    /// From the three bits; higher bits are ignored.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b111 {
            0 => Self::Reserved,
            1 => Self::SymmetricActive,
            2 => Self::SymmetricPassive,
            3 => Self::Client,
            4 => Self::Server,
            5 => Self::Broadcast,
            6 => Self::Control,
            _ => Self::Private,
        }
    }

    /// The three bits.
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        match self {
            Self::Reserved => 0,
            Self::SymmetricActive => 1,
            Self::SymmetricPassive => 2,
            Self::Client => 3,
            Self::Server => 4,
            Self::Broadcast => 5,
            Self::Control => 6,
            Self::Private => 7,
        }
    }
}

/// The distance from a reference clock in servers (RFC 5905 figure 11). On the wire, 0 means
/// "unspecified" (or a kiss) and 16 "not synchronized".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stratum(u8);

impl Stratum {
    /// 0 on the wire: unspecified, or a kiss-o'-death.
    pub const UNSPECIFIED: Self = Self(0);
    /// A server with a reference clock of its own.
    pub const PRIMARY: Self = Self(1);
    /// 16: not synchronized (RFC 5905 MAXSTRAT).
    pub const UNSYNCHRONIZED: Self = Self(16);

    /// From the octet of the wire.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The octet of the wire.
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        self.0
    }

    /// True if a server of this stratum claims to know the time: 1 to 15.
    #[must_use]
    pub const fn is_synchronized(self) -> bool {
        self.0 >= 1 && self.0 <= 15
    }

    /// One server further away, at most 16.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 >= 15 {
            Self::UNSYNCHRONIZED
        } else {
            Self(self.0 + 1)
        }
    }
}

/// The 32-bit reference identifier (RFC 5905 §7.3): four letters at stratum 0 and 1, the address of
/// the server's own source above.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ReferenceId(u32);

impl ReferenceId {
    /// "XNON", what ntpd-rs says where there is no reference.
    pub const NONE: Self = Self::from_letters(*b"XNON");
    /// "INIT", the association has not yet synchronized for the first time.
    pub const INIT: Self = Self::from_letters(*b"INIT");

    /// From the 32 bits of the wire.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The 32 bits of the wire.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// From four letters; unused places are zero octets at the end.
    #[must_use]
    pub const fn from_letters(letters: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(letters))
    }

    /// The identifier that a host with this address puts into its clients' replies: the IPv4
    /// address itself, or the first four octets of the MD5 digest of the IPv6 address.
    #[must_use]
    pub fn from_address(address: IpAddr) -> Self {
        use md5::Digest as _;
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.to_bits()),
            IpAddr::V6(v6) => {
                let digest: [u8; 16] = md5::Md5::digest(v6.octets()).into();
                let [a, b, c, d, ..] = digest;
                Self(u32::from_be_bytes([a, b, c, d]))
            }
        }
    }

    /// The four letters, if all of them are printable ASCII (with zero octets at the end).
    #[must_use]
    pub fn letters(self) -> Option<String> {
        let octets = self.0.to_be_bytes();
        let text = std::str::from_utf8(&octets).ok()?.trim_end_matches('\0');
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())).then(|| text.to_owned())
    }

    /// For people, by the stratum and the address of the server that sent it, which decide its
    /// meaning (RFC 5905 §7.3): above a primary server an IPv4 address; otherwise the letters of a
    /// reference clock, of a kiss or of why there is no time. Eight hexadecimal digits stand for
    /// all else, in particular for the hash of an IPv6 address. Nothing in a packet distinguishes
    /// an address from a hash, so that a reference that comes over IPv6 is taken for a hash, as is
    /// an address that no host can have.
    #[must_use]
    pub fn text(self, stratum: Stratum, server: IpAddr) -> String {
        let readable = if stratum > Stratum::PRIMARY && stratum.is_synchronized() {
            let address = self.as_ipv4();
            let possible =
                !matches!(address.octets(), [0 | 224.., ..]) && server.to_canonical().is_ipv4();
            possible.then(|| address.to_string())
        } else {
            self.letters()
        };
        readable.unwrap_or_else(|| format!("{:08x}", self.0))
    }

    /// As dotted quad, the way that addresses are read.
    #[must_use]
    pub const fn as_ipv4(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.0)
    }
}

impl std::fmt::Debug for ReferenceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.letters() {
            Some(letters) => write!(f, "{letters}"),
            None => write!(f, "{}", self.as_ipv4()),
        }
    }
}

/// A kiss-o'-death: why a server does not answer with time (RFC 5905 §7.4, RFC 8915 §5.7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KissCode {
    /// "RATE": we ask too often.
    Rate,
    /// "DENY": access denied.
    Deny,
    /// "RSTR": access denied by local policy.
    Rstr,
    /// "NTSN": the cookie could not be opened.
    Ntsn,
    /// Any other code; shown, not acted upon.
    Other(ReferenceId),
}

impl KissCode {
    /// From the reference identifier of a reply of stratum 0.
    #[must_use]
    pub fn from_reference_id(id: ReferenceId) -> Self {
        match &id.to_bits().to_be_bytes() {
            b"RATE" => Self::Rate,
            b"DENY" => Self::Deny,
            b"RSTR" => Self::Rstr,
            b"NTSN" => Self::Ntsn,
            _ => Self::Other(id),
        }
    }

    /// The reference identifier that holds this code.
    #[must_use]
    pub const fn to_reference_id(self) -> ReferenceId {
        match self {
            Self::Rate => ReferenceId::from_letters(*b"RATE"),
            Self::Deny => ReferenceId::from_letters(*b"DENY"),
            Self::Rstr => ReferenceId::from_letters(*b"RSTR"),
            Self::Ntsn => ReferenceId::from_letters(*b"NTSN"),
            Self::Other(id) => id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_fields_survive_the_round_trip() {
        for bits in 0..8 {
            assert_eq!(Mode::from_bits(bits).to_bits(), bits);
            assert_eq!(Version::from_bits(bits).to_bits(), bits);
            assert_eq!(LeapIndicator::from_bits(bits).to_bits(), bits & 3);
        }
    }

    #[test]
    fn a_v4_mapped_address_has_the_identifier_of_its_v4_address() {
        let plain = ReferenceId::from_address("192.0.2.7".parse().unwrap());
        let mapped = ReferenceId::from_address("::ffff:192.0.2.7".parse().unwrap());
        assert_eq!(plain, mapped);
        assert_eq!(plain.as_ipv4(), Ipv4Addr::new(192, 0, 2, 7));
    }

    #[test]
    fn the_identifier_of_an_ipv6_address_is_the_head_of_its_md5() {
        // The expected value is md5sum's for fifteen zero octets and a one.
        let id = ReferenceId::from_address("::1".parse().unwrap());
        assert_eq!(id.to_bits(), 0xcf40_4dc8);
    }

    #[test]
    fn the_stratum_tells_whether_an_identifier_is_letters_or_an_address() {
        let server = "192.0.2.1".parse().unwrap();
        let letters = ReferenceId::from_letters(*b"PPS\0");
        assert_eq!(letters.text(Stratum::PRIMARY, server), "PPS");
        assert_eq!(letters.text(Stratum::from_bits(2), server), "80.80.83.0");
        assert_eq!(
            ReferenceId::INIT.text(Stratum::UNSYNCHRONIZED, server),
            "INIT"
        );
        assert_eq!(
            ReferenceId::from_bits(0x1b5b_324a).text(Stratum::UNSPECIFIED, server),
            "1b5b324a"
        );
    }

    #[test]
    fn the_hash_of_an_ipv6_address_is_not_shown_as_an_ipv4_address() {
        let hash = ReferenceId::from_address("::1".parse().unwrap());
        let second = Stratum::from_bits(2);
        assert_eq!(
            hash.text(second, "2001:db8::1".parse().unwrap()),
            "cf404dc8"
        );
        assert_eq!(
            hash.text(second, "::ffff:192.0.2.1".parse().unwrap()),
            "207.64.77.200",
            "over IPv4"
        );
        let impossible = ReferenceId::from_bits(0xf040_4dc8);
        assert_eq!(
            impossible.text(second, "192.0.2.1".parse().unwrap()),
            "f0404dc8"
        );
        assert_eq!(
            ReferenceId::from_letters(*b"GPS\0").text(Stratum::PRIMARY, "::1".parse().unwrap()),
            "GPS"
        );
    }

    #[test]
    fn unprintable_identifiers_are_shown_as_addresses() {
        assert_eq!(format!("{:?}", ReferenceId::from_letters(*b"GPS\0")), "GPS");
        assert_eq!(
            format!("{:?}", ReferenceId::from_bits(0x7f00_0001)),
            "127.0.0.1"
        );
    }
}
