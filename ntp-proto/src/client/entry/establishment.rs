//! The history of an entry's NTS key establishment.

use crate::StableWord;
use crate::nts::{KeReason, KeStage};
use crate::time::MonoTime;
use std::collections::BTreeMap;

/// The failure of an NTS key establishment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EstablishFailure {
    /// The stage that failed.
    pub stage: KeStage,
    /// The reason.
    pub reason: KeReason,
    /// The reason in a sentence for people.
    pub message: String,
}

impl EstablishFailure {
    /// True if a certificate was refused for having expired before the time at which it was judged.
    pub(crate) fn is_expired(&self) -> bool {
        self.reason == KeReason::CertificateExpired
    }

    /// True if no server was reached.
    pub(super) fn is_of_the_network(&self) -> bool {
        self.stage == KeStage::Dns || self.reason == KeReason::Unreachable
    }
}

/// The results of one entry's attempts.
#[derive(Clone, Default, Debug)]
pub struct Establishment {
    successes: u64,
    failures: BTreeMap<&'static str, u64>,
    last_failure: Option<(EstablishFailure, MonoTime)>,
    failing: bool,
}

impl Establishment {
    /// Attempts that ended, either way.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.successes + self.failures.values().sum::<u64>()
    }

    /// Attempts that brought keys.
    #[must_use]
    pub const fn successes(&self) -> u64 {
        self.successes
    }

    /// Attempts that brought none, by the word for the reason.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.failures.iter().map(|(word, count)| (*word, *count))
    }

    /// The last failure and when it was; a success since then does not hide it.
    #[must_use]
    pub fn last_failure(&self) -> Option<(&EstablishFailure, MonoTime)> {
        self.last_failure
            .as_ref()
            .map(|(failure, at)| (failure, *at))
    }

    /// True if the last attempt failed.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.failing
    }

    pub(super) fn succeeded(&mut self) {
        self.successes += 1;
        self.failing = false;
    }

    pub(super) fn failed(&mut self, failure: EstablishFailure, now: MonoTime) {
        *self.failures.entry(failure.reason.word()).or_default() += 1;
        self.last_failure = Some((failure, now));
        self.failing = true;
    }
}
