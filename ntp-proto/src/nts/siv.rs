//! AES-SIV-CMAC (RFC 5297): the tag comes first, and the nonce is the last of the associated components.

use super::aead::TAG_LENGTH;
use aes::Aes192;
use aes_siv::KeyInit as _;
use aes_siv::siv::{Aes128Siv, Aes256Siv, CmacSiv};

/// `AEAD_AES_SIV_CMAC_384`, which the library makes up from its parts but has no name for.
type Aes192Siv = CmacSiv<Aes192>;

/// The two functions of one size of key. `components` are the associated data and the nonce; `sealed` is longer than the
/// plaintext by the tag. `None` means that a length cannot be, or that the tag is wrong.
macro_rules! siv {
    ($cipher:ty, $seal:ident, $open:ident) => {
        pub(super) fn $seal(key: &[u8], components: [&[u8]; 2], plaintext: &[u8], sealed: &mut [u8]) -> Option<()> {
            let [_, nonce] = components;
            let (tag, text) = sealed.split_at_mut_checked(TAG_LENGTH)?;
            if nonce.is_empty() || text.len() != plaintext.len() {
                return None;
            }
            text.copy_from_slice(plaintext);
            let mut cipher = <$cipher>::new_from_slice(key).ok()?;
            tag.copy_from_slice(&cipher.encrypt_inout_detached(components, text.into()).ok()?);
            Some(())
        }

        pub(super) fn $open(key: &[u8], components: [&[u8]; 2], sealed: &[u8], plaintext: &mut [u8]) -> Option<()> {
            let [_, nonce] = components;
            let (tag, text) = sealed.split_first_chunk::<TAG_LENGTH>()?;
            if nonce.is_empty() || text.len() != plaintext.len() {
                return None;
            }
            plaintext.copy_from_slice(text);
            let mut cipher = <$cipher>::new_from_slice(key).ok()?;
            cipher.decrypt_inout_detached(components, plaintext.into(), &(*tag).into()).ok()
        }
    };
}

siv!(Aes128Siv, seal_256, open_256);
siv!(Aes192Siv, seal_384, open_384);
siv!(Aes256Siv, seal_512, open_512);
