//! A configured name and the addresses behind it: how many to use, which, and when to look for
//! others.

mod address_fault;
mod establishment;
mod name;
mod resolution;

pub use address_fault::{AddressFault, RefusedAddress};
pub use establishment::{EstablishFailure, Establishment};
pub(crate) use resolution::Resolution;

use crate::association::AssociationConfig;
use crate::nts::NtsGrant;
use crate::time::MonoTime;
use name::Name;
use rand::{Rng, RngExt};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// An address that had to be replaced is not taken again for this long.
const BANNED_FOR: Duration = Duration::from_secs(3600);
/// After so long a time an entry whose only server another entry has asks whether it leads
/// elsewhere now.
const RIVALRY_LASTS: Duration = Duration::from_secs(86_400);
/// No name is believed to have more addresses than this.
const MAXIMUM_ADDRESSES: usize = 64;

/// Names one configured entry as long as the client runs: at the start its place in the
/// configuration, later the next number that was never used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceEntryId(usize);

impl SourceEntryId {
    /// The entry with this number, counted from zero.
    #[must_use]
    pub const fn new(number: usize) -> Self {
        Self(number)
    }

    /// The number of the entry.
    #[must_use]
    pub const fn number(self) -> usize {
        self.0
    }
}

/// The kind of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SourceEntryKind {
    /// One server; it is kept even while it is useless, because the user chose it.
    Server,
    /// One server whose time is authenticated by NTS; host and port are those of its key
    /// establishment.
    Nts,
    /// As many servers as `count`, and useless ones are replaced.
    Pool {
        /// The number of addresses to use.
        count: usize,
        /// Addresses never to use.
        ignore: Vec<IpAddr>,
    },
}

/// One configured entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceEntryConfig {
    /// A host name or an address.
    pub host: String,
    /// The UDP port.
    pub port: u16,
    /// One server or a pool.
    pub kind: SourceEntryKind,
    /// The settings of its associations.
    pub association: AssociationConfig,
}

/// One configured entry at work.
#[derive(Debug)]
pub struct SourceEntry {
    id: SourceEntryId,
    config: SourceEntryConfig,
    resolution: Resolution,
    name: Name,
    candidates: Vec<SocketAddr>,
    banned: Vec<(IpAddr, MonoTime)>,
    failing: bool,
    /// The number of addresses in a row that were replaced.
    failures: u32,
    establishment: Establishment,
    /// Keys and cookies that wait for an association.
    granted: Option<NtsGrant>,
    /// All addresses that its name or its key establishment was last found to lead to.
    known: Vec<SocketAddr>,
    /// The entry that uses the only server of this one.
    rival: Option<SourceEntryId>,
}

impl SourceEntry {
    pub(crate) fn new(id: SourceEntryId, config: SourceEntryConfig) -> Self {
        // With NTS the address comes from key establishment, even if the host is one.
        let plain = config.kind != SourceEntryKind::Nts;
        let literal = config
            .host
            .parse::<IpAddr>()
            .ok()
            .filter(|_| plain)
            .map(|ip| ip.to_canonical());
        let candidates: Vec<SocketAddr> = literal
            .map(|ip| SocketAddr::new(ip, config.port))
            .into_iter()
            .collect();
        let resolution = if literal.is_some() {
            Resolution::NotNeeded
        } else {
            Resolution::due()
        };
        Self {
            id,
            config,
            resolution,
            name: Name::default(),
            known: candidates.clone(),
            rival: None,
            candidates,
            banned: Vec::new(),
            failing: false,
            failures: 0,
            establishment: Establishment::default(),
            granted: None,
        }
    }

    /// The identifier of the entry.
    #[must_use]
    pub fn id(&self) -> SourceEntryId {
        self.id
    }

    /// The configuration of the entry.
    #[must_use]
    pub fn config(&self) -> &SourceEntryConfig {
        &self.config
    }

    /// The number of addresses that it wants to use.
    #[must_use]
    pub fn wanted(&self) -> usize {
        match &self.config.kind {
            SourceEntryKind::Server | SourceEntryKind::Nts => 1,
            SourceEntryKind::Pool { count, .. } => *count,
        }
    }

    /// True if useless members are replaced at once.
    #[must_use]
    pub fn is_pool(&self) -> bool {
        matches!(self.config.kind, SourceEntryKind::Pool { .. })
    }

    /// True if its time is authenticated by NTS.
    #[must_use]
    pub fn is_nts(&self) -> bool {
        self.config.kind == SourceEntryKind::Nts
    }

    /// The history of key establishment, for an entry with NTS.
    #[must_use]
    pub fn establishment(&self) -> &Establishment {
        &self.establishment
    }

    /// True while its name is looked up, or keys are established, for the first time.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.resolution.is_first_attempt()
    }

    /// True while it looks for more addresses.
    #[must_use]
    pub fn is_looking(&self) -> bool {
        self.resolution.is_looking()
    }

    /// True while a look-up or key establishment is in progress.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        self.resolution.is_asking()
    }

    /// True if its last address had to be replaced.
    pub(crate) fn is_struggling(&self) -> bool {
        self.failures > 0
    }

    /// A member was measured: the next search starts without back-off.
    pub(crate) fn handle_success(&mut self) {
        self.failures = 0;
        self.resolution.forgive();
    }

    /// A member was removed as useless.
    pub(crate) fn record_failure(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// The network is up: a look-up that waits for its back-off is due now.
    pub(crate) fn look_up_soon(&mut self, now: MonoTime) {
        if self.rival.is_none() {
            self.resolution.look_up_soon(now);
        }
    }

    /// The entry that uses the only server of this one, if another entry does.
    #[must_use]
    pub fn rival(&self) -> Option<SourceEntryId> {
        self.rival
    }

    /// Learns who has its server. Returns whether that is news.
    pub(crate) fn set_rival(&mut self, rival: Option<SourceEntryId>) -> bool {
        std::mem::replace(&mut self.rival, rival) != rival && rival.is_some()
    }

    /// All addresses that it was last found to lead to.
    pub(crate) fn known(&self) -> &[SocketAddr] {
        &self.known
    }

    /// The other address of the same host, as far as can be known: a name with one address of each
    /// family is taken for one host. The members of a pool are hosts of their own.
    pub(crate) fn sibling(&self, address: SocketAddr) -> Option<SocketAddr> {
        match self.known.as_slice() {
            [one, other] if !self.is_pool() && one.is_ipv4() != other.is_ipv4() => match address {
                address if address == *one => Some(*other),
                address if address == *other => Some(*one),
                _ => None,
            },
            _ => None,
        }
    }

    /// The start of the look-up or key establishment that is in progress, if one is.
    #[must_use]
    pub fn asking_since(&self) -> Option<MonoTime> {
        self.resolution.asking_since()
    }

    /// The error of the last look-up, and the time at which the next one is due or has begun.
    #[must_use]
    pub fn failure(&self) -> Option<(&str, MonoTime)> {
        self.resolution.failure()
    }

    /// The time of the next look-up, if one is due.
    #[must_use]
    pub fn retry_at(&self) -> Option<MonoTime> {
        self.resolution.timeout()
    }

    /// Returns true if a look-up is due now; then it counts as begun.
    pub(crate) fn poll_resolve(&mut self, now: MonoTime) -> bool {
        self.refresh_if_due(now);
        let due = self.resolution.poll(now);
        if due {
            self.note_asked(now);
        }
        due
    }

    /// Asks for a look-up: at once if the last one is old, else after its back-off.
    pub(crate) fn want_addresses(&mut self, now: MonoTime, rng: &mut impl Rng) {
        self.resolution.want(now, rng.random());
    }

    /// Asks again after so long a time that nothing is spent on it.
    pub(crate) fn want_addresses_later(&mut self, now: MonoTime) {
        self.resolution.want_after(now, RIVALRY_LASTS);
    }

    pub(crate) fn poll_timeout(&self) -> Option<MonoTime> {
        [self.resolution.timeout(), self.name_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Returns whether this is news: the look-up before did not fail.
    pub(crate) fn handle_failure(
        &mut self,
        now: MonoTime,
        error: String,
        rng: &mut impl Rng,
    ) -> bool {
        self.resolution.failed(now, error, rng.random());
        self.note_failure(now, rng);
        !std::mem::replace(&mut self.failing, true)
    }

    /// Handles the addresses of a look-up. `in_use` are not taken. Returns true if other addresses
    /// than before are refused because no server can have them.
    pub(crate) fn handle_addresses(
        &mut self,
        now: MonoTime,
        found: &[SocketAddr],
        in_use: &[SocketAddr],
    ) -> bool {
        self.resolution.succeeded(now);
        let news = self.note_addresses(now, found);
        self.failing = false;
        self.banned.retain(|(_, until)| *until > now);
        self.known = found
            .iter()
            .map(canonical)
            .take(MAXIMUM_ADDRESSES)
            .collect();
        let mut fresh: Vec<SocketAddr> = Vec::new();
        for address in found.iter().map(canonical).take(MAXIMUM_ADDRESSES) {
            let known = fresh.contains(&address) || in_use.contains(&address);
            if !known && !self.is_refused(address.ip()) {
                fresh.push(address);
            }
        }
        self.candidates = fresh;
        news
    }

    /// Key establishment failed. Returns true if that is news.
    pub(crate) fn handle_not_established(
        &mut self,
        now: MonoTime,
        failure: EstablishFailure,
        rng: &mut impl Rng,
    ) -> bool {
        self.establishment.failed(failure.clone(), now);
        if !failure.is_of_the_network() {
            self.note_reached();
        }
        self.handle_failure(now, failure.message, rng)
    }

    /// Key establishment has succeeded. Returns whether that is news.
    pub(crate) fn handle_established(&mut self, now: MonoTime) -> bool {
        let news = self.establishment.successes() == 0 || self.failing;
        self.establishment.succeeded();
        self.note_reached();
        self.resolution.succeeded(now);
        self.failing = false;
        news
    }

    /// Keeps keys for the next association, from an establishment of this run or of an earlier one.
    pub(crate) fn put(&mut self, granted: NtsGrant, now: MonoTime) {
        self.resolution.satisfied(now);
        self.candidates = granted.addresses.iter().map(canonical).collect();
        self.known = self.candidates.clone();
        self.granted = Some(granted);
    }

    /// The keys for a new association, if it needs any.
    pub(crate) fn take_granted(&mut self) -> Option<NtsGrant> {
        self.granted.take()
    }

    /// True if its keys, where it needs any, allow a new association.
    pub(crate) fn can_add(&self) -> bool {
        !self.is_nts() || self.granted.is_some()
    }

    fn is_refused(&self, ip: IpAddr) -> bool {
        let ignored = match &self.config.kind {
            SourceEntryKind::Server | SourceEntryKind::Nts => false,
            SourceEntryKind::Pool { ignore, .. } => ignore.contains(&ip),
        };
        let impossible = self
            .refused_addresses()
            .iter()
            .any(|refused| refused.address == ip);
        impossible || ignored || self.banned.iter().any(|(banned, _)| *banned == ip)
    }

    /// The next address to use that no other association has, of the family that has fewer of
    /// `members` if possible.
    pub(crate) fn take_candidate(
        &mut self,
        members: &[SocketAddr],
        in_use: &[SocketAddr],
    ) -> Option<SocketAddr> {
        if self.is_pool() {
            self.candidates
                .retain(|candidate| !in_use.contains(candidate));
        }
        let same_host = |candidate: &SocketAddr| {
            self.sibling(*candidate)
                .is_some_and(|other| in_use.contains(&other))
        };
        let free = |candidate: &SocketAddr| !in_use.contains(candidate) && !same_host(candidate);
        let v6 = members.iter().filter(|member| member.is_ipv6()).count();
        let prefer_v6 = v6 * 2 < members.len();
        let preferred = self
            .candidates
            .iter()
            .position(|one| free(one) && one.is_ipv6() == prefer_v6);
        let place = preferred.or_else(|| self.candidates.iter().position(free))?;
        Some(self.candidates.remove(place))
    }

    /// Takes back an address that must not be used for now. A configured address is kept, as it is
    /// never looked up again.
    pub(crate) fn give_back(&mut self, address: SocketAddr) {
        if matches!(self.resolution, Resolution::NotNeeded) && !self.candidates.contains(&address) {
            self.candidates.push(address);
        }
    }

    /// True if there is an address to replace a member with.
    pub(crate) fn has_candidate(&self, in_use: &[SocketAddr]) -> bool {
        self.candidates
            .iter()
            .any(|candidate| !in_use.contains(candidate))
    }

    /// Does not use an address again for a while.
    pub(crate) fn ban(&mut self, ip: IpAddr, now: MonoTime) {
        self.banned
            .retain(|(banned, until)| *banned != ip && *until > now);
        self.banned.push((ip, now + BANNED_FOR));
    }
}

/// The form in which addresses are compared.
pub(crate) fn canonical(address: &SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        // Keeps the scope, which a link-local address cannot do without.
        IpAddr::V6(_) => *address,
    }
}

#[cfg(test)]
mod tests;
