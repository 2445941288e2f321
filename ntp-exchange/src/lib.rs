//! One NTP request, one socket, one random port (RFC 9109), and the kernel timestamps of both ways.
//!
//! [`RequestPort::send`] sends what an [`Association`] hands out from a socket of its own, whose
//! port the kernel chooses at random. [`RequestPort::next`] returns the input for the association:
//! the transmit timestamp, datagrams with their receive timestamps, and errors that the network
//! reports. The transmit timestamp always comes before the first datagram.
//!
//! The daemon and `ntp-probe` share this crate. It judges no datagram.
//!
//! [`Association`]: ntp_proto::association::Association
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

mod port;

use ntp_udp::{BindOptions, Socket};
pub use port::{Inbound, RequestPort, SendFailure};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An idle socket that asks for timestamps; `None` if none can be opened. The kernel begins to
/// stamp some milliseconds after the first socket has asked, and ends with the last: without this
/// one, the first reply to each request could lack its timestamp.
#[must_use = "the kernel stamps while the socket lives"]
pub fn keep_stamping() -> Option<Socket> {
    let loopback = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        Ipv6Addr::LOCALHOST.into(),
    ];
    loopback
        .iter()
        .find_map(|address| Socket::bind(&BindOptions::client(SocketAddr::new(*address, 0))).ok())
}
