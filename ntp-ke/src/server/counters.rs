//! The counters of connections by outcome. Each connection is counted once, at its end or refusal.

use ntp_proto::StableWord;
use ntp_proto::nts::KeError;
use std::sync::atomic::{AtomicU64, Ordering};

/// The words of [`KeError`] that a server can give, of an internal error, and of all others.
const REFUSALS: [&str; 12] = [
    "truncated",
    "too-long",
    "too-many-records",
    "unknown-critical-record",
    "unexpected-record",
    "missing-record",
    "duplicate-record",
    "bad-record",
    "no-common-protocol",
    "no-common-aead",
    INTERNAL_ERROR,
    "other",
];

/// The word of errors within this server.
const INTERNAL_ERROR: &str = "internal-error";

/// The limit that refuses one more connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OverLimit {
    Total,
    Client,
}

impl OverLimit {
    /// The end of a log message that begins with "too many connections".
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Total => "in all",
            Self::Client => "of one client",
        }
    }
}

/// The outcome of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Granted,
    Refused(KeError),
    /// The server could not do its part.
    InternalError,
    NoAlpn,
    TlsFailed,
    ClosedEarly,
    TimedOut,
}

impl Outcome {
    /// The word for the log, which is that of the counter.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused(error) => error.word(),
            Self::InternalError => INTERNAL_ERROR,
            Self::NoAlpn => "no-alpn",
            Self::TlsFailed => "tls-failed",
            Self::ClosedEarly => "closed-early",
            Self::TimedOut => "timed-out",
        }
    }
}

/// The counters of one listening address.
#[derive(Debug, Default)]
pub(super) struct Counters {
    accepted: AtomicU64,
    granted: AtomicU64,
    refused: [AtomicU64; REFUSALS.len()],
    over_total: AtomicU64,
    over_client: AtomicU64,
    no_alpn: AtomicU64,
    tls_failed: AtomicU64,
    closed_early: AtomicU64,
    timed_out: AtomicU64,
    accept_errors: AtomicU64,
    open: AtomicU64,
}

/// The counters at one instant. `accepted` is the sum of the outcomes and `open`, apart from
/// connections that ended in a panic.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeServerStats {
    /// Connections accepted, within the limits or not.
    pub accepted: u64,
    /// Requests granted with keys and cookies.
    pub granted: u64,
    /// Requests refused, by the word of the reason. All words are always there, in the same order.
    pub refused: Vec<(&'static str, u64)>,
    /// Connections closed at once because of the limit on all connections.
    pub over_limit_total: u64,
    /// Connections closed at once because of the limit per client.
    pub over_limit_client: u64,
    /// Clients that spoke TLS but did not offer `ntske/1`.
    pub no_alpn: u64,
    /// Connections whose handshake failed: no TLS, no TLS 1.3, no parameters in common, or a
    /// certificate that the client refused.
    pub tls_failed: u64,
    /// Clients that closed the connection before the end of the handshake, as port scanners do.
    pub closed_early: u64,
    /// Connections that reached their deadline.
    pub timed_out: u64,
    /// Connections open now.
    pub open: u64,
    /// Errors of `accept`, such as a lack of file descriptors. They do not count as connections.
    pub accept_errors: u64,
}

impl Counters {
    pub(super) fn accepted(&self) {
        add(&self.accepted);
    }

    pub(super) fn accept_error(&self) {
        add(&self.accept_errors);
    }

    pub(super) fn over_limit(&self, limit: OverLimit) {
        add(match limit {
            OverLimit::Total => &self.over_total,
            OverLimit::Client => &self.over_client,
        });
    }

    pub(super) fn open(&self, connections: usize) {
        self.open.store(connections as u64, Ordering::Relaxed);
    }

    pub(super) fn outcome(&self, outcome: &Outcome) {
        add(match outcome {
            Outcome::Granted => &self.granted,
            Outcome::Refused(error) => self.refusal(error.word()),
            Outcome::InternalError => self.refusal(INTERNAL_ERROR),
            Outcome::NoAlpn => &self.no_alpn,
            Outcome::TlsFailed => &self.tls_failed,
            Outcome::ClosedEarly => &self.closed_early,
            Outcome::TimedOut => &self.timed_out,
        });
    }

    fn refusal(&self, word: &str) -> &AtomicU64 {
        let [named @ .., other] = &self.refused;
        let place = REFUSALS.iter().position(|known| *known == word);
        place.and_then(|place| named.get(place)).unwrap_or(other)
    }

    pub(super) fn snapshot(&self) -> KeServerStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        KeServerStats {
            accepted: read(&self.accepted),
            granted: read(&self.granted),
            refused: REFUSALS
                .into_iter()
                .zip(self.refused.iter().map(read))
                .collect(),
            over_limit_total: read(&self.over_total),
            over_limit_client: read(&self.over_client),
            no_alpn: read(&self.no_alpn),
            tls_failed: read(&self.tls_failed),
            closed_early: read(&self.closed_early),
            timed_out: read(&self.timed_out),
            open: read(&self.open),
            accept_errors: read(&self.accept_errors),
        }
    }
}

impl KeServerStats {
    /// The number of requests refused for the reason with this word.
    #[must_use]
    pub fn refused_for(&self, word: &str) -> u64 {
        self.refused
            .iter()
            .find(|(known, _)| *known == word)
            .map_or(0, |(_, count)| *count)
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_proto::nts::RecordType;

    #[test]
    fn each_refusal_is_counted_under_its_own_word() {
        let counters = Counters::default();
        let kind = RecordType::AEAD;
        let errors = [
            KeError::Truncated,
            KeError::TooLong { limit: 1 },
            KeError::TooManyRecords,
            KeError::UnknownCritical(kind),
            KeError::Unexpected(kind),
            KeError::Missing(kind),
            KeError::Duplicate(kind),
            KeError::BadBody(kind),
            KeError::NoCommonProtocol,
            KeError::NoCommonAead,
        ];
        for error in errors {
            counters.outcome(&Outcome::Refused(error));
            assert_eq!(
                counters.snapshot().refused_for(error.word()),
                1,
                "{error:?}"
            );
        }
        counters.outcome(&Outcome::InternalError);
        assert_eq!(counters.snapshot().refused_for("internal-error"), 1);
        assert_eq!(counters.snapshot().refused_for("other"), 0);
        counters.outcome(&Outcome::Refused(KeError::NoCookies));
        assert_eq!(counters.snapshot().refused_for("other"), 1);
    }
}
