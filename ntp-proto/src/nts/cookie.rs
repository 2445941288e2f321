//! The cookies that we make as a server (RFC 8915 §6): a session's keys, sealed, so that we need
//! not remember them.
//!
//! | octets | content |
//! |---|---|
//! | 4 | the id of the master key, which is also the associated data |
//! | 12 | a random nonce |
//! | 2 | sealed: the layout, [`LAYOUT`] |
//! | 2 | sealed: the number of the session's algorithm |
//! | 2 × key length | sealed: both keys, client to server first |
//! | 16 | the tag of AES-256-GCM-SIV (RFC 8452) |
//!
//! That makes 100 octets for AES-SIV-CMAC-256, 132 for -384, 164 for -512 and 68 for
//! AES-128-GCM-SIV: whole words, so that no extension field pads them.
//!
//! The master keys have 256 bits, because a cookie must not be the weakest link of a session whose
//! own algorithm has such keys. Should a random nonce ever come twice, which takes some 2⁴⁸ cookies
//! under one key, AES-GCM-SIV gives away no more than whether the two cookies are the same.

use super::aead::gcm_siv::{GcmSivKey, NONCE_LENGTH};
use super::{AeadAlgorithm, AeadKey, KeyPair, MAX_COOKIES, TAG_LENGTH};
use crate::packet::Reader;
use crate::stable_word::stable_words;
use rand::CryptoRng;
use std::sync::Arc;
use zeroize::{Zeroize as _, Zeroizing};

/// The length of a master key, in octets.
pub(super) const MASTER_KEY_LENGTH: usize = 32;

/// The length of the id of a master key, in octets.
const ID_LENGTH: usize = 4;

/// All that stands before the sealed text.
const PREFIX_LENGTH: usize = ID_LENGTH + NONCE_LENGTH;

/// The layout of the sealed text.
const LAYOUT: u16 = 1;

/// The longest plaintext: that of [`AeadAlgorithm::SivCmac512`].
const MAX_PLAINTEXT: usize = plaintext_length(AeadAlgorithm::SivCmac512);

/// The longest cookie that we make, in octets.
pub const MAX_OWN_COOKIE: usize = cookie_length(AeadAlgorithm::SivCmac512);

const fn plaintext_length(algorithm: AeadAlgorithm) -> usize {
    4 + 2 * algorithm.key_length()
}

/// The length of a cookie that holds keys of `algorithm`, in octets.
#[must_use]
pub const fn cookie_length(algorithm: AeadAlgorithm) -> usize {
    PREFIX_LENGTH + TAG_LENGTH + plaintext_length(algorithm)
}

/// The reason for which a cookie could not be opened. The client gets the same reply in every case:
/// it needs new ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CookieError {
    /// No cookie of ours has this length.
    BadLength,
    /// The master key is gone, or never was ours.
    NoSuchKey,
    /// It was not sealed with our key.
    Forged,
    /// We sealed it, but it is not of a layout or algorithm that we know: perhaps a newer version
    /// has made it.
    UnknownContent,
}

stable_words!(CookieError {
    BadLength => "bad-length",
    NoSuchKey => "no-such-key",
    Forged => "forged",
    UnknownContent => "unknown-content",
});

/// A key that seals cookies, expanded, and the id by which cookies name it. It is wiped when
/// dropped, and cannot be printed.
#[derive(Clone)]
pub(super) struct MasterKey {
    pub(super) id: u32,
    secret: Zeroizing<[u8; MASTER_KEY_LENGTH]>,
    expanded: Arc<GcmSivKey>,
}

impl MasterKey {
    /// From the octets of the key. `None` if they are not as many as it wants.
    pub(super) fn new(id: u32, secret: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; MASTER_KEY_LENGTH]);
        key.get_mut(..secret.len())
            .filter(|place| place.len() == MASTER_KEY_LENGTH)?
            .copy_from_slice(secret);
        let expanded = Arc::new(GcmSivKey::aes_256(&*key)?);
        Some(Self {
            id,
            secret: key,
            expanded,
        })
    }

    /// A random key.
    pub(super) fn random(id: u32, rng: &mut impl CryptoRng) -> Self {
        let mut secret = Zeroizing::new([0; MASTER_KEY_LENGTH]);
        rng.fill_bytes(&mut *secret);
        Self::new(id, &*secret).expect("invariant: the key has the right length")
    }

    /// The secret octets, to be stored.
    pub(super) fn secret(&self) -> &[u8] {
        &*self.secret
    }

    /// Seals the keys of a session into `count` cookies ([`MAX_COOKIES`] at most), each of which
    /// looks like none before, and hands each to `take`.
    pub(super) fn seal(
        &self,
        pair: &KeyPair,
        count: usize,
        rng: &mut impl CryptoRng,
        mut take: impl FnMut(&[u8]),
    ) {
        let length = cookie_length(pair.algorithm());
        let id = self.id.to_be_bytes();
        let mut plaintext = plaintext(pair);
        let (used, _) = plaintext.split_at(plaintext_length(pair.algorithm()));
        // All nonces by one call.
        let mut nonces = [[0; NONCE_LENGTH]; MAX_COOKIES];
        let (wanted, _) = nonces.split_at_mut(count.min(MAX_COOKIES));
        rng.fill_bytes(wanted.as_flattened_mut());

        let mut room = [0; MAX_OWN_COOKIE];
        let (cookie, _) = room.split_at_mut(length);
        for nonce in &*wanted {
            let (prefix, sealed) = cookie.split_at_mut(PREFIX_LENGTH);
            let (id_place, nonce_place) = prefix.split_at_mut(ID_LENGTH);
            id_place.copy_from_slice(&id);
            nonce_place.copy_from_slice(nonce);
            self.expanded
                .seal([&id, nonce], used, sealed)
                .expect("invariant: all lengths fit");
            take(cookie);
        }
        plaintext.zeroize();
    }

    /// Opens a cookie whose id is ours already.
    pub(super) fn open(&self, cookie: &[u8]) -> Result<KeyPair, CookieError> {
        let mut reader = Reader::new(cookie);
        let id = reader
            .take(ID_LENGTH, "key id")
            .map_err(|_| CookieError::BadLength)?;
        let nonce = reader
            .take(NONCE_LENGTH, "nonce")
            .map_err(|_| CookieError::BadLength)?;
        let sealed = reader.rest();
        let length = sealed
            .len()
            .checked_sub(TAG_LENGTH)
            .ok_or(CookieError::BadLength)?;
        let mut plaintext = [0; MAX_PLAINTEXT];
        let place = plaintext.get_mut(..length).ok_or(CookieError::BadLength)?;
        self.expanded
            .open([id, nonce], sealed, place)
            .ok_or(CookieError::Forged)?;
        let keys = session_keys(place).ok_or(CookieError::UnknownContent);
        plaintext.zeroize();
        keys
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({:08x})", self.id)
    }
}

/// The id of the master key that a cookie names.
///
/// # Errors
/// [`CookieError::BadLength`] if it cannot be a cookie of ours: those are refused before any cryptography.
pub(super) fn key_id(cookie: &[u8]) -> Result<u32, CookieError> {
    let length = cookie.len();
    if !AeadAlgorithm::ALL
        .into_iter()
        .any(|algorithm| cookie_length(algorithm) == length)
    {
        return Err(CookieError::BadLength);
    }
    Reader::new(cookie)
        .u32("key id")
        .map_err(|_| CookieError::BadLength)
}

fn plaintext(pair: &KeyPair) -> [u8; MAX_PLAINTEXT] {
    let mut octets = [0; MAX_PLAINTEXT];
    let algorithm = pair.algorithm();
    let mut place = octets.as_mut_slice();
    let parts: [&[u8]; 4] = [
        &LAYOUT.to_be_bytes(),
        &algorithm.id().to_be_bytes(),
        pair.c2s.secret(),
        pair.s2c.secret(),
    ];
    for part in parts {
        let (here, rest) = place.split_at_mut(part.len());
        here.copy_from_slice(part);
        place = rest;
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
    Some(KeyPair {
        c2s: AeadKey::new(algorithm, c2s)?,
        s2c: AeadKey::new(algorithm, s2c)?,
    })
}
