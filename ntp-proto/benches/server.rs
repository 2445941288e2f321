//! The cost of a reply: `cargo bench -p ntp-proto`. It has all the work of a worker for one
//! datagram but the system calls.
//!
//! `cargo bench -p ntp-proto -- count CASE N` answers N requests and does nothing else, for tools
//! that count instructions; `bench/instructions` does so.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use ntp_proto::nts::{AeadAlgorithm, AeadKey, Cookie, CookieJar, KeyPair, KeySet, protect_request};
use ntp_proto::packet::{Header, Version};
use ntp_proto::server::{
    MAX_BATCH, Request, ServedState, Server, ServerConfig, Snapshots, Verdict,
};
use ntp_proto::time::{MonoTime, NtpTimestamp, PollInterval};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use std::net::SocketAddr;
use std::sync::Arc;

/// A server and one request to it.
struct Case {
    server: Server,
    keys: KeySet,
    request: Vec<u8>,
    from: SocketAddr,
}

/// The request: honest ones, and hostile ones (security classes 7 and 8).
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Plain,
    Nts(AeadAlgorithm),
    /// Seven placeholders: eight cookies come back.
    NtsEightCookies(AeadAlgorithm),
    /// As many placeholders as fit, each of the least length.
    TinyPlaceholders,
    /// A cookie of ours that was altered.
    BadCookie,
    /// A good cookie and a wrong authenticator.
    BadTag,
}

const KINDS: [Kind; 10] = [
    Kind::Plain,
    Kind::Nts(AeadAlgorithm::SivCmac256),
    Kind::Nts(AeadAlgorithm::SivCmac384),
    Kind::Nts(AeadAlgorithm::SivCmac512),
    Kind::Nts(AeadAlgorithm::Aes128GcmSiv),
    Kind::NtsEightCookies(AeadAlgorithm::SivCmac256),
    Kind::NtsEightCookies(AeadAlgorithm::Aes128GcmSiv),
    Kind::TinyPlaceholders,
    Kind::BadCookie,
    Kind::BadTag,
];

impl Kind {
    fn word(self) -> String {
        match self {
            Self::Plain => "plain".into(),
            Self::Nts(algorithm) => format!("nts-{}", algorithm.id()),
            Self::NtsEightCookies(algorithm) => format!("nts-{}-eight-cookies", algorithm.id()),
            Self::TinyPlaceholders => "tiny-placeholders".into(),
            Self::BadCookie => "bad-cookie".into(),
            Self::BadTag => "bad-tag".into(),
        }
    }
}

impl Case {
    fn new(kind: Kind) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let keys = KeySet::new(7, 0, &mut rng);
        // As many kisses as are asked for, so that each costs what it costs.
        let config = ServerConfig {
            kisses_per_second: u32::MAX,
            ..ServerConfig::default()
        };
        let server = Server::new(Arc::new(config), [1; 32]);
        let header = Header::request(
            Version::V4,
            PollInterval::clamped(6),
            NtpTimestamp::from_bits(0x1234_5678),
        );
        let (algorithm, cookies) = match kind {
            Kind::Plain => (None, 0),
            Kind::Nts(algorithm) => (Some(algorithm), 8),
            Kind::NtsEightCookies(algorithm) => (Some(algorithm), 1),
            Kind::TinyPlaceholders | Kind::BadCookie | Kind::BadTag => {
                (Some(AeadAlgorithm::SivCmac256), 8)
            }
        };
        let mut request = match algorithm {
            None => header.encode().to_vec(),
            Some(algorithm) => {
                let pair = KeyPair {
                    c2s: AeadKey::random(algorithm, &mut rng),
                    s2c: AeadKey::random(algorithm, &mut rng),
                };
                let mut jar = CookieJar::new();
                let cookie = |rng: &mut _| Cookie::new(&keys.seal_cookie(&pair, rng));
                jar.extend((0..cookies).filter_map(|_| cookie(&mut rng)));
                let mut buffer = [0; 1280];
                let written = protect_request(&header, &mut jar, &pair.c2s, &mut rng, &mut buffer)
                    .expect("it fits");
                buffer[..written.length].to_vec()
            }
        };
        match kind {
            // Within the cookie, after header and unique identifier.
            Kind::BadCookie => request[48 + 36 + 40] ^= 1,
            Kind::BadTag => *request.last_mut().expect("it is not empty") ^= 1,
            Kind::TinyPlaceholders => {
                let authenticator = request.split_off(48 + 36 + 104);
                for _ in 0..60 {
                    request.extend_from_slice(&[0x03, 0x04, 0, 16]);
                    request.extend_from_slice(&[0; 12]);
                }
                request.extend_from_slice(&authenticator);
            }
            _ => {}
        }
        Self {
            server,
            keys,
            request,
            from: SocketAddr::from(([192, 0, 2, 1], 50_000)),
        }
    }

    /// Answers the request as often as a batch is long.
    fn answer(&mut self, now: MonoTime, buffer: &mut [u8]) -> usize {
        let at = NtpTimestamp::from_bits(0xEC00_0020_0000_0001);
        let request = Request {
            octets: &self.request,
            from: self.from,
            receive: at,
            now,
        };
        let snapshots = Snapshots {
            state: &ServedState::UNSYNCHRONIZED,
            keys: Some(&self.keys),
        };
        let requests = std::iter::repeat_n(black_box(request), MAX_BATCH);
        let mut verdicts = self.server.handle_batch(requests, snapshots);
        let mut written = 0;
        while let Some(verdict) = verdicts.next() {
            if let Verdict::Reply(reply) = verdict {
                written += reply
                    .emit(at, buffer)
                    .expect("the buffer holds every reply");
            }
        }
        written
    }
}

#[divan::bench(args = KINDS.map(Kind::word))]
fn reply(bencher: Bencher<'_, '_>, word: &String) {
    let kind = KINDS
        .into_iter()
        .find(|kind| kind.word() == *word)
        .expect("the words are those of the kinds");
    let mut case = Case::new(kind);
    let mut buffer = [0; 1280];
    bencher
        .counter(ItemsCount::new(MAX_BATCH))
        .bench_local(|| black_box(case.answer(MonoTime::ZERO, &mut buffer)));
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(place) = arguments.iter().position(|argument| argument == "count") else {
        return divan::main();
    };
    let word = arguments.get(place + 1).expect("count CASE N");
    let times: usize = arguments
        .get(place + 2)
        .and_then(|times| times.parse().ok())
        .expect("count CASE N");
    let kind = KINDS
        .into_iter()
        .find(|kind| kind.word() == *word)
        .expect("one of the cases");
    let mut case = Case::new(kind);
    let mut buffer = [0; 1280];
    for _ in 0..times.div_ceil(MAX_BATCH) {
        black_box(case.answer(MonoTime::ZERO, &mut buffer));
    }
}
