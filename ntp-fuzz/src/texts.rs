//! Certificates, the configuration and the observed document: what is read for people.

use ntp_config::is_printable;
use ntp_ke::{CertificateFacts, MAX_CERTIFICATE_NAMES};
use ntp_observe::{read_document, write_document};

/// A certificate (DER). Its text is safe to print.
#[must_use]
pub fn certificate(data: &[u8]) -> bool {
    let Some(facts) = CertificateFacts::from_der(data) else {
        return false;
    };
    assert!(facts.names.len() <= MAX_CERTIFICATE_NAMES);
    let texts = [&facts.subject, &facts.issuer, &facts.key];
    for text in facts.names.iter().chain(texts) {
        assert!(text.chars().all(is_printable), "{text:?}");
    }
    assert_eq!(facts.is_self_issued(), facts.subject == facts.issuer);
    assert_eq!(CertificateFacts::from_der(data), Some(facts));
    true
}

/// A configuration file. Its errors and warnings are safe to print; tabs are shown as they are.
#[must_use]
pub fn configuration(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let read = ntp_config::parse_str("fuzz.toml", text);
    let (accepted, messages) = match &read {
        Ok(loaded) => {
            let warnings = loaded.warnings.iter().map(ToString::to_string);
            (true, warnings.collect())
        }
        Err(error) => {
            let messages = vec![error.to_string()];
            assert!(!messages.concat().is_empty());
            (false, messages)
        }
    };
    for message in messages {
        let safe = |character| matches!(character, '\n' | '\t') || is_printable(character);
        assert!(message.chars().all(safe), "{message:?}");
    }
    assert_eq!(ntp_config::parse_str("fuzz.toml", text), read);
    accepted
}

/// The document of the observation socket. What is read can be written and read again.
#[must_use]
pub fn document(data: &[u8]) -> bool {
    let document = match read_document(data) {
        Ok(document) => document,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let text = write_document(&document);
    let again = read_document(&text).expect("our own document is one");
    assert_eq!(again, document);
    assert_eq!(write_document(&again), text);
    true
}
