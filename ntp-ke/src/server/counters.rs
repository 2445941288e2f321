//! What has happened to clients. Each connection is counted once, when it is over or refused.

use super::clients::OverLimit;
use super::connection::Outcome;
use ntp_proto::StableWord;
use std::sync::atomic::{AtomicU64, Ordering};

/// The words of [`KeError`](ntp_proto::nts::KeError) that a server can give, and that of our own
/// failure.
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
    OWN_FAULT,
    "other",
];

/// The word for what was our own fault.
const OWN_FAULT: &str = "internal-error";

/// The counters of one listening address, which its thread writes and anybody reads.
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

/// The counters at some instant. `accepted` is the sum of all that follow up to `open`, but for
/// those that ended by a fault within this program.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeServerStats {
    /// Connections that were accepted, within the limits or not.
    pub accepted: u64,
    /// Clients that got keys and cookies.
    pub granted: u64,
    /// Clients whose request could not be granted, by the word for the reason. All words are there,
    /// in the same order.
    pub refused: Vec<(&'static str, u64)>,
    /// Connections that were closed at once because there were too many.
    pub over_limit_total: u64,
    /// Connections that were closed at once because the client had too many.
    pub over_limit_client: u64,
    /// Clients that speak TLS but did not offer `ntske/1`.
    pub no_alpn: u64,
    /// Connections without a handshake: no TLS, no TLS 1.3, nothing in common, or a certificate
    /// that was not believed.
    pub tls_failed: u64,
    /// Clients that went away before the handshake was done, as tests of ports do.
    pub closed_early: u64,
    /// Connections whose time was up.
    pub timed_out: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Errors of `accept`, such as a lack of file descriptors. They are no connections.
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
            Outcome::OwnFault => self.refusal(OWN_FAULT),
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
    /// How many requests were refused for the reason with this word.
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
    use ntp_proto::nts::{KeError, RecordType};

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
        counters.outcome(&Outcome::OwnFault);
        assert_eq!(counters.snapshot().refused_for("internal-error"), 1);
        assert_eq!(counters.snapshot().refused_for("other"), 0);
        counters.outcome(&Outcome::Refused(KeError::NoCookies));
        assert_eq!(counters.snapshot().refused_for("other"), 1);
    }
}
