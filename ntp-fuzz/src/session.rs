//! Fixed keys, so that the corpora stay valid.

use ntp_proto::nts::{
    AeadAlgorithm, Cookie, CookieJar, KeyPair, KeySet, MAX_PROTECTED_REQUEST, UniqueId,
    protect_request,
};
use ntp_proto::packet::{Header, Version};
use ntp_proto::time::{NtpTimestamp, PollInterval};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use std::convert::Infallible;
use std::sync::LazyLock;

/// One NTS session with a request in flight.
pub(crate) struct Session {
    /// The server's master keys.
    pub(crate) keys: KeySet,
    /// The keys of the session.
    pub(crate) pair: KeyPair,
    /// The request, protected with `pair`.
    pub(crate) request: Vec<u8>,
    /// The unique identifier of the request.
    pub(crate) unique_id: UniqueId,
}

/// The session that all targets use.
pub(crate) static SESSION: LazyLock<Session> = LazyLock::new(|| {
    let mut rng = rng(1);
    let keys = KeySet::new(2, 1_800_000_000, &mut rng);
    let pair = key_pair(AeadAlgorithm::SivCmac256);
    let mut jar = CookieJar::new();
    keys.seal_cookies(&pair, 3, &mut rng, |octets| {
        jar.put(Cookie::new(octets).expect("invariant: our cookies are short"));
    });
    let origin = NtpTimestamp::from_bits(0x0123_4567_89ab_cdef);
    let header = Header::request(Version::V4, PollInterval::MIN, origin);
    let mut octets = [0; MAX_PROTECTED_REQUEST];
    let protected = protect_request(&header, &mut jar, &pair.c2s, &mut rng, &mut octets)
        .expect("invariant: the jar has cookies and the buffer is long enough");
    Session {
        keys,
        pair,
        request: octets[..protected.length].to_vec(),
        unique_id: protected.unique_id,
    }
});

/// The keys of a session with `algorithm`.
pub(crate) fn key_pair(algorithm: AeadAlgorithm) -> KeyPair {
    KeyPair::export(algorithm, algorithm, exporter).unwrap_or_else(|never| match never {})
}

/// Stands in for the exporter of a TLS connection (RFC 5705).
pub(crate) fn exporter(label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Infallible> {
    for (place, octet) in out.iter_mut().enumerate() {
        *octet = label[place % label.len()] ^ context[place % context.len()];
    }
    Ok(())
}

/// A generator that always starts the same.
pub(crate) fn rng(seed: u8) -> ChaCha12Rng {
    ChaCha12Rng::from_seed([seed; 32])
}
