//! The master keys that seal and open cookies, and their rotation.

use super::cookie::{self, MASTER_KEY_LENGTH, MasterKey};
use super::{CookieError, KeyPair};
use crate::packet::{DecodeError, Reader};
use rand::CryptoRng;
use siphasher::sip::SipHasher24;
use std::hash::Hasher as _;
use zeroize::Zeroizing;

/// The default number of earlier keys that a set keeps: with a rotation each day, cookies last for
/// a week.
pub const DEFAULT_OLD_KEYS: u8 = 7;

/// The most keys of the past that a set can keep, so that looking for one has a bound.
pub const MAX_OLD_KEYS: u8 = 32;

/// The first octets of a stored set.
const MAGIC: [u8; 4] = *b"TCKS";

/// The version of the stored form.
const STORED_VERSION: u8 = 2;

/// A check sum ends the stored form.
const CHECK_LENGTH: usize = 8;

/// The current master key, which seals; the next one, so that servers that share a set may rotate
/// at slightly different times; and some of the past. All of them open.
///
/// Keys have random ids that stay with them, so a set can be stored, shared and merged without
/// regard to positions.
#[derive(Clone, Debug)]
pub struct KeySet {
    /// The next one first, then the current one, then those of the past from the latest on.
    keys: Vec<MasterKey>,
    old_keys: u8,
    rotated_at: u64,
}

/// The reason for which stored octets are not a key set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeySetError {
    /// They do not start as a key set does.
    NotAKeySet,
    /// Another version of this program has written them.
    UnknownVersion(u8),
    /// They have been cut off, prolonged or altered.
    Damaged,
}

impl std::fmt::Display for KeySetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAKeySet => f.write_str("it is not a key set"),
            Self::UnknownVersion(version) => {
                write!(f, "key sets of version {version} are not supported")
            }
            Self::Damaged => f.write_str("the key set is damaged"),
        }
    }
}

impl std::error::Error for KeySetError {}

impl From<DecodeError> for KeySetError {
    fn from(_: DecodeError) -> Self {
        Self::Damaged
    }
}

impl KeySet {
    /// A new set that keeps up to `old_keys` keys of the past ([`MAX_OLD_KEYS`] at most). `now` is
    /// in seconds of Unix time.
    #[must_use]
    pub fn new(old_keys: u8, now: u64, rng: &mut impl CryptoRng) -> Self {
        // All the room at once: a vector that grows leaves copies of keys behind.
        let keys = Vec::with_capacity(3 + usize::from(MAX_OLD_KEYS));
        let mut set = Self {
            keys,
            old_keys: old_keys.min(MAX_OLD_KEYS),
            rotated_at: now,
        };
        set.prepare(rng);
        set.prepare(rng);
        set
    }

    /// Seals with the next key from now on, and prepares another. The oldest key goes, if there are
    /// too many. `now` is in seconds of Unix time.
    pub fn rotate(&mut self, now: u64, rng: &mut impl CryptoRng) {
        self.prepare(rng);
        self.keys.truncate(2 + usize::from(self.old_keys));
        self.rotated_at = now;
    }

    /// Keeps up to `old_keys` keys of the past from now on ([`MAX_OLD_KEYS`] at most).
    pub fn keep(&mut self, old_keys: u8) {
        self.old_keys = old_keys.min(MAX_OLD_KEYS);
        self.keys.truncate(2 + usize::from(self.old_keys));
    }

    /// The time at which the current key became so, in seconds of Unix time.
    #[must_use]
    pub const fn rotated_at(&self) -> u64 {
        self.rotated_at
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn current_id(&self) -> u32 {
        self.current().id
    }

    /// The ids of all keys: the next one first, then the current one, then those of the past from
    /// the latest on.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.keys.iter().map(|key| key.id)
    }

    /// Makes `count` cookies ([`MAX_COOKIES`](super::MAX_COOKIES) at most) that hold the keys of a
    /// session, and hands each to `take`.
    pub fn seal_cookies(
        &self,
        pair: &KeyPair,
        count: usize,
        rng: &mut impl CryptoRng,
        take: impl FnMut(&[u8]),
    ) {
        self.current().seal(pair, count, rng, take);
    }

    /// Makes one cookie that holds the keys of a session.
    #[must_use]
    pub fn seal_cookie(&self, pair: &KeyPair, rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut cookie = Vec::new();
        self.seal_cookies(pair, 1, rng, |octets| cookie.extend_from_slice(octets));
        cookie
    }

    /// The keys of the session that a cookie was made for. Cookies that cannot be ours cost no
    /// cryptography, others that of one key.
    ///
    /// # Errors
    /// The reason for which the cookie cannot be opened.
    pub fn open_cookie(&self, cookie: &[u8]) -> Result<KeyPair, CookieError> {
        let id = cookie::key_id(cookie)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.id == id)
            .ok_or(CookieError::NoSuchKey)?;
        key.open(cookie)
    }

    /// The form to store. It holds all secrets, and is wiped when dropped.
    #[must_use]
    pub fn to_octets(&self) -> Zeroizing<Vec<u8>> {
        // All the room at once: a vector that grows leaves copies of keys behind.
        let length = 15 + self.keys.len() * (4 + MASTER_KEY_LENGTH) + CHECK_LENGTH;
        let mut octets = Zeroizing::new(Vec::with_capacity(length));
        let count = u8::try_from(self.keys.len()).expect("invariant: a set has 34 keys at most");
        octets.extend_from_slice(&MAGIC);
        octets.extend_from_slice(&[STORED_VERSION, self.old_keys, count]);
        octets.extend_from_slice(&self.rotated_at.to_be_bytes());
        for master in &self.keys {
            octets.extend_from_slice(&master.id.to_be_bytes());
            octets.extend_from_slice(master.secret());
        }
        let check = check_sum(&octets).to_be_bytes();
        octets.extend_from_slice(&check);
        octets
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// The reason for which the octets are not a key set.
    pub fn from_octets(octets: &[u8]) -> Result<Self, KeySetError> {
        let mut reader = Reader::new(octets);
        let magic: [u8; 4] = reader.array("magic").map_err(|_| KeySetError::NotAKeySet)?;
        if magic != MAGIC {
            return Err(KeySetError::NotAKeySet);
        }
        let [version] = reader.array("version")?;
        if version != STORED_VERSION {
            return Err(KeySetError::UnknownVersion(version));
        }
        let (content, check) = octets
            .split_last_chunk::<CHECK_LENGTH>()
            .ok_or(KeySetError::Damaged)?;
        if check_sum(content).to_be_bytes() != *check {
            return Err(KeySetError::Damaged);
        }
        let [old_keys, count] = reader.array("counts")?;
        let rotated_at = reader.u64("time of rotation")?;
        let keys = (0..count)
            .map(|_| stored_key(&mut reader))
            .collect::<Result<Vec<_>, _>>()?;
        let set = Self {
            keys,
            old_keys,
            rotated_at,
        };
        if reader.rest().len() == CHECK_LENGTH && set.is_sound() {
            Ok(set)
        } else {
            Err(KeySetError::Damaged)
        }
    }

    fn is_sound(&self) -> bool {
        let mut ids: Vec<_> = self.ids().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len() == self.keys.len()
            && self.old_keys <= MAX_OLD_KEYS
            && (2..=2 + usize::from(self.old_keys)).contains(&self.keys.len())
    }

    fn current(&self) -> &MasterKey {
        self.keys
            .get(1)
            .expect("invariant: a set has a next and a current key")
    }

    /// Puts a new key first.
    fn prepare(&mut self, rng: &mut impl CryptoRng) {
        let mut id = rng.next_u32();
        while self.ids().any(|taken| taken == id) {
            id = id.wrapping_add(1);
        }
        self.keys.insert(0, MasterKey::random(id, rng));
    }
}

fn stored_key(reader: &mut Reader<'_>) -> Result<MasterKey, KeySetError> {
    let id = reader.u32("key id")?;
    let secret = reader.take(MASTER_KEY_LENGTH, "key")?;
    MasterKey::new(id, secret).ok_or(KeySetError::Damaged)
}

/// Finds accidents; an attacker who can write the file needs no forgery.
fn check_sum(octets: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(octets);
    hasher.finish()
}

#[cfg(test)]
mod tests;
