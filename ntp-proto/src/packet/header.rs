//! The 48 octets that every packet starts with.

use super::{DecodeError, KissCode, LeapIndicator, Mode, Reader, ReferenceId, Stratum, Version};
use crate::time::{NtpShort, NtpTimestamp, PollInterval, Precision};

/// The length of the header in octets, in every version.
pub const HEADER_LENGTH: usize = 48;

/// The header of NTPv4 (RFC 5905 §7.3), field by field and without any judgment. Earlier versions
/// have the same fields in the same places; the mode came with version 2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The leap second warning, or that the sender is not synchronized.
    pub leap: LeapIndicator,
    /// The version of the protocol.
    pub version: Version,
    /// The mode: a request, a reply, …
    pub mode: Mode,
    /// The sender's distance from a reference clock.
    pub stratum: Stratum,
    /// The sender's poll interval as log₂ of seconds, as it came: it may be out of all bounds.
    pub poll: i8,
    /// The precision of the sender's clock.
    pub precision: Precision,
    /// The round-trip delay from the sender to its reference clock.
    pub root_delay: NtpShort,
    /// The error of the sender's clock that has added up on the way from its reference clock.
    pub root_dispersion: NtpShort,
    /// The sender's own source of time, or the kiss code.
    pub reference_id: ReferenceId,
    /// The time at which the sender's clock was last set, by its own clock.
    pub reference_time: NtpTimestamp,
    /// T1: in a reply, the transmit timestamp of its request.
    pub origin: NtpTimestamp,
    /// T2: in a reply, when its request arrived, by the sender's clock.
    pub receive: NtpTimestamp,
    /// T3: when this packet left, by the sender's clock; in a request it may be any number.
    pub transmit: NtpTimestamp,
}

impl Header {
    /// A request that reveals nothing about us: `transmit` should be random, and all the rest is
    /// zero apart from version, mode and poll interval.
    #[must_use]
    pub const fn request(version: Version, poll: PollInterval, transmit: NtpTimestamp) -> Self {
        Self {
            leap: LeapIndicator::NoWarning,
            version,
            mode: Mode::Client,
            stratum: Stratum::UNSPECIFIED,
            poll: poll.log2(),
            precision: Precision::from_log2(0),
            root_delay: NtpShort::ZERO,
            root_dispersion: NtpShort::ZERO,
            reference_id: ReferenceId::from_bits(0),
            reference_time: NtpTimestamp::UNKNOWN,
            origin: NtpTimestamp::UNKNOWN,
            receive: NtpTimestamp::UNKNOWN,
            transmit,
        }
    }

    /// From the first 48 octets of a packet; further octets are not looked at. Any 48 octets are a
    /// header.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if there are fewer.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        Self::take(&mut Reader::new(octets))
    }

    /// Takes the header from the start of a packet.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if there are not 48 octets.
    pub fn take(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let [flags, stratum, poll, precision] = reader.array("first word")?;
        Ok(Self {
            leap: LeapIndicator::from_bits(flags >> 6),
            version: Version::from_bits(flags >> 3),
            mode: Mode::from_bits(flags),
            stratum: Stratum::from_bits(stratum),
            poll: poll.cast_signed(),
            precision: Precision::from_log2(precision.cast_signed()),
            root_delay: NtpShort::from_bits(reader.u32("root delay")?),
            root_dispersion: NtpShort::from_bits(reader.u32("root dispersion")?),
            reference_id: ReferenceId::from_bits(reader.u32("reference identifier")?),
            reference_time: NtpTimestamp::from_bits(reader.u64("reference timestamp")?),
            origin: NtpTimestamp::from_bits(reader.u64("origin timestamp")?),
            receive: NtpTimestamp::from_bits(reader.u64("receive timestamp")?),
            transmit: NtpTimestamp::from_bits(reader.u64("transmit timestamp")?),
        })
    }

    /// The 48 octets of the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LENGTH] {
        let flags = self.leap.to_bits() << 6 | self.version.to_bits() << 3 | self.mode.to_bits();
        let precision = self.precision.log2().cast_unsigned();
        let words = [
            u32::from_be_bytes([
                flags,
                self.stratum.to_bits(),
                self.poll.cast_unsigned(),
                precision,
            ]),
            self.root_delay.to_bits(),
            self.root_dispersion.to_bits(),
            self.reference_id.to_bits(),
        ];
        let stamps = [
            self.reference_time,
            self.origin,
            self.receive,
            self.transmit,
        ];

        let mut octets = [0; HEADER_LENGTH];
        let (head, tail) = octets.split_at_mut(size_of_val(&words));
        for (place, word) in head.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        for (place, stamp) in tail.chunks_exact_mut(8).zip(stamps) {
            place.copy_from_slice(&stamp.to_bits().to_be_bytes());
        }
        octets
    }

    /// The kiss code, if this is a reply of stratum 0, a kiss-o'-death (RFC 5905 §7.4).
    #[must_use]
    pub fn kiss(&self) -> Option<KissCode> {
        (self.mode == Mode::Server && self.stratum == Stratum::UNSPECIFIED)
            .then(|| KissCode::from_reference_id(self.reference_id))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A reply of a stratum 2 server, laid out by hand from RFC 5905 figure 8.
    #[rustfmt::skip]
    const REPLY: [u8; HEADER_LENGTH] = [
        0b01_100_100,                                   // leap 1 (61 s minute), version 4, mode 4 (server)
        2,                                              // stratum 2
        6,                                              // poll 2⁶ s
        0xE9,                                           // precision 2⁻²³ s
        0x00, 0x00, 0x06, 0x66,                         // root delay 0x666 / 2¹⁶ s = 25 ms
        0x00, 0x01, 0x80, 0x00,                         // root dispersion 1.5 s
        192, 0, 2, 1,                                   // reference identifier: 192.0.2.1
        0xEC, 0x00, 0x00, 0x01, 0x80, 0x00, 0x00, 0x00, // reference timestamp
        0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, // origin: what the client chose at random
        0xEC, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x01, // receive timestamp
        0xEC, 0x00, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00, // transmit timestamp
    ];

    fn reply() -> Header {
        Header {
            leap: LeapIndicator::Insert,
            version: Version::V4,
            mode: Mode::Server,
            stratum: Stratum::from_bits(2),
            poll: 6,
            precision: Precision::from_log2(-23),
            root_delay: NtpShort::from_bits(0x666),
            root_dispersion: NtpShort::from_bits(0x1_8000),
            reference_id: ReferenceId::from_bits(0xC000_0201),
            reference_time: NtpTimestamp::from_bits(0xEC00_0001_8000_0000),
            origin: NtpTimestamp::from_bits(0x0123_4567_89AB_CDEF),
            receive: NtpTimestamp::from_bits(0xEC00_0020_0000_0001),
            transmit: NtpTimestamp::from_bits(0xEC00_0020_0001_0000),
        }
    }

    /// Any header that octets can hold.
    pub(crate) fn any_header() -> impl Strategy<Value = Header> {
        any::<[[u8; 24]; 2]>().prop_map(|halves| Header::decode(halves.as_flattened()).unwrap())
    }

    #[test]
    fn a_reply_of_the_rfc_layout_is_read_field_by_field() {
        assert_eq!(Header::decode(&REPLY), Ok(reply()));
    }

    #[test]
    fn a_reply_is_written_in_the_rfc_layout() {
        assert_eq!(reply().encode(), REPLY);
    }

    #[test]
    fn a_request_tells_version_mode_poll_and_a_random_number_only() {
        let octets = Header::request(
            Version::V4,
            PollInterval::clamped(10),
            NtpTimestamp::from_bits(u64::MAX),
        )
        .encode();
        assert_eq!(octets[..4], [0b00_100_011, 0, 10, 0]);
        assert_eq!(octets[4..40], [0; 36]);
        assert_eq!(octets[40..], [0xFF; 8]);
    }

    #[test]
    fn a_short_packet_is_told_by_the_field_that_it_lacks() {
        for (length, field) in [
            (0, "first word"),
            (7, "root delay"),
            (15, "reference identifier"),
            (47, "transmit timestamp"),
        ] {
            assert_eq!(
                Header::decode(&REPLY[..length]),
                Err(DecodeError::Truncated { field })
            );
        }
    }

    #[test]
    fn only_a_reply_of_stratum_0_is_a_kiss() {
        let rate = Header {
            stratum: Stratum::UNSPECIFIED,
            reference_id: KissCode::Rate.to_reference_id(),
            ..reply()
        };
        assert_eq!(rate.kiss(), Some(KissCode::Rate));
        assert_eq!(
            Header {
                mode: Mode::Client,
                ..rate
            }
            .kiss(),
            None
        );
        assert_eq!(
            Header {
                stratum: Stratum::PRIMARY,
                ..rate
            }
            .kiss(),
            None
        );
    }

    proptest! {
        #[test]
        fn every_48_octets_are_a_header_and_come_back(halves in any::<[[u8; 24]; 2]>()) {
            let octets = halves.as_flattened();
            let encoded = Header::decode(octets).unwrap().encode();
            prop_assert_eq!(encoded.as_slice(), octets);
        }

        #[test]
        fn every_header_survives_the_round_trip(header in any_header()) {
            prop_assert_eq!(Header::decode(&header.encode()), Ok(header));
        }
    }
}
