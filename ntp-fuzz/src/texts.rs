//! Certificates, configurations and the observed document: what is read for people.

use ntp_config::is_printable;
use ntp_ke::{CertificateFacts, MAX_CERTIFICATE_NAMES};
use ntp_migrate::{Files, Format, Verdict, migrate};
use ntp_observe::{read_document, write_document};
use std::ffi::OsString;
use std::io;
use std::path::Path;

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

/// The configuration of another program, behind an octet that chooses the format. Ours, which is
/// made of it, is accepted, and its comments and the account of the input are safe to print.
#[must_use]
pub fn migration(data: &[u8]) -> bool {
    let Some((choice, text)) = data.split_first() else {
        return false;
    };
    // Letters, so that the seeds are text.
    let choice = usize::from(choice.wrapping_sub(b'a'));
    let Some(format) = Format::ALL.get(choice % Format::ALL.len()) else {
        return false;
    };
    let files = OneFile(text);
    let migration = match migrate(&[MIGRATED.into()], Some(*format), &files) {
        Ok(migration) => migration,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let read = ntp_config::parse_str("fuzz.toml", &migration.text);
    assert!(read.is_ok(), "{}\n{:?}", migration.text, read.err());
    let safe = |character| character == '\n' || is_printable(character);
    assert!(migration.text.chars().all(safe), "{:?}", migration.text);
    for line in &migration.lines {
        let texts = line.notes.iter().chain([&line.text]);
        assert!(texts.flat_map(|text| text.chars()).all(is_printable));
        assert_eq!(line.verdict == Verdict::Kept, line.notes.is_empty());
    }
    true
}

const MIGRATED: &str = "/input";

/// The only file of a migration.
struct OneFile<'a>(&'a [u8]);

impl Files for OneFile<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new(MIGRATED) {
            Ok(self.0.to_vec())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn list(&self, _directory: &Path) -> io::Result<Vec<OsString>> {
        Err(io::ErrorKind::NotFound.into())
    }
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
