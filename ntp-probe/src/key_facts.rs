//! What key establishment has brought, and the certificates that vouch for it.

use crate::facts::unix_now;
use ntp_ke::CertificateFacts;
use ntp_ke::client::Established;
use ntp_observe::Date;
use serde::Serialize;
use std::net::SocketAddr;

/// A certificate that the server has presented, whether it was believed or not. All text is
/// harmless.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Certificate {
    /// For whom it was issued, as `CN=…, O=…`; empty where only its names tell.
    pub subject: String,
    /// Who has issued it.
    pub issuer: String,
    /// The host names and addresses that it is for.
    pub names: Vec<String>,
    /// Its first second.
    pub not_before: Date,
    /// Its last second.
    pub not_after: Date,
    /// How long it is still valid by our clock; negative if it has ended.
    pub remaining_s: i64,
    /// The kind of its key, as `ECDSA P-256` or `RSA 2048`.
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

/// What key establishment has brought. Neither keys nor cookies are in it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct KeyFacts {
    /// The address that gave the keys, with the port.
    pub address: String,
    /// How long it took, from the look-up to the last record.
    pub took_s: f64,
    /// The group of the key exchange of TLS, as `X25519MLKEM768`.
    pub key_exchange: &'static str,
    /// The cipher suite of TLS, as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: &'static str,
    /// The AEAD algorithm for NTP, as `AES-SIV-CMAC-256`.
    pub aead: &'static str,
    /// Its number in IANA's registry.
    pub aead_id: u16,
    /// The host that serves NTP.
    pub ntp_server: String,
    /// Its UDP port.
    pub ntp_port: u16,
    /// Whether the server of key establishment has named another host.
    pub ntp_server_is_another: bool,
    /// The addresses of the NTP server, with the port, in the order in which they are tried.
    pub ntp_addresses: Vec<String>,
    /// How many cookies were given.
    pub cookies: usize,
    /// The length of a cookie.
    pub cookie_bytes: usize,
    /// Until when all certificates are valid that lead from the server's own to the authority.
    pub valid_until: Date,
    /// How long that is from now on, by our clock.
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
