//! The server: hands out keys and cookies (RFC 8915 §4).
//!
//! **Threads.** Handshakes cost several hundred times what an NTP reply costs, so they must not
//! share a thread with replies. They run on those of a [`KePool`], one for the whole process and of
//! a fixed size, whatever the number of addresses: as a flood of them can use up so many processors
//! at most, the others are left to NTP. One thread does some thousands of handshakes per second,
//! which are the clients of millions, as each comes back after weeks. Each [`KeListener`] has one
//! more thread that accepts, counts and turns away, and runs no handshake, so that none holds it
//! up. It gives a connection to the thread of the pool that has the fewest; a connection stays
//! where it began.
//!
//! **Priorities** (`priority.rs`). The pool's threads run when no other thread wants their
//! processor, and one in reserve takes over where that is never the case (`seat.rs`).
//!
//! **Limits.** A connection has one deadline from its acceptance to its end, TLS's farewell
//! included: whoever sends an octet now and then wins nothing. There may be so many connections in
//! total, and so many of one IPv4 address or one IPv6 network of 64 bits. What is beyond is
//! accepted and closed at once: left to wait in the kernel's queue, it would keep honest clients
//! behind it waiting without a word and would not be counted, while a closed connection tells the
//! client to come back later. If the process runs out of file descriptors, one that is kept in
//! reserve serves to do the same. An error of `accept` makes its thread pause, and never ends it.
//!
//! **Certificates** are read again when their files change ([`CertificateStore`]). A pair that is
//! not good leaves the old one in service.
//!
//! Nothing that a client does is logged above `debug`; it is counted ([`KeServerStats`]).

mod accept;
mod board;
mod certificates;
mod connection;
mod counters;
mod fingerprint;
mod guests;
mod handle;
mod key_pair;
mod lifecycle;
mod limits;
mod listener;
mod pool;
mod priority;
mod stop;
mod workers;

pub use board::KeBoard;
pub use certificates::{CertificateStatus, CertificateStore};
pub use counters::KeServerStats;
pub use handle::{KeServerHandle, KeStartError};
pub use key_pair::{KeyPairError, check_key_pair};
pub use listener::{KeBindError, KeListener};
pub use pool::KePool;

#[cfg(test)]
mod tests;
