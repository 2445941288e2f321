//! Whole packets: golden vectors, and properties of all octets.

use super::*;
use crate::time::{NtpTimestamp, PollInterval};
use proptest::prelude::*;

fn request(version: Version) -> Vec<u8> {
    Header::request(
        version,
        PollInterval::clamped(6),
        NtpTimestamp::from_bits(0x0123_4567_89AB_CDEF),
    )
    .encode()
    .to_vec()
}

fn followed_by(version: Version, parts: &[&[u8]]) -> Vec<u8> {
    [&request(version), parts.concat().as_slice()].concat()
}

/// A field of `length` octets that tells its own length.
fn field(kind: u16, length: u16) -> Vec<u8> {
    let mut octets = vec![0x5A; usize::from(length)];
    octets[..2].copy_from_slice(&kind.to_be_bytes());
    octets[2..4].copy_from_slice(&length.to_be_bytes());
    octets
}

/// An NTPv4 request with a field and a MAC, laid out by hand from RFC 5905 figures 8 and 14.
#[rustfmt::skip]
const FIELD_AND_MAC: [u8; 88] = [
    0b00_100_011,                                   // leap 0, version 4, mode 3 (client)
    0, 6, 0,                                        // stratum 0, poll 2⁶ s, precision 2⁰ s
    0, 0, 0, 0,                                     // root delay
    0, 0, 0, 0,                                     // root dispersion
    0, 0, 0, 0,                                     // reference identifier
    0, 0, 0, 0, 0, 0, 0, 0,                         // reference timestamp
    0, 0, 0, 0, 0, 0, 0, 0,                         // origin timestamp
    0, 0, 0, 0, 0, 0, 0, 0,                         // receive timestamp
    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, // transmit timestamp
    0x12, 0x34, 0x00, 0x14,                         // field type 0x1234, length 20
    1, 2, 3, 4, 5, 6, 7, 8,                         // value
    9, 10, 11, 12, 13, 0, 0, 0,                     // value, with three octets of padding
    0x00, 0x00, 0x00, 0x2A,                         // key identifier 42
    0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, // digest of 16 octets
    0xA8, 0xA9, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF,
];

#[test]
fn a_field_and_a_mac_are_told_apart() {
    let packet = Packet::decode(&FIELD_AND_MAC).unwrap();
    let fields: Vec<_> = packet.extensions.iter().collect();

    assert_eq!(
        packet.header,
        Header::decode(&request(Version::V4)).unwrap()
    );
    assert_eq!(
        fields,
        [ExtensionField {
            kind: FieldType::from_bits(0x1234),
            value: &FIELD_AND_MAC[52..68]
        }]
    );
    assert_eq!(
        packet.mac,
        Some(Mac {
            key_id: 42,
            digest: &FIELD_AND_MAC[72..]
        })
    );
}

#[test]
fn a_packet_written_by_us_is_the_golden_one() {
    let mut buffer = [0xFF; 100];
    let mut writer = Writer::new(&mut buffer);
    writer
        .header(&Header::decode(&request(Version::V4)).unwrap())
        .unwrap();
    writer
        .extension(
            FieldType::from_bits(0x1234),
            &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        )
        .unwrap();
    writer.bytes(&42_u32.to_be_bytes()).unwrap();
    writer.bytes(&FIELD_AND_MAC[72..]).unwrap();

    assert_eq!(writer.written(), FIELD_AND_MAC.len());
    assert_eq!(buffer[..88], FIELD_AND_MAC);
}

#[test]
fn a_bare_header_has_neither_fields_nor_a_mac() {
    for version in [Version::V1, Version::V2, Version::V3, Version::V4] {
        let octets = request(version);
        let packet = Packet::decode(&octets).unwrap();
        assert!(packet.extensions.is_empty());
        assert_eq!(packet.mac, None);
    }
}

#[test]
fn macs_of_all_lengths_are_recognized_in_both_versions() {
    for version in [Version::V3, Version::V4] {
        for digest in [16, 20] {
            let octets = followed_by(version, &[&[0, 0, 1, 0], &vec![0xDD; digest]]);
            let mac = Packet::decode(&octets).unwrap().mac.unwrap();
            assert_eq!(
                (mac.key_id, mac.digest.len(), mac.is_crypto_nak()),
                (256, digest, false)
            );
        }
        let octets = followed_by(version, &[&[0; 4]]);
        assert!(
            Packet::decode(&octets)
                .unwrap()
                .mac
                .unwrap()
                .is_crypto_nak()
        );
    }
}

#[test]
fn versions_before_4_have_no_extension_fields() {
    for version in [Version::V1, Version::V2, Version::V3] {
        let octets = followed_by(version, &[&field(0x0104, 36)]);
        assert_eq!(
            Packet::decode(&octets),
            Err(DecodeError::BadTrailer { length: 36 }),
            "{version:?}"
        );
    }
}

#[test]
fn versions_that_nobody_framed_are_refused() {
    for bits in [0, 5, 6, 7] {
        let version = Version::from_bits(bits);
        assert_eq!(
            Packet::decode(&request(version)),
            Err(DecodeError::UnknownVersion(version))
        );
    }
}

#[test]
fn lengths_alone_decide_between_a_last_field_and_a_mac() {
    // What looks like a whole field of 16, 20 or 24 octets at the end is not one, as it could be a
    // MAC.
    for (length, field_count, has_mac) in
        [(20, 0, true), (24, 0, true), (28, 1, false), (36, 1, false)]
    {
        let octets = followed_by(Version::V4, &[&field(0x0104, length)]);
        let packet = Packet::decode(&octets).unwrap();
        assert_eq!(
            (packet.extensions.len(), packet.mac.is_some()),
            (field_count, has_mac),
            "length {length}"
        );
    }
    let too_short = followed_by(Version::V4, &[&field(0x0104, 16)]);
    assert_eq!(
        Packet::decode(&too_short),
        Err(DecodeError::BadTrailer { length: 16 })
    );
    let too_short_at_the_end = followed_by(Version::V4, &[&field(0x0104, 36), &field(0x0204, 16)]);
    assert_eq!(
        Packet::decode(&too_short_at_the_end),
        Err(DecodeError::BadTrailer { length: 16 })
    );
}

#[test]
fn broken_lengths_of_fields_are_refused() {
    for told in [0, 3, 4, 12, 15, 17, 30, 44, 65_535, 65_532] {
        let mut broken = field(0x0204, 40);
        broken[2..4].copy_from_slice(&u16::to_be_bytes(told));
        let octets = followed_by(Version::V4, &[&field(0x0104, 16), &broken]);
        let kind = FieldType::COOKIE;
        assert_eq!(
            Packet::decode(&octets),
            Err(DecodeError::BadExtensionLength { kind, length: told }),
            "length {told}"
        );
    }
}

#[test]
fn trailers_of_every_other_length_are_refused() {
    for version in [Version::V3, Version::V4] {
        for length in (1..24).filter(|length| ![4, 20].contains(length)) {
            let octets = followed_by(version, &[&vec![0; length]]);
            assert_eq!(
                Packet::decode(&octets),
                Err(DecodeError::BadTrailer { length })
            );
        }
    }
}

#[test]
fn the_number_of_fields_has_a_bound() {
    let many = vec![field(0x0104, 28); MAX_EXTENSIONS].concat();
    let octets = followed_by(Version::V4, &[&many]);
    assert_eq!(
        Packet::decode(&octets).unwrap().extensions.len(),
        MAX_EXTENSIONS
    );
    let too_many = followed_by(Version::V4, &[&many, &field(0x0104, 28)]);
    assert_eq!(
        Packet::decode(&too_many),
        Err(DecodeError::TooManyExtensions)
    );
}

/// Octets that start like a request, so that the decoder gets past the version more often than by
/// chance.
fn request_like() -> impl Strategy<Value = Vec<u8>> {
    let fields = prop::collection::vec((any::<u16>(), 0_u16..80), 0..40).prop_map(|fields| {
        fields
            .into_iter()
            .flat_map(|(kind, words)| field(kind, 4 * words.max(1)))
            .collect::<Vec<u8>>()
    });
    (1_u8..=4, fields, prop::collection::vec(any::<u8>(), 0..32)).prop_map(
        |(version, fields, tail)| {
            let mut octets = followed_by(Version::from_bits(version), &[&fields, &tail]);
            octets.truncate(1200);
            octets
        },
    )
}

proptest! {
    #[test]
    fn no_octets_make_the_decoder_panic(octets in prop::collection::vec(any::<u8>(), 0..=1200)) {
        let _ = Packet::decode(&octets);
    }

    #[test]
    fn every_octet_of_a_decoded_packet_is_accounted_for(octets in request_like()) {
        if let Ok(packet) = Packet::decode(&octets) {
            let fields: usize = packet.extensions.iter().map(|field| 4 + field.value.len()).sum();
            let mac = packet.mac.map_or(0, |mac| 4 + mac.digest.len());
            prop_assert_eq!(HEADER_LENGTH + fields + mac, octets.len());
            prop_assert_eq!(packet.extensions.iter().count(), packet.extensions.len());
        }
    }

    #[test]
    fn written_fields_come_back_in_order_and_padded_with_zeros(
        header in any_header(),
        fields in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..100)), 1..=8),
    ) {
        let header = Header { version: Version::V4, ..header };
        let mut buffer = [0xFF; 1200];
        let mut writer = Writer::new(&mut buffer);
        writer.header(&header).unwrap();
        let (last, others) = fields.split_last().unwrap();
        for (kind, value) in others {
            writer.extension(FieldType::from_bits(*kind), value).unwrap();
        }
        writer.last_extension(FieldType::from_bits(last.0), &last.1).unwrap();
        let length = writer.written();

        let packet = Packet::decode(&buffer[..length]).unwrap();
        prop_assert_eq!(packet.header, header);
        prop_assert_eq!(packet.mac, None);
        prop_assert_eq!(packet.extensions.len(), fields.len());
        for (read, (kind, value)) in packet.extensions.iter().zip(&fields) {
            prop_assert_eq!(read.kind.to_bits(), *kind);
            prop_assert!(read.value.starts_with(value));
            prop_assert!(read.value[value.len()..].iter().all(|octet| *octet == 0));
        }
    }
}
