//! Counts of replies by their kind.

use super::histogram::Histogram;
use serde::Serialize;
use std::fmt;
use std::ops::Add;

/// Counts of one run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Requests that were handed to the network, without those of the probe.
    pub sent: u64,
    /// Those that the system refused to send.
    pub send_failures: u64,
    /// Good replies: the time, from a synchronized server, to a request of ours.
    pub answered: u64,
    /// Of them, those whose authenticator was verified.
    pub authenticated: u64,
    /// Datagrams that are not good replies.
    pub others: OtherReplies,
    /// Datagrams for which the kernel gave no receive timestamp.
    pub unstamped: u64,
    /// From the call that sent a request to the kernel's timestamp of its reply, in nanoseconds.
    pub latency: Histogram,
}

/// Datagrams that are not good replies, by their kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OtherReplies {
    /// Kisses RATE.
    pub kisses_rate: u64,
    /// Kisses DENY and RSTR.
    pub kisses_deny: u64,
    /// Kisses NTSN: the server cannot open the cookie.
    pub kisses_nts_nak: u64,
    /// Other kisses.
    pub kisses_other: u64,
    /// Replies of a server that is not synchronized.
    pub unsynchronized: u64,
    /// Datagrams that are not replies, or lack a timestamp.
    pub malformed: u64,
    /// Replies that no request waits for: late, duplicate, or to what was never sent.
    pub unexpected: u64,
    /// Replies that should have been authenticated, and are not.
    pub forged: u64,
}

impl Add for OtherReplies {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            kisses_rate: self.kisses_rate + other.kisses_rate,
            kisses_deny: self.kisses_deny + other.kisses_deny,
            kisses_nts_nak: self.kisses_nts_nak + other.kisses_nts_nak,
            kisses_other: self.kisses_other + other.kisses_other,
            unsynchronized: self.unsynchronized + other.unsynchronized,
            malformed: self.malformed + other.malformed,
            unexpected: self.unexpected + other.unexpected,
            forged: self.forged + other.forged,
        }
    }
}

impl fmt::Display for OtherReplies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            ("RATE kisses", self.kisses_rate),
            ("DENY and RSTR kisses", self.kisses_deny),
            ("NTSN kisses", self.kisses_nts_nak),
            ("other kisses", self.kisses_other),
            ("unsynchronized", self.unsynchronized),
            ("malformed", self.malformed),
            ("unexpected", self.unexpected),
            ("forged", self.forged),
        ];
        let seen = kinds.iter().filter(|(_, count)| *count > 0);
        let texts: Vec<_> = seen
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        f.write_str(&texts.join(", "))
    }
}

/// The kind of a received datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Time,
    AuthenticatedTime,
    KissRate,
    KissDeny,
    KissNtsNak,
    KissOther,
    Unsynchronized,
    Malformed,
    Unexpected,
    Forged,
}

impl Tally {
    pub(super) const fn count(&mut self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Time => &mut self.answered,
            Verdict::AuthenticatedTime => {
                self.authenticated += 1;
                &mut self.answered
            }
            Verdict::KissRate => &mut self.others.kisses_rate,
            Verdict::KissDeny => &mut self.others.kisses_deny,
            Verdict::KissNtsNak => &mut self.others.kisses_nts_nak,
            Verdict::KissOther => &mut self.others.kisses_other,
            Verdict::Unsynchronized => &mut self.others.unsynchronized,
            Verdict::Malformed => &mut self.others.malformed,
            Verdict::Unexpected => &mut self.others.unexpected,
            Verdict::Forged => &mut self.others.forged,
        };
        *counter += 1;
    }
}
