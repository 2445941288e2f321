//! The data beside the bytes of a datagram: its source, its destination, its timestamp.

use crate::control::{Arrival, ControlData};
use crate::stamp::KernelStamp;
use crate::sys::Envelope;
use std::net::{IpAddr, SocketAddr};

/// The address and interface at which a datagram arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The destination address in the datagram's header, which may be a multicast or broadcast
    /// address.
    pub address: IpAddr,
    /// The index of the interface that it arrived on.
    pub interface: u32,
    local: IpAddr,
}

impl Destination {
    /// The address from which a reply should leave; `None` where only the kernel can choose, as for
    /// IPv6 multicast.
    #[must_use]
    pub const fn reply_source(&self) -> Option<SourceAddress> {
        // The interface is left to the routing table, which may well lead back by another one; but
        // a link-local address means nothing without its interface.
        match self.local {
            IpAddr::V6(address) if address.is_multicast() => None,
            IpAddr::V6(address) if address.is_unicast_link_local() => Some(SourceAddress {
                address: self.local,
                interface: self.interface,
            }),
            _ => Some(SourceAddress {
                address: self.local,
                interface: 0,
            }),
        }
    }
}

/// The address and interface from which a datagram is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceAddress {
    /// One of our own addresses, of the socket's family.
    pub address: IpAddr,
    /// The index of the interface to leave by; 0 lets the routing table decide.
    pub interface: u32,
}

/// A received datagram except its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its length in the buffer, in bytes.
    pub length: usize,
    /// Its source; for link-local addresses with the interface as scope.
    pub from: SocketAddr,
    /// Its destination; only known on sockets bound to a wildcard address.
    pub destination: Option<Destination>,
    /// The time of its arrival; `None` if the kernel took no timestamp, and the caller has to read
    /// its own clock.
    pub stamp: Option<KernelStamp>,
    /// True if it was longer than the buffer, so that its end is lost.
    pub truncated: bool,
}

impl Received {
    /// The kernel's data about a datagram; `None` if its source is neither IPv4 nor IPv6.
    pub(crate) fn read(envelope: &Envelope) -> Option<Self> {
        let (mut stamp, mut destination) = (None, None);
        for data in envelope.control_data() {
            match data {
                ControlData::Time(time) => stamp = Some(KernelStamp::kernel(time)),
                ControlData::Arrival(Arrival {
                    address,
                    local,
                    interface,
                }) => {
                    destination = Some(Destination {
                        address,
                        interface,
                        local,
                    });
                }
                ControlData::Error(_) => {}
            }
        }
        let (length, truncated) = (envelope.length, envelope.is_truncated());
        Some(Self {
            length,
            from: envelope.address()?,
            destination,
            stamp,
            truncated,
        })
    }
}

/// Addresses a datagram of `length` bytes, with packet information if it has to leave from a
/// certain address.
pub(crate) fn address(
    envelope: &mut Envelope,
    length: usize,
    to: SocketAddr,
    from: Option<SourceAddress>,
) {
    envelope.address_to(to, length);
    match from {
        None => {}
        Some(SourceAddress {
            address: IpAddr::V4(address),
            interface,
        }) => {
            // `in_pktinfo`: interface, source, and a destination that is not read.
            let mut information = [0; 12];
            let (index, rest) = information.split_at_mut(4);
            index.copy_from_slice(&interface.to_ne_bytes());
            rest.split_at_mut(4).0.copy_from_slice(&address.octets());
            envelope.add_control((libc::SOL_IP, libc::IP_PKTINFO), &information);
        }
        Some(SourceAddress {
            address: IpAddr::V6(address),
            interface,
        }) => {
            // `in6_pktinfo`: source, interface.
            let mut information = [0; 20];
            let (source, index) = information.split_at_mut(16);
            source.copy_from_slice(&address.octets());
            index.copy_from_slice(&interface.to_ne_bytes());
            envelope.add_control((libc::SOL_IPV6, libc::IPV6_PKTINFO), &information);
        }
    }
}
