//! Reasons of a source, in sentences with a remedy.

use ntp_observe::{SourceFacts, SourceReason};

use crate::authentication_words;
use crate::nts_words;
use crate::units::{behind, count, poll, seconds, span};
use crate::words::Words;

/// The source as people call it: its name, with the address where that says more.
pub(crate) fn label(source: &SourceFacts) -> String {
    match host(source) {
        Some(address) if address != source.name && source.address.as_ref() != Some(&source.name) => {
            format!("{} ({address})", source.name)
        }
        _ => source.name.clone(),
    }
}

/// The address without the port of NTP and then without brackets; another port stays.
pub(crate) fn host(source: &SourceFacts) -> Option<&str> {
    let address = source.address.as_deref()?;
    Some(match address.strip_suffix(":123") {
        Some(host) => host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host),
        None => address,
    })
}

/// Why the source is in its state, with the notes that go with it.
pub(crate) fn sentence(source: &SourceFacts) -> String {
    let notes = source.notes.iter().filter(|note| **note != source.reason).map(|note| reason(note, source));
    let mut sentence = reason(&source.reason, source).whole();
    for note in notes.chain(nts_words::untold_failure(source)) {
        sentence.push_str(if sentence.ends_with('?') { " Also: " } else { ". Also: " });
        sentence.push_str(&note.whole());
    }
    sentence
}

/// One reason in words.
pub(crate) fn reason(reason: &SourceReason, source: &SourceFacts) -> Words {
    match reason {
        SourceReason::SystemPeer => Words::plain("the best of the sources that agree: it leads"),
        SourceReason::UsedInTheMean => Words::plain("agrees, and counts in the mean"),
        SourceReason::ClusterOutlier => {
            Words::plain("agrees, but would add more jitter than it is worth; kept in reserve")
        }
        SourceReason::IntervalDisagrees { .. }
        | SourceReason::WaitingForMajority
        | SourceReason::WaitingForQuorum { .. }
        | SourceReason::TooFewSamples { .. } => judgement(reason),
        SourceReason::ContradictsAuthenticated { .. }
        | SourceReason::NotAuthenticated
        | SourceReason::WaitingForAuthenticated
        | SourceReason::ImplausibleTime { .. }
        | SourceReason::SameServer { .. } => authentication_words::source(reason),
        SourceReason::NoReplyYet { .. }
        | SourceReason::NoReply { .. }
        | SourceReason::PortUnreachable
        | SourceReason::RepliesDiscarded { .. }
        | SourceReason::SendFailed { .. } => silence(reason, source),
        SourceReason::ServerUnsynchronized
        | SourceReason::StratumTooHigh { .. }
        | SourceReason::DistanceTooLarge { .. }
        | SourceReason::SynchronizationLoop => quality(reason),
        SourceReason::KissDeny | SourceReason::KissRstr | SourceReason::RateLimited { .. } => kiss(reason),
        SourceReason::Resolving | SourceReason::NameNotResolved { .. } | SourceReason::NoAddressesLeft { .. } => {
            name(reason)
        }
        SourceReason::NtsEstablishing
        | SourceReason::NtsKeSilent { .. }
        | SourceReason::NtsKeFailed { .. }
        | SourceReason::NtsKeysRefused
        | SourceReason::NtsOutOfCookies
        | SourceReason::NtsUnauthenticatedReply
        | SourceReason::NtsCertificateTime => nts_words::reason(reason, source),
        SourceReason::Unknown { code } => unknown(code),
    }
}

/// The word of a reply that the certificate of its sender speaks against.
const CERTIFICATE_TIME: &str = "certificate-time";

pub(crate) fn unknown(code: &str) -> Words {
    Words::plain(format!("`{code}` (a reason that this ntp-ctl does not know)"))
}

fn judgement(reason: &SourceReason) -> Words {
    match reason {
        SourceReason::IntervalDisagrees { offset_s, by_s, majority } => Words::new(
            format!(
                "contradicts {} that agree: it says that our clock is {}, which is {} outside what they allow",
                count(u64::from(*majority), "source"),
                behind(*offset_s),
                seconds(by_s.abs())
            ),
            "it is not used; remove it if it stays so",
        ),
        SourceReason::WaitingForMajority => {
            Words::plain("answers, but the sources contradict one another and no majority agrees")
        }
        SourceReason::WaitingForQuorum { agreeing, needed } => Words::plain(format!(
            "good, but only {} {} and it takes {needed}",
            count(u64::from(*agreeing), "source"),
            if *agreeing == 1 { "agrees" } else { "agree" }
        )),
        SourceReason::TooFewSamples { have, need } => {
            Words::plain(format!("has given {} of the {need} it takes to judge it", count(u64::from(*have), "sample")))
        }
        other => unknown(other.code()),
    }
}

fn silence(reason: &SourceReason, source: &SourceFacts) -> Words {
    match reason {
        SourceReason::NoReplyYet { sent: 0 } => Words::plain("the first request is about to be sent"),
        SourceReason::NoReplyYet { sent } => Words::new(
            format!("no reply yet to {}", count(*sent, "request")),
            format!(
                "if it stays so: is the address right, and does a firewall let UDP port 123 through?{}",
                longer(source)
            ),
        ),
        SourceReason::NoReply { unanswered } => Words::new(
            format!(
                "no reply to the last {}{}",
                count(u64::from(*unanswered), "request"),
                source.last_reply_ago_s.map(|ago| format!(", the last one came {} ago", span(ago))).unwrap_or_default()
            ),
            format!("is the server up, and does a firewall let UDP port 123 through?{}", longer(source)),
        ),
        SourceReason::PortUnreachable => Words::new(
            "the network says that nobody listens there (ICMP port unreachable)",
            "does an NTP server run at this address and port?",
        ),
        SourceReason::RepliesDiscarded { last } if last == CERTIFICATE_TIME => Words::new(
            "the server claims a time at which its own certificate is not valid, and is not believed",
            "`ntp-ctl nts` with this server shows from when until when its certificate is valid",
        ),
        SourceReason::RepliesDiscarded { last } => Words::new(
            format!("replies come, but none passes the tests; the last one failed `{last}`"),
            "`ntp-ctl sources` counts what was discarded",
        ),
        SourceReason::SendFailed { error } => {
            Words::new(format!("the request cannot be sent: {error}"), "is there a route to this address?")
        }
        other => unknown(other.code()),
    }
}

/// What else may swallow replies with NTS.
fn longer(source: &SourceFacts) -> String {
    let text = source.nts.as_ref().map(|_| format!(" {}", nts_words::LONGER));
    text.unwrap_or_default()
}

fn quality(reason: &SourceReason) -> Words {
    match reason {
        SourceReason::ServerUnsynchronized => Words::new(
            "the server says that its own clock is not synchronised",
            "wait, or tell its operator, or use another server",
        ),
        SourceReason::StratumTooHigh { stratum, limit } => Words::new(
            format!("the server is at stratum {stratum}, and {limit} is the highest that is used"),
            "use a server nearer to a reference clock",
        ),
        SourceReason::DistanceTooLarge { distance_s, limit_s } => Words::new(
            format!("its time may be wrong by {}, and the limit is {}", seconds(*distance_s), seconds(*limit_s)),
            "use a server that is nearer or better, or raise [synchronization] maximum-root-distance",
        ),
        SourceReason::SynchronizationLoop => {
            Words::new("the server takes its time from us", "it cannot be followed while it does; use another server")
        }
        other => unknown(other.code()),
    }
}

fn kiss(reason: &SourceReason) -> Words {
    match reason {
        SourceReason::KissDeny | SourceReason::KissRstr => Words::new(
            format!(
                "the server refuses to serve us (kiss of death {}) and is not asked any more",
                if *reason == SourceReason::KissDeny { "DENY" } else { "RSTR" }
            ),
            "ask its operator, or use another server",
        ),
        SourceReason::RateLimited { poll_s } => {
            Words::plain(format!("the server wants to be asked less often (RATE): it is asked every {}", poll(*poll_s)))
        }
        other => unknown(other.code()),
    }
}

fn name(reason: &SourceReason) -> Words {
    match reason {
        SourceReason::Resolving => Words::plain("its name is being resolved"),
        SourceReason::NameNotResolved { error, retry_in_s } => Words::new(
            format!("its name cannot be resolved ({error}){}", again(*retry_in_s)),
            "is the name right, and does DNS work on this machine?",
        ),
        SourceReason::NoAddressesLeft { retry_in_s } => Words::plain(format!(
            "its name has no address left that is not in use, refused or ignored{}",
            again(*retry_in_s)
        )),
        other => unknown(other.code()),
    }
}

pub(crate) fn again(retry_in: Option<f64>) -> String {
    retry_in.map(|wait| format!(", next try in {}", span(wait))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, address: &str) -> SourceFacts {
        SourceFacts { name: name.into(), address: Some(address.into()), ..SourceFacts::default() }
    }

    #[test]
    fn the_address_stands_beside_the_name_only_where_it_says_more() {
        assert_eq!(label(&source("ntp.example.org", "192.0.2.1:123")), "ntp.example.org (192.0.2.1)");
        assert_eq!(label(&source("ntp.example.org", "[2001:db8::1]:123")), "ntp.example.org (2001:db8::1)");
        assert_eq!(label(&source("192.0.2.1", "192.0.2.1:123")), "192.0.2.1");
        assert_eq!(label(&source("192.0.2.1:1123", "192.0.2.1:1123")), "192.0.2.1:1123");
        assert_eq!(label(&SourceFacts { name: "ntp.example.org".into(), ..SourceFacts::default() }), "ntp.example.org");
    }

    #[test]
    fn notes_follow_the_reason() {
        let source = SourceFacts {
            reason: SourceReason::UsedInTheMean,
            notes: vec![SourceReason::RateLimited { poll_s: 128.0 }, SourceReason::UsedInTheMean],
            ..SourceFacts::default()
        };

        assert_eq!(
            sentence(&source),
            "agrees, and counts in the mean. Also: the server wants to be asked less often (RATE): it is asked every \
             128 s"
        );
    }

    #[test]
    fn a_time_that_the_servers_own_certificate_contradicts_is_told_in_words() {
        let of = |last: &str| {
            let reason = SourceReason::RepliesDiscarded { last: last.into() };
            sentence(&SourceFacts { reason, ..SourceFacts::default() })
        };
        assert!(of("certificate-time").contains("its own certificate is not valid"), "{}", of("certificate-time"));
        assert!(of("negative-delay").contains("`negative-delay`"), "{}", of("negative-delay"));
    }

    #[test]
    fn a_reason_of_a_newer_daemon_is_shown_by_its_word() {
        let source = SourceFacts { reason: SourceReason::Unknown { code: "tired".into() }, ..SourceFacts::default() };

        assert!(sentence(&source).contains("`tired`"));
    }
}
