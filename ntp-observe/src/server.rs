//! One address on which the daemon serves time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One listening address and what came in there. `received` is the sum of `answered`, `denied`,
/// `ignored`, `rate_limited`, `nts_naks_sent` and all `dropped`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// Address and port (`0.0.0.0:123`, `[::]:123`).
    pub listen_address: String,
    /// The network interface to which the socket is bound; `null` for all.
    pub interface: Option<String>,
    /// Datagrams received.
    pub received: u64,
    /// Requests answered with the time.
    pub answered: u64,
    /// Requests refused by the access rules with a kiss-o'-death packet.
    pub denied: u64,
    /// Requests that the access rules leave without an answer.
    pub ignored: u64,
    /// Requests refused because the client asks too often, with a kiss of death or without an
    /// answer.
    pub rate_limited: u64,
    /// Kisses of death sent.
    pub kisses_sent: u64,
    /// Datagrams thrown away, by the word of the test that they failed.
    #[serde(default)]
    pub dropped: BTreeMap<String, u64>,
    /// Those of `answered` that had NTS, and got an authenticated reply.
    #[serde(default)]
    pub nts_answered: u64,
    /// Requests with NTS whose cookie could not be used, and whose senders were told so (kiss code
    /// NTSN).
    #[serde(default)]
    pub nts_naks_sent: u64,
    /// Other requests that are known to have had NTS and were not answered with the time, by the
    /// word of the reason. They are in `denied`, `ignored`, `rate_limited` or `dropped` as well.
    #[serde(default)]
    pub nts_refused: BTreeMap<String, u64>,
    /// Cookies of NTS that could not be opened, by the word of the cause: `bad-length`,
    /// `no-such-key`, `forged` or `unknown-content`. Their requests are in the other counters as
    /// well.
    #[serde(default)]
    pub nts_cookies_refused: BTreeMap<String, u64>,
    /// Replies that the operating system did not take.
    pub send_errors: u64,
    /// Requests with the kernel's receive timestamp.
    pub receive_timestamps_kernel: u64,
    /// Requests for which the kernel's receive timestamp was missing and the daemon read the clock
    /// itself.
    pub receive_timestamps_daemon: u64,
    /// The receive buffer that the operating system granted.
    pub receive_buffer_bytes: Option<u64>,
    /// How many threads serve this address, each with a socket of its own.
    #[serde(default)]
    pub workers: u64,
    /// The table of clients; `null` when rates are not limited.
    pub clients: Option<ClientTable>,
}

/// The table in which the rate limiter remembers clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientTable {
    /// How many clients it can hold.
    pub size: u64,
    /// How many it holds.
    pub used: u64,
}
