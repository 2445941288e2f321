//! A request as it comes, and the first tests that it must pass.

use crate::packet::{Header, Mode, Version};
use crate::time::{MonoTime, NtpTimestamp};
use std::net::{IpAddr, SocketAddr};

/// The longest request that we look at, in octets: the MTU that every IPv6 path has. The driver
/// must receive into a longer buffer, so that nothing cut off by it looks whole.
pub const MAX_REQUEST_LENGTH: usize = 1280;

/// The UDP port of NTP (RFC 5905 §16).
const NTP_PORT: u16 = 123;

/// A datagram that has come to our port.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The datagram.
    pub octets: &'a [u8],
    /// The sender.
    pub from: SocketAddr,
    /// The receive timestamp by our clock: best the kernel's.
    pub receive: NtpTimestamp,
    /// The time of its arrival by the clock of timers.
    pub now: MonoTime,
}

/// True if a packet is a request, by its mode.
///
/// Symmetric active packets are requests to us: the reply is the same, in mode 2, and no
/// association is mobilized (RFC 5905 §9.2 lets a server answer so). Version 1 has no modes (RFC
/// 1059): the ports distinguish clients from peers, and both ends of an exchange between peers have
/// port 123. Such packets are left alone, as a reply could be answered in turn.
pub(super) fn asks_for_time(header: &Header, port: u16) -> bool {
    match header.mode {
        Mode::Client | Mode::SymmetricActive => true,
        Mode::Reserved => header.version == Version::V1 && port != NTP_PORT,
        _ => false,
    }
}

/// True if a reply to this address would reach one host.
pub(super) fn is_one_host(from: SocketAddr) -> bool {
    let many_or_none = match from.ip().to_canonical() {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
    };
    from.port() != 0 && !many_or_none
}
