//! Connections from many addresses of this machine: all of 127.0.0.0/8 is its own, so that one
//! process can be a crowd.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The number of addresses of the crowd.
const CROWD: u32 = 250 * 250;

/// The limit for a connection within this machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The address of a member of the crowd.
#[must_use]
pub fn member(number: u32) -> Ipv4Addr {
    let number = number % CROWD;
    let octet = |number: u32| u8::try_from(number % 250 + 1).expect("invariant: 250 at most");
    Ipv4Addr::new(127, 77, octet(number / 250), octet(number))
}

/// A connection from one of this machine's addresses. When it is dropped it is broken off (RST), so
/// that the port is free again at once.
///
/// # Errors
/// Those of the system, also if there is no answer in time.
pub fn connect_from(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.connect_timeout(&to.into(), PATIENCE)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_different_addresses() {
        assert_eq!(member(0), Ipv4Addr::new(127, 77, 1, 1));
        assert_eq!(member(250), Ipv4Addr::new(127, 77, 2, 1));
        assert_eq!(member(CROWD - 1), Ipv4Addr::new(127, 77, 250, 250));
        assert_eq!(member(CROWD), member(0));
    }
}
