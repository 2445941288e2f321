//! AES-128-GCM-SIV (RFC 8452): the tag comes last, and the nonce has exactly twelve octets.

use super::aead::TAG_LENGTH;
use aes_gcm_siv::{AeadInOut as _, Aes128GcmSiv, KeyInit as _};

/// The only length of a nonce, in octets.
pub(super) const NONCE_LENGTH: usize = 12;

/// `components` are the associated data and the nonce; `sealed` is longer than the plaintext by the tag. `None` means that
/// a length cannot be.
pub(super) fn seal(key: &[u8], components: [&[u8]; 2], plaintext: &[u8], sealed: &mut [u8]) -> Option<()> {
    let [associated, nonce] = components;
    let nonce: [u8; NONCE_LENGTH] = nonce.try_into().ok()?;
    let (text, tag) = sealed.split_at_mut_checked(plaintext.len())?;
    if tag.len() != TAG_LENGTH {
        return None;
    }
    text.copy_from_slice(plaintext);
    let cipher = Aes128GcmSiv::new_from_slice(key).ok()?;
    tag.copy_from_slice(&cipher.encrypt_inout_detached(&nonce.into(), associated, text.into()).ok()?);
    Some(())
}

/// `components` are the associated data and the nonce. `None` means that a length cannot be, or that the tag is wrong.
pub(super) fn open(key: &[u8], components: [&[u8]; 2], sealed: &[u8], plaintext: &mut [u8]) -> Option<()> {
    let [associated, nonce] = components;
    let nonce: [u8; NONCE_LENGTH] = nonce.try_into().ok()?;
    let (text, tag) = sealed.split_last_chunk::<TAG_LENGTH>()?;
    if text.len() != plaintext.len() {
        return None;
    }
    plaintext.copy_from_slice(text);
    let cipher = Aes128GcmSiv::new_from_slice(key).ok()?;
    cipher.decrypt_inout_detached(&nonce.into(), associated, plaintext.into(), &(*tag).into()).ok()
}
