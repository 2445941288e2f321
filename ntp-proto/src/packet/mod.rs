//! Packets on the wire: headers, extension fields and message authentication codes.
//!
//! Every packet is a [`Header`] of 48 octets, then extension fields ([`Extensions`]), then perhaps
//! a [`Mac`]. Decoding borrows from the received octets and never allocates; it refuses with a
//! [`DecodeError`] and cannot panic. It checks the framing only, neither the meaning of fields nor
//! a MAC.
//!
//! The version is data: one table says what may follow the header, and all versions go through the
//! same code.

mod error;
mod extension;
mod fields;
mod header;
mod mac;
mod reader;
mod writer;

pub use error::{BufferFull, DecodeError};
pub use extension::{
    ExtensionField, Extensions, FieldType, MAX_EXTENSIONS, MINIMUM_FIELD_LENGTH,
    MINIMUM_LAST_FIELD_LENGTH,
};
pub use fields::{KissCode, LeapIndicator, Mode, ReferenceId, Stratum, Version};
#[cfg(test)]
pub(crate) use header::tests::any_header;
pub use header::{HEADER_LENGTH, Header};
pub use mac::{MAX_MAC_LENGTH, Mac};
pub use reader::Reader;
pub use writer::Writer;

/// The parts that may follow the header in one version of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Framing {
    extensions: bool,
}

impl Framing {
    /// `None` for a version that we do not speak.
    const fn of(version: Version) -> Option<Self> {
        match version {
            Version::V1 | Version::V2 | Version::V3 => Some(Self { extensions: false }),
            Version::V4 => Some(Self { extensions: true }),
            _ => None,
        }
    }
}

/// A packet whose framing has been checked.
///
/// Nothing marks the border between extension fields and a MAC, so their lengths must decide (RFC
/// 7822, which rewrites RFC 5905 §7.5). A MAC has 4, 20 or 24 octets; a last field without a MAC
/// has 28 at least. So while more than 24 octets are left, a field must follow; of 24 or fewer, 4,
/// 20 and 24 are a MAC and all other lengths are an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// The first 48 octets.
    pub header: Header,
    /// The extension fields, known and unknown.
    pub extensions: Extensions<'a>,
    /// The MAC, by its length; it is not verified.
    pub mac: Option<Mac<'a>>,
}

impl<'a> Packet<'a> {
    /// Reads a whole datagram.
    ///
    /// # Errors
    /// The part that its version does not allow.
    pub fn decode(octets: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets);
        let header = Header::take(&mut reader)?;
        Self::after(header, &mut reader)
    }

    /// Reads the rest of a packet whose header has been taken already.
    ///
    /// # Errors
    /// The part that its version does not allow.
    pub fn after(header: Header, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let framing =
            Framing::of(header.version).ok_or(DecodeError::UnknownVersion(header.version))?;
        let extensions = if framing.extensions {
            Extensions::take(reader, MAX_MAC_LENGTH)?
        } else {
            Extensions::NONE
        };
        let mac = Mac::take(reader)?;
        Ok(Self {
            header,
            extensions,
            mac,
        })
    }
}

#[cfg(test)]
mod tests;
