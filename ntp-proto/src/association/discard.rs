//! The reasons for which a datagram does not become a measurement.

use crate::packet::KissCode;

/// The reason to discard a datagram. The variants up to [`Discard::Forged`] had no effect on the
/// association. A NAK and the others answer the request in flight, but bring no time: as they may
/// be forged, they have an effect only if no valid reply comes until the deadline of the exchange.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Discard {
    /// It came from somebody else.
    WrongAddress,
    /// It is no NTP packet.
    Malformed,
    /// It is of a version of NTP that we do not speak, this one; that it answers our request is not
    /// known.
    UnknownVersion(u8),
    /// It is no reply of a server (mode 4).
    NotAReply,
    /// It repeats a reply that was already used (RFC 5905 packet test 1).
    Duplicate,
    /// It answers nothing that we asked (RFC 5905 packet test 2).
    Bogus,
    /// It answers a request that we have given up.
    TooLate,
    /// It is not protected, though its request was (RFC 8915 §5.7).
    Unauthenticated,
    /// Its authenticator is not valid.
    Forged,
    /// It says, without proof, that the server cannot use our cookie (kiss code NTSN).
    Nak,
    /// It is a kiss-o'-death.
    Kiss(KissCode),
    /// A timestamp is missing or runs backwards (RFC 5905 packet test 3).
    InvalidTimestamps,
    /// The server says that it is not synchronised (RFC 5905 packet test 6).
    Unsynchronized,
    /// The server's own distance from a reference clock is absurd (RFC 5905 packet test 7).
    RootDistance,
    /// The reply came back sooner than the server says to have worked on it.
    NegativeDelay,
    /// The server follows us.
    Loop,
    /// It tells a time at which the server's certificate is not valid, and nobody has confirmed the
    /// time yet.
    CertificateTime,
}

impl Discard {
    /// Number of kinds, all kisses counting as one.
    pub const KINDS: usize = 17;

    /// Every kind's stable word, in the order of [`Discard::index`].
    pub const WORDS: [&'static str; Self::KINDS] = [
        "wrong-address",
        "malformed",
        "not-a-reply",
        "duplicate",
        "bogus-origin",
        "too-late",
        "kiss",
        "invalid-timestamps",
        "server-unsynchronized",
        "root-distance",
        "negative-delay",
        "synchronization-loop",
        "nts-unauthenticated",
        "nts-forged",
        "nts-nak",
        "certificate-time",
        "unknown-version",
    ];

    /// The kind's stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.get(self.index()).copied().unwrap_or_default()
    }

    /// The kind's place in counters.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::WrongAddress => 0,
            Self::Malformed => 1,
            Self::NotAReply => 2,
            Self::Duplicate => 3,
            Self::Bogus => 4,
            Self::TooLate => 5,
            Self::Kiss(_) => 6,
            Self::InvalidTimestamps => 7,
            Self::Unsynchronized => 8,
            Self::RootDistance => 9,
            Self::NegativeDelay => 10,
            Self::Loop => 11,
            Self::Unauthenticated => 12,
            Self::Forged => 13,
            Self::Nak => 14,
            Self::CertificateTime => 15,
            Self::UnknownVersion(_) => 16,
        }
    }
}

/// How often each kind was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiscardCounters([u64; Discard::KINDS]);

impl DiscardCounters {
    pub(super) fn count(&mut self, discard: Discard) {
        if let Some(counter) = self.0.get_mut(discard.index()) {
            *counter += 1;
        }
    }

    /// Each kind's word and how often it was seen.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Discard::WORDS.into_iter().zip(self.0)
    }
}
