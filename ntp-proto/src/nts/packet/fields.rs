//! The NTS extension fields of a packet (RFC 8915 §5), not yet authenticated.

use crate::nts::aead::{AeadKey, Forged, Nonce, Sealed, TAG_LENGTH};
use crate::packet::{BufferFull, ExtensionField, FieldType, HEADER_LENGTH, Packet, Reader, Writer};
use rand::CryptoRng;

/// The length of the unique identifiers that we make, in octets: the least that is allowed (RFC
/// 8915 §5.3).
pub const UNIQUE_ID_LENGTH: usize = 32;

/// The longest unique identifier that we take, in octets.
pub const MAX_UNIQUE_ID_LENGTH: usize = 64;

/// The type and the length of an extension field in octets.
pub(super) const FIELD_HEADER_LENGTH: usize = 4;

/// The lengths of nonce and ciphertext before them, in octets.
const AUTHENTICATOR_PREFIX_LENGTH: usize = 4;

/// The unique identifier, which ties a reply to its request (RFC 8915 §5.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UniqueId {
    octets: [u8; MAX_UNIQUE_ID_LENGTH],
    length: usize,
}

impl UniqueId {
    /// Room for one.
    pub(crate) const BLANK: Self = Self {
        octets: [0; MAX_UNIQUE_ID_LENGTH],
        length: UNIQUE_ID_LENGTH,
    };

    /// A random identifier.
    #[must_use]
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut id = Self {
            octets: [0; MAX_UNIQUE_ID_LENGTH],
            length: UNIQUE_ID_LENGTH,
        };
        rng.fill_bytes(id.octets.split_at_mut(UNIQUE_ID_LENGTH).0);
        id
    }

    /// `None` if the octets are fewer than the RFC allows or more than we take.
    pub(super) fn new(value: &[u8]) -> Option<Self> {
        let mut octets = [0; MAX_UNIQUE_ID_LENGTH];
        octets
            .get_mut(..value.len())
            .filter(|_| value.len() >= UNIQUE_ID_LENGTH)?
            .copy_from_slice(value);
        Some(Self {
            octets,
            length: value.len(),
        })
    }

    /// The octets of the wire.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.split_at(self.length).0
    }
}

impl std::fmt::Debug for UniqueId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UniqueId({} octets)", self.length)
    }
}

/// The violation of RFC 8915 by the fields of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FieldFault {
    /// The unique identifier is missing.
    NoUniqueId,
    /// The unique identifier is shorter than 32 octets or longer than we take.
    BadUniqueId,
    /// The cookie is missing.
    NoCookie,
    /// The authenticator is missing.
    NoAuthenticator,
    /// A field that may be there once is there twice.
    Duplicate,
    /// A placeholder is not as long as the cookie.
    BadPlaceholder,
    /// The lengths within the authenticator do not fit it.
    BadAuthenticator,
    /// A code of another kind follows, which we could not verify.
    TrailingMac,
    /// The plaintext is not a sequence of extension fields.
    BadContent,
}

/// The fields up to the authenticator, which covers all that comes before it. What comes after it
/// is unauthenticated and not looked at (RFC 8915 §5.7).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NtsFields<'a> {
    pub(super) unique_id: Option<&'a [u8]>,
    pub(super) cookie: Option<&'a [u8]>,
    pub(super) placeholders: usize,
    pub(super) authenticator: Option<Authenticator<'a>>,
    placeholder_length: Option<usize>,
}

impl<'a> NtsFields<'a> {
    /// Looks through a packet that `octets` have been decoded to.
    pub(super) fn read(packet: &Packet<'a>, octets: &'a [u8]) -> Result<Self, FieldFault> {
        let mut fields = Self::default();
        let mut offset = HEADER_LENGTH;
        for field in packet.extensions.iter() {
            match field.kind {
                FieldType::UNIQUE_IDENTIFIER => once(&mut fields.unique_id, field.value)?,
                FieldType::COOKIE => once(&mut fields.cookie, field.value)?,
                FieldType::COOKIE_PLACEHOLDER => fields.placeholder(field)?,
                FieldType::AUTHENTICATOR => {
                    let associated = octets.get(..offset).ok_or(FieldFault::BadAuthenticator)?;
                    fields.authenticator = Some(
                        Authenticator::read(associated, field.value)
                            .ok_or(FieldFault::BadAuthenticator)?,
                    );
                    return Ok(fields);
                }
                _ => {}
            }
            offset += FIELD_HEADER_LENGTH + field.value.len();
        }
        Ok(fields)
    }

    /// True if all placeholders are as long as the cookie (RFC 8915 §5.5).
    pub(super) fn placeholders_match(&self) -> bool {
        self.placeholder_length
            .is_none_or(|length| self.cookie.is_some_and(|cookie| cookie.len() == length))
    }

    /// True if there is no NTS field but perhaps a unique identifier.
    pub(super) const fn is_plain(&self) -> bool {
        self.cookie.is_none() && self.placeholders == 0 && self.authenticator.is_none()
    }

    fn placeholder(&mut self, field: ExtensionField<'_>) -> Result<(), FieldFault> {
        if *self.placeholder_length.get_or_insert(field.value.len()) != field.value.len() {
            return Err(FieldFault::BadPlaceholder);
        }
        self.placeholders += 1;
        Ok(())
    }
}

fn once<'a>(place: &mut Option<&'a [u8]>, value: &'a [u8]) -> Result<(), FieldFault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(FieldFault::Duplicate),
    }
}

/// An authenticator field (RFC 8915 §5.6), not yet verified.
#[derive(Clone, Copy, Debug)]
pub(super) struct Authenticator<'a> {
    associated: &'a [u8],
    nonce: &'a [u8],
    sealed: &'a [u8],
}

impl<'a> Authenticator<'a> {
    fn read(associated: &'a [u8], value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let nonce_length = usize::from(reader.u16("nonce length").ok()?);
        let sealed_length = usize::from(reader.u16("ciphertext length").ok()?);
        let nonce = padded(&mut reader, nonce_length)?;
        let sealed = padded(&mut reader, sealed_length)?;
        Some(Self {
            associated,
            nonce,
            sealed,
        })
    }

    /// The text to verify, if `key` is to have sealed it.
    pub(super) const fn sealed_with<'b>(&self, key: &'b AeadKey) -> Sealed<'b>
    where
        'a: 'b,
    {
        Sealed {
            key,
            nonce: self.nonce,
            associated: self.associated,
            text: self.sealed,
        }
    }

    /// Verifies the packet up to here, and decrypts what was encrypted into the start of `out`.
    pub(super) fn open<'b>(&self, key: &AeadKey, out: &'b mut [u8]) -> Result<&'b [u8], Forged> {
        let length = key.open(self.nonce, self.associated, self.sealed, out)?;
        out.get(..length).ok_or(Forged)
    }
}

/// Takes `length` octets and their padding to whole words.
fn padded<'a>(reader: &mut Reader<'a>, length: usize) -> Option<&'a [u8]> {
    let taken = reader
        .take(length.next_multiple_of(4), "nonce or ciphertext")
        .ok()?;
    taken.get(..length)
}

/// The length of an authenticator field for `plaintext` octets (a multiple of four), in octets.
pub(super) const fn authenticator_length(nonce: usize, plaintext: usize) -> usize {
    FIELD_HEADER_LENGTH
        + AUTHENTICATOR_PREFIX_LENGTH
        + nonce.next_multiple_of(4)
        + TAG_LENGTH
        + plaintext.next_multiple_of(4)
}

/// Appends to a packet of `written` octets the authenticator that covers all of them and hides
/// `plaintext`, and returns the length of the whole. With the nonces that we make, no additional
/// padding is needed (RFC 8915 §5.6), and the field is always longer than the 28 octets that a last
/// field must have.
pub(super) fn append_authenticator(
    buffer: &mut [u8],
    written: usize,
    key: &AeadKey,
    nonce: &Nonce,
    plaintext: &[u8],
) -> Result<usize, BufferFull> {
    let (associated, rest) = buffer.split_at_mut_checked(written).ok_or(BufferFull)?;
    let nonce = nonce.octets();
    let length = authenticator_length(nonce.len(), plaintext.len());
    let field = rest.get_mut(..length).ok_or(BufferFull)?;
    let told = |length: usize| {
        u16::try_from(length)
            .map(u16::to_be_bytes)
            .map_err(|_| BufferFull)
    };

    let mut writer = Writer::new(field);
    writer.bytes(&FieldType::AUTHENTICATOR.to_bits().to_be_bytes())?;
    writer.bytes(&told(length)?)?;
    writer.bytes(&told(nonce.len())?)?;
    writer.bytes(&told(plaintext.len() + TAG_LENGTH)?)?;
    writer.bytes(nonce)?;
    let start = writer.written();
    let place = field.get_mut(start..).ok_or(BufferFull)?;
    let sealed = key.seal(nonce, associated, plaintext, place)?;
    place.get_mut(sealed..).ok_or(BufferFull)?.fill(0);
    Ok(written + length)
}

/// A nonce for one packet under `key`.
pub(super) fn packet_nonce(key: &AeadKey, rng: &mut impl CryptoRng) -> Nonce {
    Nonce::random(key.algorithm(), rng)
}

/// The extension fields in the plaintext of an authenticator. They follow the RFC 7822 framing but
/// for its least lengths, which only distinguish fields from a MAC.
pub(super) fn content(
    plaintext: &[u8],
) -> impl Iterator<Item = Result<ExtensionField<'_>, FieldFault>> {
    let mut reader = Reader::new(plaintext);
    std::iter::from_fn(move || {
        if reader.rest().is_empty() {
            return None;
        }
        let field = content_field(&mut reader).ok_or(FieldFault::BadContent);
        if field.is_err() {
            reader = Reader::new(&[]);
        }
        Some(field)
    })
}

fn content_field<'a>(reader: &mut Reader<'a>) -> Option<ExtensionField<'a>> {
    let kind = FieldType::from_bits(reader.u16("field type").ok()?);
    let length = usize::from(reader.u16("field length").ok()?);
    let value_length = length
        .checked_sub(FIELD_HEADER_LENGTH)
        .filter(|_| length.is_multiple_of(4))?;
    Some(ExtensionField {
        kind,
        value: reader.take(value_length, "field value").ok()?,
    })
}
