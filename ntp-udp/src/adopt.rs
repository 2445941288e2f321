//! Sockets that another program has bound, such as a service manager.

use crate::bind::BindOptions;
use crate::socket::{Socket, ask_for_receive_buffer, ask_for_stamps, report_destinations};
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// The longest time for which a receive on an adopted socket waits, so that the thread that waits
/// can be ended without a change of the socket.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

impl Socket {
    /// Takes over a socket that is bound already. Of `options`, the address, the interface and the
    /// sharing of the port are as the socket has them. A receive that blocks ends after 250 ms with
    /// [`io::ErrorKind::WouldBlock`].
    ///
    /// # Errors
    /// If the socket is not bound, or refuses an option without which it is of no use.
    pub fn adopt(socket: UdpSocket, options: &BindOptions) -> io::Result<Self> {
        let local = socket.local_addr()?;
        socket.set_nonblocking(!options.blocking)?;
        let fd = OwnedFd::from(socket);
        report_destinations(fd.as_fd(), local)?;
        if let Some(bytes) = options.receive_buffer {
            ask_for_receive_buffer(fd.as_fd(), bytes);
        }
        let stamping = ask_for_stamps(fd.as_fd(), options.transmit_stamps);
        let mut adopted = Self::from_bound(fd, local, stamping, options);
        adopted.shared = true;
        adopted.set_read_timeout(Some(LONGEST_WAIT))?;
        Ok(adopted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adopted_socket_waits_and_reports_where_requests_went() {
        let bound = UdpSocket::bind("0.0.0.0:0").unwrap();
        // As systemd does.
        bound.set_nonblocking(true).unwrap();
        let port = bound.local_addr().unwrap().port();
        let options = BindOptions::server(bound.local_addr().unwrap());
        let server = Socket::adopt(bound, &options).unwrap();
        server
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            client.send_to(b"request", ("127.0.0.1", port)).unwrap();
        });

        let mut buffer = [0; 64];
        let received = server.receive(&mut buffer).unwrap();

        sender.join().unwrap();
        assert_eq!(received.length, 7);
        assert_eq!(server.local_address().port(), port);
        assert!(received.destination.is_some());
    }

    #[test]
    fn the_owner_of_an_adopted_socket_can_wait_at_it_afterwards() {
        let bound = UdpSocket::bind("127.0.0.1:0").unwrap();
        let owner = bound.try_clone().unwrap();
        let options = BindOptions::server(bound.local_addr().unwrap());
        let server = Socket::adopt(bound, &options).unwrap();
        let mut buffer = [0; 64];

        let waited = server.receive(&mut buffer).unwrap_err();
        server.stop_receiving();
        drop(server);

        assert_eq!(waited.kind(), io::ErrorKind::WouldBlock);
        let waited = owner.recv(&mut buffer).unwrap_err();
        assert_eq!(waited.kind(), io::ErrorKind::WouldBlock);
        owner
            .send_to(b"request", owner.local_addr().unwrap())
            .unwrap();
        assert_eq!(owner.recv(&mut buffer).unwrap(), 7);
    }
}
