//! Observation: the document with the state of the daemon, and the socket that hands it out.

mod clock;
mod dates;
mod document;
mod nts;
mod socket;
mod sources;
mod system;

pub(crate) use document::document;
pub(crate) use socket::{DocumentRequest, Listener, start};
