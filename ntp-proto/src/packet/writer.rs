//! Writing into the caller's buffer.

use super::extension::{FIELD_HEADER_LENGTH, MINIMUM_FIELD_LENGTH, MINIMUM_LAST_FIELD_LENGTH};
use super::{BufferFull, FieldType, Header};

/// Fills a buffer from its start and counts what it wrote.
#[derive(Debug)]
pub struct Writer<'a> {
    rest: &'a mut [u8],
    written: usize,
}

impl<'a> Writer<'a> {
    /// Writes to the start of `buffer`.
    #[must_use]
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            rest: buffer,
            written: 0,
        }
    }

    /// The number of octets written so far: the length of the packet.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.written
    }

    /// Writes `octets` as they are.
    ///
    /// # Errors
    /// [`BufferFull`]; then nothing was written.
    pub fn bytes(&mut self, octets: &[u8]) -> Result<(), BufferFull> {
        self.room(octets.len())?.copy_from_slice(octets);
        Ok(())
    }

    /// Writes the 48 octets of a header.
    ///
    /// # Errors
    /// [`BufferFull`]; then nothing was written.
    pub fn header(&mut self, header: &Header) -> Result<(), BufferFull> {
        self.bytes(&header.encode())
    }

    /// Writes an extension field that another field or a MAC follows, padded with zero octets to a
    /// multiple of four and to 16 octets at least (RFC 7822).
    ///
    /// # Errors
    /// [`BufferFull`], also if the value is too long for any field; then nothing was written.
    pub fn extension(&mut self, kind: FieldType, value: &[u8]) -> Result<(), BufferFull> {
        self.padded_extension(kind, value, MINIMUM_FIELD_LENGTH)
    }

    /// Writes the extension field that ends a packet without a MAC: it is padded to 28 octets at
    /// least, because fewer could be taken for a MAC (RFC 7822).
    ///
    /// # Errors
    /// [`BufferFull`], also if the value is too long for any field; then nothing was written.
    pub fn last_extension(&mut self, kind: FieldType, value: &[u8]) -> Result<(), BufferFull> {
        self.padded_extension(kind, value, MINIMUM_LAST_FIELD_LENGTH)
    }

    fn padded_extension(
        &mut self,
        kind: FieldType,
        value: &[u8],
        minimum: usize,
    ) -> Result<(), BufferFull> {
        let unpadded = value
            .len()
            .checked_add(FIELD_HEADER_LENGTH)
            .ok_or(BufferFull)?;
        let length = unpadded
            .max(minimum)
            .checked_next_multiple_of(4)
            .ok_or(BufferFull)?;
        let told = u16::try_from(length).map_err(|_| BufferFull)?;
        if self.rest.len() < length {
            return Err(BufferFull);
        }
        self.bytes(&kind.to_bits().to_be_bytes())?;
        self.bytes(&told.to_be_bytes())?;
        self.bytes(value)?;
        self.room(length - unpadded)?.fill(0);
        Ok(())
    }

    /// Hands out the next `length` octets of the buffer.
    fn room(&mut self, length: usize) -> Result<&'a mut [u8], BufferFull> {
        if self.rest.len() < length {
            return Err(BufferFull);
        }
        let (head, rest) = std::mem::take(&mut self.rest).split_at_mut(length);
        self.rest = rest;
        self.written += length;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_buffer_refuses_and_stays_as_it_was() {
        let mut buffer = [0xAA; 10];
        let mut writer = Writer::new(&mut buffer);
        assert_eq!(writer.bytes(&[1, 2]), Ok(()));
        assert_eq!(writer.bytes(&[0; 9]), Err(BufferFull));
        assert_eq!(writer.extension(FieldType::COOKIE, &[]), Err(BufferFull));
        assert_eq!(writer.written(), 2);
        assert_eq!(
            buffer,
            [1, 2, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA]
        );
    }

    #[test]
    fn padding_overwrites_what_the_buffer_held_before() {
        let mut buffer = [0xAA; 28];
        let mut writer = Writer::new(&mut buffer);
        assert_eq!(
            writer.last_extension(FieldType::UNIQUE_IDENTIFIER, &[7; 5]),
            Ok(())
        );
        assert_eq!(writer.written(), 28);
        assert_eq!(buffer[..4], [0x01, 0x04, 0, 28]);
        assert_eq!(buffer[4..9], [7; 5]);
        assert_eq!(buffer[9..], [0; 19]);
    }

    #[test]
    fn a_value_too_long_for_any_field_is_refused() {
        let mut buffer = vec![0; 70_000];
        let value = vec![1; 65_535];
        assert_eq!(
            Writer::new(&mut buffer).extension(FieldType::COOKIE, &value),
            Err(BufferFull)
        );
        assert_eq!(
            Writer::new(&mut buffer).extension(FieldType::COOKIE, &value[..65_528]),
            Ok(())
        );
    }
}
