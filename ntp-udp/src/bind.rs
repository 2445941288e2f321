//! The options for opening a socket, and the error if that fails.

use std::net::SocketAddr;
use std::{fmt, io};

/// Room for the datagrams of a burst while a server worker is busy, in bytes.
const SERVER_RECEIVE_BUFFER: usize = 4 << 20;

/// The options for opening a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindOptions {
    /// The address and port. An IPv6 socket takes no IPv4 traffic, so that both families can share
    /// a port.
    pub address: SocketAddr,
    /// The only interface to receive from and send over, by name.
    pub interface: Option<String>,
    /// True if several sockets of this user may share the address and port and the datagrams among
    /// them.
    pub reuse_port: bool,
    /// True if the kernel is to report when each datagram left, see [`crate::Socket::notice`].
    pub transmit_stamps: bool,
    /// True if ICMP errors are reported by [`crate::Socket::notice`]. They never fail a
    /// send or receive.
    pub report_unreachable: bool,
    /// True if a socket bound to `[::]` also takes IPv4 datagrams, whose addresses are then
    /// IPv4-mapped ones. Where another socket serves IPv4 at the same port, it must not.
    pub dual_stack: bool,
    /// Allows an address that no interface has yet (`IP_FREEBIND`); datagrams come as soon as one
    /// has it.
    pub freely: bool,
    /// True if calls wait; otherwise they return [`io::ErrorKind::WouldBlock`].
    pub blocking: bool,
    /// The wanted size of the receive buffer, in bytes; see
    /// [`crate::Socket::granted_receive_buffer`].
    pub receive_buffer: Option<usize>,
}

impl BindOptions {
    /// For a client: non-blocking, with transmit timestamps and ICMP errors reported.
    #[must_use]
    pub const fn client(address: SocketAddr) -> Self {
        Self {
            address,
            interface: None,
            reuse_port: false,
            transmit_stamps: true,
            report_unreachable: true,
            dual_stack: false,
            freely: false,
            blocking: false,
            receive_buffer: None,
        }
    }

    /// For one of a server's worker threads: blocking, the port shared, and with room for bursts.
    #[must_use]
    pub const fn server(address: SocketAddr) -> Self {
        Self {
            address,
            interface: None,
            reuse_port: true,
            transmit_stamps: false,
            report_unreachable: false,
            dual_stack: false,
            freely: false,
            blocking: true,
            receive_buffer: Some(SERVER_RECEIVE_BUFFER),
        }
    }
}

/// The step at which opening a socket failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindStep {
    /// Opening a socket of the address family.
    Open,
    /// Setting an option without which the socket would not do what it is for.
    Configure,
    /// Tying the socket to its interface.
    Interface,
    /// Binding the socket to its address.
    Bind,
}

/// A socket could not be opened; the text says what was tried and what may help.
#[derive(Debug)]
pub struct BindError {
    /// The step that failed.
    pub step: BindStep,
    /// The address that was asked for.
    pub address: SocketAddr,
    /// The interface that was asked for.
    pub interface: Option<String>,
    /// The error of the operating system.
    pub error: io::Error,
}

impl BindError {
    /// True if no interface has the address, which may come later.
    #[must_use]
    pub fn is_for_want_of_the_address(&self) -> bool {
        self.step == BindStep::Bind && self.error.raw_os_error() == Some(libc::EADDRNOTAVAIL)
    }

    /// The remedy, where one is known.
    fn advice(&self) -> Option<String> {
        let port = self.address.port();
        let advice = match (self.error.raw_os_error()?, self.step) {
            (libc::EADDRINUSE, _) => format!(
                "port {port} is in use: another time daemon (chronyd, systemd-timesyncd, ntpd) may be running; \
                 stop it or choose another port"
            ),
            (libc::EACCES | libc::EPERM, BindStep::Bind) if port < 1024 => format!(
                "ports below 1024 need CAP_NET_BIND_SERVICE: start as root or by the systemd unit, or choose a port \
                 above 1023 instead of {port}"
            ),
            (libc::EACCES | libc::EPERM, BindStep::Interface) => {
                "binding to an interface needs CAP_NET_RAW on this kernel".to_owned()
            }
            (libc::EADDRNOTAVAIL, _) => format!(
                "no interface has the address {} (yet); see `ip address`, or listen on 0.0.0.0 or [::]",
                self.address.ip()
            ),
            (libc::EINVAL, BindStep::Bind) if is_link_local(self.address) => {
                "a link-local address needs its interface".to_owned()
            }
            (libc::ENODEV, _) => {
                "there is no interface of this name (yet); see `ip link`".to_owned()
            }
            (libc::EAFNOSUPPORT, _) if self.address.is_ipv6() => {
                "IPv6 is switched off on this machine; use an IPv4 address".to_owned()
            }
            (libc::EMFILE | libc::ENFILE, _) => {
                "too many files are open; raise the limit (LimitNOFILE=)".to_owned()
            }
            _ => return None,
        };
        Some(advice)
    }
}

/// True if an address is valid on one interface only.
fn is_link_local(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local())
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.step {
            BindStep::Open => "open a socket",
            BindStep::Configure => "set up a socket",
            BindStep::Interface => "tie a socket to the interface",
            BindStep::Bind => "bind a socket",
        };
        write!(f, "cannot {doing} for UDP {}", self.address)?;
        if let Some(interface) = &self.interface {
            write!(f, " on {interface:?}")?;
        }
        write!(f, ": {}", self.error)?;
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(step: BindStep, address: &str, errno: i32) -> String {
        let error = io::Error::from_raw_os_error(errno);
        BindError {
            step,
            address: address.parse().unwrap(),
            interface: None,
            error,
        }
        .to_string()
    }

    #[test]
    fn an_error_names_what_was_tried_and_what_helps() {
        let busy = text(BindStep::Bind, "0.0.0.0:123", libc::EADDRINUSE);
        assert!(
            busy.starts_with("cannot bind a socket for UDP 0.0.0.0:123: "),
            "{busy}"
        );
        assert!(busy.contains("chronyd, systemd-timesyncd, ntpd"), "{busy}");

        assert!(text(BindStep::Bind, "[::]:123", libc::EACCES).contains("CAP_NET_BIND_SERVICE"));
        assert!(
            text(BindStep::Bind, "192.0.2.1:123", libc::EADDRNOTAVAIL)
                .contains("the address 192.0.2.1")
        );
        assert!(text(BindStep::Interface, "[::]:123", libc::ENODEV).contains("ip link"));
        assert!(
            text(BindStep::Open, "[::]:123", libc::EAFNOSUPPORT).contains("IPv6 is switched off")
        );
    }

    #[test]
    fn an_error_that_we_know_no_cure_for_stands_alone() {
        let text = text(BindStep::Bind, "0.0.0.0:123", libc::EIO);
        assert!(!text.contains(';'), "{text}");
    }
}
