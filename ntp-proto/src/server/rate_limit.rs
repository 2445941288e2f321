//! The rate limit of each client.

use super::token_bucket::{FullAt, Refill};
use crate::time::{MonoTime, PollInterval};
use rand::Rng as _;
use rand::rngs::ChaCha8Rng;
use siphasher::sip::SipHasher13;
use std::net::IpAddr;
use std::time::Duration;

/// The number of entries that are looked at for one address. Together they fill one cache line.
const WAYS: usize = 4;

/// The most entries of a table.
const MAX_TABLE_ENTRIES: usize = 1 << 24;

/// The settings of the rate limiter. A client is an IPv4 address, or all of an IPv6 /64, with any
/// port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimit {
    /// Minimum sustained interval between two requests from one client. Zero means no limit.
    pub interval: Duration,
    /// The number of requests that a client may send at once after a pause; 0 means 1.
    pub burst: u32,
    /// The number of clients that are remembered, rounded up to a power of two from 4 to 2²⁴. Each
    /// takes 16 octets.
    pub table_entries: usize,
    /// One in 2ⁿ requests beyond the limit is answered all the same, at random. So an attacker who
    /// sends requests under a client's address cannot deny it the time. 0 answers all of them.
    pub leak_log2: u8,
}

impl Default for RateLimit {
    /// A request every 8 s, 16 at once, one in four beyond that, and a table of 1 MiB.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(8),
            burst: 16,
            table_entries: 1 << 16,
            leak_log2: 2,
        }
    }
}

impl RateLimit {
    /// The memory that the table of one worker takes, in octets. It is taken at the start and never
    /// grows.
    #[must_use]
    pub fn table_octets(&self) -> usize {
        self.sets() * size_of::<Set>()
    }

    /// The number of clients that the table of one worker holds.
    #[must_use]
    pub fn table_size(&self) -> usize {
        self.sets() * WAYS
    }

    /// The shortest poll interval within the limit, as log₂ of seconds.
    #[must_use]
    pub fn poll(&self) -> PollInterval {
        (PollInterval::MIN.log2()..PollInterval::MAX.log2())
            .map(PollInterval::clamped)
            .find(|poll| poll.duration() >= self.interval)
            .unwrap_or(PollInterval::MAX)
    }

    fn sets(&self) -> usize {
        self.table_entries
            .clamp(WAYS, MAX_TABLE_ENTRIES)
            .next_power_of_two()
            / WAYS
    }

    /// The bits that are all zero in one of 2ⁿ random numbers.
    fn leak_mask(&self) -> u64 {
        u64::MAX
            .checked_shl(self.leak_log2.into())
            .map_or(u64::MAX, |high| !high)
    }
}

/// The verdict on a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// It is within the limit.
    Within,
    /// It is beyond the limit, but to be answered: the leak.
    Leaked,
    /// It is beyond the limit.
    Refused {
        /// The first refusal since the last request within the limit: the one that gets a kiss. In
        /// a flood under a forged address, that kiss most likely answers the flood, and so does not
        /// slow its victim.
        first: bool,
    },
}

/// The memory of one client.
#[derive(Clone, Copy, Default, Debug)]
struct Entry {
    bucket: FullAt,
    /// One half of the hash of the client; 0 in an entry that was never used.
    tag: u32,
    /// True if the last request that was not leaked was refused.
    refused: bool,
}

type Set = [Entry; WAYS];

/// A table of token buckets: of fixed size, and with a keyed hash that attackers cannot predict.
#[derive(Debug)]
pub(super) struct RateLimiter {
    limit: RateLimit,
    refill: Refill,
    leak_mask: u64,
    hasher: SipHasher13,
    sets: Box<[Set]>,
    used: usize,
}

impl RateLimiter {
    /// An empty table, whose hash key comes from `rng`.
    pub(super) fn new(limit: RateLimit, rng: &mut ChaCha8Rng) -> Self {
        Self {
            limit,
            refill: Refill::new(limit.interval, limit.burst),
            leak_mask: limit.leak_mask(),
            hasher: SipHasher13::new_with_keys(rng.next_u64(), rng.next_u64()),
            sets: vec![Set::default(); limit.sets()].into_boxed_slice(),
            used: 0,
        }
    }

    /// The settings that it was made with.
    pub(super) const fn limit(&self) -> &RateLimit {
        &self.limit
    }

    /// The number of entries in use.
    pub(super) const fn used(&self) -> usize {
        self.used
    }

    /// Judges a request from `address`, which must not be an IPv4-mapped one. The leak is drawn
    /// from `rng`.
    pub(super) fn admit(
        &mut self,
        address: IpAddr,
        now: MonoTime,
        rng: &mut ChaCha8Rng,
    ) -> Admission {
        let (refill, leak_mask) = (self.refill, self.leak_mask);
        let entry = self.entry(address);
        if refill.take(&mut entry.bucket, now) {
            entry.refused = false;
            Admission::Within
        } else if rng.next_u64() & leak_mask == 0 {
            Admission::Leaked
        } else {
            Admission::Refused {
                first: !std::mem::replace(&mut entry.refused, true),
            }
        }
    }

    /// The entry of a client. A new one takes the place of the one whose bucket is full or will be
    /// so first, because that says least: a full bucket is as good as none.
    fn entry(&mut self, address: IpAddr) -> &mut Entry {
        let hash = self.hash(address);
        let tag = (hash >> 32) as u32 | 1;
        let place = hash as usize & (self.sets.len() - 1);
        let set = self
            .sets
            .get_mut(place)
            .expect("invariant: the number of sets is a power of two");
        let entry = set
            .iter_mut()
            .min_by_key(|entry| (entry.tag != tag, entry.bucket))
            .expect("invariant: no set is empty");
        if entry.tag != tag {
            self.used += usize::from(entry.tag == 0);
            *entry = Entry {
                tag,
                ..Entry::default()
            };
        }
        entry
    }

    fn hash(&self, address: IpAddr) -> u64 {
        match address {
            IpAddr::V4(v4) => self.hasher.hash(&v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                self.hasher.hash(&[a, b, c, d, e, f, g, h])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const LIMIT: RateLimit = RateLimit {
        interval: Duration::from_secs(8),
        burst: 4,
        table_entries: 1024,
        leak_log2: 64,
    };

    fn limiter(limit: RateLimit) -> (RateLimiter, ChaCha8Rng) {
        let mut rng = ChaCha8Rng::from_seed([7; 32]);
        (RateLimiter::new(limit, &mut rng), rng)
    }

    fn at(seconds: f64) -> MonoTime {
        MonoTime::from_epoch(Duration::from_secs_f64(seconds))
    }

    fn v4(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn a_client_has_its_burst_and_is_then_refused_until_the_interval_has_passed() {
        let (mut limiter, mut rng) = limiter(LIMIT);
        let mut ask = |seconds| limiter.admit(v4(1), at(seconds), &mut rng);
        for _ in 0..4 {
            assert_eq!(ask(0.0), Admission::Within);
        }
        assert_eq!(ask(0.0), Admission::Refused { first: true });
        assert_eq!(ask(7.9), Admission::Refused { first: false });
        assert_eq!(ask(8.0), Admission::Within);
        assert_eq!(ask(8.1), Admission::Refused { first: true });
    }

    #[test]
    fn all_addresses_of_a_64_share_a_bucket_and_two_64s_do_not() {
        let (mut limiter, mut rng) = limiter(LIMIT);
        let site = 0x2001_0db8_0000_0001_u128 << 64;
        let admitted = (0..1_u128 << 20)
            .filter(|host| {
                let host = Ipv6Addr::from_bits(site | host << 44 | host);
                limiter.admit(host.into(), at(0.0), &mut rng) == Admission::Within
            })
            .count();
        assert_eq!(admitted, 4);
        let neighbor = Ipv6Addr::from_bits(site + (1 << 64));
        assert_eq!(
            limiter.admit(neighbor.into(), at(0.0), &mut rng),
            Admission::Within
        );
    }

    #[test]
    fn the_table_neither_grows_nor_forgets_the_most_eager_after_a_million_addresses() {
        let (mut limiter, mut rng) = limiter(LIMIT);
        let before = size_of_val(limiter.sets.as_ref());
        while limiter.admit(v4(0), at(0.0), &mut rng) == Admission::Within {}
        for number in 1..=1_000_000 {
            limiter.admit(v4(number), at(0.0), &mut rng);
        }
        assert_eq!(size_of_val(limiter.sets.as_ref()), before);
        assert_eq!(before, LIMIT.table_octets());
        // Each of the others asked once, and so has a fuller bucket than the one who has drained
        // it.
        assert_eq!(
            limiter.admit(v4(0), at(0.0), &mut rng),
            Admission::Refused { first: false }
        );
    }

    #[test]
    fn a_table_is_of_16_octets_per_client_and_within_its_bounds() {
        for (entries, octets) in [
            (0, 64),
            (4, 64),
            (5, 128),
            (1 << 16, 1 << 20),
            (usize::MAX, 1 << 28),
        ] {
            assert_eq!(
                RateLimit {
                    table_entries: entries,
                    ..LIMIT
                }
                .table_octets(),
                octets
            );
        }
    }

    #[test]
    fn another_seed_spreads_the_same_addresses_in_another_way() {
        let place = |seed| {
            let limiter = RateLimiter::new(LIMIT, &mut ChaCha8Rng::from_seed([seed; 32]));
            (0..64)
                .map(|number| limiter.hash(v4(number)) & 0xFF)
                .collect::<Vec<_>>()
        };
        assert_eq!(place(1), place(1));
        assert_ne!(place(1), place(2));
    }

    #[test]
    fn the_leak_is_of_its_size() {
        let (mut limiter, mut rng) = limiter(RateLimit {
            leak_log2: 2,
            ..LIMIT
        });
        let leaked = (0..10_000)
            .filter(|_| limiter.admit(v4(1), at(0.0), &mut rng) == Admission::Leaked)
            .count();
        // 2500 are expected, with a standard deviation of 43.
        assert!((2_300..2_700).contains(&leaked), "{leaked}");

        let (mut open, mut rng) = self::limiter(RateLimit {
            leak_log2: 0,
            ..LIMIT
        });
        assert!((0..100).all(|_| !matches!(
            open.admit(v4(1), at(0.0), &mut rng),
            Admission::Refused { .. }
        )));
    }

    #[test]
    fn the_poll_interval_told_is_not_shorter_than_the_limit() {
        for (interval, log2) in [
            (0.0, 0),
            (0.5, 0),
            (1.0, 0),
            (1.1, 1),
            (8.0, 3),
            (9.0, 4),
            (1e6, 17),
        ] {
            let limit = RateLimit {
                interval: Duration::from_secs_f64(interval),
                ..LIMIT
            };
            assert_eq!(limit.poll().log2(), log2, "{interval} s");
        }
    }
}
