//! Odd NTP servers, and what the tests of the whole need.
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `request`, `responder` | a small NTP server whose answers somebody else decides |
//! | `announcer` | telling on standard output what was answered, once a second at most |
//! | `span` | a time span on a command line |
//! | `load` | a load generator for NTP servers |
//! | `harness` | for tests: programs, daemons, namespaces, other people's NTP software |
#![forbid(unsafe_code)]

mod announcer;
pub mod harness;
pub mod load;
mod request;
mod responder;
mod span;

pub use announcer::Announcer;
pub use request::Request;
pub use responder::{Outgoing, Responder};
pub use span::seconds;
