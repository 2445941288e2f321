//! The cause that all sources have in common, in one sentence for the first line.

use crate::messages::nts::nts_reason;
use crate::messages::{Message, discarded, source};
use crate::units::seconds;
use ntp_observe::{
    DiscardReason, Document, NetworkCause, NtsKeStage, SourceFacts, SourceReason, SystemReason,
};

/// The longest sentence that keeps the first line within 80 columns.
pub(crate) const LONGEST: usize = 61;

/// One cause as a predicate of one source, of several, and of none.
struct Predicate {
    one: String,
    several: String,
    /// The predicate after "none of N sources"; without it, the sentence is "all N sources" and
    /// `several`.
    none: Option<&'static str>,
}

impl Predicate {
    fn new(one: impl Into<String>, several: impl Into<String>) -> Self {
        Self {
            one: one.into(),
            several: several.into(),
            none: None,
        }
    }

    fn denying(one: &str, several: &str, none: &'static str) -> Self {
        Self {
            none: Some(none),
            ..Self::new(one, several)
        }
    }

    /// The sentence about all `number` sources.
    fn of_all(&self, number: usize) -> String {
        match (number, self.none) {
            (1, _) => format!("the only source {}", self.one),
            (number, Some(none)) => format!("none of {number} sources {none}"),
            (2, None) => format!("both sources {}", self.several),
            (number, None) => format!("all {number} sources {}", self.several),
        }
    }

    /// The phrase about `number` of the sources.
    fn of_some(&self, number: usize) -> String {
        if number == 1 {
            format!("1 {}", self.one)
        } else {
            format!("{number} {}", self.several)
        }
    }
}

/// The cause why no source can be used, from the reasons of the sources; `None` if one of them can
/// be used.
pub(crate) fn of(document: &Document) -> Option<Message> {
    let sources = &document.sources;
    let predicates: Vec<Predicate> = sources.iter().map(predicate).collect::<Option<_>>()?;
    let (source, first) = (sources.first()?, predicates.first()?);
    if predicates
        .iter()
        .all(|other| other.several == first.several)
    {
        let remedy = source::reason(&source.reason, source).remedy;
        return Some(Message {
            remedy,
            ..Message::plain(first.of_all(sources.len()))
        });
    }
    let none = format!("none of {} sources can be used", sources.len());
    let counted = format!("{none}: {}", counted(&predicates).join(", "));
    let what = if counted.chars().count() <= LONGEST {
        counted
    } else {
        format!("{none}, for different reasons")
    };
    Some(Message::new(what, "see the reasons below the table"))
}

/// True if the first line already contains the cause of this source: all have it in common, or the
/// sources contradict one another.
pub(crate) fn says(document: &Document, source: &SourceFacts) -> bool {
    let contradict = matches!(
        document.system.reasons.first(),
        Some(SystemReason::NoMajority { usable: 2.., .. })
    );
    if contradict && source.reason == SourceReason::WaitingForMajority {
        return true;
    }
    let predicates: Option<Vec<Predicate>> = document.sources.iter().map(predicate).collect();
    predicates.is_some_and(|all| {
        all.windows(2)
            .all(|two| matches!(two, [a, b] if a.several == b.several))
    })
}

/// Each predicate with the number of sources that share it, in the order of its first occurrence.
fn counted(predicates: &[Predicate]) -> Vec<String> {
    let is_first = |place: &usize| {
        let this = predicates.get(*place).map(|predicate| &predicate.several);
        predicates
            .iter()
            .position(|other| Some(&other.several) == this)
            == Some(*place)
    };
    let places = (0..predicates.len()).filter(is_first);
    places
        .filter_map(|place| predicates.get(place))
        .map(|predicate| {
            predicate.of_some(
                predicates
                    .iter()
                    .filter(|other| other.several == predicate.several)
                    .count(),
            )
        })
        .collect()
}

fn predicate(source: &SourceFacts) -> Option<Predicate> {
    Some(match &source.reason {
        SourceReason::NoReplyYet { sent: 0 } => Predicate::denying(
            "has not been asked yet",
            "have not been asked yet",
            "has been asked yet",
        ),
        SourceReason::NoReplyYet { .. } => Predicate::denying(
            "has not answered yet",
            "have not answered yet",
            "has answered yet",
        ),
        SourceReason::NoReply { .. } if !source::has_answered(source) => {
            Predicate::denying("does not answer", "do not answer", "answers")
        }
        SourceReason::NoReply { .. } => Predicate::denying(
            "does not answer any more",
            "do not answer any more",
            "answers any more",
        ),
        SourceReason::PortUnreachable
        | SourceReason::Unreachable { .. }
        | SourceReason::SendFailed { .. }
        | SourceReason::Resolving
        | SourceReason::NameNotResolved { .. }
        | SourceReason::NoAddressesLeft { .. } => unreached(&source.reason),
        SourceReason::RepliesDiscarded { last } => discarded(last, source),
        SourceReason::ServerUnsynchronized
        | SourceReason::StratumTooHigh { .. }
        | SourceReason::DistanceTooLarge { .. }
        | SourceReason::SynchronizationLoop
        | SourceReason::KissDeny
        | SourceReason::KissRstr
        | SourceReason::RateLimited { .. } => unsuitable(&source.reason)?,
        SourceReason::NotAuthenticated => Predicate::new(
            "has no NTS, which is required",
            "have no NTS, which is required",
        ),
        SourceReason::SameServer { .. } => Predicate::new(
            "leads to the same server as another one",
            "lead to the same server as another one",
        ),
        nts_reason!() => authentication(&source.reason)?,
        SourceReason::SystemPeer
        | SourceReason::UsedInTheMean
        | SourceReason::ClusterOutlier
        | SourceReason::IntervalDisagrees { .. }
        | SourceReason::ContradictsAuthenticated { .. }
        | SourceReason::WaitingForAuthenticated
        | SourceReason::ImplausibleTime { .. }
        | SourceReason::WaitingForMajority
        | SourceReason::WaitingForQuorum { .. }
        | SourceReason::TooFewSamples { .. }
        | SourceReason::Unknown { .. } => return None,
    })
}

/// Predicates for servers that answer and do not serve us the time.
fn unsuitable(reason: &SourceReason) -> Option<Predicate> {
    Some(match reason {
        SourceReason::ServerUnsynchronized => Predicate::new(
            "says that its own clock is not synchronized",
            "say that their clocks are not synchronized",
        ),
        SourceReason::StratumTooHigh { stratum, limit } => Predicate::new(
            format!("is at stratum {stratum}, and the limit is {limit}"),
            format!("are at a stratum above the limit of {limit}"),
        ),
        SourceReason::DistanceTooLarge {
            distance_s,
            limit_s,
        } => Predicate::new(
            format!(
                "may be wrong by {}; the limit is {}",
                seconds(*distance_s),
                seconds(*limit_s)
            ),
            format!("may be wrong by more than {}", seconds(*limit_s)),
        ),
        SourceReason::SynchronizationLoop => Predicate::new(
            "takes its time from this machine",
            "take their time from this machine",
        ),
        SourceReason::KissDeny => {
            Predicate::new("refuses to serve us (DENY)", "refuse to serve us (DENY)")
        }
        SourceReason::KissRstr => {
            Predicate::new("refuses to serve us (RSTR)", "refuse to serve us (RSTR)")
        }
        SourceReason::RateLimited { .. } => Predicate::new(
            "says only that it is asked too often (RATE)",
            "say only that they are asked too often",
        ),
        _ => return None,
    })
}

/// Predicates for requests that do not arrive.
fn unreached(reason: &SourceReason) -> Predicate {
    match reason {
        SourceReason::PortUnreachable => Predicate::new(
            "refuses requests: its port is closed (ICMP)",
            "refuse requests: their ports are closed (ICMP)",
        ),
        SourceReason::Unreachable { cause, .. } => {
            let why = match cause {
                NetworkCause::NoRoute => ": no route to the network",
                NetworkCause::HostUnreachable => ": no route to the host",
                NetworkCause::Prohibited => ": a firewall forbids it",
                NetworkCause::Other(_) => "",
            };
            Predicate::new(
                format!("cannot be reached{why}"),
                format!("cannot be reached{why}"),
            )
        }
        SourceReason::Resolving => {
            Predicate::new("is being looked up in DNS", "are being looked up in DNS")
        }
        SourceReason::NameNotResolved { .. } => Predicate::new(
            "has a name that cannot be resolved",
            "have names that cannot be resolved",
        ),
        SourceReason::NoAddressesLeft { .. } => Predicate::new(
            "has no address that can be used",
            "have no address that can be used",
        ),
        SourceReason::SendFailed {
            cause: NetworkCause::NoRoute,
            ..
        } => Predicate::new(
            "cannot be asked: there is no route",
            "cannot be asked: there is no route",
        ),
        SourceReason::SendFailed {
            cause: NetworkCause::Prohibited,
            ..
        } => Predicate::new(
            "cannot be asked: this machine forbids it",
            "cannot be asked: this machine forbids it",
        ),
        _ => Predicate::new("cannot be asked", "cannot be asked"),
    }
}

/// Predicates for replies that cannot be used, by the test that they fail.
fn discarded(last: &DiscardReason, source: &SourceFacts) -> Predicate {
    match last {
        DiscardReason::WrongAddress => Predicate::new(
            "answers from another address or port",
            "answer from another address or port",
        ),
        DiscardReason::Malformed => Predicate::new(
            "answers with what is not an NTP packet",
            "answer with what is not an NTP packet",
        ),
        DiscardReason::UnknownVersion => Predicate::new(
            match source.version {
                Some(version) => format!("answers in NTP version {version} instead of 1 to 4"),
                None => "answers in an unknown version of NTP".to_owned(),
            },
            "answer in another NTP version than 1 to 4",
        ),
        DiscardReason::NotAReply => Predicate::new(
            "sends NTP packets that are not replies",
            "send NTP packets that are not replies",
        ),
        DiscardReason::BogusOrigin => Predicate::new(
            "sends replies that match no request",
            "send replies that match no request",
        ),
        DiscardReason::TooLate => Predicate::new("answers too late", "answer too late"),
        DiscardReason::InvalidTimestamps => Predicate::new(
            "answers without valid timestamps",
            "answer without valid timestamps",
        ),
        DiscardReason::RootDistance => Predicate::new(
            match discarded::root_distance(source) {
                Some(distance) => format!("says that it may be wrong by {}", seconds(distance)),
                None => "says that it may be wrong by 16 s or more".to_owned(),
            },
            "say that they may be wrong by 16 s or more",
        ),
        DiscardReason::NegativeDelay => Predicate::new(
            "answers with impossible timestamps",
            "answer with impossible timestamps",
        ),
        DiscardReason::CertificateTime => Predicate::new(
            "reports a time that its certificate denies",
            "report a time that their certificates deny",
        ),
        DiscardReason::NtsUnauthenticated | DiscardReason::NtsNak | DiscardReason::NtsForged => {
            not_authentic(last)
        }
        DiscardReason::Duplicate
        | DiscardReason::Kiss
        | DiscardReason::ServerUnsynchronized
        | DiscardReason::SynchronizationLoop
        | DiscardReason::Other(_) => unusable(),
    }
}

/// The predicate for a test without one of its own.
fn unusable() -> Predicate {
    Predicate::new(
        "sends replies that cannot be used",
        "send replies that cannot be used",
    )
}

/// Predicates for replies that are not authentic.
fn not_authentic(last: &DiscardReason) -> Predicate {
    match last {
        DiscardReason::NtsUnauthenticated => Predicate::new(
            "answers without authentication",
            "answer without authentication",
        ),
        DiscardReason::NtsNak => Predicate::new(
            "answers with an NTS NAK (NTSN)",
            "answer with an NTS NAK (NTSN)",
        ),
        DiscardReason::NtsForged => Predicate::new(
            "answers with an invalid authenticator",
            "answer with an invalid authenticator",
        ),
        _ => unusable(),
    }
}

/// Predicates for missing or unusable NTS keys.
fn authentication(reason: &SourceReason) -> Option<Predicate> {
    Some(match reason {
        SourceReason::NtsEstablishing => Predicate::new("waits for NTS keys", "wait for NTS keys"),
        SourceReason::NtsKeSilent { .. } => Predicate::new(
            "gives no NTS keys: NTS-KE gets no answer",
            "give no NTS keys: NTS-KE gets no answer",
        ),
        SourceReason::NtsKeFailed { stage, .. } => {
            let why = match stage {
                NtsKeStage::Dns => ": name not resolved",
                NtsKeStage::Tcp => ": no connection",
                NtsKeStage::Tls => ": no TLS connection",
                NtsKeStage::Certificate => ": certificate not trusted",
                NtsKeStage::Alpn => ": NTS-KE not offered",
                NtsKeStage::Records => ": NTS-KE refused",
                NtsKeStage::NtpAddress => ": NTP server not found",
                NtsKeStage::Other(_) => "",
            };
            Predicate::new(
                format!("gives no NTS keys{why}"),
                format!("give no NTS keys{why}"),
            )
        }
        SourceReason::NtsKeysRefused => Predicate::denying(
            "no longer accepts our cookies (NTSN)",
            "no longer accept our cookies (NTSN)",
            "accepts our cookies any longer (NTSN)",
        ),
        SourceReason::NtsOutOfCookies => Predicate::new(
            "leaves requests with NTS unanswered",
            "leave requests with NTS unanswered",
        ),
        SourceReason::NtsUnauthenticatedReply => Predicate::new(
            "answers without authentication",
            "answer without authentication",
        ),
        SourceReason::NtsCertificateTime => Predicate::new(
            "may not set a clock that was never set",
            "may not set a clock that was never set",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
