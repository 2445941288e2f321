//! Key establishment of Network Time Security (RFC 8915 §4) over TLS: the half that has sockets,
//! certificates and deadlines.
//!
//! What is said over TLS is the business of [`ntp_proto::nts`]:
//! [`KeClient`](ntp_proto::nts::KeClient) and [`KeServer`](ntp_proto::nts::KeServer) take octets
//! and give octets. This crate brings those over, and judges whom it brings them from.
//!
//! * [`client`]: [`establish`](client::establish) asks one server for keys and cookies, within one
//!   deadline.
//! * [`server`]: a [`KeListener`](server::KeListener) accepts clients, and the threads of a
//!   [`KePool`](server::KePool) serve those of all listeners.
//! * [`CertificateFacts`]: what a certificate says, for people to look at.
//!
//! Both sides speak TLS 1.3 only, with the protocol `ntske/1` (RFC 8915 §3, §4), without resumption
//! and without early data. Secrets cannot be printed, and text of the peer's is printed only in a
//! harmless form.
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
