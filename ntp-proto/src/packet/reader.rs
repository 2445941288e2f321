//! Reading by taking: every octet is asked for by the name of its field.

use super::DecodeError;

/// The rest of the received octets. A refused read leaves it unchanged.
#[derive(Clone, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the start of `octets`.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The octets that are not taken yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Takes the next `N` octets, which `field` consists of.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] with the name of the field.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self
            .0
            .split_first_chunk()
            .ok_or(DecodeError::Truncated { field })?;
        self.0 = rest;
        Ok(*head)
    }

    /// Takes the next `length` octets, which `field` consists of.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] with the name of the field.
    pub fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(DecodeError::Truncated { field })?;
        self.0 = rest;
        Ok(head)
    }

    /// Takes an integer in network order.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] with the name of the field.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Takes an integer in network order.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] with the name of the field.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// Takes an integer in network order.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] with the name of the field.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_and_nothing_is_taken() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(
            reader.u32("root delay"),
            Err(DecodeError::Truncated {
                field: "root delay"
            })
        );
        assert_eq!(
            reader.take(usize::MAX, "value"),
            Err(DecodeError::Truncated { field: "value" })
        );
        assert_eq!(reader.rest(), [1, 2, 3]);
        assert_eq!(reader.u16("length"), Ok(0x0102));
        assert_eq!(reader.rest(), [3]);
    }
}
