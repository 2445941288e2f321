//! The cost of each part of a reply: `cargo bench -p ntp-proto --bench parts`.

use divan::{Bencher, black_box};
use ntp_proto::nts::{
    AeadAlgorithm, AeadKey, Cookie, CookieJar, KeyPair, KeySet, TAG_LENGTH, protect_request,
};
use ntp_proto::packet::{Header, Packet, Version};
use ntp_proto::time::{NtpTimestamp, PollInterval};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;

/// The associated data of an authenticator, in octets: header, unique identifier and a cookie.
const ASSOCIATED: usize = 48 + 36 + 104;
/// The plaintext of a reply's authenticator, in octets: one cookie.
const HIDDEN: usize = 104;

const NUMBERS: [u16; 4] = [15, 16, 17, 30];

fn rng() -> ChaCha12Rng {
    ChaCha12Rng::seed_from_u64(1)
}

fn key(number: u16) -> AeadKey {
    AeadKey::random(
        AeadAlgorithm::from_id(number).expect("one of ours"),
        &mut rng(),
    )
}

fn header() -> Header {
    Header::request(
        Version::V4,
        PollInterval::clamped(6),
        NtpTimestamp::from_bits(0x1234_5678),
    )
}

/// A session and the keys of its cookies.
fn session() -> (KeySet, KeyPair) {
    (
        KeySet::new(7, 0, &mut rng()),
        KeyPair {
            c2s: key(15),
            s2c: key(15),
        },
    )
}

#[divan::bench]
fn decode_plain(bencher: Bencher<'_, '_>) {
    let octets = header().encode();
    bencher.bench(|| Packet::decode(black_box(&octets)).map(|packet| packet.header));
}

#[divan::bench]
fn decode_nts(bencher: Bencher<'_, '_>) {
    let (keys, pair) = session();
    let mut jar = CookieJar::new();
    jar.extend((0..8).filter_map(|_| Cookie::new(&keys.seal_cookie(&pair, &mut rng()))));
    let mut buffer = [0; 1280];
    let written =
        protect_request(&header(), &mut jar, &pair.c2s, &mut rng(), &mut buffer).expect("it fits");
    let octets = &buffer[..written.length];
    bencher
        .bench(|| Packet::decode(black_box(octets)).map(|packet| packet.extensions.iter().count()));
}

#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let header = header();
    bencher.bench(|| black_box(&header).encode());
}

#[divan::bench(args = NUMBERS)]
fn seal(bencher: Bencher<'_, '_>, number: u16) {
    let key = key(number);
    let nonce = vec![7; key.algorithm().nonce_length()];
    let mut sealed = [0; HIDDEN + TAG_LENGTH];
    bencher.bench_local(|| {
        key.seal(
            black_box(&nonce),
            &[1; ASSOCIATED],
            &[2; HIDDEN],
            &mut sealed,
        )
    });
}

#[divan::bench(args = NUMBERS)]
fn verify(bencher: Bencher<'_, '_>, number: u16) {
    let key = key(number);
    let nonce = vec![7; key.algorithm().nonce_length()];
    let mut sealed = [0; TAG_LENGTH];
    let length = key
        .seal(&nonce, &[1; ASSOCIATED], &[], &mut sealed)
        .expect("it fits");
    bencher.bench_local(|| {
        key.open(
            black_box(&nonce),
            &[1; ASSOCIATED],
            &sealed[..length],
            &mut [],
        )
        .expect("it is ours")
    });
}

#[divan::bench]
fn cookie_sealed(bencher: Bencher<'_, '_>) {
    let (keys, pair) = session();
    let mut rng = rng();
    bencher.bench_local(|| {
        let mut last = 0;
        keys.seal_cookies(&pair, 1, &mut rng, |cookie| {
            last = cookie.last().copied().unwrap_or_default();
        });
        last
    });
}

#[divan::bench]
fn cookie_opened(bencher: Bencher<'_, '_>) {
    let (keys, pair) = session();
    let cookie = keys.seal_cookie(&pair, &mut rng());
    bencher.bench_local(|| keys.open_cookie(black_box(&cookie)).expect("it is ours"));
}

fn main() {
    divan::main();
}
