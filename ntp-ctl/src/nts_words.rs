//! Reasons of a source that have to do with NTS, in sentences with a remedy.

use ntp_observe::{NtsFacts, NtsKeState, SourceFacts, SourceReason};

use crate::source_words::{again, unknown};
use crate::words::Words;

/// Why a source with NTS may stay silent where one without is heard.
pub(crate) const LONGER: &str = "Packets with NTS are longer than others, and some networks drop them: does another network let them through?";

/// The pattern of the reasons that have to do with NTS itself. A `match` that uses it stays
/// exhaustive.
macro_rules! nts_reason {
    () => {
        SourceReason::NtsEstablishing
            | SourceReason::NtsKeSilent { .. }
            | SourceReason::NtsKeFailed { .. }
            | SourceReason::NtsKeysRefused
            | SourceReason::NtsOutOfCookies
            | SourceReason::NtsUnauthenticatedReply
            | SourceReason::NtsCertificateTime
    };
}
pub(crate) use nts_reason;

/// One of the reasons in words.
pub(crate) fn reason(reason: &SourceReason, source: &SourceFacts) -> Words {
    match reason {
        SourceReason::NtsEstablishing => Words::plain(format!(
            "keys for authenticated time are being fetched from {}",
            ke_server(source)
        )),
        SourceReason::NtsKeSilent { waited_s } => Words::new(
            format!(
                "key establishment with {} has had no answer for {waited_s:.0} s",
                ke_server(source)
            ),
            format!(
                "is the server up, and does every firewall let TCP port {} through?",
                ke_port(source)
            ),
        ),
        SourceReason::NtsKeFailed {
            stage,
            word,
            message,
            retry_in_s,
        } => failure([stage, word, message], source, *retry_in_s),
        SourceReason::NtsKeysRefused => Words::plain(
            "the server does not know our keys any more, as happens when it has lost its own, and new ones are being \
             fetched",
        ),
        SourceReason::NtsOutOfCookies => Words::new(
            "no cookie is left, because requests went unanswered, and new ones are being fetched",
            format!("does a firewall let UDP port 123 through? {LONGER}"),
        ),
        SourceReason::NtsUnauthenticatedReply => Words::new(
            "replies come without authentication, and are not believed",
            "does the server know NTS, and does something on the way answer in its place?",
        ),
        SourceReason::NtsCertificateTime => Words::new(
            "the clock was never right, so that its certificate cannot be judged, and no other source agrees with it: alone \
             it may not set the clock",
            "add a source, set the clock by hand, or allow it with [synchronization] first-time-from = \"single\"",
        ),
        other => unknown(other.code()),
    }
}

/// A failed key establishment that no reason and no note tells of.
pub(crate) fn untold_failure(source: &SourceFacts) -> Option<Words> {
    let nts = source
        .nts
        .as_ref()
        .filter(|nts| nts.ke_state == NtsKeState::Failed)?;
    let told = |reason: &SourceReason| matches!(reason, SourceReason::NtsKeFailed { .. });
    if told(&source.reason) || source.notes.iter().any(told) {
        return None;
    }
    let error = nts.last_ke_error.as_ref()?;
    Some(failure(
        [&error.stage, &error.word, &error.message],
        source,
        nts.next_ke_in_s,
    ))
}

/// What came to nothing, in words.
fn stage(stage: &str) -> String {
    match stage {
        "dns" => "the name of the server of keys cannot be resolved",
        "tcp" => "the server of keys cannot be reached",
        "tls" => "no secure connection with the server of keys can be made",
        "certificate" => "the certificate of the server of keys is not believed",
        "alpn" => "the server is none of keys for NTS",
        "records" => "the server of keys gives us none",
        "ntp-address" => "the NTP server that goes with the keys cannot be found",
        other => return format!("it failed at the stage `{other}`"),
    }
    .to_owned()
}

fn failure([at, word, message]: [&str; 3], source: &SourceFacts, retry_in_s: Option<f64>) -> Words {
    let message = if message.is_empty() { word } else { message };
    let kept = if source.nts.as_ref().is_some_and(has_keys) {
        "no new keys"
    } else {
        "no keys"
    };
    let what = format!("{kept}{}: {}", again(retry_in_s), stage(at));
    Words {
        what,
        detail: Some(message.to_owned()),
        remedy: remedy(at, word, source),
    }
}

fn has_keys(nts: &NtsFacts) -> bool {
    nts.aead.is_some() && nts.cookies > 0
}

/// What to do. Where the daemon's message says that by itself, as it does where it has to name what
/// is in a certificate, nothing is added.
fn remedy(stage: &str, word: &str, source: &SourceFacts) -> Option<String> {
    let remedy = match (stage, word) {
        (_, "no-authorities") => {
            "see that the daemon can read the files of `certificate-authority`"
        }
        ("tcp", "timed-out" | "unreachable" | "connection-reset" | "network-error") => {
            let port = ke_port(source);
            return Some(format!(
                "is the server up, and does every firewall let TCP port {port} through?"
            ));
        }
        ("tls" | "alpn" | "records", "timed-out" | "connection-reset" | "connection-closed") => {
            "does something on the way meddle with TLS, or has the server too much to do?"
        }
        ("certificate", "certificate-wrong-name") => {
            "write the name that is in the certificate as the `address` of the source"
        }
        ("certificate", "pinned-key-mismatch") => {
            "has the server got a new key? If the operator says so, write its hash into `pinned-keys`"
        }
        (
            "certificate",
            "certificate-not-yet-valid" | "certificate-expired" | "certificate-unknown-issuer",
        ) => {
            return None;
        }
        ("certificate" | "tls", "tls-alert" | "tls-error") | ("certificate", _) => {
            "tell the operator of the server, or use another server"
        }
        ("records", "no-common-aead") => {
            "offer more of the `aead-algorithms`; every server has AES-SIV-CMAC-256"
        }
        ("records" | "ntp-address", _) => "tell the operator of the server, or use another server",
        _ => return None,
    };
    Some(remedy.to_owned())
}

/// The server of keys by the name that it has in the configuration.
fn ke_server(source: &SourceFacts) -> &str {
    source
        .nts
        .as_ref()
        .map_or(&source.name, |nts| &nts.ke_server)
}

fn ke_port(source: &SourceFacts) -> &str {
    ke_server(source)
        .rsplit_once(':')
        .map_or("4460", |(_, port)| port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use crate::source_words::sentence;

    fn failed(stage: &str, word: &str) -> SourceFacts {
        let reason = SourceReason::NtsKeFailed {
            stage: stage.into(),
            word: word.into(),
            message: "so it says".into(),
            retry_in_s: Some(64.0),
        };
        SourceFacts {
            reason,
            ..samples::nts_without_keys()
        }
    }

    #[test]
    fn a_failure_says_the_stage_and_what_to_do_where_the_message_does_not() {
        const TELL: &str = "tell the operator";
        for (stage, word, what, remedy) in [
            ("dns", "name-not-resolved", "cannot be resolved", ""),
            ("tcp", "connection-refused", "cannot be reached", ""),
            (
                "tcp",
                "timed-out",
                "cannot be reached",
                "does every firewall let TCP port 4461 through?",
            ),
            ("tls", "not-tls", "no secure connection", ""),
            (
                "tls",
                "timed-out",
                "no secure connection",
                "meddle with TLS",
            ),
            ("tls", "tls-alert", "no secure connection", TELL),
            (
                "certificate",
                "certificate-not-yet-valid",
                "is not believed",
                "",
            ),
            ("certificate", "certificate-expired", "is not believed", ""),
            (
                "certificate",
                "certificate-wrong-name",
                "is not believed",
                "`address`",
            ),
            (
                "certificate",
                "pinned-key-mismatch",
                "is not believed",
                "`pinned-keys`",
            ),
            (
                "certificate",
                "certificate-malformed",
                "is not believed",
                TELL,
            ),
            (
                "certificate",
                "no-authorities",
                "is not believed",
                "`certificate-authority`",
            ),
            ("alpn", "no-alpn", "none of keys for NTS", ""),
            (
                "records",
                "no-common-aead",
                "gives us none",
                "AES-SIV-CMAC-256",
            ),
            ("records", "error-record", "gives us none", TELL),
            ("ntp-address", "name-not-resolved", "cannot be found", TELL),
            ("quantum", "entangled", "at the stage `quantum`", ""),
        ] {
            let told = sentence(&failed(stage, word));
            assert!(
                told.starts_with("no keys, next try in 1 min 4 s: ") && told.contains(what),
                "{stage} {word}: {told}"
            );
            let (_, added) = told.split_once(" (so it says)").unwrap();
            assert!(
                added.is_empty() == remedy.is_empty() && added.contains(remedy),
                "{stage} {word}: {told}"
            );
        }
    }

    #[test]
    fn every_other_reason_has_its_sentence() {
        for (reason, part) in [
            (
                SourceReason::NtsEstablishing,
                "being fetched from nts.example.org:4461",
            ),
            (
                SourceReason::NtsKeSilent { waited_s: 7.0 },
                "with nts.example.org:4461 has had no answer for 7 s; is the server up, and does every firewall let TCP port 4461",
            ),
            (
                SourceReason::NtsKeysRefused,
                "does not know our keys any more",
            ),
            (SourceReason::NtsOutOfCookies, "Packets with NTS are longer"),
            (
                SourceReason::NtsUnauthenticatedReply,
                "without authentication, and are not believed",
            ),
            (
                SourceReason::NtsCertificateTime,
                "alone it may not set the clock; add a source",
            ),
        ] {
            let told = sentence(&SourceFacts {
                reason,
                ..samples::nts_without_keys()
            });
            assert!(
                told.contains(part) && !told.contains("this ntp-ctl does not know"),
                "{told}"
            );
        }
    }

    #[test]
    fn silence_may_come_from_the_length_of_packets_with_nts_only() {
        for reason in [
            SourceReason::NoReplyYet { sent: 3 },
            SourceReason::NoReply { unanswered: 3 },
        ] {
            let with = SourceFacts {
                reason,
                ..samples::nts_source(8)
            };
            let without = SourceFacts {
                nts: None,
                ..with.clone()
            };
            assert!(sentence(&with).ends_with(LONGER), "{}", sentence(&with));
            assert!(!sentence(&without).contains(LONGER));
        }
    }

    #[test]
    fn a_failure_while_earlier_keys_still_work_is_told_once() {
        let mut source = samples::nts_source(3);
        let nts = source.nts.as_mut().unwrap();
        nts.ke_state = NtsKeState::Failed;
        nts.last_ke_error = Some(samples::ke_error());
        let told = sentence(&source);
        assert!(
            told.starts_with(
                "agrees, and counts in the mean. Also: no new keys: the server of keys cannot"
            ),
            "{told}"
        );

        source.notes = vec![failed("tcp", "timeout").reason];
        assert_eq!(sentence(&source).matches("no new keys").count(), 1);
    }
}
