//! AES-SIV-CMAC (RFC 5297): the tag comes first, and the nonce is the last of the associated
//! components.

use super::TAG_LENGTH;
use aes::Aes192;
use aes_siv::KeyInit as _;
use aes_siv::siv::{Aes128Siv, Aes256Siv, CmacSiv};

/// `AEAD_AES_SIV_CMAC_384`, which the library makes up from its parts but has no name for.
type Aes192Siv = CmacSiv<Aes192>;

/// True if the nonce, the last component, is missing: then sealing would be deterministic.
fn lacks_nonce(components: &[&[u8]]) -> bool {
    components.last().is_none_or(|nonce| nonce.is_empty())
}

/// The two functions of one size of key. `components` are the associated data and, last, the nonce;
/// `sealed` is longer than the plaintext by the tag. `None` means that a length cannot be, or that
/// the tag is wrong.
macro_rules! siv {
    ($cipher:ty, $seal:ident, $open:ident) => {
        pub(super) fn $seal<const N: usize>(
            key: &[u8],
            components: [&[u8]; N],
            plaintext: &[u8],
            sealed: &mut [u8],
        ) -> Option<()> {
            let (tag, text) = sealed.split_at_mut_checked(TAG_LENGTH)?;
            if lacks_nonce(&components) || text.len() != plaintext.len() {
                return None;
            }
            text.copy_from_slice(plaintext);
            let mut cipher = <$cipher>::new_from_slice(key).ok()?;
            tag.copy_from_slice(
                &cipher
                    .encrypt_inout_detached(components, text.into())
                    .ok()?,
            );
            Some(())
        }

        pub(super) fn $open<const N: usize>(
            key: &[u8],
            components: [&[u8]; N],
            sealed: &[u8],
            plaintext: &mut [u8],
        ) -> Option<()> {
            let (tag, text) = sealed.split_first_chunk::<TAG_LENGTH>()?;
            if lacks_nonce(&components) || text.len() != plaintext.len() {
                return None;
            }
            plaintext.copy_from_slice(text);
            let mut cipher = <$cipher>::new_from_slice(key).ok()?;
            cipher
                .decrypt_inout_detached(components, plaintext.into(), &(*tag).into())
                .ok()
        }
    };
}

siv!(Aes128Siv, seal_256, open_256);
siv!(Aes192Siv, seal_384, open_384);
siv!(Aes256Siv, seal_512, open_512);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nts::aead::tests::hex;

    #[test]
    fn the_deterministic_vector_of_rfc_5297_a_1_is_met() {
        let key = hex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        let associated = hex("101112131415161718191a1b1c1d1e1f2021222324252627");
        let plaintext = hex("112233445566778899aabbccddee");
        let mut sealed = [0; 30];
        assert_eq!(
            seal_256(&key, [&associated], &plaintext, &mut sealed),
            Some(())
        );
        assert_eq!(
            sealed[..],
            hex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c")
        );
        let mut opened = [0; 14];
        assert_eq!(
            open_256(&key, [&associated], &sealed, &mut opened),
            Some(())
        );
        assert_eq!(opened[..], plaintext);
    }

    #[test]
    fn the_nonce_based_vector_of_rfc_5297_a_2_is_met() {
        let key = hex("7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f");
        let components = [
            hex("00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100"),
            hex("102030405060708090a0"),
            hex("09f911029d74e35bd84156c5635688c0"),
        ];
        let plaintext = hex(
            "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
        );
        let mut sealed = [0; 63];
        assert_eq!(
            seal_256(
                &key,
                components.each_ref().map(Vec::as_slice),
                &plaintext,
                &mut sealed
            ),
            Some(())
        );
        assert_eq!(
            sealed[..],
            hex(concat!(
                "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17",
                "dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d"
            ))
        );
    }
}
