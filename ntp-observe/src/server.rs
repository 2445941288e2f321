//! One address on which the daemon serves time.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One listening address with its counters. `received` is the sum of `answered`, `denied`,
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
    /// Requests above the rate limit, refused with a kiss-o'-death packet or without an answer.
    pub rate_limited: u64,
    /// Kiss-o'-death packets sent.
    pub kisses_sent: u64,
    /// Datagrams dropped, by the word of the test that they failed.
    #[serde(default)]
    pub dropped: BTreeMap<String, u64>,
    /// Those of `answered` with NTS and an authenticated reply.
    #[serde(default)]
    pub nts_answered: u64,
    /// Requests with NTS answered with an NTS NAK, because their cookie could not be used (kiss
    /// code NTSN).
    #[serde(default)]
    pub nts_naks_sent: u64,
    /// Other requests with NTS that were not answered with the time, by the word of the reason.
    /// They are also in `denied`, `ignored`, `rate_limited` or `dropped`.
    #[serde(default)]
    pub nts_refused: BTreeMap<String, u64>,
    /// NTS cookies that could not be opened, by the word of the cause: `bad-length`, `no-such-key`,
    /// `forged` or `unknown-content`. Their requests are also in the other counters.
    #[serde(default)]
    pub nts_cookies_refused: BTreeMap<String, u64>,
    /// Replies that the operating system refused to send.
    pub send_errors: u64,
    /// Requests with the kernel's receive timestamp.
    pub receive_timestamps_kernel: u64,
    /// Requests without the kernel's receive timestamp, for which the daemon read the clock.
    pub receive_timestamps_daemon: u64,
    /// The receive buffer that the operating system granted.
    pub receive_buffer_bytes: Option<u64>,
    /// The number of threads that serve this address, each with a socket of its own.
    #[serde(default)]
    pub workers: u64,
    /// The table of clients; `null` when rates are not limited.
    pub clients: Option<ClientTable>,
}

/// The rate limiter's table of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientTable {
    /// The capacity of the table.
    pub size: u64,
    /// The number of clients in the table.
    pub used: u64,
}
