//! The cookies that we make as a server (RFC 8915 §6): a session's keys, sealed, so that we need not remember them.
//!
//! | octets | content |
//! |---|---|
//! | 4 | the id of the master key, which is also the associated data |
//! | 16 | a random nonce |
//! | 16 | the tag of AES-SIV |
//! | 2 | sealed: the layout, [`LAYOUT`] |
//! | 2 | sealed: the number of the session's algorithm |
//! | 2 × key length | sealed: both keys, client to server first |
//!
//! That makes 104 octets for AES-SIV-CMAC-256, 136 for -384, 168 for -512 and 72 for AES-128-GCM-SIV: whole words, so that
//! no extension field pads them.
//!
//! The master keys are for AES-SIV-CMAC-512, because a cookie must not be the weakest link of a session whose own
//! algorithm has keys of 256 bits. That costs some tens of nanoseconds per reply.

use super::{AeadAlgorithm, AeadKey, KeyPair, MAX_COOKIES, TAG_LENGTH, siv_seal};
use crate::packet::Reader;
use aes::Aes256;
use rand::CryptoRng;
use zeroize::Zeroize as _;

/// What seals cookies.
pub(super) const COOKIE_ALGORITHM: AeadAlgorithm = AeadAlgorithm::SivCmac512;

/// The length of the id of a master key, in octets.
const ID_LENGTH: usize = 4;

/// All that stands before the sealed text.
const PREFIX_LENGTH: usize = ID_LENGTH + COOKIE_ALGORITHM.nonce_length();

/// The layout of the sealed text.
const LAYOUT: u16 = 1;

/// The longest plaintext: that of [`AeadAlgorithm::SivCmac512`].
const MAX_PLAINTEXT: usize = plaintext_length(AeadAlgorithm::SivCmac512);

/// The longest cookie that we make, in octets.
pub const MAX_OWN_COOKIE: usize = cookie_length(AeadAlgorithm::SivCmac512);

const fn plaintext_length(algorithm: AeadAlgorithm) -> usize {
    4 + 2 * algorithm.key_length()
}

/// How long a cookie is that holds keys of `algorithm`, in octets.
#[must_use]
pub const fn cookie_length(algorithm: AeadAlgorithm) -> usize {
    PREFIX_LENGTH + TAG_LENGTH + plaintext_length(algorithm)
}

/// Why a cookie could not be opened. To the client it is all the same: it needs new ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CookieError {
    /// No cookie of ours has this length.
    BadLength,
    /// The master key is gone, or never was ours.
    NoSuchKey,
    /// It was not sealed with our key.
    Forged,
    /// We sealed it, but it is not of a layout or algorithm that we know: perhaps a newer version has made it.
    UnknownContent,
}

/// A cookie that we have made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SealedCookie {
    octets: [u8; MAX_OWN_COOKIE],
    length: usize,
}

impl SealedCookie {
    /// The place for one.
    pub(super) const EMPTY: Self = Self { octets: [0; MAX_OWN_COOKIE], length: 0 };

    /// The octets to send.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.split_at(self.length).0
    }
}

/// A key that seals cookies, and the id by which cookies name it.
#[derive(Clone, Debug)]
pub(super) struct MasterKey {
    pub(super) id: u32,
    pub(super) key: AeadKey,
}

impl MasterKey {
    /// Seals the keys of a session into cookies, eight at most, each of which looks like none before. They cost little more
    /// than one.
    pub(super) fn seal(&self, pair: &KeyPair, cookies: &mut [SealedCookie], rng: &mut impl CryptoRng) {
        let algorithm = pair.algorithm();
        let id = self.id.to_be_bytes();
        let mut nonces = [[0; COOKIE_ALGORITHM.nonce_length()]; MAX_COOKIES];
        let nonces = nonces.get_mut(..cookies.len()).expect("invariant: nobody gets more cookies at once");
        for (cookie, nonce) in cookies.iter_mut().zip(&mut *nonces) {
            rng.fill_bytes(nonce);
            cookie.length = cookie_length(algorithm);
            let (id_place, rest) = cookie.octets.split_at_mut(ID_LENGTH);
            id_place.copy_from_slice(&id);
            rest.split_at_mut(nonce.len()).0.copy_from_slice(nonce);
        }
        let mut plaintext = plaintext(pair);
        let (used, _) = plaintext.split_at(plaintext_length(algorithm));
        let places = cookies.iter_mut().map(|cookie| {
            let (whole, _) = cookie.octets.split_at_mut(cookie.length);
            whole.split_at_mut(PREFIX_LENGTH).1
        });
        siv_seal::seal_each::<Aes256>(self.key.secret(), &id, used, nonces, places)
            .expect("invariant: the longest cookie fits");
        plaintext.zeroize();
    }

    /// Opens a cookie whose id is ours already.
    pub(super) fn open(&self, cookie: &[u8]) -> Result<KeyPair, CookieError> {
        let mut reader = Reader::new(cookie);
        let id = reader.take(ID_LENGTH, "key id").map_err(|_| CookieError::BadLength)?;
        let nonce = reader.take(COOKIE_ALGORITHM.nonce_length(), "nonce").map_err(|_| CookieError::BadLength)?;
        let mut plaintext = [0; MAX_PLAINTEXT];
        let length = self.key.open(nonce, id, reader.rest(), &mut plaintext).map_err(|_| CookieError::Forged)?;
        let keys = session_keys(plaintext.split_at(length).0).ok_or(CookieError::UnknownContent);
        plaintext.zeroize();
        keys
    }
}

/// The id of the master key that a cookie names.
///
/// # Errors
/// [`CookieError::BadLength`] if it cannot be a cookie of ours: those are refused before any cryptography.
pub(super) fn key_id(cookie: &[u8]) -> Result<u32, CookieError> {
    let length = cookie.len();
    if !AeadAlgorithm::ALL.into_iter().any(|algorithm| cookie_length(algorithm) == length) {
        return Err(CookieError::BadLength);
    }
    Reader::new(cookie).u32("key id").map_err(|_| CookieError::BadLength)
}

fn plaintext(pair: &KeyPair) -> [u8; MAX_PLAINTEXT] {
    let mut octets = [0; MAX_PLAINTEXT];
    let algorithm = pair.algorithm();
    let parts: [&[u8]; 4] =
        [&LAYOUT.to_be_bytes(), &algorithm.id().to_be_bytes(), pair.c2s.secret(), pair.s2c.secret()];
    for (place, octet) in octets.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *octet;
    }
    octets
}

fn session_keys(plaintext: &[u8]) -> Option<KeyPair> {
    let mut reader = Reader::new(plaintext);
    let layout = reader.u16("layout").ok()?;
    let algorithm = AeadAlgorithm::from_id(reader.u16("algorithm").ok()?)?;
    if layout != LAYOUT || plaintext.len() != plaintext_length(algorithm) {
        return None;
    }
    let (c2s, s2c) = reader.rest().split_at_checked(algorithm.key_length())?;
    Some(KeyPair { c2s: AeadKey::new(algorithm, c2s)?, s2c: AeadKey::new(algorithm, s2c)? })
}
