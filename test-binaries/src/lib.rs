//! Odd NTP servers, and what the tests of the whole need.
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `request`, `responder` | a small NTP server whose answers somebody else decides |
//! | `announcer` | telling on standard output what was answered, once a second at most |
//! | `asker` | single exchanges, plain or with NTS, and how long they take |
//! | `handshake_flood` | many who begin a handshake of TLS and leave |
//! | `loopback` | connections from many addresses of this machine |
//! | `nts_client` | a client that asks for keys once, and for the time whenever it is told to |
//! | `span` | a time span on a command line |
//! | `load` | a load generator for NTP servers |
//! | `harness` | for tests: programs, daemons, namespaces, other people's NTP software |
#![forbid(unsafe_code)]

mod announcer;
mod asker;
mod handshake_flood;
pub mod harness;
pub mod load;
pub mod loopback;
mod nts_client;
mod request;
mod responder;
mod span;

pub use announcer::Announcer;
pub use asker::Asker;
pub use handshake_flood::{Flooded, HandshakeFlood};
pub use nts_client::{NtsClient, NtsSession};
pub use request::Request;
pub use responder::{Outgoing, Responder};
pub use span::seconds;
