//! Replies that are discarded, in sentences with a remedy.

use crate::messages::{Message, nts};
use crate::units::seconds;
use ntp_observe::{DiscardReason, SourceFacts, SourceReason};

const OPERATOR: &str = "ask the operator, or use another server";

/// The message for replies that cannot be used, by the test that the last one failed.
pub(crate) fn message(last: &DiscardReason, source: &SourceFacts) -> Message {
    match last {
        DiscardReason::WrongAddress
        | DiscardReason::Malformed
        | DiscardReason::UnknownVersion
        | DiscardReason::NotAReply
        | DiscardReason::BogusOrigin => not_the_reply(last, source),
        DiscardReason::TooLate
        | DiscardReason::InvalidTimestamps
        | DiscardReason::RootDistance
        | DiscardReason::NegativeDelay
        | DiscardReason::CertificateTime => bad_time(last, source),
        DiscardReason::NtsUnauthenticated | DiscardReason::NtsNak | DiscardReason::NtsForged => {
            not_authentic(last, source)
        }
        DiscardReason::Duplicate
        | DiscardReason::Kiss
        | DiscardReason::ServerUnsynchronized
        | DiscardReason::SynchronizationLoop
        | DiscardReason::Other(_) => failed(last),
    }
}

/// The message for a test without a sentence of its own.
fn failed(last: &DiscardReason) -> Message {
    Message::new(
        format!(
            "replies come, but none passes the tests; the last one failed `{}`",
            last.word()
        ),
        "`ntp-ctl sources` counts what was discarded",
    )
}

/// The message for datagrams that are not the reply to a request.
fn not_the_reply(last: &DiscardReason, source: &SourceFacts) -> Message {
    const PORT: &str = "is the port right?";
    match last {
        DiscardReason::WrongAddress => Message::new(
            "replies come from another address or port than the one that is asked, and are \
             discarded",
            "name the address that answers, or have the server answer from the address that is \
             asked",
        )
        .with_detail(
            source
                .answered_from
                .as_deref()
                .map(|from| format!("from {from}")),
        ),
        DiscardReason::Malformed => Message::new("what comes back is not an NTP packet", PORT),
        DiscardReason::UnknownVersion => Message::new(
            match source.version {
                Some(version) => {
                    format!("replies come in NTP version {version}, and only 1 to 4 are understood")
                }
                None => "replies come in an unknown version of NTP, and only 1 to 4 are understood"
                    .to_owned(),
            },
            "update the server, or use another one",
        ),
        DiscardReason::NotAReply => Message::new(
            "the NTP packets that come back are not server replies (mode 4)",
            PORT,
        ),
        DiscardReason::BogusOrigin => Message::new(
            "replies do not match our requests: their origin timestamp is not ours",
            "the server or something on the path is broken, or replies are forged; use another \
             server",
        ),
        other => failed(other),
    }
}

/// The message for replies whose timestamps cannot be used.
fn bad_time(last: &DiscardReason, source: &SourceFacts) -> Message {
    match last {
        DiscardReason::TooLate => Message::new(
            "replies come too late to be used",
            "use a server that is nearer, or find out what delays the packets",
        ),
        DiscardReason::InvalidTimestamps => Message::new(
            "the timestamps of the replies are missing or run backwards",
            OPERATOR,
        ),
        DiscardReason::RootDistance => Message::new(
            "the server says that its own clock may be wrong by 16 s or more",
            OPERATOR,
        )
        .with_detail(root(source)),
        DiscardReason::NegativeDelay => Message::new(
            "the round trip is shorter than the server's stated processing time",
            "the server's timestamps are wrong, or a clock was set meanwhile; use another server \
             if it stays so",
        ),
        DiscardReason::CertificateTime => Message::new(
            "the server reports a time at which its own certificate is not valid, and no other \
             source has confirmed the time",
            "`ntp-ctl nts` with this server shows from when until when its certificate is valid",
        ),
        other => failed(other),
    }
}

/// The message for replies that are not authentic.
fn not_authentic(last: &DiscardReason, source: &SourceFacts) -> Message {
    match last {
        DiscardReason::NtsUnauthenticated => {
            nts::reason(&SourceReason::NtsUnauthenticatedReply, source)
        }
        DiscardReason::NtsNak => Message::new(
            "replies are NTS NAKs (kiss code NTSN), although requests are sent without NTS",
            "the server is broken, or replies are forged; use another server",
        ),
        DiscardReason::NtsForged => Message::new(
            "the authenticators of the replies do not verify with our keys, and they are discarded",
            "does the NTP server share its keys with its NTS-KE server? Ask the operator",
        ),
        other => failed(other),
    }
}

/// The error bound that the server claims for its own clock: its root delay / 2 + root dispersion.
pub(crate) fn root_distance(source: &SourceFacts) -> Option<f64> {
    Some(source.root_delay_s? / 2.0 + source.root_dispersion_s?)
}

fn root(source: &SourceFacts) -> Option<String> {
    let (delay, dispersion) = (
        seconds(source.root_delay_s?),
        seconds(source.root_dispersion_s?),
    );
    Some(format!("root delay {delay}, root dispersion {dispersion}"))
}
