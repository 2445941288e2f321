//! The requirements on a `[[source]]` with NTS: certificates, public keys and algorithms.

use super::{aead, file};
use crate::bad_text::BadText;
use crate::config::Trust;
use crate::diagnostic::{Located, Report};
use crate::fields::{Fields, string, wrong_kind};
use crate::raw::Value;
use data_encoding::{BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use std::net::IpAddr;
use std::path::PathBuf;

/// The configuration keys of sources with NTS.
pub(super) const KEYS: [&str; 4] = [
    "certificate-authority",
    "system-authorities",
    "pinned-keys",
    "aead-algorithms",
];

/// The octets of a SHA-256.
const HASH_LENGTH: usize = 32;

pub(super) fn read(fields: &mut Fields, report: &mut Report) -> Trust {
    let own = fields
        .peek("certificate-authority")
        .is_some_and(|entry| !entry.value.value.is_empty_array());
    let certificate_authorities = authorities(fields, report);
    let system_authorities = fields.boolean("system-authorities", report);
    if let Some(system) = system_authorities
        .as_ref()
        .filter(|system| !own && !system.value)
    {
        let help = "name the file of at least one authority in `certificate-authority`, or remove \
                    this line; `pinned-keys` do not replace a valid chain";
        report.error(
            &system.span,
            "with `system-authorities = false` alone, no certificate is trusted",
            help,
        );
    }
    let pinned_keys = fields.list("pinned-keys", report, pinned_key);
    Trust {
        certificate_authorities: certificate_authorities.unwrap_or_default(),
        system_authorities: system_authorities.is_none_or(|system| system.value),
        pinned_keys: pinned_keys.map_or(Vec::new(), |keys| keys.value),
        aead_algorithms: aead::algorithms(fields, report),
    }
}

/// Reads one path, or a list of paths.
fn authorities(fields: &mut Fields, report: &mut Report) -> Option<Vec<PathBuf>> {
    const KEY: &str = "certificate-authority";
    let entry = fields.take(KEY)?;
    let mut paths = |values: &[Located<Value>]| {
        values
            .iter()
            .filter_map(|value| file::path(value, KEY, report))
            .collect()
    };
    match &entry.value.value {
        Value::String(_) => Some(paths(std::slice::from_ref(&entry.value))),
        Value::Array(values) => Some(paths(values)),
        _ => {
            wrong_kind(
                &entry.value,
                KEY,
                "the path of a file, or a list of paths",
                report,
            );
            None
        }
    }
}

fn pinned_key(value: &Located<Value>, report: &mut Report) -> Option<[u8; HASH_LENGTH]> {
    let text = string(value, "pinned-keys", report)?;
    key_hash(&text.value)
        .map_err(|bad| report.error(&text.span, bad.message(), bad.help()))
        .ok()
}

/// Parses the SHA-256 of a public key in hexadecimal or base64.
pub(crate) fn key_hash(text: &str) -> Result<[u8; HASH_LENGTH], BadText> {
    // curl writes two slashes, of which the second could belong to the base64 as well.
    let spellings = ["sha256//", "sha256/", ""]
        .into_iter()
        .filter_map(|prefix| text.strip_prefix(prefix));
    let hash = spellings
        .into_iter()
        .find_map(|digits| hexadecimal(digits).or_else(|| base64(digits)));
    hash.ok_or_else(|| {
        let message = format!("`{text}` is not the SHA-256 of a public key");
        let help = "write its 64 hexadecimal digits or its base64, as `openssl x509 -noout -pubkey \
                    -in CERTIFICATE | openssl pkey -pubin -outform der | openssl dgst -sha256` \
                    shows it";
        BadText::new(message, help)
    })
}

fn hexadecimal(digits: &str) -> Option<[u8; HASH_LENGTH]> {
    let octets = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?;
    octets.try_into().ok()
}

/// Base64 with or without padding (RFC 4648 §3.2).
fn base64(text: &str) -> Option<[u8; HASH_LENGTH]> {
    let unpadded = text.strip_suffix('=').unwrap_or(text);
    let octets = BASE64_NOPAD.decode(unpadded.as_bytes()).ok()?;
    octets.try_into().ok()
}

/// Warns of a host that certificates rarely name. A configured authority may well issue
/// certificates for addresses.
pub(super) fn check_host(host: &Located<&str>, trust: &Trust, report: &mut Report) {
    const HELP: &str = "write the host name that is in the server's certificate";
    if host.value.contains('%') {
        report.error(
            &host.span,
            "a certificate cannot name an address with an interface",
            HELP,
        );
    } else if host.value.parse::<IpAddr>().is_ok() && trust.certificate_authorities.is_empty() {
        let message = format!(
            "`{}` is an IP address, and few certificates name one",
            host.value
        );
        report.warning(&host.span, message, HELP);
    }
}
