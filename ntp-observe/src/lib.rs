//! The versioned JSON documents in which the daemon shows its state, and how to fetch them.
//!
//! The daemon listens on a Unix stream socket. Whoever connects is sent one [`Document`] as JSON,
//! and then the connection is closed: nothing is read from the reader, so an unprivileged user may
//! be let in.
//!
//! # Rules of the document
//! - `schema` ([`SCHEMA`]) rises only when a field changes its meaning or goes away. New fields,
//!   states and reasons may come at any time: unknown fields are ignored, unknown words are kept as
//!   they are. An unknown schema is refused.
//! - Names end in their unit: `_s` seconds, `_ratio` seconds per second, `_bytes` bytes. Counters
//!   have no unit.
//! - A number that is not known is `null`, never NaN or a magic value.
//! - Dates are RFC 3339 in UTC ([`Date`]).
//! - Signs: an offset is positive when *our clock is behind*; a frequency is positive when *our
//!   clock runs fast*.
//! - States and reasons are stable words in kebab case with their numbers beside them. There is no
//!   text for people in a document; programs that talk to people make it, and write its times and
//!   rates as [`digits`] does.
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `document` | the whole document, facts of the daemon and of the clock |
//! | `system` | the state of the system, and why it is so |
//! | `source` | one association, its state and why it is so |
//! | `server` | one listening address |
//! | `nts` | keys and cookies, of our sources and for our clients |
//! | `date` | a date in RFC 3339 |
//! | [`digits`] | times and rates in digits with their unit |
//! | `fetch` | reading a document from the daemon's socket |
#![forbid(unsafe_code)]

mod date;
pub mod digits;
mod document;
mod fetch;
mod nts;
mod server;
mod source;
mod system;

pub use date::{BadDate, Date};
pub use document::{
    ClockFacts, ClockMode, DaemonFacts, Document, KernelFacts, SteeringObstacle, read_document,
    write_document,
};
pub use fetch::{FetchError, MAX_DOCUMENT_BYTES, fetch};
pub use nts::{
    CertificateFacts, KeysetFacts, NtsFacts, NtsKeErrorFacts, NtsKeServerFacts, NtsKeState,
};
pub use server::{ClientTable, ServerFacts};
pub use source::{
    NetworkCause, OneWay, PacketCounts, SourceFacts, SourceReason, SourceState, TimestampCounts,
};
pub use system::{DisciplineFacts, Leap, SourceCounts, SystemFacts, SystemReason};

/// The version of the document that this crate writes and reads.
pub const SCHEMA: u32 = 2;

/// Where the daemon listens unless its configuration says otherwise (`[observability]
/// observation-path`).
pub const DEFAULT_OBSERVATION_PATH: &str = "/run/truechimer/observe.sock";
