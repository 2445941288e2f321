//! Odd NTP servers for testing clients. Their programs are in `src/bin`, and the tests of the whole
//! in `tests/end_to_end`.
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `options` | the command line that all servers share |
//! | `request`, `responder` | a small NTP server that sends what a function makes of each request |
//! | `announcer` | lines on standard output, at most one a second |
#![forbid(unsafe_code)]

mod announcer;
mod options;
mod request;
mod responder;

pub use announcer::Announcer;
pub use options::ServerOptions;
pub use request::Request;
pub use responder::{Outgoing, Responder};
