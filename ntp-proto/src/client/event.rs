//! The requests of a client to its driver, and the events that it reports.

use super::AssociationState;
use crate::association::AssociationId;
use crate::client::entry::{EstablishFailure, RefusedAddress, SourceEntryId};
use crate::clock::ClockEvent;
use crate::nts::AeadAlgorithm;
use std::net::SocketAddr;

/// The reason for which an association was removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removal {
    /// Its server does not answer, or sends no usable reply.
    Useless,
    /// There is no way to its family of addresses from here, and another address has one.
    NoRoute,
    /// It contradicts the majority again and again.
    Falseticker,
    /// The server refused us (kiss codes DENY and RSTR).
    Denied,
    /// The name has a different address now.
    Moved,
    /// The time is known now, and its certificate is not valid.
    Certificate,
    /// A source with NTS has answered from the same address.
    Authenticated,
    /// The configuration has changed, see [`Client::handle_config`](super::Client::handle_config).
    Configured,
}

/// Something for the driver.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Look up a host and report with `handle_resolved`.
    Resolve {
        /// The entry that needs addresses.
        entry: SourceEntryId,
        /// The host to look up.
        host: String,
        /// The port to put into the addresses.
        port: u16,
    },
    /// A host could not be looked up; reported once until it works again.
    Unresolved {
        /// The entry of the host.
        entry: SourceEntryId,
        /// The message of the resolver.
        error: String,
    },
    /// A host could not be looked up, and the addresses that it had in an earlier run are used.
    LastKnownAddresses {
        /// The entry.
        entry: SourceEntryId,
        /// Their number.
        addresses: usize,
    },
    /// A name has addresses that no server can have; reported again when they change.
    AddressesRefused {
        /// The entry.
        entry: SourceEntryId,
        /// The addresses, which are not used.
        refused: Vec<RefusedAddress>,
    },
    /// Establish keys for NTS with a server (RFC 8915 §4) and report with `handle_established`.
    Establish {
        /// The entry that needs keys.
        entry: SourceEntryId,
        /// The host of the NTS-KE server.
        host: String,
        /// The TCP port of the NTS-KE server.
        port: u16,
        /// If the clock has never been right and no measurement has confirmed it yet, a time in
        /// Unix seconds that has certainly passed: then all certificates are accepted that had not
        /// expired by then, also those that begin later. `None`: they must be valid now.
        since: Option<i64>,
    },
    /// Keys were established, for the first time or after failures.
    Established {
        /// The entry that has keys now.
        entry: SourceEntryId,
        /// The algorithm.
        algorithm: AeadAlgorithm,
        /// The number of cookies that came with them.
        cookies: usize,
    },
    /// Keys could not be established; reported once until it works again.
    NotEstablished {
        /// The entry that has no keys.
        entry: SourceEntryId,
        /// The stage and the reason.
        failure: EstablishFailure,
    },
    /// The only server of an entry is that of another entry; reported once until that changes.
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
        /// The identifier of the association.
        id: AssociationId,
        /// The server's address.
        address: SocketAddr,
        /// The entry that it belongs to.
        entry: SourceEntryId,
    },
    /// An association was removed.
    AssociationRemoved {
        /// The identifier of the association.
        id: AssociationId,
        /// The server's address.
        address: SocketAddr,
        /// The reason for its removal.
        reason: Removal,
    },
    /// The state of an association has changed.
    AssociationChanged {
        /// The identifier of the association.
        id: AssociationId,
        /// The server's address.
        address: SocketAddr,
        /// The state that was reported before.
        from: Option<AssociationState>,
        /// The state now.
        to: AssociationState,
    },
    /// Something happened to the clock.
    Clock(ClockEvent),
}
