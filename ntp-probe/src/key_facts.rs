//! The result of key establishment, and the server's certificates.

use crate::facts::unix_now;
use ntp_ke::CertificateFacts;
use ntp_ke::client::Established;
use ntp_observe::Date;
use serde::Serialize;
use std::net::SocketAddr;

/// A certificate that the server has presented, trusted or not. All text is sanitized.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Certificate {
    /// The subject, as `CN=…, O=…`; empty in a certificate with names only.
    pub subject: String,
    /// The issuer, in the same form.
    pub issuer: String,
    /// The host names and addresses it is valid for (subjectAltName).
    pub names: Vec<String>,
    /// The beginning of its validity.
    pub not_before: Date,
    /// The end of its validity.
    pub not_after: Date,
    /// The validity that remains by our clock, in seconds; negative if it has expired.
    pub remaining_s: i64,
    /// The type of its key, as `ECDSA P-256` or `RSA 2048`.
    pub key: String,
    /// SHA-256 over its public key in hexadecimal digits, as `pinned-keys` takes it.
    pub key_sha256: String,
}

impl Certificate {
    pub(crate) fn all(facts: &[CertificateFacts]) -> Vec<Self> {
        let now = unix_now();
        facts.iter().map(|facts| Self::new(facts, now)).collect()
    }

    fn new(facts: &CertificateFacts, now: i64) -> Self {
        Self {
            subject: facts.subject.clone(),
            issuer: facts.issuer.clone(),
            names: facts.names.clone(),
            not_before: Date::from_unix(facts.validity.not_before, 0),
            not_after: Date::from_unix(facts.validity.not_after, 0),
            remaining_s: facts.validity.not_after.saturating_sub(now),
            key: facts.key.clone(),
            key_sha256: facts
                .key_sha256
                .iter()
                .map(|octet| format!("{octet:02x}"))
                .collect(),
        }
    }
}

/// The result of key establishment, without keys and cookies.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct KeyFacts {
    /// The address of the NTS-KE server with the port.
    pub address: String,
    /// The duration from the look-up to the last record, in seconds.
    pub took_s: f64,
    /// The group of the TLS key exchange, as `X25519MLKEM768`.
    pub key_exchange: &'static str,
    /// The TLS cipher suite, as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: &'static str,
    /// The AEAD algorithm for NTP, as `AES-SIV-CMAC-256`.
    pub aead: &'static str,
    /// The algorithm's number in IANA's registry.
    pub aead_id: u16,
    /// The host name of the NTP server.
    pub ntp_server: String,
    /// The UDP port of the NTP server.
    pub ntp_port: u16,
    /// True if the NTS-KE server has named another host than itself.
    pub ntp_server_is_another: bool,
    /// The addresses of the NTP server, with the port, in the order in which they are tried.
    pub ntp_addresses: Vec<String>,
    /// The number of cookies granted.
    pub cookies: usize,
    /// The length of a cookie in octets.
    pub cookie_bytes: usize,
    /// The earliest expiry in the chain from the server's certificate to the authority.
    pub valid_until: Date,
    /// The seconds until then by our clock.
    pub remaining_s: i64,
}

impl KeyFacts {
    pub(crate) fn new(established: &Established, asked_host: &str) -> Self {
        let (reply, until) = (&established.reply, established.validity.not_after);
        Self {
            address: established.peer.to_string(),
            took_s: established.took.as_secs_f64(),
            key_exchange: established.tls.key_exchange,
            cipher_suite: established.tls.cipher_suite,
            aead: reply.aead.name(),
            aead_id: reply.aead.id(),
            ntp_server: established.ntp_server.clone(),
            ntp_port: established.ntp_port,
            ntp_server_is_another: !established.ntp_server.eq_ignore_ascii_case(asked_host),
            ntp_addresses: established
                .addresses
                .iter()
                .map(SocketAddr::to_string)
                .collect(),
            cookies: reply.cookies.len(),
            cookie_bytes: reply
                .cookies
                .iter()
                .next()
                .map_or(0, |cookie| cookie.octets().len()),
            valid_until: Date::from_unix(until, 0),
            remaining_s: until.saturating_sub(unix_now()),
        }
    }
}
