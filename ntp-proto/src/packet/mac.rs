//! The message authentication code of symmetric keys, which may end a packet (RFC 5905 §7.3, RFC
//! 8573).

use super::{DecodeError, Reader};

/// The longest MAC in octets: a key identifier and 20 octets of digest.
pub const MAX_MAC_LENGTH: usize = 24;

/// A MAC, recognized by its length and not verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mac<'a> {
    /// Which key the digest was made with.
    pub key_id: u32,
    /// 16 octets (MD5, AES-CMAC), 20 octets (SHA-1, shortened digests of other kinds), or none in a
    /// crypto-NAK.
    pub digest: &'a [u8],
}

impl<'a> Mac<'a> {
    /// Takes all that is left: nothing, or 4, 20 or 24 octets.
    pub(super) fn take(reader: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        let length = reader.rest().len();
        match length {
            0 => Ok(None),
            4 | 20 | 24 => Ok(Some(Self {
                key_id: reader.u32("key identifier")?,
                digest: reader.take(length - 4, "message digest")?,
            })),
            _ => Err(DecodeError::BadTrailer { length }),
        }
    }

    /// True if this is a crypto-NAK: a key identifier alone, by which a server says that it could
    /// not verify the MAC of a request (RFC 5905 §9.2).
    #[must_use]
    pub const fn is_crypto_nak(self) -> bool {
        self.digest.is_empty()
    }
}
