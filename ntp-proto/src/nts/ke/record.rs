//! The framing of NTS-KE records (RFC 8915 §4). Client and server judge their content.

use super::error::KeError;

/// The most records that one message may have, so that the work for a message has a bound: a full
/// reply has fourteen.
pub const MAX_RECORDS: usize = 64;

/// The type and the length of a record in octets.
const RECORD_HEADER_LENGTH: usize = 4;

/// The highest bit of the type: a receiver that does not know the record must refuse the message.
const CRITICAL_BIT: u16 = 0x8000;

/// The type of a record, without its critical bit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordType(u16);

impl RecordType {
    /// Ends every message (RFC 8915 §4.1.1).
    pub const END_OF_MESSAGE: Self = Self(0);
    /// The protocol that the keys are for: NTPv4 (RFC 8915 §4.1.2).
    pub const NEXT_PROTOCOL: Self = Self(1);
    /// The reason for which there are no keys (RFC 8915 §4.1.3).
    pub const ERROR: Self = Self(2);
    /// A warning to the client (RFC 8915 §4.1.4).
    pub const WARNING: Self = Self(3);
    /// The AEAD algorithms (RFC 8915 §4.1.5).
    pub const AEAD: Self = Self(4);
    /// A cookie (RFC 8915 §4.1.6).
    pub const COOKIE: Self = Self(5);
    /// The host of the NTP server (RFC 8915 §4.1.7).
    pub const SERVER: Self = Self(6);
    /// Which port the NTP server has (RFC 8915 §4.1.8).
    pub const PORT: Self = Self(7);
    /// The keys of AES-128-GCM-SIV are exported as RFC 8915 demands. It is not standard: some
    /// implementations used to name another algorithm in the exporter's context, and say by this
    /// record that they no longer do.
    pub const COMPLIANT_128_GCM_SIV: Self = Self(1024);

    /// From the lower 15 bits of the wire; the critical bit is left out.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & !CRITICAL_BIT)
    }

    /// The lower 15 bits of the wire.
    #[must_use]
    pub const fn to_bits(self) -> u16 {
        self.0
    }

    /// The name in words, if the record is one that we know.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::END_OF_MESSAGE => "end of message",
            Self::NEXT_PROTOCOL => "next protocol",
            Self::ERROR => "error",
            Self::WARNING => "warning",
            Self::AEAD => "AEAD algorithm",
            Self::COOKIE => "cookie",
            Self::SERVER => "server",
            Self::PORT => "port",
            Self::COMPLIANT_128_GCM_SIV => "compliant AES-128-GCM-SIV",
            _ => return None,
        })
    }
}

impl std::fmt::Display for RecordType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "type {}", self.0),
        }
    }
}

impl std::fmt::Debug for RecordType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordType({self})")
    }
}

/// One record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// True if a receiver that does not know the type must refuse the message.
    pub critical: bool,
    /// The type of the record.
    pub kind: RecordType,
    /// The content; how it is laid out depends on the type.
    pub body: &'a [u8],
}

impl<'a> Record<'a> {
    /// Splits the first record off `octets`. `None` if it is not all there yet.
    #[must_use]
    pub fn split_first(octets: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[kind_high, kind_low, length_high, length_low], rest) =
            octets.split_first_chunk::<RECORD_HEADER_LENGTH>()?;
        let bits = u16::from_be_bytes([kind_high, kind_low]);
        let (body, rest) =
            rest.split_at_checked(u16::from_be_bytes([length_high, length_low]).into())?;
        Some((
            Self {
                critical: bits & CRITICAL_BIT != 0,
                kind: RecordType::from_bits(bits),
                body,
            },
            rest,
        ))
    }

    /// The body as a list of 16-bit numbers. `None` if it has an odd number of octets.
    pub fn numbers(&self) -> Option<impl Iterator<Item = u16> + use<'a>> {
        let (pairs, rest) = self.body.as_chunks::<2>();
        rest.is_empty()
            .then(|| pairs.iter().map(|pair| u16::from_be_bytes(*pair)))
    }

    /// The body as one 16-bit number. `None` if it is anything else.
    #[must_use]
    pub fn number(&self) -> Option<u16> {
        self.body.try_into().ok().map(u16::from_be_bytes)
    }
}

/// A message under construction.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct MessageWriter(Vec<u8>);

impl MessageWriter {
    /// Appends a record that the receiver must know.
    pub(super) fn critical(self, kind: RecordType, body: &[u8]) -> Self {
        self.record(kind.0 | CRITICAL_BIT, body)
    }

    /// Appends a record that the receiver may ignore.
    pub(super) fn optional(self, kind: RecordType, body: &[u8]) -> Self {
        self.record(kind.0, body)
    }

    /// Ends the message.
    pub(super) fn end(self) -> Vec<u8> {
        self.critical(RecordType::END_OF_MESSAGE, &[]).0
    }

    fn record(mut self, bits: u16, body: &[u8]) -> Self {
        let length = u16::try_from(body.len()).expect("invariant: our own records are short");
        self.0.extend_from_slice(&bits.to_be_bytes());
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(body);
        self
    }
}

/// Collects a message that comes in pieces, until its last record is there.
///
/// Each octet is looked at once, however small the pieces are, and no more is kept than the limit.
/// Octets after the last record are ignored.
#[derive(Debug)]
pub(super) struct MessageReader {
    octets: Vec<u8>,
    /// The length of the records that are complete.
    scanned: usize,
    records: usize,
    limit: usize,
    complete: bool,
}

impl MessageReader {
    /// `limit` is the length in octets that a message may have.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            octets: Vec::new(),
            scanned: 0,
            records: 0,
            limit,
            complete: false,
        }
    }

    /// Takes the next octets, and returns true once the message is complete.
    pub(super) fn handle(&mut self, octets: &[u8]) -> Result<bool, KeError> {
        if self.complete {
            return Ok(true);
        }
        let room = self.limit.saturating_sub(self.octets.len());
        let kept = octets.get(..room).unwrap_or(octets);
        self.octets.extend_from_slice(kept);
        self.scan()?;
        if !self.complete && kept.len() < octets.len() {
            return Err(KeError::TooLong { limit: self.limit });
        }
        Ok(self.complete)
    }

    /// The records of a complete message, without the one that ends it.
    pub(super) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut rest = self.octets.as_slice();
        std::iter::from_fn(move || {
            let (record, after) = Record::split_first(rest)?;
            rest = after;
            (record.kind != RecordType::END_OF_MESSAGE).then_some(record)
        })
    }

    fn scan(&mut self) -> Result<(), KeError> {
        while let Some((record, rest)) = self
            .octets
            .get(self.scanned..)
            .and_then(Record::split_first)
        {
            if record.kind == RecordType::END_OF_MESSAGE {
                self.complete = true;
                return Ok(());
            }
            self.scanned = self.octets.len() - rest.len();
            self.records += 1;
            if self.records >= MAX_RECORDS {
                return Err(KeError::TooManyRecords);
            }
        }
        self.next_can_fit()
    }

    /// Refuses a record that would go beyond the limit, as soon as its length is known.
    fn next_can_fit(&self) -> Result<(), KeError> {
        let Some([.., high, low]) = self
            .octets
            .get(self.scanned..self.scanned + RECORD_HEADER_LENGTH)
        else {
            return Ok(());
        };
        let end =
            self.scanned + RECORD_HEADER_LENGTH + usize::from(u16::from_be_bytes([*high, *low]));
        if end > self.limit {
            Err(KeError::TooLong { limit: self.limit })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The smallest request of RFC 8915, laid out by hand from §4.
    #[rustfmt::skip]
    const REQUEST: [u8; 16] = [
        0x80, 0x01, 0, 2, 0, 0,  // critical, next protocol, two octets: NTPv4
        0x80, 0x04, 0, 2, 0, 15, // critical, AEAD algorithm, two octets: AEAD_AES_SIV_CMAC_256
        0x80, 0x00, 0, 0,        // critical, end of message, empty
    ];

    fn read(octets: &[u8], limit: usize) -> Result<bool, KeError> {
        MessageReader::new(limit).handle(octets)
    }

    #[test]
    fn a_message_is_written_in_the_rfc_layout() {
        let message = MessageWriter::default()
            .critical(RecordType::NEXT_PROTOCOL, &[0, 0])
            .critical(RecordType::AEAD, &[0, 15])
            .end();
        assert_eq!(message, REQUEST);
    }

    #[test]
    fn a_message_of_the_rfc_layout_is_read_record_by_record() {
        let mut reader = MessageReader::new(100);
        assert_eq!(reader.handle(&REQUEST), Ok(true));
        let records: Vec<_> = reader.records().collect();
        assert_eq!(
            records,
            [
                Record {
                    critical: true,
                    kind: RecordType::NEXT_PROTOCOL,
                    body: &[0, 0]
                },
                Record {
                    critical: true,
                    kind: RecordType::AEAD,
                    body: &[0, 15]
                },
            ]
        );
        assert_eq!(records[1].number(), Some(15));
    }

    #[test]
    fn a_message_that_comes_octet_by_octet_is_the_same() {
        let mut reader = MessageReader::new(REQUEST.len());
        let (last, first) = REQUEST.split_last().unwrap();
        for octet in first {
            assert_eq!(reader.handle(&[*octet]), Ok(false));
        }
        assert_eq!(reader.handle(&[*last]), Ok(true));
        assert_eq!(reader.records().count(), 2);
    }

    #[test]
    fn what_follows_the_end_is_ignored_and_not_kept() {
        let mut reader = MessageReader::new(1000);
        assert_eq!(
            reader.handle(&[&REQUEST[..], &[0xFF; 5000]].concat()),
            Ok(true)
        );
        assert_eq!(reader.handle(&[0xFF; 5000]), Ok(true));
        assert_eq!(reader.records().count(), 2);
        assert!(reader.octets.len() <= 1000);
    }

    #[test]
    fn a_stream_without_an_end_is_given_up_at_the_limit() {
        let mut reader = MessageReader::new(4096);
        let endless = [&[0, 42, 0x0F, 0][..], &[7; 0x0F00]].concat();
        let refused = (0..2600).find_map(|_| reader.handle(&endless).err());
        assert_eq!(refused, Some(KeError::TooLong { limit: 4096 }));
        assert!(reader.octets.len() <= 4096);
    }

    #[test]
    fn a_record_beyond_the_limit_is_refused_before_it_has_come() {
        assert_eq!(
            read(&[0, 5, 0xFF, 0xFF], 4096),
            Err(KeError::TooLong { limit: 4096 })
        );
    }

    #[test]
    fn too_many_records_are_refused() {
        let many = [0x7F, 0xFF, 0, 0].repeat(MAX_RECORDS);
        assert_eq!(read(&many, 65_536), Err(KeError::TooManyRecords));
        let full = [&many[4..], &[0x80, 0, 0, 0]].concat();
        assert_eq!(read(&full, 65_536), Ok(true));
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_pieces_make_no_difference(
            octets in proptest::collection::vec(prop_oneof![Just(0u8), Just(4), any::<u8>()], 0..300),
            cut in 0usize..300,
        ) {
            let mut whole = MessageReader::new(200);
            let at_once = whole.handle(&octets);
            let (head, tail) = octets.split_at(cut.min(octets.len()));
            let mut pieces = MessageReader::new(200);
            let in_pieces = pieces.handle(head).and_then(|_| pieces.handle(tail));
            prop_assert_eq!(at_once.is_ok(), in_pieces.is_ok());
            if at_once == Ok(true) {
                prop_assert!(whole.records().eq(pieces.records()));
            }
        }

        #[test]
        fn every_record_survives_the_round_trip(
            bits in 1u16..0x8000, critical in any::<bool>(), body in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let kind = RecordType::from_bits(bits);
            let writer = MessageWriter::default();
            let message = if critical { writer.critical(kind, &body) } else { writer.optional(kind, &body) }.end();
            let (record, rest) = Record::split_first(&message).unwrap();
            prop_assert_eq!(record, Record { critical, kind, body: &body });
            prop_assert_eq!(rest, [0x80, 0, 0, 0]);
        }
    }
}
