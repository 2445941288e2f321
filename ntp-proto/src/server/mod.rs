//! Answering clients.
//!
//! A [`Server`] judges each request and forgets it; all it keeps are counters and the buckets of
//! the rate limiter. It belongs to one worker thread, so nothing in it is shared, and limits and
//! budgets hold for each worker by itself.
//!
//! The driver hands over datagrams with the times of their arrival, one or a batch, gets a
//! [`Verdict`] on each, reads the clock last and sends what [`PendingReply::emit`] writes. A reply
//! is never longer than its request, and no packet in a mode of replies is ever answered, so that
//! two servers cannot answer each other.

mod access;
mod batch;
mod config;
mod prefix;
mod rate_limit;
mod reply;
mod request;
mod sealing;
mod state;
mod stats;
mod token_bucket;

pub use access::{AccessList, AccessPolicy, FilterAction};
pub use batch::{MAX_BATCH, Verdicts};
pub use config::{ServerConfig, VersionSet};
pub use prefix::{Prefix, PrefixError};
pub use rate_limit::RateLimit;
pub use reply::{PendingReply, ReplyKind};
pub use request::{MAX_REQUEST_LENGTH, Request};
pub use sealing::SealingTimes;
pub use state::ServedState;
pub use stats::{DropReason, ServerStats};

use crate::nts::{KeySet, NtsRefusal, PreparedReply, UniqueId, claim_request};
use crate::packet::{HEADER_LENGTH, Header, Packet, Reader};
use crate::time::MonoTime;
use batch::{Judged, Nts};
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;
use rate_limit::{Admission, RateLimiter};
use request::{asks_for_time, is_one_host};
use std::net::IpAddr;
use std::sync::Arc;
use token_bucket::Budget;

/// The snapshots that replies are made of, good until the next ones.
#[derive(Clone, Copy, Debug)]
pub struct Snapshots<'a> {
    /// The state of our clock.
    pub state: &'a ServedState,
    /// The keys of our cookies; without any, requests with NTS are answered as plain ones.
    pub keys: Option<&'a KeySet>,
}

/// The verdict on a request.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub enum Verdict<'s> {
    /// It is answered, perhaps by a kiss.
    Reply(PendingReply<'s>),
    /// It is not answered, and the server is unchanged but for the counters and the rate limiter.
    Drop(DropReason),
}

/// One worker's server.
///
/// Inputs: [`handle_request`](Self::handle_request), [`handle_batch`](Self::handle_batch),
/// [`handle_config`](Self::handle_config). Getter: [`stats`](Self::stats). There are no timers.
#[derive(Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
    rng: ChaCha8Rng,
    limiter: Option<RateLimiter>,
    rate_kisses: Budget,
    deny_kisses: Budget,
    naks: Budget,
    stats: ServerStats,
    /// The protection of the reply to the last request, in places that are used again and again, so
    /// that nothing large is moved for a packet.
    prepared: PreparedReply,
    nak_id: UniqueId,
}

impl Server {
    /// A server that has seen no client yet. `seed` must be secret and each worker's own: with it
    /// an attacker could predict which requests are leaked, and which addresses collide in the
    /// table.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha8Rng::from_seed(seed);
        Self {
            limiter: config
                .rate_limit
                .map(|limit| RateLimiter::new(limit, &mut rng)),
            rate_kisses: Budget::new(config.kisses_per_second),
            deny_kisses: Budget::new(config.kisses_per_second),
            naks: Budget::new(config.kisses_per_second),
            config,
            rng,
            stats: ServerStats::default(),
            prepared: PreparedReply::blank(),
            nak_id: UniqueId::BLANK,
        }
    }

    /// Continues with other settings. The counters stay, and so does the memory of the rate
    /// limiter, unless its own settings change.
    pub fn handle_config(&mut self, config: Arc<ServerConfig>) {
        if self.limiter.as_ref().map(RateLimiter::limit) != config.rate_limit.as_ref() {
            self.limiter = config
                .rate_limit
                .map(|limit| RateLimiter::new(limit, &mut self.rng));
        }
        if self.config.kisses_per_second != config.kisses_per_second {
            self.rate_kisses = Budget::new(config.kisses_per_second);
            self.deny_kisses = Budget::new(config.kisses_per_second);
            self.naks = Budget::new(config.kisses_per_second);
        }
        self.config = config;
    }

    /// Judges a request and counts the verdict.
    pub fn handle_request(
        &mut self,
        request: Request<'_>,
        snapshots: Snapshots<'_>,
    ) -> Verdict<'_> {
        let mut judged = Judged::nothing();
        self.judge(request, snapshots, &mut judged);
        batch::verify(std::slice::from_ref(&judged));
        self.settle(&judged)
    }

    /// The number of requests by verdict.
    #[must_use]
    pub const fn stats(&self) -> &ServerStats {
        &self.stats
    }

    /// The number of clients that the rate limiter remembers.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.limiter.as_ref().map_or(0, RateLimiter::used)
    }

    /// All tests but the verification of an authenticator, which may be cheaper for several
    /// requests at a time. The outcome is written to its place, as it can be long.
    fn judge<'a>(
        &mut self,
        request: Request<'a>,
        snapshots: Snapshots<'a>,
        judged: &mut Judged<'a>,
    ) {
        judged.now = request.now;
        judged.reply = self.well_formed(request).and_then(|packet| {
            let reply = PendingReply::time(&packet.header, request.receive, snapshots.state);
            let address = request.from.ip().to_canonical();
            let reply = match self.config.access.refusal(address) {
                None => self.within_limit(reply, address, request.now)?,
                Some(refusal) => self.refuse(reply, refusal, request.now, DropReason::Ignored)?,
            };
            // Cryptography comes last, so that it is spent on those alone who may ask.
            let refusal = match snapshots.keys {
                Some(keys) if !packet.extensions.is_empty() => {
                    match claim_request(&packet, request.octets, keys) {
                        Ok(claim) => {
                            judged.nts = Some(Nts::Claimed(claim, keys));
                            return Ok(reply);
                        }
                        Err(refusal) => refusal,
                    }
                }
                _ => NtsRefusal::NotNts,
            };
            match refusal {
                NtsRefusal::NotNts => return self.without_nts(reply, request.now),
                NtsRefusal::Malformed(_) => return Err(DropReason::NtsMalformed),
                NtsRefusal::BadCookie(error, id) => {
                    self.stats.count_cookie(error);
                    judged.nts = Some(Nts::Refused(DropReason::NtsBadCookie, id));
                }
                NtsRefusal::Forged(id) => {
                    judged.nts = Some(Nts::Refused(DropReason::NtsForged, id));
                }
            }
            Ok(reply)
        });
    }

    /// Counts the verdict, and keeps what protects the reply.
    fn settle(&mut self, judged: &Judged<'_>) -> Verdict<'_> {
        let Self {
            rng,
            naks,
            prepared,
            nak_id,
            ..
        } = self;
        let settled = judged.reply.and_then(|reply| {
            let (reason, unique_id) = match &judged.nts {
                None => return Ok(reply),
                Some(Nts::Refused(reason, unique_id)) => (*reason, *unique_id),
                Some(Nts::Claimed(claim, keys)) => match claim.proven() {
                    Ok(request) => {
                        request.prepare_into(keys, rng, prepared);
                        return Ok(reply.sealed(prepared));
                    }
                    Err(unique_id) => (DropReason::NtsForged, unique_id),
                },
            };
            // A client whose cookie cannot be opened gets an NTS NAK, within the limit on these.
            if !naks.spend(judged.now) {
                return Err(reason);
            }
            *nak_id = unique_id;
            Ok(reply.nak(nak_id))
        });
        self.stats.count(settled.map(|reply| reply.kind()));
        settled.map_or_else(Verdict::Drop, Verdict::Reply)
    }

    /// The answer to a client that may not ask.
    fn refuse(
        &mut self,
        reply: PendingReply<'static>,
        refusal: FilterAction,
        now: MonoTime,
        silence: DropReason,
    ) -> Result<PendingReply<'static>, DropReason> {
        match refusal {
            FilterAction::Ignore => Err(silence),
            FilterAction::Deny if self.deny_kisses.spend(now) => Ok(reply.deny_kiss()),
            FilterAction::Deny => Err(DropReason::Denied),
        }
    }

    /// The answer to a request without NTS.
    fn without_nts(
        &mut self,
        reply: PendingReply<'static>,
        now: MonoTime,
    ) -> Result<PendingReply<'static>, DropReason> {
        match self.config.require_nts {
            Some(refusal) if reply.kind() != ReplyKind::DenyKiss => {
                self.refuse(reply, refusal, now, DropReason::NtsRequired)
            }
            _ => Ok(reply),
        }
    }

    /// A request that deserves an answer, going by its own octets and its sender's address.
    fn well_formed<'a>(&self, request: Request<'a>) -> Result<Packet<'a>, DropReason> {
        if request.octets.len() < HEADER_LENGTH {
            return Err(DropReason::TooShort);
        }
        if request.octets.len() > MAX_REQUEST_LENGTH || !request.octets.len().is_multiple_of(4) {
            return Err(DropReason::BadSize);
        }
        let mut reader = Reader::new(request.octets);
        let header = Header::take(&mut reader)?;
        if !asks_for_time(&header, request.from.port()) {
            return Err(DropReason::NotClientMode);
        }
        if !self.config.versions.contains(header.version) {
            return Err(DropReason::BadVersion);
        }
        if !is_one_host(request.from) {
            return Err(DropReason::BadSource);
        }
        // Extension fields that we do not know are for others to use: RFC 7822 has us ignore them.
        let packet = Packet::after(header, &mut reader)?;
        if packet.mac.is_some() {
            Err(DropReason::UnverifiableMac)
        } else {
            Ok(packet)
        }
    }

    /// The reply, or what is left of it if its client asks too often.
    fn within_limit(
        &mut self,
        reply: PendingReply<'static>,
        address: IpAddr,
        now: MonoTime,
    ) -> Result<PendingReply<'static>, DropReason> {
        let Some(limiter) = &mut self.limiter else {
            return Ok(reply);
        };
        let poll = limiter.limit().poll().log2();
        match limiter.admit(address, now, &mut self.rng) {
            Admission::Within => Ok(reply),
            Admission::Leaked => Ok(reply.over_limit(poll)),
            Admission::Refused { first: true } if self.rate_kisses.spend(now) => {
                Ok(reply.rate_kiss(poll))
            }
            Admission::Refused { .. } => Err(DropReason::RateLimited),
        }
    }
}

#[cfg(test)]
mod tests;
