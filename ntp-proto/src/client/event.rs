//! The requests of a client to its driver, and the events that it reports.

use super::AssociationState;
use crate::association::AssociationId;
use crate::client::entry::{EstablishFailure, RefusedAddress, SourceEntryId};
use crate::clock::ClockEvent;
use crate::nts::AeadAlgorithm;
use std::net::SocketAddr;

/// Why an association was given up for another address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removal {
    /// It does not answer, or nothing of use.
    Useless,
    /// There is no way to its family of addresses from here, and another address has one.
    NoRoute,
    /// It contradicts the majority again and again.
    Falseticker,
    /// It told us to go away.
    Denied,
    /// The name has a different address now.
    Moved,
    /// The time is known now, and its certificate is not valid.
    Certificate,
    /// A source with NTS has answered from the same address.
    Authenticated,
}

/// Something for the driver.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Look up a host and report with `handle_resolved`.
    Resolve {
        /// Whose host.
        entry: SourceEntryId,
        /// Its name.
        host: String,
        /// The port to put into the addresses.
        port: u16,
    },
    /// A host could not be looked up; told once until it works again.
    Unresolved {
        /// Whose host.
        entry: SourceEntryId,
        /// What the resolver said.
        error: String,
    },
    /// A host could not be looked up, and the addresses that it had in an earlier run are used.
    LastKnownAddresses {
        /// The entry.
        entry: SourceEntryId,
        /// Their number.
        addresses: usize,
    },
    /// A name leads to addresses that no server can have; reported again when they change.
    AddressesRefused {
        /// The entry.
        entry: SourceEntryId,
        /// The addresses, which are not used.
        refused: Vec<RefusedAddress>,
    },
    /// Establish keys for NTS with a server (RFC 8915 §4) and report with `handle_established`.
    Establish {
        /// Whose server.
        entry: SourceEntryId,
        /// Its name.
        host: String,
        /// Its TCP port.
        port: u16,
        /// If the clock has never been right and nobody has confirmed it yet, this time in Unix
        /// seconds, which has passed for sure: then certificates are to be accepted that had not
        /// expired by then, whenever they begin to be valid. `None`: they must be valid now.
        since: Option<i64>,
    },
    /// Keys were established, for the first time or after failures.
    Established {
        /// Whose.
        entry: SourceEntryId,
        /// The algorithm.
        algorithm: AeadAlgorithm,
        /// How many cookies came with them.
        cookies: usize,
    },
    /// Keys could not be established; told once until it works again.
    NotEstablished {
        /// Whose.
        entry: SourceEntryId,
        /// Why.
        failure: EstablishFailure,
    },
    /// An entry leads to nothing but the server of another entry; reported once until that changes.
    SameServer {
        /// The entry that is not used.
        entry: SourceEntryId,
        /// The entry that has the server.
        rival: SourceEntryId,
    },
    /// Every source with NTS is refused, one at least because its certificate has expired, and no
    /// other source can be used, or others have moved our clock far ahead: the time is doubted, and
    /// certificates are judged as at a first start.
    TimeDoubted,
    /// An association was made.
    AssociationAdded {
        /// Its name.
        id: AssociationId,
        /// The server's address.
        address: SocketAddr,
        /// The entry that it belongs to.
        entry: SourceEntryId,
    },
    /// An association was given up.
    AssociationRemoved {
        /// Its name.
        id: AssociationId,
        /// The server's address.
        address: SocketAddr,
        /// Why.
        reason: Removal,
    },
    /// What is to be said about an association has changed.
    AssociationChanged {
        /// Its name.
        id: AssociationId,
        /// The server's address.
        address: SocketAddr,
        /// What was said before.
        from: Option<AssociationState>,
        /// What is said now.
        to: AssociationState,
    },
    /// Something happened to the clock.
    Clock(ClockEvent),
}
