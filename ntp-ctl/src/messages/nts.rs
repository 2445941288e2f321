//! Reasons of a source that concern NTS, in sentences with a remedy.

use crate::messages::{Message, next_try};
use ntp_observe::{
    NtsFacts, NtsKeErrorFacts, NtsKeReason, NtsKeStage, NtsKeState, SourceFacts, SourceReason,
};

/// The hint that NTS packets may be dropped where plain ones pass.
pub(crate) const LONGER: &str = "NTS packets are longer than plain ones, and some networks drop \
                                 them: does another network let them through?";

/// The pattern of the reasons that concern NTS itself. A `match` that uses it stays
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

/// The message for one of these reasons.
pub(crate) fn reason(reason: &SourceReason, source: &SourceFacts) -> Message {
    match reason {
        SourceReason::NtsEstablishing => Message::plain(format!(
            "NTS key establishment with {} is in progress",
            ke_server(source)
        )),
        SourceReason::NtsKeSilent { waited_s } => silent(ke_server(source), *waited_s),
        SourceReason::NtsKeFailed {
            stage,
            reason,
            message,
            retry_in_s,
        } => {
            let error = NtsKeErrorFacts {
                stage: stage.clone(),
                reason: reason.clone(),
                message: message.clone(),
                ..NtsKeErrorFacts::default()
            };
            failure(&error, source, *retry_in_s)
        }
        SourceReason::NtsKeysRefused => Message::plain(
            "the server no longer accepts our cookies (NTSN), as after the loss of its own keys; \
             new keys are being fetched",
        ),
        SourceReason::NtsOutOfCookies => Message::new(
            "no NTS cookie is left, because requests went unanswered; new ones are being fetched",
            format!("does a firewall let UDP port 123 through? {LONGER}"),
        ),
        SourceReason::NtsUnauthenticatedReply => Message::new(
            "replies arrive without NTS authentication and are discarded",
            "does the server support NTS, or does something on the path answer in its place?",
        ),
        SourceReason::NtsCertificateTime => Message::new(
            "the clock has never been synchronized, so the certificate of this source cannot be \
             checked, and no other source agrees with it: alone it may not set the clock",
            "add a source, set the clock by hand, or allow it with [synchronization] \
             first-time-from = \"single\"",
        ),
        other => Message::unknown(other.word()),
    }
}

/// A failed key establishment that neither the reason nor a note reports.
pub(crate) fn unreported_failure(source: &SourceFacts) -> Option<Message> {
    let nts = source
        .nts
        .as_ref()
        .filter(|nts| nts.ke_state == NtsKeState::Failed)?;
    let reports = |reason: &SourceReason| matches!(reason, SourceReason::NtsKeFailed { .. });
    if reports(&source.reason) || source.notes.iter().any(reports) {
        return None;
    }
    nts.last_ke_error
        .as_ref()
        .map(|error| failure(error, source, nts.next_ke_in_s))
}

/// The stage that failed, as the cause.
fn stage(stage: &NtsKeStage) -> String {
    match stage {
        NtsKeStage::Dns => "the name of the NTS-KE server cannot be resolved",
        NtsKeStage::Tcp => "the NTS-KE server cannot be reached",
        NtsKeStage::Tls => "no TLS connection to the NTS-KE server can be made",
        NtsKeStage::Certificate => "the certificate of the NTS-KE server is not trusted",
        NtsKeStage::Alpn => "the server does not offer NTS key establishment (NTS-KE)",
        NtsKeStage::Records => "the NTS-KE server refused",
        NtsKeStage::NtpAddress => "the NTP server that the NTS-KE server names cannot be found",
        NtsKeStage::Other(word) => {
            return format!("NTS key establishment failed at the stage `{word}`");
        }
    }
    .to_owned()
}

fn failure(error: &NtsKeErrorFacts, source: &SourceFacts, retry_in_s: Option<f64>) -> Message {
    let message = match error.message.as_str() {
        "" => error.reason.word(),
        message => message,
    };
    let kept = if source.nts.as_ref().is_some_and(has_keys) {
        "no new NTS keys"
    } else {
        "no NTS keys"
    };
    Message {
        cause: format!("{kept}{}: {}", next_try(retry_in_s), stage(&error.stage)),
        detail: Some(message.to_owned()),
        remedy: remedy(&error.stage, &error.reason, source),
    }
}

fn has_keys(nts: &NtsFacts) -> bool {
    nts.aead.is_some() && nts.cookies > 0
}

/// The remedy. `None` where the daemon's message contains it, as it does where it names the content
/// of a certificate.
fn remedy(stage: &NtsKeStage, reason: &NtsKeReason, source: &SourceFacts) -> Option<String> {
    use NtsKeReason as Reason;
    use NtsKeStage as Stage;
    const INFORM: &str = "inform the server's operator, or use another server";
    let remedy = match (stage, reason) {
        (_, Reason::NoAuthorities) => {
            "make the files of `certificate-authority` readable for the daemon"
        }
        (
            Stage::Tcp,
            Reason::TimedOut | Reason::Unreachable | Reason::ConnectionReset | Reason::NetworkError,
        ) => return Some(reachable(ke_server(source))),
        (
            Stage::Tls | Stage::Alpn | Stage::Records,
            Reason::TimedOut | Reason::ConnectionReset | Reason::ConnectionClosed,
        ) => "is the server overloaded, or does something on the path interfere with TLS?",
        (Stage::Certificate, Reason::CertificateWrongName) => {
            "set the `address` of the source to a name in the certificate"
        }
        (Stage::Certificate, Reason::PinnedKeyMismatch) => {
            "does the server have a new key? If its operator confirms it, add the hash to \
             `pinned-keys`; `ntp-ctl nts` shows it"
        }
        (
            Stage::Certificate,
            Reason::CertificateNotYetValid
            | Reason::CertificateExpired
            | Reason::CertificateUnknownIssuer,
        ) => return None,
        (Stage::Records, Reason::NoCommonAead) => {
            "add to `aead-algorithms`; every NTS server supports AES-SIV-CMAC-256"
        }
        (Stage::Tls, Reason::TlsAlert | Reason::TlsError)
        | (Stage::Certificate | Stage::Records | Stage::NtpAddress, _) => INFORM,
        _ => return None,
    };
    Some(remedy.to_owned())
}

/// The message for an NTS-KE server that has not answered for so many seconds.
pub(crate) fn silent(ke_server: &str, waited_s: f64) -> Message {
    Message::new(
        format!("the NTS-KE server {ke_server} has not answered for {waited_s:.0} s"),
        reachable(ke_server),
    )
}

/// The remedy for an NTS-KE server that does not answer.
fn reachable(ke_server: &str) -> String {
    let port = ke_server.rsplit_once(':').map_or("4460", |(_, port)| port);
    format!(
        "is the server up, and does every firewall let TCP port {port} through? `ntp-ctl nts` with \
         its name tests it"
    )
}

/// The NTS-KE server as configured.
fn ke_server(source: &SourceFacts) -> &str {
    source
        .nts
        .as_ref()
        .map_or(&source.name, |nts| &nts.ke_server)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::source::sentence;
    use test_support::samples;

    fn failed(stage: &str, reason: &str) -> SourceFacts {
        let reason = SourceReason::NtsKeFailed {
            stage: stage.into(),
            reason: reason.into(),
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
        const INFORM: &str = "inform the server's operator";
        for (stage, word, what, remedy) in [
            ("dns", "name-not-resolved", "cannot be resolved", ""),
            ("tcp", "connection-refused", "cannot be reached", ""),
            (
                "tcp",
                "timed-out",
                "cannot be reached",
                "does every firewall let TCP port 4461 through?",
            ),
            ("tls", "not-tls", "no TLS connection", ""),
            (
                "tls",
                "timed-out",
                "no TLS connection",
                "interfere with TLS",
            ),
            ("tls", "tls-alert", "no TLS connection", INFORM),
            (
                "certificate",
                "certificate-not-yet-valid",
                "is not trusted",
                "",
            ),
            ("certificate", "certificate-expired", "is not trusted", ""),
            (
                "certificate",
                "certificate-wrong-name",
                "is not trusted",
                "`address`",
            ),
            (
                "certificate",
                "pinned-key-mismatch",
                "is not trusted",
                "`pinned-keys`",
            ),
            (
                "certificate",
                "certificate-malformed",
                "is not trusted",
                INFORM,
            ),
            (
                "certificate",
                "no-authorities",
                "is not trusted",
                "`certificate-authority`",
            ),
            (
                "alpn",
                "no-alpn",
                "does not offer NTS key establishment",
                "",
            ),
            (
                "records",
                "no-common-aead",
                "the NTS-KE server refused",
                "AES-SIV-CMAC-256",
            ),
            (
                "records",
                "error-record",
                "the NTS-KE server refused",
                INFORM,
            ),
            (
                "ntp-address",
                "name-not-resolved",
                "cannot be found",
                INFORM,
            ),
            ("quantum", "entangled", "at the stage `quantum`", ""),
        ] {
            let message = sentence(&failed(stage, word));
            assert!(
                message.starts_with("no NTS keys, next try in 1 min 4 s: ")
                    && message.contains(what),
                "{stage} {word}: {message}"
            );
            let (_, added) = message.split_once(" (so it says)").unwrap();
            assert!(
                added.is_empty() == remedy.is_empty() && added.contains(remedy),
                "{stage} {word}: {message}"
            );
        }
    }

    #[test]
    fn every_other_reason_has_its_sentence() {
        for (reason, part) in [
            (
                SourceReason::NtsEstablishing,
                "establishment with nts.example.org:4461 is in progress",
            ),
            (
                SourceReason::NtsKeSilent { waited_s: 7.0 },
                "the NTS-KE server nts.example.org:4461 has not answered for 7 s; is the server \
                 up, and does every firewall let TCP port 4461",
            ),
            (
                SourceReason::NtsKeysRefused,
                "no longer accepts our cookies",
            ),
            (SourceReason::NtsOutOfCookies, "NTS packets are longer"),
            (
                SourceReason::NtsUnauthenticatedReply,
                "without NTS authentication and are discarded",
            ),
            (
                SourceReason::NtsCertificateTime,
                "alone it may not set the clock; add a source",
            ),
        ] {
            let message = sentence(&SourceFacts {
                reason,
                ..samples::nts_without_keys()
            });
            assert!(
                message.contains(part) && !message.contains("this ntp-ctl does not know"),
                "{message}"
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
        let message = sentence(&source);
        assert!(
            message.starts_with(
                "agrees, and counts in the mean. Also: no new NTS keys: the NTS-KE server cannot"
            ),
            "{message}"
        );

        source.notes = vec![failed("tcp", "timeout").reason];
        assert_eq!(sentence(&source).matches("no new NTS keys").count(), 1);
    }
}
