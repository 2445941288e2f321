//! Showing the state: the document, and the socket that hands it out.

mod document;
mod nts;
mod socket;
mod sources;
mod system;

pub(crate) use document::{Facts, document};
pub(crate) use socket::{Listener, serve};
