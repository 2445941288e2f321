//! Extension fields: the framing of RFC 7822, which knows nothing of what the fields mean.

use super::{DecodeError, Reader};

/// The type and the length of a field in octets.
pub(super) const FIELD_HEADER_LENGTH: usize = 4;

/// The shortest field with its own header, in octets (RFC 7822).
pub const MINIMUM_FIELD_LENGTH: usize = 16;

/// The shortest last field of a packet without a MAC, in octets: anything shorter could be a MAC
/// (RFC 7822).
pub const MINIMUM_LAST_FIELD_LENGTH: usize = 28;

/// The most fields that we read in one packet, so that the work per packet has a bound. The largest
/// NTS request has a unique identifier, a cookie, seven placeholders and an authenticator.
pub const MAX_EXTENSIONS: usize = 32;

/// The type of an extension field.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FieldType(u16);

impl FieldType {
    /// The unique identifier of an exchange (RFC 8915 §5.3).
    pub const UNIQUE_IDENTIFIER: Self = Self(0x0104);
    /// A cookie (RFC 8915 §5.4).
    pub const COOKIE: Self = Self(0x0204);
    /// Room for a further cookie in the reply (RFC 8915 §5.5).
    pub const COOKIE_PLACEHOLDER: Self = Self(0x0304);
    /// The authenticator and the encrypted fields (RFC 8915 §5.6).
    pub const AUTHENTICATOR: Self = Self(0x0404);

    /// From the 16 bits of the wire.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The 16 bits of the wire.
    #[must_use]
    pub const fn to_bits(self) -> u16 {
        self.0
    }
}

impl std::fmt::Debug for FieldType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

/// One extension field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtensionField<'a> {
    /// The type of the field, known or not.
    pub kind: FieldType,
    /// The value with its padding: 12 octets or more, a multiple of four.
    pub value: &'a [u8],
}

impl<'a> ExtensionField<'a> {
    /// Takes the next field, of a whole number of words and 16 octets at least.
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let kind = FieldType(reader.u16("extension field type")?);
        let length = reader.u16("extension field length")?;
        let bad_length = DecodeError::BadExtensionLength { kind, length };
        let length = usize::from(length);
        if length < MINIMUM_FIELD_LENGTH || !length.is_multiple_of(4) {
            return Err(bad_length);
        }
        let value = reader
            .take(length - FIELD_HEADER_LENGTH, "extension field value")
            .map_err(|_| bad_length)?;
        Ok(Self { kind, value })
    }
}

/// The extension fields of one packet, whose framing has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Extensions<'a> {
    fields: &'a [u8],
    count: usize,
}

impl<'a> Extensions<'a> {
    /// No fields, as in all of NTPv3.
    pub const NONE: Self = Self {
        fields: &[],
        count: 0,
    };

    /// Takes fields for as long as more octets are left than a MAC could have. What remains (up to
    /// `longest_mac` octets) cannot be a field, because the last field of a packet without a MAC
    /// must be longer.
    pub(super) fn take(reader: &mut Reader<'a>, longest_mac: usize) -> Result<Self, DecodeError> {
        let octets = reader.rest();
        // A copy, which can stay in registers.
        let mut ahead = reader.clone();
        let mut count = 0;
        while ahead.rest().len() > longest_mac {
            if count == MAX_EXTENSIONS {
                return Err(DecodeError::TooManyExtensions);
            }
            ExtensionField::take(&mut ahead)?;
            count += 1;
        }
        let (fields, _) = octets.split_at(octets.len() - ahead.rest().len());
        *reader = ahead;
        Ok(Self { fields, count })
    }

    /// The number of fields.
    #[must_use]
    pub const fn len(self) -> usize {
        self.count
    }

    /// True if there is no field at all.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The fields in the order of the packet, known and unknown ones alike.
    pub fn iter(self) -> impl Iterator<Item = ExtensionField<'a>> {
        let mut reader = Reader::new(self.fields);
        std::iter::from_fn(move || ExtensionField::take(&mut reader).ok())
    }
}
