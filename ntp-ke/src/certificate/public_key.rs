//! The kind of a certificate's key, in words.

use super::der::{Reader, dotted, tag};

const RSA: &str = "1.2.840.113549.1.1.1";
const ELLIPTIC_CURVE: &str = "1.2.840.10045.2.1";

/// The kind of a key and its size, as `ECDSA P-256` or `RSA 2048`. `public_key` is a
/// SubjectPublicKeyInfo.
pub(super) fn kind(public_key: &[u8]) -> String {
    describe(public_key).unwrap_or_else(|| "unknown".to_owned())
}

fn describe(public_key: &[u8]) -> Option<String> {
    let mut info = Reader::new(Reader::new(public_key).take(tag::SEQUENCE)?);
    let mut algorithm = Reader::new(info.take(tag::SEQUENCE)?);
    let identifier = dotted(algorithm.take(tag::OBJECT_IDENTIFIER)?);
    Some(match identifier.as_str() {
        RSA => format!("RSA {}", rsa_bits(info.take(tag::BIT_STRING)?)?),
        ELLIPTIC_CURVE => curve(&dotted(algorithm.take(tag::OBJECT_IDENTIFIER)?)),
        "1.3.101.112" => "Ed25519".to_owned(),
        "1.3.101.113" => "Ed448".to_owned(),
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44".to_owned(),
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65".to_owned(),
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87".to_owned(),
        _ => format!("unknown ({identifier})"),
    })
}

fn curve(identifier: &str) -> String {
    match identifier {
        "1.2.840.10045.3.1.7" => "ECDSA P-256".to_owned(),
        "1.3.132.0.34" => "ECDSA P-384".to_owned(),
        "1.3.132.0.35" => "ECDSA P-521".to_owned(),
        other => format!("ECDSA on an unknown curve ({other})"),
    }
}

/// The bits of the modulus of an RSA key (RFC 8017 §A.1.1).
fn rsa_bits(key: &[u8]) -> Option<usize> {
    let (_unused_bits, key) = key.split_first()?;
    let modulus = Reader::new(Reader::new(key).take(tag::SEQUENCE)?).take(tag::INTEGER)?;
    let zeros = modulus.iter().take_while(|octet| **octet == 0).count();
    let digits = modulus.get(zeros..)?;
    Some(digits.len() * 8 - digits.first()?.leading_zeros() as usize)
}
