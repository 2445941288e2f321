//! The versioned JSON documents that show the daemon's state, and how to fetch them.
//!
//! The daemon listens on a Unix stream socket, sends one [`Document`] as JSON to each client that
//! connects, and closes the connection. It never reads from the socket, so an unprivileged user may
//! be let in.
//!
//! # Rules of the document
//! - `schema` ([`SCHEMA`]) rises only when a field or a word changes its meaning or goes away. New
//!   fields, states and reasons may come at any time: unknown fields are ignored, unknown words are
//!   kept. An unknown schema is refused.
//! - Names end in their unit: `_s` seconds, `_ratio` seconds per second, `_bytes` bytes. Counters
//!   have no unit.
//! - A number that is not known is `null`, never NaN or a magic value.
//! - Dates are RFC 3339 in UTC ([`Date`]).
//! - Signs: an offset is positive when *our clock is behind*; a frequency is positive when *our
//!   clock runs fast*.
//! - States and reasons are stable words in kebab case (`word`) with their numbers beside
//!   them. A document has no sentences for people; programs make those, and write times and rates
//!   with [`digits`].
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `document` | the whole document, the daemon's process |
//! | `clock` | the clock, and the obstacle to steering it |
//! | `system` | the state of the system, with the reasons |
//! | `source` | one association, its state and the reason |
//! | `discard_reason` | the reasons to discard a datagram of a server |
//! | `server` | one listening address |
//! | `nts` | NTS keys and cookies of our sources, our NTS-KE server and its keys |
//! | `nts_ke_failure` | stages of key establishment and reasons of its failure |
//! | `stable_word` | the words of enums in documents, metrics and logs |
//! | `date` | a date in RFC 3339 |
//! | [`digits`] | times and rates in digits with their unit |
//! | `encoding` | writing and reading a document |
//! | `control` | orders over the control socket, and their replies |
//! | `fetch` | fetching a document from the daemon's socket |
#![forbid(unsafe_code)]

mod clock;
mod control;
mod date;
pub mod digits;
mod discard_reason;
mod document;
mod encoding;
mod fetch;
mod nts;
mod nts_ke_failure;
mod sandbox;
mod server;
mod source;
mod stable_word;
mod system;

pub use clock::{ClockFacts, ClockMode, KernelFacts, SteeringObstacle};
pub use control::{
    CONTROL_SCHEMA, ControlCommand, ControlError, ControlFailure, ControlReply, ControlRequest,
    MAX_CONTROL_BYTES, NewSource, order,
};
pub use date::{BadDate, Date};
pub use discard_reason::DiscardReason;
pub use document::{ConfigurationFacts, ConfigurationFailure, DaemonFacts, Document, SCHEMA};
pub use encoding::{DecodeError, read_document, write_document};
pub use fetch::{FetchError, MAX_DOCUMENT_BYTES, fetch};
pub use nts::{
    CertificateFacts, KeysetFacts, NtsFacts, NtsKeErrorFacts, NtsKeServerFacts, NtsKeState,
};
pub use nts_ke_failure::{NtsKeReason, NtsKeStage};
pub use sandbox::{SandboxFacts, SandboxLevel};
pub use server::{ClientTable, ServerFacts};
pub use source::{
    NetworkCause, OneWay, PacketCounts, SourceFacts, SourceMode, SourceReason, SourceState,
    TimestampCounts,
};
pub use system::{
    DisciplineFacts, DisciplineName, DisciplineState, Leap, SourceCounts, SystemFacts, SystemReason,
};
