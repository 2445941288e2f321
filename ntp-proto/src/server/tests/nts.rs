//! What clients with NTS get from a whole server, and what those get who only look like them.

use super::*;
use crate::nts::{
    AeadAlgorithm, AeadKey, Cookie, CookieJar, KeyPair, MAX_PROTECTED_REQUEST, ResponseRefusal,
    UniqueId, cookie_length, open_response, protect_request,
};
use rand::rngs::ChaCha12Rng;

/// A client with a session, and the server's keys.
pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) keys: KeySet,
    pair: KeyPair,
    jar: CookieJar,
    rng: ChaCha12Rng,
}

impl Bench {
    fn new(algorithm: AeadAlgorithm) -> Self {
        Self::with(algorithm, ServerConfig::default())
    }

    pub(super) fn with(algorithm: AeadAlgorithm, config: ServerConfig) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(5);
        let keys = KeySet::new(7, 0, &mut rng);
        let pair = KeyPair {
            c2s: AeadKey::random(algorithm, &mut rng),
            s2c: AeadKey::random(algorithm, &mut rng),
        };
        let mut bench = Self {
            server: server(config),
            keys,
            pair,
            jar: CookieJar::new(),
            rng,
        };
        bench.fill();
        bench
    }

    pub(super) fn fill(&mut self) {
        self.jar.clear();
        for _ in 0..8 {
            let cookie = self.keys.seal_cookie(&self.pair, &mut self.rng);
            self.jar.put(Cookie::new(&cookie).unwrap());
        }
    }

    pub(super) fn request(&mut self) -> (Vec<u8>, UniqueId) {
        let header = Header::request(Version::V4, PollInterval::clamped(6), ORIGIN);
        let mut buffer = [0; 1024];
        let written = protect_request(
            &header,
            &mut self.jar,
            &self.pair.c2s,
            &mut self.rng,
            &mut buffer,
        )
        .unwrap();
        (buffer[..written.length].to_vec(), written.unique_id)
    }

    pub(super) fn ask(&mut self, octets: &[u8]) -> Outcome {
        ask_with(
            &mut self.server,
            octets,
            client("192.0.2.7"),
            MonoTime::ZERO,
            Some(&self.keys),
        )
    }
}

#[test]
fn a_protected_request_gets_a_protected_reply_as_long_as_itself_at_most() {
    for algorithm in AeadAlgorithm::ALL {
        let mut bench = Bench::new(algorithm);
        for missing in 0..8 {
            bench.fill();
            for _ in 0..missing {
                let _ = bench.jar.take();
            }
            let (octets, unique_id) = bench.request();
            let outcome = bench.ask(&octets);
            assert_eq!(outcome.kind, Ok(ReplyKind::NtsTime), "{algorithm}");
            assert!(
                outcome.reply.len() <= octets.len(),
                "{algorithm}: {} > {}",
                outcome.reply.len(),
                octets.len()
            );
            let response = open_response(&outcome.reply, &unique_id, &bench.pair.s2c)
                .unwrap()
                .into_value();
            // Long cookies do not all fit into one request; the jar is filled by the next ones.
            let full = octets.len() + 4 + cookie_length(algorithm) > MAX_PROTECTED_REQUEST;
            assert!(
                response.cookies.len() == missing + 1 || full,
                "{algorithm}: {}",
                response.cookies.len()
            );
            assert_eq!(
                (response.header.transmit, response.header.origin),
                (TRANSMIT, ORIGIN)
            );
        }
    }
}

#[test]
fn a_cookie_that_cannot_be_opened_is_answered_by_nak_within_a_budget() {
    let config = ServerConfig {
        kisses_per_second: 3,
        ..ServerConfig::default()
    };
    let mut bench = Bench::with(AeadAlgorithm::SivCmac256, config);
    let (octets, unique_id) = bench.request();
    bench.keys = KeySet::new(7, 0, &mut bench.rng);
    for _ in 0..3 {
        let outcome = bench.ask(&octets);
        assert_eq!(outcome.kind, Ok(ReplyKind::NtsNak));
        assert!(outcome.reply.len() < octets.len());
        let refusal = open_response(&outcome.reply, &unique_id, &bench.pair.s2c).unwrap_err();
        assert_eq!(refusal, ResponseRefusal::Nak);
        let header = Header::decode(&outcome.reply).unwrap();
        assert_eq!(
            (header.kiss(), header.origin),
            (Some(KissCode::Ntsn), ORIGIN)
        );
    }
    assert_eq!(bench.ask(&octets).kind, Err(DropReason::NtsBadCookie));
}

#[test]
fn cookies_that_do_not_open_are_counted_by_the_cause_whether_answered_or_not() {
    let config = ServerConfig {
        kisses_per_second: 1,
        ..ServerConfig::default()
    };
    let mut bench = Bench::with(AeadAlgorithm::SivCmac256, config);
    let (good, _) = bench.request();
    assert_eq!(bench.ask(&good).kind, Ok(ReplyKind::NtsTime));
    // The unique identifier takes 36 octets, and the cookie begins with four of its field and four
    // with the id of its key.
    let cookie = 48 + 36 + 4;
    let with_flipped = |place: usize| {
        let mut octets = good.clone();
        octets[place] ^= 1;
        octets
    };
    for _ in 0..3 {
        let _ = bench.ask(&with_flipped(cookie));
    }
    for _ in 0..2 {
        let _ = bench.ask(&with_flipped(cookie + 20));
    }
    let causes: Vec<_> = bench.server.stats().cookies().collect();
    assert_eq!(
        causes,
        [
            ("bad-length", 0),
            ("no-such-key", 3),
            ("forged", 2),
            ("unknown-content", 0)
        ]
    );
    let stats = bench.server.stats();
    assert_eq!(
        stats.replied(ReplyKind::NtsNak) + stats.dropped(DropReason::NtsBadCookie),
        5
    );
    assert_eq!(
        stats.received(),
        6,
        "the causes are no requests of their own"
    );
}

#[test]
fn a_request_under_other_keys_than_its_cookie_holds_is_answered_by_nak() {
    let mut bench = Bench::new(AeadAlgorithm::Aes128GcmSiv);
    bench.pair.c2s = AeadKey::random(AeadAlgorithm::Aes128GcmSiv, &mut bench.rng);
    let (octets, _) = bench.request();
    assert_eq!(bench.ask(&octets).kind, Ok(ReplyKind::NtsNak));
}

#[test]
fn malformed_fields_are_dropped_without_an_answer() {
    let mut bench = Bench::new(AeadAlgorithm::SivCmac256);
    let (octets, _) = bench.request();
    // Neither the unique identifier nor the authenticator may be missing.
    assert_eq!(
        bench.ask(&[&octets[..48], &octets[84..]].concat()).kind,
        Err(DropReason::NtsMalformed)
    );
    assert_eq!(
        bench.ask(&octets[..octets.len() - 40]).kind,
        Err(DropReason::NtsMalformed)
    );
}

#[test]
fn without_keys_of_its_own_a_server_answers_everybody_plainly() {
    let mut bench = Bench::new(AeadAlgorithm::SivCmac256);
    let (octets, _) = bench.request();
    let outcome = ask(
        &mut bench.server,
        &octets,
        client("192.0.2.7"),
        MonoTime::ZERO,
    );
    assert_eq!(
        (outcome.kind, outcome.reply.len()),
        (Ok(ReplyKind::Time), 48)
    );
}

#[test]
fn a_server_that_requires_nts_answers_nobody_without_it() {
    for (action, expected) in [
        (FilterAction::Deny, Ok(ReplyKind::DenyKiss)),
        (FilterAction::Ignore, Err(DropReason::NtsRequired)),
    ] {
        let config = ServerConfig {
            require_nts: Some(action),
            ..ServerConfig::default()
        };
        let mut bench = Bench::with(AeadAlgorithm::SivCmac256, config);
        assert_eq!(bench.ask(&request(Version::V4)).kind, expected);
        let (octets, _) = bench.request();
        assert_eq!(bench.ask(&octets).kind, Ok(ReplyKind::NtsTime));
    }
}

#[test]
fn kisses_to_clients_with_nts_are_protected() {
    let limit = RateLimit {
        interval: Duration::from_secs(1000),
        burst: 1,
        leak_log2: 64,
        ..RateLimit::default()
    };
    let mut bench = Bench::with(AeadAlgorithm::SivCmac256, limited(limit));
    let (first, _) = bench.request();
    assert_eq!(bench.ask(&first).kind, Ok(ReplyKind::NtsTime));
    let (second, unique_id) = bench.request();
    let outcome = bench.ask(&second);
    assert_eq!(outcome.kind, Ok(ReplyKind::RateKiss));
    let response = open_response(&outcome.reply, &unique_id, &bench.pair.s2c).unwrap();
    assert_eq!(response.value().header.kiss(), Some(KissCode::Rate));
    let (third, _) = bench.request();
    assert_eq!(
        bench.ask(&third).kind,
        Err(DropReason::RateLimited),
        "refused before any cryptography"
    );
}

#[test]
fn a_protected_request_with_one_flipped_octet_never_gets_the_protected_time() {
    let mut bench = Bench::new(AeadAlgorithm::SivCmac256);
    let (octets, _) = bench.request();
    for place in 0..octets.len() {
        let mut flipped = octets.clone();
        flipped[place] ^= 0x10;
        let outcome = bench.ask(&flipped);
        assert_ne!(outcome.kind, Ok(ReplyKind::NtsTime), "octet {place}");
        assert!(outcome.reply.len() <= octets.len());
    }
}
