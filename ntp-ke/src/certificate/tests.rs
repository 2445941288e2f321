use super::*;
use crate::test_certificates::{Authority, YEARS, params};
use proptest::prelude::*;
use rcgen::{DnType, DnValue, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use rustls::pki_types::CertificateDer;

/// Made by OpenSSL, to have one of an independent hand: RSA 2048, `C=DE, O=Zeit AG, CN=Zürich`,
/// IPv4 and IPv6 names.
const BY_OPENSSL: &str = include_str!("openssl.pem");

fn facts(certificate: &CertificateDer<'_>) -> CertificateFacts {
    CertificateFacts::from_der(certificate).unwrap()
}

#[test]
fn subject_issuer_names_and_dates_are_read() {
    let mut params = params(&[
        "ntp.example.org",
        "*.example.net",
        "192.0.2.7",
        "2001:db8::7",
    ]);
    params.distinguished_name.push(DnType::CommonName, "Time");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Clocks & Co");
    let facts = facts(&Authority::root("Root of Time").issue_with(&params).chain[0]);
    assert!(
        facts.subject.contains("CN=Time") && facts.subject.contains("O=Clocks & Co"),
        "{}",
        facts.subject
    );
    assert!(facts.issuer.contains("CN=Root of Time"), "{}", facts.issuer);
    assert_eq!(
        facts.names,
        [
            "ntp.example.org",
            "*.example.net",
            "192.0.2.7",
            "2001:db8::7"
        ]
    );
    assert_eq!(
        facts.validity,
        Validity {
            not_before: YEARS.0,
            not_after: YEARS.1
        }
    );
    assert_eq!(facts.key, "ECDSA P-256");
}

#[test]
fn a_certificate_of_another_hand_is_read() {
    let certificates = crate::pem::certificates(BY_OPENSSL.as_bytes()).unwrap();
    let facts = facts(&certificates[0]);
    assert_eq!(facts.subject, "C=DE, O=Zeit AG, CN=Zürich");
    assert_eq!(facts.issuer, facts.subject);
    assert_eq!(facts.names, ["ntp.example.org", "192.0.2.1", "2001:db8::1"]);
    assert_eq!(facts.key, "RSA 2048");
    assert_eq!(
        facts.key_sha256[..8],
        [0xeb, 0xe3, 0x50, 0xeb, 0xd0, 0x6b, 0xfc, 0x47]
    );
    assert_eq!(
        date::utc(facts.validity.not_before),
        "2026-11-24 22:11:57 UTC"
    );
    assert_eq!(
        date::utc(facts.validity.not_after),
        "2036-11-21 22:11:57 UTC"
    );
}

#[test]
fn the_hash_of_the_key_is_over_what_rustls_takes_for_the_key() {
    let identity = Authority::root("Root").issue(&["a.example"]);
    let parsed = rustls::server::ParsedCertificate::try_from(&identity.chain[0]).unwrap();
    assert_eq!(
        facts(&identity.chain[0]).key_sha256,
        sha256(&parsed.subject_public_key_info())
    );
}

#[test]
fn the_kinds_of_keys_have_words() {
    for (algorithm, word) in [
        (&PKCS_ECDSA_P384_SHA384, "ECDSA P-384"),
        (&PKCS_ED25519, "Ed25519"),
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        assert_eq!(
            facts(params(&["a.example"]).self_signed(&key).unwrap().der()).key,
            word
        );
    }
}

#[test]
fn text_of_a_certificate_can_do_no_harm() {
    let mut params = params(&[]);
    params.distinguished_name.push(
        DnType::CommonName,
        DnValue::Utf8String("\x1b[2J\u{202e}evil\n".repeat(100)),
    );
    let facts = facts(&Authority::root("Root").issue_with(&params).chain[0]);
    assert!(
        facts
            .subject
            .chars()
            .all(|character| !character.is_control() && character != '\u{202e}')
    );
    assert!(facts.subject.chars().count() < 10 * MAX_NAME_LENGTH);
}

#[test]
fn of_very_many_names_the_first_are_shown() {
    let names: Vec<_> = (0..500)
        .map(|number| format!("host-{number}.example.org"))
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let facts = facts(&Authority::root("Root").issue(&names).chain[0]);
    assert_eq!(facts.names.len(), MAX_CERTIFICATE_NAMES);
}

#[test]
fn the_authorities_of_this_system_can_all_be_read() {
    for certificate in rustls_native_certs::load_native_certs().certs {
        let facts = facts(&certificate);
        assert!(!facts.key.contains("unknown"), "{facts:?}");
        assert!(
            facts.validity.not_before < facts.validity.not_after,
            "{facts:?}"
        );
    }
}

proptest! {
    #[test]
    fn reading_a_certificate_that_was_tampered_with_never_panics(
        at in 0usize..600, octet in any::<u8>(), cut in 0usize..900,
    ) {
        let certificate = &crate::pem::certificates(BY_OPENSSL.as_bytes()).unwrap()[0];
        let mut octets = certificate.to_vec();
        octets[at] = octet;
        octets.truncate(cut.max(1));
        let _ = CertificateFacts::from_der(&octets);
    }

    #[test]
    fn reading_anything_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = CertificateFacts::from_der(&octets);
    }
}
