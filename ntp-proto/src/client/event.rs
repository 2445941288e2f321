//! What a client asks its driver to do or to tell.

use super::SourceState;
use crate::clock::ClockEvent;
use crate::pool::GroupId;
use crate::source::SourceId;
use std::net::SocketAddr;

/// Why an association was given up for another address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removal {
    /// It does not answer, or nothing of use.
    Useless,
    /// It contradicts the majority again and again.
    Falseticker,
    /// It told us to go away.
    Denied,
    /// The name has a different address now.
    Moved,
}

/// Something for the driver.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Look up a host and report with `handle_resolved`.
    Resolve {
        /// Whose host.
        group: GroupId,
        /// Its name.
        host: String,
        /// The port to put into the addresses.
        port: u16,
    },
    /// A host could not be looked up; told once until it works again.
    Unresolved {
        /// Whose host.
        group: GroupId,
        /// What the resolver said.
        error: String,
    },
    /// An association was made.
    SourceAdded {
        /// Its name.
        id: SourceId,
        /// The server's address.
        address: SocketAddr,
        /// The entry that it belongs to.
        group: GroupId,
    },
    /// An association was given up.
    SourceRemoved {
        /// Its name.
        id: SourceId,
        /// The server's address.
        address: SocketAddr,
        /// Why.
        reason: Removal,
    },
    /// What is to be said about an association has changed.
    SourceChanged {
        /// Its name.
        id: SourceId,
        /// The server's address.
        address: SocketAddr,
        /// What was said before.
        from: Option<SourceState>,
        /// What is said now.
        to: SourceState,
    },
    /// Something happened to the clock.
    Clock(ClockEvent),
}
