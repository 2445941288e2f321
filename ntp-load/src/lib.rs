//! A bounded load generator for NTP servers.
//!
//! | module | concept |
//! |---|---|
//! | `bounds` | the limits of a run: its time, its size and its targets |
//! | `address_range` | many client addresses out of one block |
//! | `pacing` | the schedule of an open loop, and its own lateness |
//! | `slots` | the requests in flight |
//! | `requests` | the requests, and the test of their replies |
//! | `establish`, `cookies` | NTS keys and many cookies from the server under test |
//! | `ports`, `generator` | the loop |
//! | `tally` | counts of replies by their kind |
//! | `probe` | the error of the served time, by the kernel's timestamps of both sides |
//! | `histogram`, `samples` | percentiles |
//! | `usage` | processor time and memory of a process, from /proc |
//! | `report` | the document and the table |
//!
//! Nothing is allocated per packet, and one thread does everything.
#![forbid(unsafe_code)]

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
    HandshakeReport, LoadReport, Percentiles, Report, SCHEMA, ServedTimeReport, Shape, Spread,
};
pub use requests::RequestSet;
pub use tally::{OtherReplies, Tally};
pub use usage::{MachineUsage, Memory, Snapshot, Spent, ThreadSpent};
