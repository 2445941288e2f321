//! AES-GCM-SIV (RFC 8452): the tag comes last, and the nonce has exactly twelve octets.
//!
//! The library is that of TLS: about twice as fast here as the one that the other algorithms come
//! from. It wipes its expanded keys when they are dropped.

use super::TAG_LENGTH;
use aws_lc_rs::aead::{
    AES_128_GCM_SIV, AES_256_GCM_SIV, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey,
};

/// The only length of a nonce, in octets.
pub(in crate::nts) const NONCE_LENGTH: usize = 12;

/// An expanded key.
pub(in crate::nts) struct GcmSivKey(LessSafeKey);

impl GcmSivKey {
    /// AES-128-GCM-SIV; `None` if the key does not have 16 octets.
    pub(super) fn aes_128(key: &[u8]) -> Option<Self> {
        Self::new(&AES_128_GCM_SIV, key)
    }

    /// AES-256-GCM-SIV; `None` if the key does not have 32 octets.
    pub(in crate::nts) fn aes_256(key: &[u8]) -> Option<Self> {
        Self::new(&AES_256_GCM_SIV, key)
    }

    fn new(algorithm: &'static Algorithm, key: &[u8]) -> Option<Self> {
        UnboundKey::new(algorithm, key)
            .ok()
            .map(|key| Self(LessSafeKey::new(key)))
    }

    /// `components` are the associated data and the nonce; `sealed` is longer than the plaintext by
    /// the tag. `None` means that a length cannot be.
    pub(in crate::nts) fn seal(
        &self,
        components: [&[u8]; 2],
        plaintext: &[u8],
        sealed: &mut [u8],
    ) -> Option<()> {
        let [associated, nonce] = components;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let (text, tag) = sealed.split_at_mut_checked(plaintext.len())?;
        if tag.len() != TAG_LENGTH {
            return None;
        }
        text.copy_from_slice(plaintext);
        tag.copy_from_slice(
            self.0
                .seal_in_place_separate_tag(nonce, Aad::from(associated), text)
                .ok()?
                .as_ref(),
        );
        Some(())
    }

    /// `components` are the associated data and the nonce. `None` means that a length cannot be, or
    /// that the tag is wrong; then there is nothing of the plaintext in `plaintext`.
    pub(in crate::nts) fn open(
        &self,
        components: [&[u8]; 2],
        sealed: &[u8],
        plaintext: &mut [u8],
    ) -> Option<()> {
        let [associated, nonce] = components;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let (text, tag) = sealed.split_last_chunk::<TAG_LENGTH>()?;
        if text.len() != plaintext.len() {
            return None;
        }
        let opened =
            self.0
                .open_separate_gather(nonce, Aad::from(associated), text, tag, plaintext);
        if opened.is_err() {
            plaintext.fill(0);
        }
        opened.ok()
    }
}
