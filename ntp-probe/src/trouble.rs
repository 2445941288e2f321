//! What can go wrong with NTP itself, in words.

use crate::failure::{Failure, Stage};
use ntp_proto::StableWord;
use ntp_proto::association::Discard;
use ntp_proto::packet::{Header, KissCode, LeapIndicator};
use std::net::SocketAddr;

/// A datagram that is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Doubt {
    pub(crate) discard: Discard,
    /// The kiss that it tells without proof.
    pub(crate) kiss: Option<KissCode>,
    /// Whether its sender has seen the request: it repeats the random numbers in it.
    pub(crate) is_close: bool,
}

impl Doubt {
    /// Of something that anybody can have sent.
    pub(crate) const fn of(discard: Discard) -> Self {
        Self {
            discard,
            kiss: None,
            is_close: false,
        }
    }
}

/// Why an exchange has brought no time.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Trouble {
    /// The request never left.
    NotSent(String),
    /// Nothing came.
    Silence,
    /// Nothing came but the network's word that nobody listens at the port (ICMP).
    PortUnreachable,
    /// Nothing came but the network's word that there is no way.
    Unreachable(String),
    /// With NTS: nothing came, though keys were established; and whether a plain request is
    /// answered.
    NtsSilence {
        /// Whether it is.
        plain_answers: bool,
    },
    /// Something came, but not the reply.
    Doubtful(Doubt),
    /// The server's reply came, and there is no time in it.
    Useless(Discard, Box<Header>),
    /// The server gives no new cookies.
    NoCookies,
}

/// A sentence and a remedy.
type Words = (String, Option<&'static str>);

impl Trouble {
    /// The word by which the outside world knows it; it never changes.
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
            Self::Doubtful(doubt) => doubt.discard.word(),
            Self::Useless(Discard::Kiss(kiss), _) => kiss_word(*kiss),
            Self::Useless(discard, _) => discard.word(),
            Self::NoCookies => "no-cookies",
        }
    }

    /// How much it tells about the server; of several troubles, the one that tells most is shown.
    pub(crate) const fn weight(&self) -> u8 {
        match self {
            Self::NotSent(_) => 0,
            Self::Silence => 1,
            Self::Unreachable(_) => 2,
            Self::PortUnreachable => 3,
            Self::Doubtful(Doubt {
                is_close: false, ..
            }) => 4,
            Self::Doubtful(_) | Self::NtsSilence { .. } | Self::NoCookies => 5,
            Self::Useless(..) => 6,
        }
    }

    /// For people, about the server at this address.
    pub(crate) fn failure(&self, at: SocketAddr) -> Failure {
        let (message, remedy) = self.words(at);
        Failure {
            code: self.word(),
            stage: Stage::Ntp,
            message,
            remedy: remedy.map(str::to_owned),
        }
    }

    fn words(&self, at: SocketAddr) -> Words {
        match self {
            Self::NotSent(error) => (
                format!("the request to {at} cannot be sent ({error})"),
                Some("is there a route to this address?"),
            ),
            Self::Silence => (
                format!("no reply comes from {at}"),
                Some(
                    "is it an NTP server, and does every firewall on the way let this UDP port through?",
                ),
            ),
            Self::PortUnreachable => (
                format!(
                    "no reply comes from {at}, and the network says that nobody listens there (ICMP port unreachable)"
                ),
                Some("does an NTP server run at this address and port?"),
            ),
            Self::Unreachable(error) => (
                format!("no reply comes from {at}, and the network says why: {error}"),
                Some("is the address right, and is there a route to it?"),
            ),
            Self::NtsSilence {
                plain_answers: true,
            } => (
                format!(
                    "keys were established, but {at} answers plain NTP only: requests with NTS, or the replies, get lost"
                ),
                Some(
                    "some networks drop NTP packets longer than 48 octets: try from another network, and tell the operator of this one",
                ),
            ),
            Self::NtsSilence {
                plain_answers: false,
            } => (
                format!(
                    "keys were established, but no UDP replies come from {at}, neither with NTS nor without"
                ),
                Some(
                    "port 123 may be blocked on the way; otherwise ask the server's operator whether its NTP service \
                     runs there",
                ),
            ),
            Self::Doubtful(doubt) => doubtful(doubt, at),
            Self::Useless(Discard::Kiss(kiss), _) => kissed(*kiss, at),
            Self::Useless(discard, header) => useless(*discard, header, at),
            Self::NoCookies => (
                format!(
                    "{at} answers, but gives no new cookies, so that nothing more can be asked"
                ),
                Some("tell the server's operator"),
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

/// The letters of a kiss.
fn letters(kiss: KissCode) -> String {
    kiss.to_reference_id()
        .letters()
        .unwrap_or_else(|| "unknown".to_owned())
}

fn kissed(kiss: KissCode, at: SocketAddr) -> Words {
    let kiss_code = letters(kiss);
    match kiss {
        KissCode::Rate => (
            format!("{at} says that it is asked too often (kiss of death {kiss_code})"),
            Some("wait some minutes; other clients behind the same address count as well"),
        ),
        KissCode::Ntsn => (
            format!("{at} does not know our cookie (kiss of death {kiss_code})"),
            None,
        ),
        _ => (
            format!("{at} refuses to serve us (kiss of death {kiss_code})"),
            Some("ask its operator, or use another server"),
        ),
    }
}

fn useless(discard: Discard, header: &Header, at: SocketAddr) -> Words {
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
                    "{at} answers, but says that its own clock is not synchronised ({leap}stratum {stratum}, {reference})"
                ),
                Some("wait, or tell its operator, or use another server"),
            )
        }
        Discard::InvalidTimestamps => (
            format!("{at} answers with timestamps that are missing or run backwards"),
            Some("tell its operator, or use another server"),
        ),
        Discard::RootDistance => (
            format!("{at} answers, but says that its own clock may be wrong by 16 s or more"),
            Some("tell its operator, or use another server"),
        ),
        Discard::NegativeDelay => (
            format!("the reply of {at} came back sooner than it says to have worked on it"),
            Some(
                "one of the clocks was set meanwhile, or the server's timestamps are wrong: ask again",
            ),
        ),
        Discard::Loop => (
            format!("{at} takes its time from this machine"),
            Some("it cannot tell anything new; use another server"),
        ),
        other => (
            format!("the reply of {at} is of no use ({})", other.word()),
            None,
        ),
    }
}

fn doubtful(doubt: &Doubt, at: SocketAddr) -> Words {
    let kiss = doubt
        .kiss
        .map(|kiss| format!(", and say {} (a kiss of death)", letters(kiss)))
        .unwrap_or_default();
    match doubt.discard {
        Discard::WrongAddress => (
            format!("{at} does not answer, but another address does"),
            Some(
                "the server must answer from the address that is asked; a host with several addresses may need to be told",
            ),
        ),
        Discard::Malformed => (
            format!("what comes from {at} is not NTP"),
            Some("is the port right?"),
        ),
        Discard::NotAReply => (
            format!("{at} sends NTP packets, but no replies (mode 4)"),
            Some("is the port right?"),
        ),
        Discard::Bogus => (
            format!(
                "replies come from {at}, but to something that was not asked (their origin timestamp is not ours)"
            ),
            Some("the server or something on the way is broken, or somebody forges replies"),
        ),
        Discard::Unauthenticated => (
            format!(
                "keys were established, but the replies of {at} come without authentication{kiss}"
            ),
            Some(
                "the NTP server does not do NTS, or something on the way answers in its place; tell the server's operator",
            ),
        ),
        Discard::Forged => (
            format!(
                "keys were established, but the authenticator in the replies of {at} does not fit them"
            ),
            Some(
                "the NTP server has other keys than key establishment has granted; tell the server's operator",
            ),
        ),
        Discard::Nak => (
            format!("{at} does not know the cookie that key establishment has just given (NTSN)"),
            Some(
                "the NTP server and the server of key establishment do not share their keys; tell their operator",
            ),
        ),
        other => (
            format!("what comes from {at} is not the reply ({})", other.word()),
            None,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_proto::packet::Version;
    use ntp_proto::time::{NtpTimestamp, PollLimits};
    use std::collections::HashSet;

    fn all() -> Vec<Trouble> {
        let header = Header::request(
            Version::V4,
            PollLimits::default().min(),
            NtpTimestamp::UNKNOWN,
        );
        let useless = |discard| Trouble::Useless(discard, Box::new(header));
        let doubtful = |discard| Trouble::Doubtful(Doubt::of(discard));
        let kisses = [
            KissCode::Rate,
            KissCode::Deny,
            KissCode::Rstr,
            KissCode::Ntsn,
        ];
        let mut all = vec![
            Trouble::NotSent("no route".into()),
            Trouble::Silence,
            Trouble::PortUnreachable,
            Trouble::Unreachable("no route".into()),
            Trouble::NtsSilence {
                plain_answers: true,
            },
            Trouble::NoCookies,
        ];
        all.extend(kisses.map(|kiss| useless(Discard::Kiss(kiss))));
        let discards = [
            Discard::Unsynchronized,
            Discard::InvalidTimestamps,
            Discard::RootDistance,
            Discard::NegativeDelay,
            Discard::Loop,
        ];
        all.extend(discards.map(useless));
        let doubts = [
            Discard::WrongAddress,
            Discard::Malformed,
            Discard::NotAReply,
            Discard::Bogus,
            Discard::Unauthenticated,
            Discard::Forged,
            Discard::Nak,
        ];
        all.extend(doubts.map(doubtful));
        all
    }

    #[test]
    fn each_trouble_has_a_word_of_its_own_and_sentences_that_stand_in_others() {
        let at = "192.0.2.1:123".parse().unwrap();
        let troubles = all();
        for trouble in &troubles {
            let failure = trouble.failure(at);
            for sentence in [
                &failure.message,
                failure.remedy.as_ref().unwrap_or(&failure.message),
            ] {
                let plain = sentence.starts_with(|c: char| c.is_lowercase() || c.is_ascii_digit());
                assert!(plain && !sentence.ends_with('.'), "{sentence}");
            }
        }
        let words: HashSet<&str> = troubles.iter().map(Trouble::word).collect();
        assert_eq!(words.len(), troubles.len());
    }

    #[test]
    fn a_kiss_without_proof_is_told_beside_the_missing_authentication() {
        let doubt = Doubt {
            discard: Discard::Unauthenticated,
            kiss: Some(KissCode::Deny),
            is_close: true,
        };
        let failure = Trouble::Doubtful(doubt).failure("192.0.2.1:123".parse().unwrap());
        assert!(
            failure
                .message
                .ends_with("come without authentication, and say DENY (a kiss of death)"),
            "{failure:?}"
        );
    }
}
