//! Formats the names of subjects and issuers (RFC 5280 §4.1.2.4).

use super::der::{Reader, dotted, tag};

/// The most parts of a name.
const MAX_PARTS: usize = 12;

/// A name as `CN=…, O=…`, in the order of the certificate. `name` is the content of the sequence.
pub(super) fn text(name: &[u8]) -> String {
    let mut sets = Reader::new(name);
    let parts = std::iter::from_fn(|| sets.take(tag::SET)).flat_map(|set| {
        let mut parts = Reader::new(set);
        std::iter::from_fn(move || parts.take(tag::SEQUENCE)).filter_map(part)
    });
    parts.take(MAX_PARTS).collect::<Vec<_>>().join(", ")
}

fn part(part: &[u8]) -> Option<String> {
    let mut part = Reader::new(part);
    let kind = part.take(tag::OBJECT_IDENTIFIER)?;
    let (encoding, value) = part.next()?;
    Some(format!("{}={}", label(kind), decode(encoding, value)))
}

/// The short name of a kind of part (RFC 4514 §3), or its number.
fn label(kind: &[u8]) -> String {
    let short = match kind {
        [0x55, 0x04, 3] => "CN",
        [0x55, 0x04, 5] => "serialNumber",
        [0x55, 0x04, 6] => "C",
        [0x55, 0x04, 7] => "L",
        [0x55, 0x04, 8] => "ST",
        [0x55, 0x04, 9] => "street",
        [0x55, 0x04, 10] => "O",
        [0x55, 0x04, 11] => "OU",
        [0x55, 0x04, 97] => "organizationIdentifier",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "emailAddress",
        other => return dotted(other),
    };
    short.to_owned()
}

fn decode(encoding: u8, value: &[u8]) -> String {
    match encoding {
        tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING => {
            String::from_utf8_lossy(value).into_owned()
        }
        tag::BMP_STRING => {
            let (pairs, _) = value.as_chunks::<2>();
            String::from_utf16_lossy(
                &pairs
                    .iter()
                    .map(|pair| u16::from_be_bytes(*pair))
                    .collect::<Vec<_>>(),
            )
        }
        // Other encodings are treated as Latin-1.
        _ => value.iter().map(|octet| char::from(*octet)).collect(),
    }
}
