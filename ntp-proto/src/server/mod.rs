//! Answering clients.
//!
//! A [`Server`] judges each request and forgets it; all it keeps are counters and the buckets of the rate limiter. It
//! belongs to one worker thread, so nothing in it is shared, and limits and budgets hold for each worker by itself.
//!
//! The driver hands over a datagram with the time of its arrival, gets a [`Verdict`], reads the clock last and sends
//! what [`PendingReply::emit`] writes. A reply is never longer than its request, and nothing but a client request is
//! ever answered, least of all a reply.

mod access;
mod config;
mod prefix;
mod rate_limit;
mod reply;
mod state;
mod stats;
mod token_bucket;

pub use access::{AccessList, AccessPolicy, FilterAction};
pub use config::{ServerConfig, VersionSet};
pub use prefix::{Prefix, PrefixError};
pub use rate_limit::RateLimit;
pub use reply::{PendingReply, ReplyKind};
pub use state::ServedState;
pub use stats::{DropReason, ServerStats};

use crate::packet::{HEADER_LENGTH, Header, Mode, Packet, Reader};
use crate::time::{MonoTime, NtpTimestamp};
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;
use rate_limit::{Admission, RateLimiter};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use token_bucket::Budget;

/// The longest request that we look at, in octets: the MTU that every IPv6 path has. The driver must receive into a longer
/// buffer, so that nothing cut off by it looks whole.
pub const MAX_REQUEST_LENGTH: usize = 1280;

/// A datagram that has come to our port.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The datagram.
    pub octets: &'a [u8],
    /// Who sent it.
    pub from: SocketAddr,
    /// When it arrived, by our clock: best the kernel's timestamp.
    pub receive: NtpTimestamp,
    /// When it arrived, by the clock of timers.
    pub now: MonoTime,
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Verdict {
    /// It is answered, be it by a kiss.
    Reply(PendingReply),
    /// It is not answered, and the server is unchanged but for the counters and the rate limiter.
    Drop(DropReason),
}

/// One worker's server.
///
/// Inputs: [`handle_request`](Self::handle_request), [`handle_config`](Self::handle_config). Getter:
/// [`stats`](Self::stats). There are no timers.
#[derive(Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
    rng: ChaCha8Rng,
    limiter: Option<RateLimiter>,
    rate_kisses: Budget,
    deny_kisses: Budget,
    stats: ServerStats,
}

impl Server {
    /// A server that has seen nobody yet. `seed` must be secret and each worker's own: with it one could predict which
    /// requests are leaked, and which addresses meet in the table.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha8Rng::from_seed(seed);
        Self {
            limiter: config.rate_limit.map(|limit| RateLimiter::new(limit, &mut rng)),
            rate_kisses: Budget::new(config.kisses_per_second),
            deny_kisses: Budget::new(config.kisses_per_second),
            config,
            rng,
            stats: ServerStats::default(),
        }
    }

    /// Goes on with other settings. The counters stay, and so does the memory of the rate limiter, unless its own
    /// settings change.
    pub fn handle_config(&mut self, config: Arc<ServerConfig>) {
        if self.limiter.as_ref().map(RateLimiter::limit) != config.rate_limit.as_ref() {
            self.limiter = config.rate_limit.map(|limit| RateLimiter::new(limit, &mut self.rng));
        }
        if self.config.kisses_per_second != config.kisses_per_second {
            self.rate_kisses = Budget::new(config.kisses_per_second);
            self.deny_kisses = Budget::new(config.kisses_per_second);
        }
        self.config = config;
    }

    /// Judges a request and counts the verdict. `state` is what a reply tells about our clock.
    pub fn handle_request(&mut self, request: Request<'_>, state: &ServedState) -> Verdict {
        let verdict = match self.judge(request, state) {
            Ok(reply) => Verdict::Reply(reply),
            Err(reason) => Verdict::Drop(reason),
        };
        self.stats.count(&verdict);
        verdict
    }

    /// How many requests met which verdict.
    #[must_use]
    pub const fn stats(&self) -> &ServerStats {
        &self.stats
    }

    /// How many clients the rate limiter remembers.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.limiter.as_ref().map_or(0, RateLimiter::used)
    }

    fn judge(&mut self, request: Request<'_>, state: &ServedState) -> Result<PendingReply, DropReason> {
        let header = self.well_formed(request)?;
        let reply = PendingReply::time(&header, request.receive, state);
        let address = request.from.ip().to_canonical();
        match self.config.access.refusal(address) {
            None => self.within_limit(reply, address, request.now),
            Some(FilterAction::Ignore) => Err(DropReason::Ignored),
            Some(FilterAction::Deny) if self.deny_kisses.spend(request.now) => Ok(reply.deny_kiss()),
            Some(FilterAction::Deny) => Err(DropReason::Denied),
        }
    }

    /// The header of a request that deserves an answer, going by its own octets and its sender's address.
    fn well_formed(&self, request: Request<'_>) -> Result<Header, DropReason> {
        if request.octets.len() < HEADER_LENGTH {
            return Err(DropReason::TooShort);
        }
        if request.octets.len() > MAX_REQUEST_LENGTH || !request.octets.len().is_multiple_of(4) {
            return Err(DropReason::BadSize);
        }
        let mut reader = Reader::new(request.octets);
        let header = Header::take(&mut reader)?;
        if header.mode != Mode::Client {
            return Err(DropReason::NotClientMode);
        }
        if !self.config.versions.contains(header.version) {
            return Err(DropReason::BadVersion);
        }
        if !is_one_host(request.from) {
            return Err(DropReason::BadSource);
        }
        // Extension fields that we do not know are for others to use: RFC 7822 has us ignore them.
        match Packet::after(header, &mut reader)?.mac {
            Some(_) => Err(DropReason::UnverifiableMac),
            None => Ok(header),
        }
    }

    /// The reply, or what is left of it if its client asks too often.
    fn within_limit(
        &mut self,
        reply: PendingReply,
        address: IpAddr,
        now: MonoTime,
    ) -> Result<PendingReply, DropReason> {
        let Some(limiter) = &mut self.limiter else {
            return Ok(reply);
        };
        let poll = limiter.limit().poll().log2();
        match limiter.admit(address, now, &mut self.rng) {
            Admission::Within => Ok(reply),
            Admission::Leaked => Ok(reply.over_limit(poll)),
            Admission::Refused { first: true } if self.rate_kisses.spend(now) => Ok(reply.rate_kiss(poll)),
            Admission::Refused { .. } => Err(DropReason::RateLimited),
        }
    }
}

/// Whether a reply to this address would reach one host.
fn is_one_host(from: SocketAddr) -> bool {
    let many_or_none = match from.ip().to_canonical() {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
    };
    from.port() != 0 && !many_or_none
}

#[cfg(test)]
mod tests;
