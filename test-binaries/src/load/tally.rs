//! What came back.

use super::histogram::Histogram;

/// Counts of one run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Requests that were handed to the network, without those of the probe.
    pub sent: u64,
    /// Those that the system refused to send.
    pub send_failures: u64,
    /// Good replies: the time, from a synchronised server, to a request of ours.
    pub answered: u64,
    /// Of them, those whose authenticator was verified.
    pub authenticated: u64,
    /// Kisses RATE.
    pub kisses_rate: u64,
    /// Kisses DENY and RSTR.
    pub kisses_deny: u64,
    /// Kisses NTSN: the server cannot open the cookie.
    pub kisses_nts_nak: u64,
    /// Other kisses.
    pub kisses_other: u64,
    /// Replies of a server that says that it is not synchronised.
    pub unsynchronised: u64,
    /// Datagrams that are no replies, or lack a timestamp.
    pub malformed: u64,
    /// Replies that nobody waits for: late, doubled, or to what was never sent.
    pub unexpected: u64,
    /// Replies that should have been authenticated, and are not.
    pub forged: u64,
    /// Datagrams for which the kernel gave no receive timestamp.
    pub unstamped: u64,
    /// From the call that sent a request to the kernel's timestamp of its reply, in nanoseconds.
    pub latency: Histogram,
}

/// What a datagram is that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Time,
    AuthenticatedTime,
    KissRate,
    KissDeny,
    KissNtsNak,
    KissOther,
    Unsynchronised,
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
            Verdict::KissRate => &mut self.kisses_rate,
            Verdict::KissDeny => &mut self.kisses_deny,
            Verdict::KissNtsNak => &mut self.kisses_nts_nak,
            Verdict::KissOther => &mut self.kisses_other,
            Verdict::Unsynchronised => &mut self.unsynchronised,
            Verdict::Malformed => &mut self.malformed,
            Verdict::Unexpected => &mut self.unexpected,
            Verdict::Forged => &mut self.forged,
        };
        *counter += 1;
    }
}
