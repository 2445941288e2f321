//! The reasons for which a datagram does not become a measurement.

use crate::StableWord as _;
use crate::packet::KissCode;
use crate::stable_word::stable_words;

/// The reason to discard a datagram. The variants up to [`Discard::Forged`] had no effect on the
/// association. A NAK and the others answer the request in flight, but bring no time: as they may
/// be forged, they have an effect only if no valid reply comes until the deadline of the exchange.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Discard {
    /// Its sender is not the server.
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
    /// It answers a request that was abandoned.
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
    /// The server is not synchronized (RFC 5905 packet test 6).
    Unsynchronized,
    /// The server's own distance from a reference clock is absurd (RFC 5905 packet test 7).
    RootDistance,
    /// The reply came back sooner than the server says to have worked on it.
    NegativeDelay,
    /// The server follows us.
    Loop,
    /// Its time is one at which the server's certificate is not valid, and no measurement has
    /// confirmed the time yet.
    CertificateTime,
}

stable_words!(Discard {
    Self::WrongAddress => "wrong-address",
    Self::Malformed => "malformed",
    Self::UnknownVersion(_) => "unknown-version",
    Self::NotAReply => "not-a-reply",
    Self::Duplicate => "duplicate",
    Self::Bogus => "bogus-origin",
    Self::TooLate => "too-late",
    Self::Unauthenticated => "nts-unauthenticated",
    Self::Forged => "nts-forged",
    Self::Nak => "nts-nak",
    Self::Kiss(_) => "kiss",
    Self::InvalidTimestamps => "invalid-timestamps",
    Self::Unsynchronized => "server-unsynchronized",
    Self::RootDistance => "root-distance",
    Self::NegativeDelay => "negative-delay",
    Self::Loop => "synchronization-loop",
    Self::CertificateTime => "certificate-time",
});

/// The number of discards by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiscardCounters([u64; Discard::WORDS.len()]);

impl DiscardCounters {
    pub(super) fn count(&mut self, discard: Discard) {
        let word = discard.word();
        let mut counters = Discard::WORDS.into_iter().zip(&mut self.0);
        if let Some((_, counter)) = counters.find(|(kind, _)| *kind == word) {
            *counter += 1;
        }
    }

    /// Each kind's word and how often it was seen.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Discard::WORDS.into_iter().zip(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stable_word::assert_distinct;

    #[test]
    fn discards_of_one_kind_share_a_counter() {
        assert_distinct(&Discard::WORDS);
        let mut counters = DiscardCounters::default();
        for discard in [
            Discard::UnknownVersion(0),
            Discard::UnknownVersion(7),
            Discard::CertificateTime,
        ] {
            counters.count(discard);
        }
        let counted: Vec<_> = counters.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("unknown-version", 2), ("certificate-time", 1)]);
        assert_eq!(counters.iter().count(), Discard::WORDS.len());
    }
}
