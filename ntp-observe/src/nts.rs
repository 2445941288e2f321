//! NTS (RFC 8915): how a source gets its keys, where we hand out keys, and the keys that seal our
//! cookies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stable_word::stable_words;
use crate::{Date, NtsKeReason, NtsKeStage};

/// The keys and cookies of one source whose time is authenticated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NtsFacts {
    /// The server of key establishment, host and TCP port (`nts.example.org:4460`).
    pub ke_server: String,
    /// How far key establishment is.
    pub ke_state: NtsKeState,
    /// The name of the algorithm (`AES-SIV-CMAC-256`); `null` while there are no keys.
    pub aead: Option<String>,
    /// How many cookies are left: for each request one, and each reply should bring another.
    pub cookies: u32,
    /// The length of a cookie in octets.
    pub cookie_length: Option<u32>,
    /// How old the keys are.
    pub keys_age_s: Option<f64>,
    /// How often keys have been asked for.
    pub ke_attempts: u64,
    /// How often they were granted.
    pub ke_successes: u64,
    /// How often not, by the word of the reason.
    pub ke_failures: BTreeMap<String, u64>,
    /// The last failure; a success since then does not hide it.
    pub last_ke_error: Option<NtsKeErrorFacts>,
    /// When keys are asked for next; `null` when nothing is planned.
    pub next_ke_in_s: Option<f64>,
    /// How often the server has said that it does not know our keys (kiss code NTSN). Anybody can
    /// say that.
    pub naks: u64,
    /// When the first certificate in the server's chain ends.
    pub certificate_not_after: Option<Date>,
    /// Whether the certificate was judged without knowing the time, because the clock has never
    /// been right.
    pub provisional: bool,
}

/// How far key establishment with a server is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NtsKeState {
    /// It has not been tried yet, or is to be tried again although nothing failed; the next attempt
    /// is scheduled.
    #[default]
    Waiting,
    /// An attempt is under way.
    Establishing,
    /// There are keys, and nothing else is wanted.
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

/// Why key establishment came to nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NtsKeErrorFacts {
    /// The stage that failed.
    pub stage: NtsKeStage,
    /// The reason of the failure.
    #[serde(rename = "word")]
    pub reason: NtsKeReason,
    /// The same in a sentence with what no word can hold: addresses, names, dates, what the
    /// operating system said.
    pub message: String,
    /// How long ago that was.
    pub ago_s: f64,
}

/// One address at which we hand out keys and cookies. What became of `accepted` is in `granted` and
/// `refused`, but for the connections that are open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NtsKeServerFacts {
    /// Address and TCP port (`[::]:4460`).
    pub listen_address: String,
    /// Connections that were accepted.
    pub accepted: u64,
    /// Clients that got keys and cookies.
    pub granted: u64,
    /// Connections that ended without, by the word of the reason.
    pub refused: BTreeMap<String, u64>,
    /// Connections that are open now.
    pub open_connections: u64,
    /// How many may be open at a time.
    pub connection_limit: u64,
    /// The certificate in use; `null` while there is none.
    pub certificate: Option<CertificateFacts>,
    /// Why the files of the certificate could not be read the last time; with a `certificate`, an
    /// earlier one is in use.
    pub certificate_error: Option<String>,
    /// The cause for which the server could not start there; it is tried again. `null` when it
    /// runs.
    pub start_error: Option<String>,
}

/// What a certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// For whom it is made out.
    pub subject: String,
    /// When it begins to be valid.
    pub not_before: Date,
    /// When it ends.
    pub not_after: Date,
}

/// The keys that seal the cookies of our clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeysetFacts {
    /// The number that names the key in use, in eight hexadecimal digits. It tells nothing about
    /// the key itself.
    pub current_key_id: String,
    /// How many keys are accepted in cookies.
    pub key_count: u32,
    /// How long the key in use has been in use.
    pub key_age_s: f64,
    /// When the next key comes into use; `null` if it does not come by itself.
    pub next_rotation_in_s: Option<f64>,
    /// Whether the keys will survive a restart.
    pub stored: bool,
    /// Why they could not be stored the last time.
    pub storage_error: Option<String>,
}
