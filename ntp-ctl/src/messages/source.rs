//! Reasons of a source, in sentences with a remedy.

use crate::messages::nts::{self, nts_reason};
use crate::messages::{Message, authentication, discarded, next_try};
use crate::units::{behind, count, poll, seconds, span};
use ntp_observe::{Leap, NetworkCause, SourceFacts, SourceReason, SourceState};

/// The reason of the source's state in a sentence, with its notes.
pub(crate) fn sentence(source: &SourceFacts) -> String {
    with_notes(reason(&source.reason, source).whole(), source)
}

/// The same without the cause and the remedy, where the first line contains them. `None` if nothing
/// is left.
pub(crate) fn rest_of_sentence(source: &SourceFacts) -> Option<String> {
    let Message { cause, detail, .. } = reason(&source.reason, source);
    match detail.filter(|_| !has_common_error(&source.reason)) {
        Some(detail) => Some(with_notes(detail, source)),
        None => Some(with_notes(cause.clone(), source)).filter(|sentence| *sentence != cause),
    }
}

/// True if the first line already contains the operating system's error in words.
fn has_common_error(reason: &SourceReason) -> bool {
    match reason {
        SourceReason::Unreachable { cause, .. } => !matches!(cause, NetworkCause::Other(_)),
        SourceReason::SendFailed { cause, .. } => {
            matches!(cause, NetworkCause::NoRoute | NetworkCause::Prohibited)
        }
        _ => false,
    }
}

/// True if the source is used, or could be, and has no notes.
pub(crate) fn is_fine(source: &SourceFacts) -> bool {
    let used = matches!(
        source.state,
        SourceState::Selected | SourceState::Combined | SourceState::Outlier
    );
    used && notes(source).next().is_none()
}

fn notes(source: &SourceFacts) -> impl Iterator<Item = Message> {
    let notes = source
        .notes
        .iter()
        .filter(|note| **note != source.reason)
        .map(|note| reason(note, source));
    notes.chain(nts::unreported_failure(source))
}

fn with_notes(mut sentence: String, source: &SourceFacts) -> String {
    for note in notes(source) {
        sentence.push_str(if sentence.ends_with('?') {
            " Also: "
        } else {
            ". Also: "
        });
        sentence.push_str(&note.whole());
    }
    sentence
}

/// The message for one reason.
pub(crate) fn reason(reason: &SourceReason, source: &SourceFacts) -> Message {
    match reason {
        SourceReason::SystemPeer => Message::plain("the best of the sources that agree: it leads"),
        SourceReason::UsedInTheMean => Message::plain("agrees, and counts in the mean"),
        SourceReason::ClusterOutlier => {
            Message::plain("agrees, but would add more jitter than it is worth; kept in reserve")
        }
        SourceReason::IntervalDisagrees { .. }
        | SourceReason::WaitingForMajority
        | SourceReason::WaitingForQuorum { .. }
        | SourceReason::TooFewSamples { .. } => judgment(reason),
        SourceReason::ContradictsAuthenticated { .. }
        | SourceReason::NotAuthenticated
        | SourceReason::WaitingForAuthenticated
        | SourceReason::ImplausibleTime { .. }
        | SourceReason::SameServer { .. } => authentication::source(reason),
        SourceReason::NoReplyYet { .. }
        | SourceReason::NoReply { .. }
        | SourceReason::RepliesDiscarded { .. } => silence(reason, source),
        SourceReason::PortUnreachable
        | SourceReason::Unreachable { .. }
        | SourceReason::SendFailed { .. } => network(reason),
        SourceReason::ServerUnsynchronized
        | SourceReason::StratumTooHigh { .. }
        | SourceReason::DistanceTooLarge { .. }
        | SourceReason::SynchronizationLoop => quality(reason, source),
        SourceReason::KissDeny | SourceReason::KissRstr | SourceReason::RateLimited { .. } => {
            kiss(reason, source)
        }
        SourceReason::Resolving
        | SourceReason::NameNotResolved { .. }
        | SourceReason::NoAddressesLeft { .. } => name(reason),
        nts_reason!() => nts::reason(reason, source),
        SourceReason::Unknown { code } => Message::unknown(code),
    }
}

fn judgment(reason: &SourceReason) -> Message {
    match reason {
        SourceReason::IntervalDisagrees {
            offset_s,
            by_s,
            majority,
        } => Message::new(
            format!(
                "contradicts {} that agree: it says that our clock is {}, which is {} outside what \
                 they allow",
                count(u64::from(*majority), "source"),
                behind(*offset_s),
                seconds(by_s.abs())
            ),
            "it is not used; remove it if it stays so",
        ),
        SourceReason::WaitingForMajority => {
            Message::plain("answers, but the sources contradict one another and no majority agrees")
        }
        SourceReason::WaitingForQuorum { agreeing, needed } => Message::plain(format!(
            "usable, but only {} {} and it takes {needed}",
            count(u64::from(*agreeing), "source"),
            if *agreeing == 1 { "agrees" } else { "agree" }
        )),
        SourceReason::TooFewSamples { have, need } => Message::plain(format!(
            "has given {} of the {need} needed",
            count(u64::from(*have), "sample")
        )),
        other => Message::unknown(other.word()),
    }
}

/// True if a valid reply has ever come.
pub(crate) fn has_answered(source: &SourceFacts) -> bool {
    source.packets.valid > 0 || source.last_reply_ago_s.is_some()
}

fn silence(reason: &SourceReason, source: &SourceFacts) -> Message {
    match reason {
        SourceReason::NoReplyYet { sent: 0 } => {
            Message::plain("the first request is about to be sent")
        }
        SourceReason::NoReplyYet { sent } => Message::new(
            "no reply yet",
            format!(
                "if it stays so: is the address right, and does a firewall let UDP port 123 \
                 through? `ntp-ctl query` with its name tests it{}",
                longer(source)
            ),
        )
        .with_detail(Some(format!("{} sent", count(*sent, "request")))),
        SourceReason::NoReply { unanswered } => Message::new(
            if has_answered(source) {
                "no longer replies"
            } else {
                "no reply"
            },
            format!(
                "is the server up, and does a firewall let UDP port 123 through? `ntp-ctl query` \
                 with its name tests it{}",
                longer(source)
            ),
        )
        .with_detail(Some(format!(
            "{} without one{}",
            count(u64::from(*unanswered), "request"),
            source
                .last_reply_ago_s
                .map(|ago| format!(", the last reply came {} ago", span(ago)))
                .unwrap_or_default()
        ))),
        SourceReason::RepliesDiscarded { last } => discarded::message(last, source),
        other => Message::unknown(other.word()),
    }
}

/// Requests that do not arrive, as the network or this machine reports.
fn network(reason: &SourceReason) -> Message {
    match reason {
        SourceReason::PortUnreachable => Message::new(
            "the network reports that nothing listens at this port (ICMP port unreachable)",
            "does an NTP server run at this address and port?",
        ),
        SourceReason::Unreachable { cause, error } => Message::new(
            "the network reports that requests do not arrive",
            match cause {
                NetworkCause::Prohibited => "which firewall on the path forbids UDP port 123?",
                NetworkCause::HostUnreachable => "is the address right, and is the host up?",
                NetworkCause::NoRoute | NetworkCause::Other(_) => {
                    "is there a route to this address (`ip route get`)?"
                }
            },
        )
        .with_detail(Some(error.clone())),
        SourceReason::SendFailed { cause, error } => Message::new(
            "the request cannot be sent",
            match cause {
                NetworkCause::Prohibited => {
                    "does a firewall (`nft list ruleset`) or a sandbox of this machine forbid UDP \
                     to port 123?"
                }
                _ => "is the network up, and is there a route to this address (`ip route get`)?",
            },
        )
        .with_detail(Some(error.clone())),
        other => Message::unknown(other.word()),
    }
}

/// The hint about NTS packets, for a source with NTS.
fn longer(source: &SourceFacts) -> String {
    let text = source.nts.as_ref().map(|_| format!(" {}", nts::LONGER));
    text.unwrap_or_default()
}

fn quality(reason: &SourceReason, source: &SourceFacts) -> Message {
    match reason {
        SourceReason::ServerUnsynchronized => Message::new(
            "the server says that its own clock is not synchronized",
            "wait, or ask the operator, or use another server",
        )
        .with_detail(claims(source)),
        SourceReason::StratumTooHigh { stratum, limit } => Message::new(
            format!("the server is at stratum {stratum}, and {limit} is the highest that is used"),
            "use a server nearer to a reference clock",
        ),
        SourceReason::DistanceTooLarge {
            distance_s,
            limit_s,
        } => Message::new(
            format!(
                "its time may be wrong by {}, and the limit is {}",
                seconds(*distance_s),
                seconds(*limit_s)
            ),
            "use a server that is nearer or better, or raise [synchronization] \
             maximum-root-distance",
        ),
        SourceReason::SynchronizationLoop => {
            Message::new("the server takes its time from us", "use another server")
        }
        other => Message::unknown(other.word()),
    }
}

/// The server's claims about itself, in the terms of the packet.
fn claims(source: &SourceFacts) -> Option<String> {
    let stratum = source.stratum?;
    let leap = if source.leap == Some(Leap::Unsynchronized) {
        "leap indicator 3, "
    } else {
        ""
    };
    let reference = source
        .reference_id
        .as_deref()
        .map(|id| format!(", reference {id}"))
        .unwrap_or_default();
    Some(format!("{leap}stratum {stratum}{reference}"))
}

fn kiss(reason: &SourceReason, source: &SourceFacts) -> Message {
    match reason {
        SourceReason::KissDeny | SourceReason::KissRstr => Message::new(
            format!(
                "the server refuses to serve us (kiss code {}) and is no longer asked",
                if *reason == SourceReason::KissDeny {
                    "DENY"
                } else {
                    "RSTR"
                }
            ),
            "ask the operator, or use another server",
        ),
        SourceReason::RateLimited { poll_s } => {
            let every = format!("it is asked every {}", poll(*poll_s));
            if source.packets.valid == 0 {
                let what = "the server replies only that it is asked too often";
                let remedy = "ask less often (poll-interval-limits), or use another server: others \
                              behind the same address count as well";
                return Message::new(what, remedy).with_detail(Some(format!("RATE; {every}")));
            }
            Message::plain(format!(
                "the server asks for fewer requests (kiss code RATE): {every}"
            ))
        }
        other => Message::unknown(other.word()),
    }
}

fn name(reason: &SourceReason) -> Message {
    match reason {
        SourceReason::Resolving => Message::plain("its name is being resolved"),
        SourceReason::NameNotResolved { error, retry_in_s } => Message::new(
            "its name cannot be resolved",
            "is the name right, and does DNS work on this machine (`getent hosts` with the name)?",
        )
        .with_detail(Some(format!("{error}{}", next_try(*retry_in_s)))),
        SourceReason::NoAddressesLeft { retry_in_s } => Message::plain(format!(
            "every address of its name is in use, refused or ignored{}",
            next_try(*retry_in_s)
        )),
        other => Message::unknown(other.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_observe::PacketCounts;

    #[test]
    fn notes_follow_the_reason() {
        let source = SourceFacts {
            reason: SourceReason::UsedInTheMean,
            notes: vec![
                SourceReason::RateLimited { poll_s: 128.0 },
                SourceReason::UsedInTheMean,
            ],
            packets: PacketCounts {
                valid: 1,
                ..PacketCounts::default()
            },
            ..SourceFacts::default()
        };

        assert_eq!(
            sentence(&source),
            "agrees, and counts in the mean. Also: the server asks for fewer requests (kiss code \
             RATE): it is asked every 128 s"
        );
    }

    #[test]
    fn a_time_that_the_servers_own_certificate_contradicts_is_told_in_words() {
        let of = |last: &str| {
            let reason = SourceReason::RepliesDiscarded { last: last.into() };
            sentence(&SourceFacts {
                reason,
                ..SourceFacts::default()
            })
        };
        assert!(
            of("certificate-time").contains("its own certificate is not valid"),
            "{}",
            of("certificate-time")
        );
        assert!(
            of("moonlight").contains("`moonlight`"),
            "{}",
            of("moonlight")
        );
    }

    #[test]
    fn a_reason_of_a_newer_daemon_is_shown_by_its_word() {
        let source = SourceFacts {
            reason: SourceReason::Unknown {
                code: "tired".into(),
            },
            ..SourceFacts::default()
        };

        assert!(sentence(&source).contains("`tired`"));
    }
}
