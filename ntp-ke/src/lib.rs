//! NTS key establishment (NTS-KE, RFC 8915 §4) over TLS, with its sockets, certificates and
//! deadlines.
//!
//! The records themselves belong to [`ntp_proto::nts`]: [`KeClient`](ntp_proto::nts::KeClient) and
//! [`KeServer`](ntp_proto::nts::KeServer) consume and produce octets. This crate transports them,
//! and verifies the peer.
//!
//! * [`client`]: [`establish`](client::establish) requests keys and cookies from one server, within
//!   one deadline.
//! * [`server`]: a [`KeListener`](server::KeListener) accepts clients, and the workers of a
//!   [`KePool`](server::KePool) serve those of all listeners.
//! * [`CertificateFacts`]: the contents of a certificate, for people to look at.
//!
//! Both sides speak only TLS 1.3 with the protocol `ntske/1` (RFC 8915 §3, §4), without resumption
//! and without early data. `Debug` prints no secret, and text of a peer is sanitized.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

mod certificate;
pub mod client;
mod date;
mod pem;
mod provider;
mod regular_file;
pub mod server;
#[cfg(test)]
mod test_certificates;

pub use certificate::{CertificateFacts, MAX_CERTIFICATE_NAMES};
pub use date::utc;
pub use regular_file::read_regular_file;
