//! The NTS-KE server: grants keys and cookies (RFC 8915 §4).
//!
//! **Threads.** A handshake costs several hundred times what an NTP reply costs, so it must not
//! share a thread with replies. Handshakes run on the workers of a [`KePool`], one pool of a fixed
//! size for the whole process, whatever the number of addresses: a flood of handshakes can use no
//! more processors than that, and the others are left to NTP. One worker does some thousands of
//! handshakes per second, enough for millions of clients, because each comes back only after weeks.
//! Each [`KeListener`] has one more thread, which accepts, counts and turns away connections and
//! runs no handshake. It assigns a connection to the worker with the fewest; a connection stays on
//! its worker.
//!
//! **Priorities.** The workers run when no other thread wants their processor, and one worker in
//! reserve takes over where that never happens (`workers.rs`).
//!
//! **Limits.** A connection has one deadline from its acceptance to its end, the closure of TLS
//! included, so a slow sender gains nothing. There is a limit on all connections, and one on those
//! of an IPv4 address or an IPv6 network of 64 bits. A connection beyond a limit is accepted and
//! closed at once: in the kernel's queue it would delay the clients behind it and would not be
//! counted, and a closed connection makes its client try again later. When the process runs out of
//! file descriptors, one in reserve serves the same purpose. An error of `accept` makes its thread
//! pause, and never ends it.
//!
//! **Certificates** are reloaded when their files change ([`CertificateStore`]). If the new pair
//! cannot be used, the old one stays in service.
//!
//! Client behavior is never logged above `debug`; it is counted ([`KeServerStats`]).

mod accept;
mod certificates;
mod connection;
mod counters;
mod fingerprint;
mod handle;
mod key_pair;
mod lifecycle;
mod limits;
mod listener;
mod workers;

pub use certificates::{CertificateStatus, CertificateStore};
pub use counters::KeServerStats;
pub use handle::{KeServerHandle, KeServerStatus};
pub use key_pair::{KeyPairError, check_key_pair};
pub use lifecycle::KeStartError;
pub use limits::ConnectionLimits;
pub use listener::{KeBindError, KeListener};
pub use workers::KePool;

#[cfg(test)]
mod tests;
