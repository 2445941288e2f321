//! The algorithms that seal and open (RFC 5116), and the keys that do it.

pub(super) mod gcm_siv;
mod siv;
#[cfg(test)]
mod tests;

use crate::packet::BufferFull;
use gcm_siv::GcmSivKey;
use rand::CryptoRng;
use zeroize::Zeroize as _;

/// The length by which a sealed text exceeds its plaintext, in octets, with every algorithm here.
pub const TAG_LENGTH: usize = 16;

/// The length of the longest key in octets.
pub const MAX_KEY_LENGTH: usize = 64;

/// The length of the longest nonce that we make, in octets.
pub const MAX_NONCE_LENGTH: usize = 16;

/// An algorithm of IANA's registry of AEAD algorithms that RFC 8915 can use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AeadAlgorithm {
    /// `AEAD_AES_SIV_CMAC_256`, which every implementation must have (RFC 8915 §5.1).
    SivCmac256,
    /// `AEAD_AES_SIV_CMAC_384`.
    SivCmac384,
    /// `AEAD_AES_SIV_CMAC_512`.
    SivCmac512,
    /// `AEAD_AES_128_GCM_SIV` (RFC 8452), which has the shortest cookies.
    Aes128GcmSiv,
}

impl AeadAlgorithm {
    /// All of them, in the order in which a client should offer them: first the fast one with short
    /// cookies, then the mandatory one.
    pub const ALL: [Self; 4] = [
        Self::Aes128GcmSiv,
        Self::SivCmac256,
        Self::SivCmac512,
        Self::SivCmac384,
    ];

    /// `None` for an algorithm that we do not have.
    #[must_use]
    pub const fn from_id(id: u16) -> Option<Self> {
        match id {
            15 => Some(Self::SivCmac256),
            16 => Some(Self::SivCmac384),
            17 => Some(Self::SivCmac512),
            30 => Some(Self::Aes128GcmSiv),
            _ => None,
        }
    }

    /// The number in IANA's registry.
    #[must_use]
    pub const fn id(self) -> u16 {
        match self {
            Self::SivCmac256 => 15,
            Self::SivCmac384 => 16,
            Self::SivCmac512 => 17,
            Self::Aes128GcmSiv => 30,
        }
    }

    /// The name in IANA's registry, without its prefix and in the spelling that people use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SivCmac256 => "AES-SIV-CMAC-256",
            Self::SivCmac384 => "AES-SIV-CMAC-384",
            Self::SivCmac512 => "AES-SIV-CMAC-512",
            Self::Aes128GcmSiv => "AES-128-GCM-SIV",
        }
    }

    /// The algorithm of this [`name`](Self::name), in letters of either case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The length of a key in octets.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::SivCmac256 => 32,
            Self::SivCmac384 => 48,
            Self::SivCmac512 => 64,
            Self::Aes128GcmSiv => 16,
        }
    }

    /// The length of the nonces that we make, in octets: `N_REQ` of RFC 8915 §5.6, the lesser of 16
    /// and what the algorithm takes.
    #[must_use]
    pub const fn nonce_length(self) -> usize {
        match self {
            Self::SivCmac256 | Self::SivCmac384 | Self::SivCmac512 => 16,
            Self::Aes128GcmSiv => gcm_siv::NONCE_LENGTH,
        }
    }
}

impl std::fmt::Display for AeadAlgorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A nonce of the right length for its algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::nts) struct Nonce {
    octets: [u8; MAX_NONCE_LENGTH],
    length: usize,
}

impl Nonce {
    /// Room for one.
    pub(in crate::nts) const fn zero(algorithm: AeadAlgorithm) -> Self {
        Self {
            octets: [0; MAX_NONCE_LENGTH],
            length: algorithm.nonce_length(),
        }
    }

    pub(in crate::nts) fn random(algorithm: AeadAlgorithm, rng: &mut impl CryptoRng) -> Self {
        let mut octets = [0; MAX_NONCE_LENGTH];
        rng.fill_bytes(&mut octets);
        Self {
            octets,
            length: algorithm.nonce_length(),
        }
    }

    pub(in crate::nts) fn octets(&self) -> &[u8] {
        self.octets.split_at(self.length).0
    }
}

/// A sealed text that was not sealed with our key, or not with this nonce and these associated
/// data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forged;

impl std::fmt::Display for Forged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the authenticator is not valid")
    }
}

impl std::error::Error for Forged {}

/// A key and the algorithm it is for. It is wiped when dropped, and cannot be printed.
///
/// The key schedule is expanded at each use, which costs about 20 ns: the library's SIV keeps its
/// running MAC beside the schedule and so wants exclusive access, while a key here is shared
/// between threads.
#[derive(Clone)]
pub struct AeadKey {
    algorithm: AeadAlgorithm,
    octets: [u8; MAX_KEY_LENGTH],
}

impl AeadKey {
    /// From the octets of the key. `None` if they are not as many as the algorithm wants.
    #[must_use]
    pub fn new(algorithm: AeadAlgorithm, key: &[u8]) -> Option<Self> {
        let mut octets = [0; MAX_KEY_LENGTH];
        let place = octets.get_mut(..algorithm.key_length())?;
        (place.len() == key.len()).then(|| place.copy_from_slice(key))?;
        Some(Self { algorithm, octets })
    }

    /// A key that `fill` makes: it gets the right number of zero octets.
    ///
    /// # Errors
    /// The error of `fill`.
    pub fn try_make<E>(
        algorithm: AeadAlgorithm,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut key = Self {
            algorithm,
            octets: [0; MAX_KEY_LENGTH],
        };
        fill(key.octets.split_at_mut(algorithm.key_length()).0)?;
        Ok(key)
    }

    /// A random key.
    #[must_use]
    pub fn random(algorithm: AeadAlgorithm, rng: &mut impl CryptoRng) -> Self {
        let mut key = Self {
            algorithm,
            octets: [0; MAX_KEY_LENGTH],
        };
        rng.fill_bytes(key.octets.split_at_mut(algorithm.key_length()).0);
        key
    }

    /// The algorithm of the key.
    #[must_use]
    pub const fn algorithm(&self) -> AeadAlgorithm {
        self.algorithm
    }

    /// The secret octets, to be stored.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        self.octets.split_at(self.algorithm.key_length()).0
    }

    /// Seals `plaintext` into the start of `out`, and returns the length in octets: [`TAG_LENGTH`]
    /// more than the plaintext. The associated data are covered, but not hidden. The SIV algorithms
    /// take nonces of any length but zero; the others of [`AeadAlgorithm::nonce_length`] only. A
    /// nonce should never come again with the same key.
    ///
    /// # Errors
    /// [`BufferFull`] if `out` is too short, or the nonce of a length that the algorithm does not
    /// take.
    pub fn seal(
        &self,
        nonce: &[u8],
        associated: &[u8],
        plaintext: &[u8],
        out: &mut [u8],
    ) -> Result<usize, BufferFull> {
        let sealed = out
            .get_mut(..plaintext.len() + TAG_LENGTH)
            .ok_or(BufferFull)?;
        let done = match self.algorithm {
            AeadAlgorithm::SivCmac256 => {
                siv::seal_256(self.secret(), [associated, nonce], plaintext, sealed)
            }
            AeadAlgorithm::SivCmac384 => {
                siv::seal_384(self.secret(), [associated, nonce], plaintext, sealed)
            }
            AeadAlgorithm::SivCmac512 => {
                siv::seal_512(self.secret(), [associated, nonce], plaintext, sealed)
            }
            AeadAlgorithm::Aes128GcmSiv => GcmSivKey::aes_128(self.secret())
                .and_then(|key| key.seal([associated, nonce], plaintext, sealed)),
        };
        done.map(|()| plaintext.len() + TAG_LENGTH)
            .ok_or(BufferFull)
    }

    /// Opens `sealed` into the start of `out`, and returns the length of the plaintext in octets:
    /// [`TAG_LENGTH`] fewer. The library compares the tags in constant time.
    ///
    /// # Errors
    /// [`Forged`], also if the lengths are impossible; `out` then holds undefined octets, and never
    /// the plaintext.
    pub fn open(
        &self,
        nonce: &[u8],
        associated: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Forged> {
        let length = sealed.len().checked_sub(TAG_LENGTH).ok_or(Forged)?;
        let plaintext = out.get_mut(..length).ok_or(Forged)?;
        let done = match self.algorithm {
            AeadAlgorithm::SivCmac256 => {
                siv::open_256(self.secret(), [associated, nonce], sealed, plaintext)
            }
            AeadAlgorithm::SivCmac384 => {
                siv::open_384(self.secret(), [associated, nonce], sealed, plaintext)
            }
            AeadAlgorithm::SivCmac512 => {
                siv::open_512(self.secret(), [associated, nonce], sealed, plaintext)
            }
            AeadAlgorithm::Aes128GcmSiv => GcmSivKey::aes_128(self.secret())
                .and_then(|key| key.open([associated, nonce], sealed, plaintext)),
        };
        done.map(|()| length).ok_or(Forged)
    }
}

/// A sealed text whose key is known.
#[derive(Clone, Copy, Debug)]
pub(in crate::nts) struct Sealed<'a> {
    pub(in crate::nts) key: &'a AeadKey,
    pub(in crate::nts) nonce: &'a [u8],
    pub(in crate::nts) associated: &'a [u8],
    pub(in crate::nts) text: &'a [u8],
}

/// Verifies sealed texts without returning their plaintext, and reports to `verified` for each in
/// turn if the key has sealed it. `room` must hold the longest plaintext.
///
/// They are opened one after the other, as the libraries have no other way. One that works on
/// several at a time, so that a processor need not wait for each block of a chain before it begins
/// the next, can be put in here: the texts of a batch of packets come together for that reason.
pub(in crate::nts) fn verify_many<'a>(
    texts: impl IntoIterator<Item = Sealed<'a>>,
    room: &mut [u8],
    mut verified: impl FnMut(bool),
) {
    for Sealed {
        key,
        nonce,
        associated,
        text,
    } in texts
    {
        verified(key.open(nonce, associated, text, room).is_ok());
    }
}

impl Drop for AeadKey {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

impl std::fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AeadKey({})", self.algorithm)
    }
}
