//! NTS (RFC 8915): keys and cookies of a source, our NTS-KE server, and the keys that seal our
//! cookies.

use crate::stable_word::stable_words;
use crate::{Date, NtsKeReason, NtsKeStage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The keys and cookies of one NTS source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NtsFacts {
    /// The NTS-KE server, host and TCP port (`nts.example.org:4460`).
    pub ke_server: String,
    /// The state of key establishment.
    pub ke_state: NtsKeState,
    /// The name of the AEAD algorithm (`AES-SIV-CMAC-256`); `null` while there are no keys.
    pub aead: Option<String>,
    /// The number of cookies left: each request uses one, and each reply should bring another.
    pub cookies: u32,
    /// The length of a cookie in octets.
    pub cookie_length: Option<u32>,
    /// The age of the keys.
    pub keys_age_s: Option<f64>,
    /// The number of attempts at key establishment.
    pub ke_attempts: u64,
    /// The number of successful attempts.
    pub ke_successes: u64,
    /// The number of failed attempts, by the word of the reason.
    pub ke_failures: BTreeMap<String, u64>,
    /// The last failure; a later success does not clear it.
    pub last_ke_error: Option<NtsKeErrorFacts>,
    /// The time until the next attempt; `null` when none is planned.
    pub next_ke_in_s: Option<f64>,
    /// The number of NTS NAKs received (kiss code NTSN). They are not authenticated.
    pub naks: u64,
    /// The earliest expiry in the server's certificate chain.
    pub certificate_not_after: Option<Date>,
    /// True if the certificate was checked without knowing the time, because the clock has never
    /// been synchronized.
    pub provisional: bool,
}

/// The state of key establishment with a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NtsKeState {
    /// No attempt has been made yet, or new keys are due; the next attempt is scheduled.
    #[default]
    Waiting,
    /// An attempt is in progress.
    Establishing,
    /// There are keys, and no new ones are due.
    Established,
    /// The last attempt failed; the next one is scheduled. Earlier keys may still be in use.
    Failed,
    /// A word of a newer daemon.
    Other(String),
}

stable_words!(NtsKeState {
    Waiting => "waiting",
    Establishing => "establishing",
    Established => "established",
    Failed => "failed",
});

/// A failed key establishment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NtsKeErrorFacts {
    /// The stage that failed.
    pub stage: NtsKeStage,
    /// The reason of the failure.
    #[serde(rename = "word")]
    pub reason: NtsKeReason,
    /// The reason in a sentence with its details: addresses, names, dates, the error of the
    /// operating system.
    pub message: String,
    /// The time since the failure.
    pub ago_s: f64,
}

/// One address of our NTS-KE server. Of the connections `accepted`, those that are not open any
/// more are in `granted` or `refused`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NtsKeServerFacts {
    /// Address and TCP port (`[::]:4460`).
    pub listen_address: String,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that ended with keys and cookies granted.
    pub granted: u64,
    /// Connections that ended otherwise, by the word of the reason.
    pub refused: BTreeMap<String, u64>,
    /// Connections open now.
    pub open_connections: u64,
    /// The limit of open connections.
    pub connection_limit: u64,
    /// The certificate in use; `null` while there is none.
    pub certificate: Option<CertificateFacts>,
    /// The error of the last attempt to read the certificate's files; with a `certificate`, an
    /// earlier one stays in use.
    pub certificate_error: Option<String>,
    /// The error that kept the server from starting; it is tried again. `null` when it runs.
    pub start_error: Option<String>,
}

/// The subject and validity of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// The subject.
    pub subject: String,
    /// The beginning of its validity.
    pub not_before: Date,
    /// The end of its validity.
    pub not_after: Date,
}

/// The keys that seal the cookies of our clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeysetFacts {
    /// The id of the key in use, in eight hexadecimal digits. It discloses nothing about the key.
    pub current_key_id: String,
    /// The number of keys accepted in cookies.
    pub key_count: u32,
    /// The age of the key in use.
    pub key_age_s: f64,
    /// The time until the next rotation; `null` without rotation.
    pub next_rotation_in_s: Option<f64>,
    /// True if the keys survive a restart.
    pub stored: bool,
    /// The error of the last attempt to store the keys.
    pub storage_error: Option<String>,
}
