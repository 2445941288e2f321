//! Reasons that concern the precedence of sources with NTS, in sentences with a remedy.

use crate::messages::source_name::label_of;
use crate::messages::{Message, nts};
use crate::units::{behind, count, seconds};
use ntp_observe::{Document, SourceReason, SystemReason};

/// The message for a reason of the system.
pub(crate) fn system(reason: &SystemReason, document: &Document) -> Message {
    match reason {
        SystemReason::WaitingForAuthenticated { plain } => Message::new(
            format!(
                "{} {}; waiting for a source with NTS, which takes precedence",
                count(u64::from(*plain), "plain source"),
                if *plain == 1 { "answers" } else { "answer" }
            ),
            "wait: ten seconds after the first answer at a start, and later after eight polls \
             without an answer, plain sources set the clock",
        ),
        SystemReason::NoAuthenticatedSource { plain } => Message::new(
            format!(
                "no source with NTS can be used, and [synchronization] authentication = \
                 \"require\" keeps {} from setting the clock",
                count(u64::from(*plain), "plain source")
            ),
            "see the reasons beside the sources with NTS; [synchronization] authentication = \
             \"prefer\" allows plain sources",
        ),
        SystemReason::CertificateUnproven { source } => Message::new(
            format!(
                "the clock has never been synchronized, and {} alone may not set it: its \
                 certificate cannot be checked without the time",
                label_of(*source, document)
            ),
            "add a source that agrees with it; or set the clock by hand (date -s) and restart the \
             daemon; or, if this source is to be trusted alone, set [synchronization] \
             first-time-from = \"single\"",
        ),
        SystemReason::ImplausibleTime {
            source,
            claimed,
            limit,
        } => Message::new(
            format!(
                "{} reports {claimed}, later than one plain source alone may set (the limit is \
                 {limit})",
                label_of(*source, document)
            ),
            "add a source that agrees with it, or one with NTS; if the time is true, this program \
             is very old: use a newer release",
        ),
        SystemReason::Unauthenticated { with_nts } => unauthenticated(*with_nts),
        SystemReason::KeyEstablishmentSilent {
            ke_server,
            waited_s,
        } => nts::silent(ke_server, *waited_s),
        other => Message::unknown(other.word()),
    }
}

/// Plain sources set the clock although there are some with NTS.
fn unauthenticated(with_nts: u32) -> Message {
    Message::new(
        match with_nts {
            1 => "the time is not authenticated: the source with NTS cannot be used, and plain \
                  ones set the clock"
                .to_owned(),
            number => format!(
                "the time is not authenticated: none of {number} sources with NTS can be used, and \
                 plain ones set the clock"
            ),
        },
        "see the reasons beside the sources with NTS; [synchronization] authentication = \
         \"require\" leaves the clock alone instead",
    )
}

/// The message for a reason of a source.
pub(crate) fn source(reason: &SourceReason) -> Message {
    match reason {
        SourceReason::ContradictsAuthenticated {
            offset_s,
            by_s,
            authenticated,
        } => Message::new(
            format!(
                "contradicts {} with NTS: it says that our clock is {}, which is {} outside what \
                 they allow; without authentication it is not used",
                count(u64::from(*authenticated), "source"),
                behind(*offset_s),
                seconds(*by_s)
            ),
            "remove it if it stays so",
        ),
        SourceReason::NotAuthenticated => Message::plain(
            "it has no NTS, and [synchronization] authentication = \"require\" lets no such source \
             set the clock; it is only measured",
        ),
        SourceReason::WaitingForAuthenticated => {
            Message::plain("it has no NTS, and is used only if no source with NTS answers")
        }
        SourceReason::ImplausibleTime { claimed, limit } => Message::new(
            format!(
                "it reports {claimed}, later than one plain source alone may set (the limit is \
                 {limit})"
            ),
            "add a source that agrees with it, or one with NTS",
        ),
        SourceReason::SameServer { source } => Message::new(
            format!("leads to the same server as {source}, and one server counts once"),
            "name another server",
        ),
        other => Message::unknown(other.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_observe::{Date, SourceFacts};

    #[test]
    fn every_reason_of_the_system_names_the_cause_and_what_to_do() {
        let date = |unix| Date::from_unix(unix, 0);
        let named = SourceFacts {
            id: 7,
            name: "nts.example.org:4460".into(),
            ..SourceFacts::default()
        };
        let document = Document {
            sources: vec![named],
            ..Document::default()
        };
        for (reason, what, remedy) in [
            (
                SystemReason::WaitingForAuthenticated { plain: 1 },
                "1 plain source answers; waiting for",
                "ten seconds",
            ),
            (
                SystemReason::NoAuthenticatedSource { plain: 3 },
                "keeps 3 plain sources from",
                "\"prefer\"",
            ),
            (
                SystemReason::CertificateUnproven { source: 7 },
                "and nts.example.org:4460 alone may not set it",
                "first-time-from = \"single\"",
            ),
            (
                SystemReason::ImplausibleTime {
                    source: 7,
                    claimed: date(2_500_000_000),
                    limit: date(2_200_000_000),
                },
                "2049-03-22",
                "add a source",
            ),
            (
                SystemReason::Unauthenticated { with_nts: 1 },
                "the time is not authenticated",
                "\"require\"",
            ),
            (
                SystemReason::KeyEstablishmentSilent {
                    ke_server: "nts.example.org:4461".into(),
                    waited_s: 6.0,
                },
                "the NTS-KE server nts.example.org:4461 has not answered for 6 s",
                "TCP port 4461",
            ),
        ] {
            let message = system(&reason, &document);
            assert!(message.cause.contains(what), "{}", message.cause);
            assert!(
                message
                    .remedy
                    .as_deref()
                    .is_some_and(|text| text.contains(remedy)),
                "{:?}",
                message.remedy
            );
        }
    }

    #[test]
    fn every_reason_of_a_source_has_its_sentence() {
        let date = |unix| Date::from_unix(unix, 0);
        for (reason, part) in [
            (
                SourceReason::ContradictsAuthenticated {
                    offset_s: 40.0,
                    by_s: 39.9,
                    authenticated: 1,
                },
                "contradicts 1 source with NTS",
            ),
            (SourceReason::NotAuthenticated, "\"require\""),
            (SourceReason::WaitingForAuthenticated, "is used only if"),
            (
                SourceReason::ImplausibleTime {
                    claimed: date(2_500_000_000),
                    limit: date(2_200_000_000),
                },
                "2049-03-22",
            ),
            (
                SourceReason::SameServer {
                    source: "nts.example.org".into(),
                },
                "leads to the same server as nts.example.org",
            ),
        ] {
            let message = source(&reason).whole();
            assert!(
                message.contains(part) && !message.contains("this ntp-ctl does not know"),
                "{message}"
            );
        }
    }
}
