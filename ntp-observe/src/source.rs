//! One association: its state, why it is so, and what has been measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Date, Leap, NtsFacts};

/// One association with a server; the members of a pool are one each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// A number that names this association as long as the daemon runs.
    pub id: u64,
    /// The name as it stands in the configuration; for a member of a pool, the pool's.
    pub name: String,
    /// Address and port (`192.0.2.1:123`, `[2001:db8::1]:123`); `null` while the name has no
    /// address.
    pub address: Option<String>,
    /// The mode of the configuration: `server`, `pool`, `nts`, ….
    pub mode: String,
    /// What the source is to us now.
    pub state: SourceState,
    /// Why it is that.
    pub reason: SourceReason,
    /// What else is to be known about it: notes that may come with any state.
    #[serde(default)]
    pub notes: Vec<SourceReason>,
    /// The server's stratum.
    pub stratum: Option<u8>,
    /// The server's leap indicator.
    pub leap: Option<Leap>,
    /// The version of its last reply, of one that was not understood as well.
    pub version: Option<u8>,
    /// The server's reference id: letters, an IPv4 address, or eight hexadecimal digits (those of a
    /// hash, if the server takes its time over IPv6). `null` until it has answered.
    pub reference_id: Option<String>,
    /// How often we ask.
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
    /// The server's own root delay, as the reply in use says, or the last one that could not be
    /// used.
    pub root_delay_s: Option<f64>,
    /// The server's own root dispersion, as the reply in use says, or the last one that could not
    /// be used.
    pub root_dispersion_s: Option<f64>,
    /// How far the offset may be wrong: the root distance through this source (RFC 5905 §11.2.1).
    pub error_bound_s: Option<f64>,
    /// The two ways of the last good exchange, apart.
    pub one_way: Option<OneWay>,
    /// How long ago the last valid reply came.
    pub last_reply_ago_s: Option<f64>,
    /// When the next request goes out.
    pub next_poll_in_s: Option<f64>,
    /// When a failed step (resolving, sending, a refused association) is tried again.
    pub retry_in_s: Option<f64>,
    /// Whether the server told us to ask less often (kiss code RATE).
    pub rate_limited: bool,
    /// What went over the wire.
    pub packets: PacketCounts,
    /// Replies thrown away, by the word of the test that they failed.
    #[serde(default)]
    pub discards: BTreeMap<String, u64>,
    /// Addresses of its name that are not used because no server can have them, with the word for
    /// the reason.
    #[serde(default)]
    pub refused_addresses: BTreeMap<String, String>,
    /// Address and port that the last datagram came from, if it came from another than the one that
    /// was asked.
    #[serde(default)]
    pub answered_from: Option<String>,
    /// Who made our timestamps.
    pub timestamps: TimestampCounts,
    /// Keys and cookies; `null` for a source without NTS.
    #[serde(default)]
    pub nts: Option<NtsFacts>,
}

/// The two ways of one exchange. Each contains the offset, with opposite signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OneWay {
    /// T2 − T1: to the server.
    pub outbound_s: f64,
    /// T4 − T3: back to us.
    pub inbound_s: f64,
}

/// What went over the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketCounts {
    /// Requests sent.
    pub sent: u64,
    /// Datagrams received from the server.
    pub received: u64,
    /// Replies that passed every test.
    pub valid: u64,
    /// Requests that no valid reply came to.
    pub unanswered: u64,
}

/// Who made our timestamps: the network card's are better than the kernel's, and those better than
/// the daemon's.
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

/// What a source is to us.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceState {
    /// The system peer: our stratum and reference id come from it.
    Selected,
    /// Used in the mean besides the system peer.
    Combined,
    /// A truechimer, but cut by the cluster algorithm (RFC 5905 §11.2.2).
    Outlier,
    /// Its interval contradicts the majority (RFC 5905 §11.2.1).
    Falseticker,
    /// It answers, but what it says may not be used.
    Unusable,
    /// It cannot be judged yet.
    #[default]
    Waiting,
    /// The last eight polls brought no valid reply.
    Unreachable,
    /// Given up for good, because the server asked for it.
    Demobilized,
    /// Its name has no address yet.
    Unresolved,
    /// A word of a newer daemon.
    #[serde(untagged)]
    Other(String),
}

impl SourceState {
    /// The stable word of this state, as it stands in the document.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Selected => "selected",
            Self::Combined => "combined",
            Self::Outlier => "outlier",
            Self::Falseticker => "falseticker",
            Self::Unusable => "unusable",
            Self::Waiting => "waiting",
            Self::Unreachable => "unreachable",
            Self::Demobilized => "demobilized",
            Self::Unresolved => "unresolved",
            Self::Other(word) => word,
        }
    }
}

/// The cause for which the network, or this machine, does not carry a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkCause {
    /// There is no route to the network (`ENETUNREACH`).
    NoRoute,
    /// The host does not answer on its network, or is not there (`EHOSTUNREACH`).
    HostUnreachable,
    /// A firewall forbids it (`EACCES`, `EPERM`).
    Prohibited,
    /// Something else, or a word of a newer daemon.
    #[serde(untagged)]
    Other(String),
}

impl Default for NetworkCause {
    fn default() -> Self {
        Self::Other("unknown".to_owned())
    }
}

/// Why a source is in its state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum SourceReason {
    /// It is the best of the sources that agree.
    SystemPeer,
    /// It agrees, and counts in the mean.
    UsedInTheMean,
    /// It agrees, but adds more jitter to the mean than it is worth.
    ClusterOutlier,
    /// Its interval does not overlap that of the majority.
    IntervalDisagrees {
        /// Its offset; positive when our clock is behind it.
        offset_s: f64,
        /// The gap between its interval and that of the majority.
        by_s: f64,
        /// How many sources agree against it.
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
    /// It has no NTS, and a source with NTS is waited for.
    WaitingForAuthenticated,
    /// It has no NTS, and claims a time so late that it is not believed unless another source
    /// agrees.
    ImplausibleTime {
        /// The time that it claims.
        claimed: Date,
        /// The latest time that one source without NTS is believed alone.
        limit: Date,
    },
    /// It leads to nothing but the server of another source, and one clock counts once.
    SameServer {
        /// The name of the other source, as it stands in the configuration.
        source: String,
    },
    /// The usable sources contradict one another; nobody knows who is right.
    WaitingForMajority,
    /// It agrees with too few others for the clock to be touched.
    WaitingForQuorum {
        /// How many agree.
        agreeing: u32,
        /// How many have to agree.
        needed: u32,
    },
    /// Not enough samples yet.
    TooFewSamples {
        /// How many there are.
        have: u32,
        /// How many it takes.
        need: u32,
    },
    /// Requests went out, no reply has ever come.
    NoReplyYet {
        /// How many requests went out.
        sent: u64,
    },
    /// It has answered before and does not any more.
    NoReply {
        /// Polls in a row without a valid reply.
        unanswered: u32,
    },
    /// The network says that nothing listens at this port (ICMP port unreachable).
    PortUnreachable,
    /// The network says that requests do not arrive, for another reason than a closed port (ICMP).
    Unreachable {
        /// The kind of the error.
        cause: NetworkCause,
        /// The operating system's name for it.
        error: String,
    },
    /// Replies come, but none passes the tests; see `discards`.
    RepliesDiscarded {
        /// The word of the last test that failed.
        last: String,
    },
    /// The server says that its own clock is not synchronised.
    ServerUnsynchronized,
    /// The server is too far from a primary source.
    StratumTooHigh {
        /// Its stratum.
        stratum: u8,
        /// The greatest allowed.
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
    /// The server told us to go away (kiss code DENY).
    KissDeny,
    /// The server told us to go away by its rules (kiss code RSTR).
    KissRstr,
    /// The server told us to ask less often (kiss code RATE).
    RateLimited {
        /// How often we ask since.
        poll_s: f64,
    },
    /// The name is being resolved.
    #[default]
    Resolving,
    /// The name could not be resolved.
    NameNotResolved {
        /// What the resolver answered.
        error: String,
        /// When it is tried again.
        retry_in_s: Option<f64>,
    },
    /// The name has no address that is not in use, refused or ignored.
    NoAddressesLeft {
        /// When the name is resolved again.
        retry_in_s: Option<f64>,
    },
    /// The request could not be sent.
    SendFailed {
        /// The cause, if it is one of those that are known.
        #[serde(default)]
        cause: NetworkCause,
        /// What the operating system answered.
        error: String,
    },
    /// Keys and cookies are being fetched.
    NtsEstablishing,
    /// Keys and cookies are being fetched, and no answer has come for some seconds.
    NtsKeSilent {
        /// The time without an answer.
        waited_s: f64,
    },
    /// Keys and cookies could not be had. As a note: earlier ones are still in use.
    NtsKeFailed {
        /// The stage that failed, see [`NtsKeErrorFacts::stage`](crate::NtsKeErrorFacts::stage).
        stage: String,
        /// The reason, a stable word.
        word: String,
        /// The reason, see [`NtsKeErrorFacts::message`](crate::NtsKeErrorFacts::message).
        message: String,
        /// When it is tried again.
        retry_in_s: Option<f64>,
    },
    /// The server says that it does not know our keys any more (kiss code NTSN); new ones are being
    /// fetched.
    NtsKeysRefused,
    /// No cookie is left to ask with; new ones are being fetched.
    NtsOutOfCookies,
    /// Replies come without a valid authenticator and are not believed (RFC 8915 §5.7).
    NtsUnauthenticatedReply,
    /// The clock was never right, so that the certificate could not be judged by it: this source
    /// alone may not set the clock, several must agree.
    NtsCertificateTime,
    /// A reason of a newer daemon.
    #[serde(untagged)]
    Unknown {
        /// Its word.
        code: String,
    },
}

impl SourceReason {
    /// The stable word of this reason, as it stands in the document under `code`.
    #[must_use]
    pub fn code(&self) -> &str {
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
