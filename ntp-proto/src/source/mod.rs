//! One association with one server address: the exchange in flight, validation, reach and pace.

mod association;
mod config;
mod discard;
mod id;
mod own_servers;
mod pacing;
mod reach;
mod session;
mod validate;

pub(crate) use association::Context;
pub use association::{
    Accepted, Datagram, Doubt, Heard, Source, SourceCounters, Transmit, TransmitToken,
};
pub use config::SourceConfig;
pub use discard::{Discard, DiscardCounters};
pub use id::SourceId;
pub use own_servers::OwnServers;
pub use reach::Reach;
pub use session::{Granted, Session, Validity};
pub use validate::{Ourselves, ValidReply};
