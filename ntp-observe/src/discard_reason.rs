//! The reasons to discard a datagram of a server.

use crate::stable_word::stable_words;

/// The reason to discard a datagram of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscardReason {
    /// It came from another address or port than the one that was asked.
    WrongAddress,
    /// It is not an NTP packet.
    Malformed,
    /// Its NTP version is unknown.
    UnknownVersion,
    /// It is not a server reply (mode 4).
    NotAReply,
    /// It repeats a reply (RFC 5905 §8, packet test 1).
    Duplicate,
    /// It answers no request of ours (RFC 5905 §8, packet test 2).
    BogusOrigin,
    /// It answers a request whose deadline has passed.
    TooLate,
    /// It is a kiss-o'-death packet (RFC 5905 §7.4).
    Kiss,
    /// A timestamp is missing or runs backwards (RFC 5905 §8, packet test 3).
    InvalidTimestamps,
    /// The server is not synchronized (RFC 5905 §8, packet test 6).
    ServerUnsynchronized,
    /// The server's root distance exceeds the limit (RFC 5905 §8, packet test 7).
    RootDistance,
    /// The round trip is shorter than the server's processing time.
    NegativeDelay,
    /// The server takes its time from us.
    SynchronizationLoop,
    /// It states a time at which the server's certificate is not valid.
    CertificateTime,
    /// It is not authenticated although its request was (RFC 8915 §5.7).
    NtsUnauthenticated,
    /// Its authenticator does not verify (RFC 8915 §5.7).
    NtsForged,
    /// It is an NTS NAK (kiss code NTSN), which is not authenticated.
    NtsNak,
    /// A word of a newer daemon.
    Other(String),
}

stable_words!(DiscardReason {
    WrongAddress => "wrong-address",
    Malformed => "malformed",
    UnknownVersion => "unknown-version",
    NotAReply => "not-a-reply",
    Duplicate => "duplicate",
    BogusOrigin => "bogus-origin",
    TooLate => "too-late",
    Kiss => "kiss",
    InvalidTimestamps => "invalid-timestamps",
    ServerUnsynchronized => "server-unsynchronized",
    RootDistance => "root-distance",
    NegativeDelay => "negative-delay",
    SynchronizationLoop => "synchronization-loop",
    CertificateTime => "certificate-time",
    NtsUnauthenticated => "nts-unauthenticated",
    NtsForged => "nts-forged",
    NtsNak => "nts-nak",
});
