//! The name of an entry over time: its last known addresses, those that were refused, when to look
//! it up again while it works, and whether an address is gone from it for good.

use super::{MAXIMUM_ADDRESSES, RefusedAddress, SourceEntry, canonical};
use crate::time::MonoTime;
use rand::{Rng, RngExt};
use std::net::SocketAddr;
use std::time::Duration;

/// A name that works is looked up this often, so that a server that moves is found.
const REFRESHED_EVERY: Duration = Duration::from_secs(86_400);
/// Until a name was found for the first time, look-ups are no further apart than this: at a boot,
/// the network comes late.
const LONGEST_WAIT_AT_FIRST: Duration = Duration::from_secs(64);
/// The resolver is given this long before last known addresses are used in place of its answer.
const RESOLVER_PATIENCE: Duration = Duration::from_secs(3);
/// A look-up that failed while the network changed is tried again this soon.
const RETRY_AFTER_CHANGE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Name {
    /// It was found in this run, or its NTS-KE server was reached.
    found: bool,
    /// The addresses of the last look-up, in order.
    addresses: Vec<SocketAddr>,
    /// The look-up before brought the same ones, as that of a name does whose answers do not
    /// rotate.
    settled: bool,
    refused: Vec<RefusedAddress>,
    /// Addresses from an earlier run, for want of better ones.
    remembered: Vec<SocketAddr>,
    refresh_at: Option<MonoTime>,
    asked_at: Option<MonoTime>,
    /// The network has changed since then.
    changed: bool,
    /// Candidates of a family that has no way out.
    aside: Vec<SocketAddr>,
}

impl SourceEntry {
    /// The addresses of its name that cannot be a server's, as of the last look-up.
    #[must_use]
    pub fn refused_addresses(&self) -> &[RefusedAddress] {
        &self.name.refused
    }

    /// Keeps addresses from an earlier run in case that the name cannot be looked up.
    pub(crate) fn remember(&mut self, addresses: &[SocketAddr]) {
        if !self.is_nts() && !self.name.found {
            self.name.remembered = addresses
                .iter()
                .map(canonical)
                .take(MAXIMUM_ADDRESSES)
                .collect();
        }
    }

    /// Takes up the addresses from an earlier run. Returns how many there are.
    pub(crate) fn recall(&mut self) -> usize {
        if self.name.found || !self.candidates.is_empty() {
            return 0;
        }
        self.candidates = std::mem::take(&mut self.name.remembered);
        self.candidates.len()
    }

    /// The time at which the resolver has been given enough time.
    fn patience_ends(&self) -> Option<MonoTime> {
        let waiting = self.is_asking() && !self.name.found && !self.name.remembered.is_empty();
        self.name
            .asked_at
            .filter(|_| waiting)
            .map(|asked| asked + RESOLVER_PATIENCE)
    }

    /// True if the resolver is silent for so long that [`recall`](Self::recall) is due.
    pub(crate) fn is_resolver_slow(&self, now: MonoTime) -> bool {
        self.patience_ends().is_some_and(|end| now >= end)
    }

    /// The time at which the name is to be looked up although nothing is missing, or the resolver
    /// has been given enough time.
    pub(super) fn name_timeout(&self) -> Option<MonoTime> {
        let refresh = self.name.refresh_at.filter(|_| !self.is_looking());
        [refresh, self.patience_ends()].into_iter().flatten().min()
    }

    pub(super) fn refresh_if_due(&mut self, now: MonoTime) {
        if self.name.refresh_at.is_some_and(|at| now >= at) {
            self.resolution.want(now, 0.0);
        }
    }

    pub(super) fn note_asked(&mut self, now: MonoTime) {
        self.name.asked_at = Some(now);
        self.name.changed = false;
        self.name.refresh_at = None;
    }

    /// A look-up has failed, and so has the network at it, or only the server.
    pub(super) fn note_failure(&mut self, now: MonoTime, rng: &mut impl Rng) {
        if std::mem::take(&mut self.name.changed) {
            self.resolution.look_up_soon(now + RETRY_AFTER_CHANGE);
        } else if !self.name.found {
            // Spread, so that a fleet does not ask in step.
            self.resolution.look_up_soon(
                now + LONGEST_WAIT_AT_FIRST.mul_f64(1.0 - 0.25 * rng.random::<f64>()),
            );
        }
    }

    /// The NTS-KE server was reached, with any result.
    pub(super) fn note_reached(&mut self) {
        self.name.found = true;
    }

    /// Handles the addresses of a look-up. Returns true if other addresses are refused than before.
    pub(super) fn note_addresses(&mut self, now: MonoTime, found: &[SocketAddr]) -> bool {
        let mut addresses: Vec<SocketAddr> = found.iter().map(canonical).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let refused = RefusedAddress::among(found);
        let news = refused != self.name.refused;
        self.name = Name {
            found: true,
            settled: addresses == self.name.addresses,
            addresses,
            refused,
            refresh_at: Some(now + REFRESHED_EVERY),
            ..Name::default()
        };
        news
    }

    /// True if the name has stopped leading to an address: two look-ups in a row have brought the
    /// same others.
    pub(crate) fn is_gone(&self, address: SocketAddr) -> bool {
        self.name.settled && self.name.addresses.binary_search(&address).is_err()
    }

    /// The network of this machine has changed: nothing that has failed before need fail now.
    pub(crate) fn handle_network_change(&mut self, now: MonoTime) {
        self.name.changed = self.is_asking();
        self.look_up_soon(now);
        self.candidates.append(&mut self.name.aside);
    }

    /// Sets candidates of a family without a way out aside (`Some(true)`: IPv6), or takes them
    /// back. If there is nothing else to try, they are kept, so that it is seen why nothing works.
    pub(crate) fn set_aside(&mut self, without_way_out: Option<bool>, has_members: bool) {
        self.candidates.append(&mut self.name.aside);
        let Some(is_v6) = without_way_out else { return };
        let (aside, candidates): (Vec<_>, Vec<_>) = self
            .candidates
            .iter()
            .copied()
            .partition(|candidate| candidate.is_ipv6() == is_v6);
        if has_members || !candidates.is_empty() {
            (self.name.aside, self.candidates) = (aside, candidates);
        }
    }

    /// Keeps the address of a member that had no way out, for when there is one.
    pub(crate) fn put_aside(&mut self, address: SocketAddr) {
        if !self.name.aside.contains(&address) {
            self.name.aside.push(address);
        }
    }

    /// True if there is an address that is not used and that `is_fit`.
    pub(crate) fn has_fit_candidate(
        &self,
        in_use: &[SocketAddr],
        is_fit: impl Fn(&SocketAddr) -> bool,
    ) -> bool {
        self.candidates
            .iter()
            .any(|candidate| !in_use.contains(candidate) && is_fit(candidate))
    }
}
