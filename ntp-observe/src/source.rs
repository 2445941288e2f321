//! One association: its state, the reason, and its measurements.

use crate::stable_word::stable_words;
use crate::{Date, DiscardReason, Leap, NtsFacts, NtsKeReason, NtsKeStage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One association with a server; each member of a pool is one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// A number that identifies this association while the daemon runs.
    pub id: u64,
    /// The name in the configuration; for a member of a pool, the pool's.
    pub name: String,
    /// Address and port (`192.0.2.1:123`, `[2001:db8::1]:123`); `null` while the name has no
    /// address.
    pub address: Option<String>,
    /// The mode of its section in the configuration.
    pub mode: SourceMode,
    /// The state of the association.
    pub state: SourceState,
    /// The reason of the state.
    pub reason: SourceReason,
    /// Further facts, which may come with any state.
    #[serde(default)]
    pub notes: Vec<SourceReason>,
    /// The server's stratum.
    pub stratum: Option<u8>,
    /// The server's leap indicator.
    pub leap: Option<Leap>,
    /// The NTP version of its last reply, even of one that was not understood.
    pub version: Option<u8>,
    /// The server's reference ID: letters, an IPv4 address, or eight hexadecimal digits (those of a
    /// hash, if the server's own source has an IPv6 address). `null` until it has answered.
    pub reference_id: Option<String>,
    /// The poll interval.
    pub poll_s: Option<f64>,
    /// The last eight polls, the latest in the lowest bit: 1 for a valid reply (RFC 5905 §9.2,
    /// reach).
    pub reach: u8,
    /// Polls in a row without a valid reply.
    pub unanswered_polls: u32,
    /// The offset after the clock filter; positive when our clock is behind.
    pub offset_s: Option<f64>,
    /// The round-trip delay after the clock filter.
    pub delay_s: Option<f64>,
    /// The dispersion after the clock filter, as of now.
    pub dispersion_s: Option<f64>,
    /// The jitter after the clock filter (RFC 5905 §10).
    pub jitter_s: Option<f64>,
    /// The server's root delay in the reply in use, or in the last one that could not be used.
    pub root_delay_s: Option<f64>,
    /// The server's root dispersion in the reply in use, or in the last one that could not be used.
    pub root_dispersion_s: Option<f64>,
    /// The bound of the offset's error: the root distance through this source (RFC 5905 §11.2.1).
    pub error_bound_s: Option<f64>,
    /// The two one-way delays of the last good exchange.
    pub one_way: Option<OneWay>,
    /// The time since the last valid reply.
    pub last_reply_ago_s: Option<f64>,
    /// The time until the next request.
    pub next_poll_in_s: Option<f64>,
    /// The time until a failed step (resolving, sending, a refused association) is tried again.
    pub retry_in_s: Option<f64>,
    /// True if the server has asked for fewer requests (kiss code RATE).
    pub rate_limited: bool,
    /// Packet counters of the association.
    pub packets: PacketCounts,
    /// Replies discarded, by the word of the test that they failed.
    #[serde(default)]
    pub discards: BTreeMap<String, u64>,
    /// Addresses of its name that no server can have and that are not used, with the word of the
    /// reason.
    #[serde(default)]
    pub refused_addresses: BTreeMap<String, String>,
    /// The address and port of the last datagram's sender, if it differs from the one that was
    /// asked.
    #[serde(default)]
    pub answered_from: Option<String>,
    /// The origins of our timestamps.
    pub timestamps: TimestampCounts,
    /// Keys and cookies; `null` for a source without NTS.
    #[serde(default)]
    pub nts: Option<NtsFacts>,
}

/// The mode of a source in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceMode {
    /// One server, without NTS.
    #[default]
    Server,
    /// A pool of servers, without NTS.
    Pool,
    /// One server with NTS.
    Nts,
    /// A word of a newer daemon.
    Other(String),
}

stable_words!(SourceMode {
    Server => "server",
    Pool => "pool",
    Nts => "nts",
});

/// The two one-way delays of one exchange. Each contains the offset, with opposite signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OneWay {
    /// T2 − T1: to the server.
    pub outbound_s: f64,
    /// T4 − T3: back to us.
    pub inbound_s: f64,
}

/// Packet counters of the association.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketCounts {
    /// Requests sent.
    pub sent: u64,
    /// Datagrams received from the server.
    pub received: u64,
    /// Replies that passed every test.
    pub valid: u64,
    /// Requests without a valid reply.
    pub unanswered: u64,
}

/// The origins of our timestamps: the network card's are better than the kernel's, and those better
/// than the daemon's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimestampCounts {
    /// Transmit timestamps of the network card.
    #[serde(default)]
    pub transmit_hardware: u64,
    /// Transmit timestamps of the kernel.
    pub transmit_kernel: u64,
    /// Transmit timestamps that the daemon took itself.
    pub transmit_daemon: u64,
    /// Receive timestamps of the network card.
    #[serde(default)]
    pub receive_hardware: u64,
    /// Receive timestamps of the kernel.
    pub receive_kernel: u64,
    /// Receive timestamps that the daemon took itself.
    pub receive_daemon: u64,
}

/// The state of an association.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceState {
    /// The system peer: our stratum and reference id come from it.
    Selected,
    /// A survivor that is combined with the system peer (RFC 5905 §11.2.3).
    Combined,
    /// A truechimer, but cut by the cluster algorithm (RFC 5905 §11.2.2).
    Outlier,
    /// Its interval contradicts the majority (RFC 5905 §11.2.1).
    Falseticker,
    /// It answers, but its replies must not be used.
    Unusable,
    /// It cannot be judged yet.
    #[default]
    Waiting,
    /// None of the last eight polls had a valid reply.
    Unreachable,
    /// Demobilized, because the server refused service (RFC 5905 §7.4).
    Demobilized,
    /// Its name has no address yet.
    Unresolved,
    /// A word of a newer daemon.
    Other(String),
}

stable_words!(SourceState {
    Selected => "selected",
    Combined => "combined",
    Outlier => "outlier",
    Falseticker => "falseticker",
    Unusable => "unusable",
    Waiting => "waiting",
    Unreachable => "unreachable",
    Demobilized => "demobilized",
    Unresolved => "unresolved",
});

/// The reason why the network, or this machine, does not carry a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkCause {
    /// There is no route to the network (`ENETUNREACH`).
    NoRoute,
    /// The host does not answer on its network, or is not there (`EHOSTUNREACH`).
    HostUnreachable,
    /// A firewall forbids it (`EACCES`, `EPERM`).
    Prohibited,
    /// Something else, or a word of a newer daemon.
    Other(String),
}

stable_words!(NetworkCause {
    NoRoute => "no-route",
    HostUnreachable => "host-unreachable",
    Prohibited => "prohibited",
});

impl Default for NetworkCause {
    fn default() -> Self {
        Self::Other("unknown".to_owned())
    }
}

/// The reason of a source's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum SourceReason {
    /// It is the best of the sources that agree.
    SystemPeer,
    /// It agrees, and counts in the mean.
    UsedInTheMean,
    /// It agrees, but would add more jitter to the mean than it reduces.
    ClusterOutlier,
    /// Its interval does not overlap that of the majority.
    IntervalDisagrees {
        /// Its offset; positive when our clock is behind it.
        offset_s: f64,
        /// The gap between its interval and that of the majority.
        by_s: f64,
        /// The number of sources in the majority.
        majority: u32,
    },
    /// It has no NTS, and its interval does not overlap the one that the sources with NTS agree on.
    ContradictsAuthenticated {
        /// Its offset; positive when our clock is behind it.
        offset_s: f64,
        /// The gap between its interval and the agreed one.
        by_s: f64,
        /// The number of sources with NTS that agree against it.
        authenticated: u32,
    },
    /// It has no NTS, and the configuration lets no such source set the clock.
    NotAuthenticated,
    /// It has no NTS, and the daemon waits for a source with NTS.
    WaitingForAuthenticated,
    /// It has no NTS, and claims a time so late that another source must confirm it.
    ImplausibleTime {
        /// The time that it claims.
        claimed: Date,
        /// The latest time that one source without NTS may set alone.
        limit: Date,
    },
    /// Its name leads only to the server of another source, and one server counts once.
    SameServer {
        /// The name of the other source in the configuration.
        source: String,
    },
    /// The usable sources contradict one another, without a majority.
    WaitingForMajority,
    /// It agrees with too few others for the clock to be touched.
    WaitingForQuorum {
        /// The number of sources that agree.
        agreeing: u32,
        /// The number of sources that have to agree.
        needed: u32,
    },
    /// Not enough samples yet.
    TooFewSamples {
        /// The number of samples.
        have: u32,
        /// The number of samples needed.
        need: u32,
    },
    /// Requests were sent, and no reply has ever come.
    NoReplyYet {
        /// The number of requests sent.
        sent: u64,
    },
    /// It has answered before and no longer does.
    NoReply {
        /// Polls in a row without a valid reply.
        unanswered: u32,
    },
    /// The network reports that nothing listens at this port (ICMP port unreachable).
    PortUnreachable,
    /// The network reports that requests do not arrive, for another reason than a closed port
    /// (ICMP).
    Unreachable {
        /// The kind of the error.
        cause: NetworkCause,
        /// The operating system's text for the error.
        error: String,
    },
    /// Replies come, but none passes the tests; see `discards`.
    RepliesDiscarded {
        /// The last test that failed.
        last: DiscardReason,
    },
    /// The server says that its own clock is not synchronized.
    ServerUnsynchronized,
    /// The server is too far from a primary source.
    StratumTooHigh {
        /// The stratum of the server.
        stratum: u8,
        /// The highest stratum that is used.
        limit: u8,
    },
    /// The error bound through this source is too large.
    DistanceTooLarge {
        /// The root distance (RFC 5905 §11.2.3, LAMBDA).
        distance_s: f64,
        /// Its limit (RFC 5905 §11.1, MAXDIST).
        limit_s: f64,
    },
    /// The server takes its time from us.
    SynchronizationLoop,
    /// The server denies access (kiss code DENY).
    KissDeny,
    /// The server denies access by its policy (kiss code RSTR).
    KissRstr,
    /// The server has asked for fewer requests (kiss code RATE).
    RateLimited {
        /// The poll interval since then.
        poll_s: f64,
    },
    /// The name is being resolved.
    #[default]
    Resolving,
    /// The name could not be resolved.
    NameNotResolved {
        /// The error of the resolver.
        error: String,
        /// The time until the next attempt.
        retry_in_s: Option<f64>,
    },
    /// The name has no address that is not in use, refused or ignored.
    NoAddressesLeft {
        /// The time until the name is resolved again.
        retry_in_s: Option<f64>,
    },
    /// The request could not be sent.
    SendFailed {
        /// The cause, if it is known.
        #[serde(default)]
        cause: NetworkCause,
        /// The error of the operating system.
        error: String,
    },
    /// Key establishment is in progress.
    NtsEstablishing,
    /// Key establishment is in progress, and no answer has come for some seconds.
    NtsKeSilent {
        /// The time without an answer.
        waited_s: f64,
    },
    /// Key establishment failed. As a note: earlier keys are still in use.
    NtsKeFailed {
        /// The stage that failed.
        stage: NtsKeStage,
        /// The reason of the failure.
        #[serde(rename = "word")]
        reason: NtsKeReason,
        /// The reason in a sentence, see
        /// [`NtsKeErrorFacts::message`](crate::NtsKeErrorFacts::message).
        message: String,
        /// The time until the next attempt.
        retry_in_s: Option<f64>,
    },
    /// The server no longer accepts our cookies (kiss code NTSN); key establishment is repeated.
    NtsKeysRefused,
    /// No cookie is left; key establishment is repeated.
    NtsOutOfCookies,
    /// Replies come without a valid authenticator and are discarded (RFC 8915 §5.7).
    NtsUnauthenticatedReply,
    /// The clock has never been synchronized, so the certificate could not be checked against it:
    /// this source may not set the clock alone.
    NtsCertificateTime,
    /// A reason of a newer daemon.
    #[serde(untagged)]
    Unknown {
        /// The word of the reason.
        code: String,
    },
}

impl SourceReason {
    /// The stable word of this reason, which is its `code` in JSON.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::SystemPeer => "system-peer",
            Self::UsedInTheMean => "used-in-the-mean",
            Self::ClusterOutlier => "cluster-outlier",
            Self::IntervalDisagrees { .. } => "interval-disagrees",
            Self::ContradictsAuthenticated { .. } => "contradicts-authenticated",
            Self::NotAuthenticated => "not-authenticated",
            Self::WaitingForAuthenticated => "waiting-for-authenticated",
            Self::ImplausibleTime { .. } => "implausible-time",
            Self::SameServer { .. } => "same-server",
            Self::WaitingForMajority => "waiting-for-majority",
            Self::WaitingForQuorum { .. } => "waiting-for-quorum",
            Self::TooFewSamples { .. } => "too-few-samples",
            Self::NoReplyYet { .. } => "no-reply-yet",
            Self::NoReply { .. } => "no-reply",
            Self::PortUnreachable => "port-unreachable",
            Self::Unreachable { .. } => "unreachable",
            Self::RepliesDiscarded { .. } => "replies-discarded",
            Self::ServerUnsynchronized => "server-unsynchronized",
            Self::StratumTooHigh { .. } => "stratum-too-high",
            Self::DistanceTooLarge { .. } => "distance-too-large",
            Self::SynchronizationLoop => "synchronization-loop",
            Self::KissDeny => "kiss-deny",
            Self::KissRstr => "kiss-rstr",
            Self::RateLimited { .. } => "rate-limited",
            Self::Resolving => "resolving",
            Self::NameNotResolved { .. } => "name-not-resolved",
            Self::NoAddressesLeft { .. } => "no-addresses-left",
            Self::SendFailed { .. } => "send-failed",
            Self::NtsEstablishing => "nts-establishing",
            Self::NtsKeSilent { .. } => "nts-ke-silent",
            Self::NtsKeFailed { .. } => "nts-ke-failed",
            Self::NtsKeysRefused => "nts-keys-refused",
            Self::NtsOutOfCookies => "nts-out-of-cookies",
            Self::NtsUnauthenticatedReply => "nts-unauthenticated-reply",
            Self::NtsCertificateTime => "nts-certificate-time",
            Self::Unknown { code } => code,
        }
    }
}
