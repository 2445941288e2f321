//! Errors of decoding and encoding.

use super::{FieldType, Version};

/// The reason for which received octets are not a packet that we understand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The octets end within this field.
    Truncated {
        /// The name of RFC 5905 for what is missing.
        field: &'static str,
    },
    /// We do not know how a packet of this version is framed.
    UnknownVersion(Version),
    /// An extension field has a length that is too short, not a multiple of four, or longer than
    /// the rest of the packet.
    BadExtensionLength {
        /// The type of the field.
        kind: FieldType,
        /// The length in the field, with its own four octets.
        length: u16,
    },
    /// There are more extension fields than [`MAX_EXTENSIONS`](super::MAX_EXTENSIONS).
    TooManyExtensions,
    /// The rest of the packet is neither a further extension field nor a message authentication
    /// code.
    BadTrailer {
        /// The number of octets left.
        length: usize,
    },
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated { field } => write!(f, "the packet ends within its {field}"),
            Self::UnknownVersion(version) => {
                write!(f, "version {} is not supported", version.to_bits())
            }
            Self::BadExtensionLength { kind, length } => {
                write!(f, "the extension field {kind:?} tells a length of {length}")
            }
            Self::TooManyExtensions => write!(f, "the packet has too many extension fields"),
            Self::BadTrailer { length } => {
                write!(f, "the last {length} octets are not an authentication code")
            }
        }
    }
}

impl std::error::Error for DecodeError {}

/// The caller's buffer is too short for the packet; it then holds undefined octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BufferFull;

impl std::fmt::Display for BufferFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the packet does not fit into the buffer")
    }
}

impl std::error::Error for BufferFull {}
