//! Each cause that all sources share is in the first line: a document goes in, and the first line
//! comes out.

use crate::pages::status::{Page, render};
use ntp_observe::{
    Document, Leap, NetworkCause, NtsKeReason, NtsKeStage, SourceFacts, SourceReason, SystemReason,
};
use test_support::samples;

fn refused(last: &str) -> SourceReason {
    SourceReason::RepliesDiscarded { last: last.into() }
}

fn unreachable(cause: NetworkCause) -> SourceReason {
    SourceReason::Unreachable {
        cause,
        error: "No route to host".to_owned(),
    }
}

fn unsent(cause: NetworkCause) -> SourceReason {
    SourceReason::SendFailed {
        cause,
        error: "Network is unreachable".to_owned(),
    }
}

fn no_keys(stage: &str) -> SourceReason {
    SourceReason::NtsKeFailed {
        stage: stage.into(),
        reason: "any".into(),
        message: "any".to_owned(),
        retry_in_s: None,
    }
}

/// A daemon whose sources all have this reason.
fn all(number: usize, reason: &SourceReason) -> Document {
    let source = SourceFacts {
        reason: reason.clone(),
        last_reply_ago_s: Some(600.0),
        version: Some(5),
        leap: Some(Leap::Unsynchronized),
        stratum: Some(16),
        reference_id: Some("INIT".into()),
        root_delay_s: Some(1.0),
        root_dispersion_s: Some(19.5),
        answered_from: Some("192.0.2.9:123".into()),
        ..samples::source(1, "ntp1.example.org", "192.0.2.1:123")
    };
    let known = u32::try_from(number).unwrap();
    Document {
        sources: vec![source; number],
        ..samples::unsynchronized(SystemReason::NoSourceUsable { known })
    }
}

fn first_line(document: &Document) -> String {
    let page = render(document, Page::Status { verbose: false }, 80);
    page.lines().next().unwrap_or_default().to_owned()
}

/// A reason with the first lines for one, two and twelve sources that have it.
fn of_all(reason: SourceReason, one: &str, several: &str) -> (SourceReason, [String; 3]) {
    let texts = [
        format!("the only source {one}"),
        format!("both sources {several}"),
        format!("all 12 sources {several}"),
    ];
    (reason, texts)
}

/// The same for a reason with "none of N sources".
fn of_none(reason: SourceReason, one: &str, none: &str) -> (SourceReason, [String; 3]) {
    let texts = [
        format!("the only source {one}"),
        format!("none of 2 sources {none}"),
        format!("none of 12 sources {none}"),
    ];
    (reason, texts)
}

fn table() -> Vec<(SourceReason, [String; 3])> {
    let mut rows = silence();
    rows.extend(replies());
    rows.extend(names_and_keys());
    rows
}

fn silence() -> Vec<(SourceReason, [String; 3])> {
    vec![
        of_none(
            SourceReason::NoReplyYet { sent: 0 },
            "has not been asked yet",
            "has been asked yet",
        ),
        of_none(
            SourceReason::NoReplyYet { sent: 3 },
            "has not answered yet",
            "has answered yet",
        ),
        of_none(
            SourceReason::NoReply { unanswered: 9 },
            "does not answer any more",
            "answers any more",
        ),
        of_all(
            SourceReason::PortUnreachable,
            "refuses requests: its port is closed (ICMP)",
            "refuse requests: their ports are closed (ICMP)",
        ),
        of_all(
            unreachable(NetworkCause::HostUnreachable),
            "cannot be reached: no route to the host",
            "cannot be reached: no route to the host",
        ),
        of_all(
            unreachable(NetworkCause::NoRoute),
            "cannot be reached: no route to the network",
            "cannot be reached: no route to the network",
        ),
        of_all(
            unreachable(NetworkCause::Prohibited),
            "cannot be reached: a firewall forbids it",
            "cannot be reached: a firewall forbids it",
        ),
        of_all(
            unsent(NetworkCause::NoRoute),
            "cannot be asked: there is no route",
            "cannot be asked: there is no route",
        ),
        of_all(
            unsent(NetworkCause::Prohibited),
            "cannot be asked: this machine forbids it",
            "cannot be asked: this machine forbids it",
        ),
    ]
}

fn replies() -> Vec<(SourceReason, [String; 3])> {
    vec![
        of_all(
            SourceReason::ServerUnsynchronized,
            "says that its own clock is not synchronized",
            "say that their clocks are not synchronized",
        ),
        of_all(
            refused("wrong-address"),
            "answers from another address or port",
            "answer from another address or port",
        ),
        of_all(
            refused("unknown-version"),
            "answers in NTP version 5 instead of 1 to 4",
            "answer in another NTP version than 1 to 4",
        ),
        of_all(
            refused("nts-nak"),
            "answers with an NTS NAK (NTSN)",
            "answer with an NTS NAK (NTSN)",
        ),
        of_all(
            refused("invalid-timestamps"),
            "answers without valid timestamps",
            "answer without valid timestamps",
        ),
        of_all(
            refused("root-distance"),
            "says that it may be wrong by 20.0 s",
            "say that they may be wrong by 16 s or more",
        ),
        of_all(
            SourceReason::DistanceTooLarge {
                distance_s: 2.0,
                limit_s: 1.5,
            },
            "may be wrong by 2.00 s; the limit is 1.50 s",
            "may be wrong by more than 1.50 s",
        ),
        of_all(
            SourceReason::RateLimited { poll_s: 64.0 },
            "says only that it is asked too often (RATE)",
            "say only that they are asked too often",
        ),
        of_all(
            SourceReason::KissDeny,
            "refuses to serve us (DENY)",
            "refuse to serve us (DENY)",
        ),
        of_all(
            SourceReason::SynchronizationLoop,
            "takes its time from this machine",
            "take their time from this machine",
        ),
        of_all(
            SourceReason::NtsUnauthenticatedReply,
            "answers without authentication",
            "answer without authentication",
        ),
    ]
}

fn names_and_keys() -> Vec<(SourceReason, [String; 3])> {
    vec![
        of_all(
            SourceReason::NameNotResolved {
                error: "Name or service not known".into(),
                retry_in_s: Some(8.0),
            },
            "has a name that cannot be resolved",
            "have names that cannot be resolved",
        ),
        of_all(
            no_keys("ntp-address"),
            "gives no NTS keys: NTP server not found",
            "give no NTS keys: NTP server not found",
        ),
        of_all(
            no_keys("certificate"),
            "gives no NTS keys: certificate not trusted",
            "give no NTS keys: certificate not trusted",
        ),
    ]
}

#[test]
fn a_cause_that_all_sources_share_is_the_first_line() {
    for (reason, expected) in table() {
        for (number, expected) in [1, 2, 12].into_iter().zip(expected) {
            assert_eq!(
                first_line(&all(number, &reason)),
                format!("NOT synchronized: {expected}.")
            );
        }
    }
}

#[test]
fn a_reply_is_never_reported_as_silence_and_the_first_line_is_one_line() {
    let mut reasons: Vec<SourceReason> = [
        "wrong-address",
        "malformed",
        "unknown-version",
        "not-a-reply",
        "bogus-origin",
        "too-late",
        "invalid-timestamps",
        "root-distance",
        "negative-delay",
        "certificate-time",
        "nts-unauthenticated",
        "nts-forged",
        "nts-nak",
        "of-a-newer-daemon",
    ]
    .map(refused)
    .into();
    reasons.extend(
        [
            "dns",
            "tcp",
            "tls",
            "certificate",
            "alpn",
            "records",
            "ntp-address",
            "other",
        ]
        .map(no_keys),
    );
    reasons.extend([
        SourceReason::StratumTooHigh {
            stratum: 15,
            limit: 10,
        },
        SourceReason::KissRstr,
        SourceReason::Resolving,
        SourceReason::NoAddressesLeft { retry_in_s: None },
        SourceReason::NtsEstablishing,
        SourceReason::NtsKeysRefused,
        SourceReason::NtsOutOfCookies,
        SourceReason::NtsCertificateTime,
    ]);
    reasons.extend(table().into_iter().map(|(reason, _)| reason));
    for reason in reasons {
        for number in [1, 2, 12] {
            let line = first_line(&all(number, &reason));
            assert!(line.ends_with('.') && line.chars().count() <= 80, "{line}");
            let silent = matches!(
                reason,
                SourceReason::NoReplyYet { .. } | SourceReason::NoReply { .. }
            );
            assert_eq!(
                silent,
                line.contains("answered yet")
                    || line.contains("any more.")
                    || line.contains("asked yet"),
                "{line}"
            );
            assert!(
                !line.contains("1 source ") && !line.contains("can be used,"),
                "{line}"
            );
        }
    }
}

#[test]
fn a_text_too_long_for_the_first_line_is_shown_once_and_below_the_table() {
    for (reason, part) in [
        (
            SourceReason::ServerUnsynchronized,
            "(waiting): leap indicator 3, stratum 16, reference INIT\n",
        ),
        (refused("wrong-address"), "(waiting): from 192.0.2.9:123\n"),
        (
            SourceReason::NoReplyYet { sent: 3 },
            "(waiting): 3 requests sent\n",
        ),
    ] {
        let page = render(&all(1, &reason), Page::Status { verbose: false }, 100);
        assert!(page.contains(part), "{page}");
        assert_eq!(page.matches("What to do: ").count(), 1, "{page}");
    }
}

#[test]
fn the_error_behind_a_common_cause_is_on_the_page() {
    let other = || NetworkCause::Other("ENOBUFS".into());
    let error = "the very error".to_owned();
    for reason in [
        SourceReason::NameNotResolved {
            error: error.clone(),
            retry_in_s: Some(8.0),
        },
        SourceReason::Unreachable {
            cause: other(),
            error: error.clone(),
        },
        SourceReason::SendFailed {
            cause: other(),
            error: error.clone(),
        },
        SourceReason::NtsKeFailed {
            stage: NtsKeStage::Certificate,
            reason: NtsKeReason::CertificateExpired,
            message: error.clone(),
            retry_in_s: None,
        },
    ] {
        for number in [1, 3] {
            let page = render(&all(number, &reason), Page::Status { verbose: false }, 80);
            assert_eq!(page.matches("the very error").count(), 1, "{page}");
        }
    }
}

#[test]
fn the_text_of_the_first_line_is_not_repeated() {
    for reason in [
        refused("unknown-version"),
        refused("nts-nak"),
        unreachable(NetworkCause::NoRoute),
    ] {
        let page = render(&all(1, &reason), Page::Status { verbose: false }, 80);
        assert!(!page.contains("\n  - "), "{page}");
    }

    let contradiction = SystemReason::NoMajority {
        usable: 2,
        agreeing: 1,
        needed: 2,
        disagreeing: vec![1, 2],
    };
    let mut document = all(2, &SourceReason::WaitingForMajority);
    document.system.reasons = vec![contradiction];
    let page = render(&document, Page::Status { verbose: false }, 80);
    assert!(
        !page.contains("\n  - ") && !page.contains("outside the largest group"),
        "{page}"
    );
}

#[test]
fn a_source_that_has_never_answered_is_not_one_that_does_not_answer_any_more() {
    for (number, expected) in [
        (1, "the only source does not answer"),
        (4, "none of 4 sources answers"),
    ] {
        let mut document = all(number, &SourceReason::NoReply { unanswered: 9 });
        for source in &mut document.sources {
            source.last_reply_ago_s = None;
        }
        assert_eq!(
            first_line(&document),
            format!("NOT synchronized: {expected}.")
        );
        let page = render(&document, Page::Status { verbose: true }, 80);
        assert!(!page.contains("any more"), "{page}");
    }
}

#[test]
fn different_causes_are_counted_where_there_is_room() {
    let mut document = all(3, &SourceReason::NoReplyYet { sent: 3 });
    document.sources[2].reason = SourceReason::KissDeny;
    assert_eq!(
        first_line(&document),
        "NOT synchronized: none of 3 sources can be used, for different reasons."
    );
    document.sources[0].reason = SourceReason::KissDeny;
    document.sources[1].reason = refused("too-late");
    assert_eq!(
        first_line(&document),
        "NOT synchronized: none of 3 sources can be used, for different reasons."
    );
    document.sources.truncate(2);
    document.sources[0].reason = refused("too-late");
    document.sources[1].reason = SourceReason::NoReplyYet { sent: 1 };
    let line = first_line(&document);
    assert!(line.chars().count() <= 80, "{line}");
}

#[test]
fn sources_without_an_address_are_counted() {
    let mut document = all(3, &SourceReason::NoReplyYet { sent: 3 });
    let unresolved = SourceReason::NameNotResolved {
        error: "no".into(),
        retry_in_s: None,
    };
    document.sources[2].reason = unresolved;
    document.system.reasons = vec![SystemReason::WaitingForFirstReplies { asked: 3 }];
    assert!(
        first_line(&document).contains("none of 3 sources can be used"),
        "{}",
        first_line(&document)
    );
}
