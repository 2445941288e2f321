//! A bounded load generator for NTP servers: what `ntp-load` is made of.
//!
//! | module | concept |
//! |---|---|
//! | `bounds` | how long, how much, and against whom: a load is never let loose by mistake |
//! | `address_range` | many client addresses out of one block |
//! | `pacing` | when an open loop sends, and how late it was itself |
//! | `slots` | which requests are on their way |
//! | `requests` | what is sent, and what a reply to it must be |
//! | `establish`, `cookies` | keys and many cookies from the server under test |
//! | `ports`, `generator` | the loop |
//! | `probe` | how wrong the served time is, by the kernel's timestamps of both sides |
//! | `histogram`, `samples` | percentiles |
//! | `usage` | what a process has cost, from /proc |
//! | `report` | the document and the table |
//!
//! Nothing is allocated per packet, and one thread does all.

mod address_range;
mod bounds;
mod cookies;
mod establish;
mod generator;
mod histogram;
mod pacing;
mod ports;
mod probe;
mod report;
mod requests;
mod samples;
mod slots;
mod tally;
mod usage;

pub use address_range::AddressRange;
pub use bounds::{
    LONGEST_RUN, MOST_REQUESTS, check_span, check_target, is_in_a_namespace_of_its_own,
};
pub use cookies::fetch_cookies;
pub use establish::{Authority, Establisher, Group, Session};
pub use generator::{Generator, Pace, Plan};
pub use histogram::Histogram;
pub use report::{
    HandshakeReport, LoadReport, Others, Percentiles, Report, SCHEMA, ServedTimeReport, Shape,
    Spread,
};
pub use requests::RequestSet;
pub use tally::Tally;
pub use usage::{MachineUsage, Memory, Snapshot, Spent, ThreadSpent};
