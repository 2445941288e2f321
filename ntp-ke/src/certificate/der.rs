//! A reader of the Distinguished Encoding Rules (X.690) of certificates: nested values, each with a
//! tag and a length.

/// The tags in certificates.
pub(super) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
    pub(crate) const CONTEXT_0: u8 = 0xa0;
    pub(crate) const CONTEXT_1_PRIMITIVE: u8 = 0x81;
    pub(crate) const CONTEXT_2_PRIMITIVE: u8 = 0x82;
    pub(crate) const CONTEXT_3: u8 = 0xa3;
    pub(crate) const CONTEXT_7_PRIMITIVE: u8 = 0x87;
}

/// The bit of a length whose lower bits are the number of the octets of length that follow.
const LONG_LENGTH: u8 = 0x80;

/// Takes values from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The tag and the content of the next value; `None` at the end, or if it is malformed.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, content, rest) = split(self.0)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next value if it has the tag `wanted`; otherwise nothing is taken.
    pub(super) fn take(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let (tag, content, rest) = split(self.0)?;
        (tag == wanted).then(|| {
            self.0 = rest;
            content
        })
    }

    /// Like [`take`](Self::take), with the tag and the length before the content.
    pub(super) fn take_whole(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let before = self.0;
        self.take(wanted)?;
        before.get(..before.len() - self.0.len())
    }
}

/// The first tag, its content, and the rest.
fn split(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, short], rest) = octets.split_first_chunk()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        // TLS carries no certificate with more than three octets of length.
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(short & !LONG_LENGTH))?;
            (
                length
                    .iter()
                    .fold(0, |length, octet| length << 8 | usize::from(*octet)),
                rest,
            )
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// An object identifier in its dotted form.
pub(super) fn dotted(identifier: &[u8]) -> String {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc: u64 = 0;
    for octet in identifier.iter().take(32) {
        arc = arc << 7 | u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            if arcs.is_empty() {
                // The first two arcs share a number (X.690 §8.19.4).
                let first = (arc / 40).min(2);
                arcs.extend([first, arc - first * 40]);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
    }
    arcs.iter()
        .map(u64::to_string)
        .collect::<Vec<_>>()
        .join(".")
}
