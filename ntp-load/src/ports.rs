//! The sockets that requests leave from.

use super::address_range::AddressRange;
use super::requests::LONGEST_DATAGRAM;
use ntp_udp::{BindOptions, MAX_BATCH, SendBatch, Socket, SourceAddress};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Room for replies while the generator is busy sending, in octets.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The most sockets; each one costs a system call per round.
const MOST_PORTS: usize = 1024;

/// A socket with a port of its own, and what it is about to send.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) socket: Socket,
    pub(super) batch: SendBatch,
}

/// All ports, and the addresses that take turns.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) ports: Vec<Port>,
    range: Option<AddressRange>,
    used: u64,
}

impl Ports {
    /// Opens `count` sockets for requests to `target`.
    pub(super) fn open(
        target: SocketAddr,
        count: usize,
        range: Option<AddressRange>,
    ) -> Result<Self, String> {
        if !(1..=MOST_PORTS).contains(&count) {
            return Err(format!(
                "there can be 1 to {MOST_PORTS} source ports, not {count}"
            ));
        }
        if range.is_some_and(|range| !range.is_of_the_family_of(target.ip())) {
            return Err(format!(
                "{target} cannot be asked from addresses of the other family"
            ));
        }
        let any: IpAddr = if target.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let options = BindOptions {
            transmit_stamps: false,
            report_unreachable: false,
            receive_buffer: Some(RECEIVE_BUFFER),
            ..BindOptions::client(SocketAddr::new(any, 0))
        };
        let open = |_| {
            let socket = Socket::bind(&options).map_err(|error| error.to_string())?;
            Ok(Port {
                socket,
                batch: SendBatch::new(MAX_BATCH, LONGEST_DATAGRAM),
            })
        };
        Ok(Self {
            ports: (0..count).map(open).collect::<Result<_, String>>()?,
            range,
            used: 0,
        })
    }

    /// The address that the next request leaves from; `None` leaves it to the system.
    pub(super) fn next_address(&mut self) -> Option<SourceAddress> {
        let range = self.range?;
        self.used += 1;
        Some(SourceAddress {
            address: range.nth(self.used - 1),
            interface: 0,
        })
    }
}
