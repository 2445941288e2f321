//! Failures of the NTP exchange, in words.

use crate::failure::{Failure, Stage};
use ntp_proto::StableWord;
use ntp_proto::association::Discard;
use ntp_proto::packet::{Header, KissCode, LeapIndicator, Packet};
use std::net::SocketAddr;

/// A datagram that was not accepted as the reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rejection {
    pub(crate) discard: Discard,
    /// The kiss code in it, which is not authenticated.
    pub(crate) kiss: Option<KissCode>,
    /// True if its sender has seen the request: it repeats the request's random numbers.
    pub(crate) is_close: bool,
}

impl Rejection {
    /// The rejection of a datagram that the association has discarded; `None` if the datagram is
    /// the reply, but without a usable time. Each request has a port of its own, so a reply to an
    /// earlier request is no more than one that does not match.
    pub(crate) fn new(discard: Discard, octets: &[u8]) -> Option<Self> {
        let (discard, is_close) = match discard {
            Discard::Malformed | Discard::UnknownVersion(_) => (Discard::Malformed, false),
            Discard::Bogus | Discard::Duplicate | Discard::TooLate => (Discard::Bogus, false),
            Discard::WrongAddress | Discard::NotAReply => (discard, false),
            Discard::Unauthenticated | Discard::Forged | Discard::Nak => (discard, true),
            _ => return None,
        };
        let packet = Packet::decode(octets).ok().filter(|_| is_close);
        Some(Self {
            discard,
            kiss: packet.and_then(|packet| packet.header.kiss()),
            is_close,
        })
    }
}

/// The failure of one exchange.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum NtpFailure {
    /// The request never left.
    NotSent(String),
    /// No reply came.
    Silence,
    /// The network reports that nothing listens at the port (ICMP).
    PortUnreachable,
    /// The network reports that the server cannot be reached (ICMP).
    Unreachable(String),
    /// With NTS: no reply came although keys were established.
    NtsSilence {
        /// True if a plain request is answered.
        plain_answers: bool,
    },
    /// A datagram came that is not the reply.
    NotTheReply(Rejection),
    /// The server's reply came without a usable time.
    NoTime(Discard, Box<Header>),
    /// The server sends no new cookies, and none is left.
    NoCookies,
}

/// A sentence and a remedy.
type Text = (String, Option<&'static str>);

impl NtpFailure {
    /// The stable word of this failure.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::NotSent(_) => "send-failed",
            Self::Silence
            | Self::NtsSilence {
                plain_answers: false,
            } => "no-reply",
            Self::NtsSilence {
                plain_answers: true,
            } => "nts-packets-lost",
            Self::PortUnreachable => "port-unreachable",
            Self::Unreachable(_) => "unreachable",
            Self::NotTheReply(rejection) => rejection.discard.word(),
            Self::NoTime(Discard::Kiss(kiss), _) => kiss_word(*kiss),
            Self::NoTime(discard, _) => discard.word(),
            Self::NoCookies => "no-cookies",
        }
    }

    /// The failure's rank by what it reveals of the server; of several, the greatest is reported.
    pub(crate) const fn weight(&self) -> u8 {
        match self {
            Self::NotSent(_) => 0,
            Self::Silence => 1,
            Self::Unreachable(_) => 2,
            Self::PortUnreachable => 3,
            Self::NotTheReply(Rejection {
                is_close: false, ..
            }) => 4,
            Self::NotTheReply(_) | Self::NtsSilence { .. } | Self::NoCookies => 5,
            Self::NoTime(..) => 6,
        }
    }

    /// The failure in the report, about the server at this address.
    pub(crate) fn report(&self, at: SocketAddr) -> Failure {
        let (message, remedy) = self.text(at);
        Failure {
            code: self.word(),
            stage: Stage::Ntp,
            message,
            remedy: remedy.map(str::to_owned),
        }
    }

    fn text(&self, at: SocketAddr) -> Text {
        match self {
            Self::NotSent(error) => (
                format!("the request to {at} cannot be sent ({error})"),
                Some("is there a route to this address (`ip route get`)?"),
            ),
            Self::Silence => (
                format!("no reply comes from {at}"),
                Some(
                    "is it an NTP server, and does every firewall on the path let this UDP port \
                     through?",
                ),
            ),
            Self::PortUnreachable => (
                format!(
                    "no reply comes from {at}, and the network reports that nothing listens there \
                     (ICMP port unreachable)"
                ),
                Some("does an NTP server run at this address and port?"),
            ),
            Self::Unreachable(error) => (
                format!("no reply comes from {at}; the network reports: {error}"),
                Some("is the address right, and is there a route to it (`ip route get`)?"),
            ),
            Self::NtsSilence {
                plain_answers: true,
            } => (
                format!(
                    "keys were established, but {at} answers plain NTP only: requests with NTS, or \
                     the replies, get lost"
                ),
                Some(
                    "some networks drop NTP packets longer than 48 octets: try from another \
                     network, and inform the operator of this one",
                ),
            ),
            Self::NtsSilence {
                plain_answers: false,
            } => (
                format!(
                    "keys were established, but no UDP replies come from {at}, neither with NTS \
                     nor without"
                ),
                Some(
                    "port 123 may be blocked on the path; otherwise ask the server's operator \
                     whether its NTP service runs there",
                ),
            ),
            Self::NotTheReply(rejection) => not_the_reply(rejection, at),
            Self::NoTime(Discard::Kiss(kiss), _) => kiss_text(*kiss, at),
            Self::NoTime(discard, header) => no_time(*discard, header, at),
            Self::NoCookies => (
                format!(
                    "{at} answers, but sends no new cookies, so no further request is possible"
                ),
                Some("inform the server's operator"),
            ),
        }
    }
}

const fn kiss_word(kiss: KissCode) -> &'static str {
    match kiss {
        KissCode::Rate => "kiss-rate",
        KissCode::Deny => "kiss-deny",
        KissCode::Rstr => "kiss-rstr",
        KissCode::Ntsn => "kiss-ntsn",
        KissCode::Other(_) => "kiss-other",
    }
}

/// The kiss code in letters.
fn letters(kiss: KissCode) -> String {
    kiss.to_reference_id()
        .letters()
        .unwrap_or_else(|| "unknown".to_owned())
}

fn kiss_text(kiss: KissCode, at: SocketAddr) -> Text {
    let kiss_code = letters(kiss);
    match kiss {
        KissCode::Rate => (
            format!("{at} says that it is asked too often (kiss code {kiss_code})"),
            Some("wait some minutes; other clients behind the same address count as well"),
        ),
        KissCode::Ntsn => (
            format!("{at} does not accept our cookie (kiss code {kiss_code})"),
            None,
        ),
        _ => (
            format!("{at} refuses to serve us (kiss code {kiss_code})"),
            Some("ask its operator, or use another server"),
        ),
    }
}

fn no_time(discard: Discard, header: &Header, at: SocketAddr) -> Text {
    match discard {
        Discard::Unsynchronized => {
            let leap = if header.leap == LeapIndicator::Unsynchronized {
                "leap indicator 3, "
            } else {
                ""
            };
            let (stratum, reference) = (
                header.stratum.to_bits(),
                header.reference_id.text(header.stratum, at.ip()),
            );
            (
                format!(
                    "{at} answers, but says that its own clock is not synchronized ({leap}stratum \
                     {stratum}, {reference})"
                ),
                Some("wait, or inform its operator, or use another server"),
            )
        }
        Discard::InvalidTimestamps => (
            format!("{at} answers with timestamps that are missing or run backwards"),
            Some("inform its operator, or use another server"),
        ),
        Discard::RootDistance => (
            format!("{at} answers, but says that its own clock may be wrong by 16 s or more"),
            Some("inform its operator, or use another server"),
        ),
        Discard::NegativeDelay => (
            format!("the round trip to {at} is shorter than the server's stated processing time"),
            Some(
                "one of the clocks was set meanwhile, or the server's timestamps are wrong: try \
                 again",
            ),
        ),
        Discard::Loop => (
            format!("{at} takes its time from this machine"),
            Some("use another server"),
        ),
        other => (
            format!("the reply of {at} cannot be used ({})", other.word()),
            None,
        ),
    }
}

fn not_the_reply(rejection: &Rejection, at: SocketAddr) -> Text {
    match rejection.discard {
        Discard::WrongAddress => (
            format!("{at} does not answer, but another address does"),
            Some(
                "the server must answer from the address that is asked; on a host with several \
                 addresses this has to be configured",
            ),
        ),
        Discard::Malformed => (
            format!("what comes from {at} is not NTP"),
            Some("is the port right?"),
        ),
        Discard::NotAReply => (
            format!("the NTP packets from {at} are not server replies (mode 4)"),
            Some("is the port right?"),
        ),
        Discard::Bogus => (
            format!(
                "replies come from {at}, but do not match our request (their origin timestamp is \
                 not ours)"
            ),
            Some("the server or something on the path is broken, or replies are forged"),
        ),
        Discard::Unauthenticated | Discard::Forged | Discard::Nak => not_authentic(rejection, at),
        other => (
            format!("what comes from {at} is not the reply ({})", other.word()),
            None,
        ),
    }
}

fn not_authentic(rejection: &Rejection, at: SocketAddr) -> Text {
    let kiss_code = rejection
        .kiss
        .map(|kiss| format!(", with the kiss code {}", letters(kiss)))
        .unwrap_or_default();
    match rejection.discard {
        Discard::Unauthenticated => (
            format!(
                "keys were established, but the replies of {at} arrive without NTS \
                 authentication{kiss_code}"
            ),
            Some(
                "the NTP server does not support NTS, or something on the path answers in its \
                 place; inform the server's operator",
            ),
        ),
        Discard::Forged => (
            format!(
                "keys were established, but the authenticator in the replies of {at} does not \
                 verify with them"
            ),
            Some(
                "the NTP server and the NTS-KE server do not share their keys; inform the server's \
                 operator",
            ),
        ),
        _ => (
            format!(
                "{at} does not accept the cookie that key establishment has just granted (NTSN)"
            ),
            Some(
                "the NTP server and the NTS-KE server do not share their keys; inform their \
                 operator",
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_proto::packet::Version;
    use ntp_proto::time::{NtpTimestamp, PollLimits};
    use std::collections::HashSet;

    fn all() -> Vec<NtpFailure> {
        let header = Header::request(
            Version::V4,
            PollLimits::default().min(),
            NtpTimestamp::UNKNOWN,
        );
        let no_time = |discard| NtpFailure::NoTime(discard, Box::new(header));
        let not_the_reply =
            |discard| NtpFailure::NotTheReply(Rejection::new(discard, &[]).unwrap());
        let kisses = [
            KissCode::Rate,
            KissCode::Deny,
            KissCode::Rstr,
            KissCode::Ntsn,
        ];
        let mut all = vec![
            NtpFailure::NotSent("no route".into()),
            NtpFailure::Silence,
            NtpFailure::PortUnreachable,
            NtpFailure::Unreachable("no route".into()),
            NtpFailure::NtsSilence {
                plain_answers: true,
            },
            NtpFailure::NoCookies,
        ];
        all.extend(kisses.map(|kiss| no_time(Discard::Kiss(kiss))));
        let discards = [
            Discard::Unsynchronized,
            Discard::InvalidTimestamps,
            Discard::RootDistance,
            Discard::NegativeDelay,
            Discard::Loop,
        ];
        all.extend(discards.map(no_time));
        let rejections = [
            Discard::WrongAddress,
            Discard::Malformed,
            Discard::NotAReply,
            Discard::Bogus,
            Discard::Unauthenticated,
            Discard::Forged,
            Discard::Nak,
        ];
        all.extend(rejections.map(not_the_reply));
        all
    }

    #[test]
    fn each_failure_has_a_word_of_its_own_and_sentences_that_stand_in_others() {
        let at = "192.0.2.1:123".parse().unwrap();
        let failures = all();
        for failure in &failures {
            let report = failure.report(at);
            for sentence in [
                &report.message,
                report.remedy.as_ref().unwrap_or(&report.message),
            ] {
                let plain = sentence.starts_with(|c: char| c.is_lowercase() || c.is_ascii_digit());
                assert!(plain && !sentence.ends_with('.'), "{sentence}");
            }
        }
        let words: HashSet<&str> = failures.iter().map(NtpFailure::word).collect();
        assert_eq!(words.len(), failures.len());
    }

    #[test]
    fn replies_without_a_usable_time_are_no_rejections_and_old_ones_do_not_match() {
        assert_eq!(Rejection::new(Discard::NegativeDelay, &[]), None);
        assert_eq!(Rejection::new(Discard::Kiss(KissCode::Rate), &[]), None);
        for (discard, reported) in [
            (Discard::TooLate, Discard::Bogus),
            (Discard::Duplicate, Discard::Bogus),
            (Discard::UnknownVersion(5), Discard::Malformed),
        ] {
            let rejection = Rejection::new(discard, &[]).unwrap();
            assert_eq!((rejection.discard, rejection.is_close), (reported, false));
        }
    }

    #[test]
    fn a_kiss_without_proof_is_reported_beside_the_missing_authentication() {
        let rejection = Rejection {
            discard: Discard::Unauthenticated,
            kiss: Some(KissCode::Deny),
            is_close: true,
        };
        let failure = NtpFailure::NotTheReply(rejection).report("192.0.2.1:123".parse().unwrap());
        assert!(
            failure
                .message
                .ends_with("arrive without NTS authentication, with the kiss code DENY"),
            "{failure:?}"
        );
    }
}
