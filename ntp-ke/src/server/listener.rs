//! The listening socket.

use super::limits::ConnectionLimits;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{SocketAddr, TcpListener};
use std::{fmt, io};

/// The most connections in the kernel's queue.
const BACKLOG: i32 = 1024;

/// A listening socket whose connections are not served yet.
#[derive(Debug)]
pub struct KeListener {
    pub(super) socket: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) limits: ConnectionLimits,
    /// Others hold the same socket, which must stay as it is for them.
    pub(super) shared: bool,
}

impl KeListener {
    /// Opens the socket at `listen`; port 0 lets the system choose a free one. With `dual_stack`, a
    /// socket at `[::]` serves IPv4 as well. It is separate from [`start`](Self::start), so that a
    /// port in use is an error before the daemon reports that it is ready.
    ///
    /// # Errors
    /// Names the address and, if known, the remedy.
    pub fn bind(
        listen: SocketAddr,
        dual_stack: bool,
        limits: ConnectionLimits,
    ) -> Result<Self, KeBindError> {
        let socket = Self::bind_socket(listen, dual_stack)?;
        let own = Self::from_socket(socket, limits).map_err(|error| KeBindError {
            address: listen,
            error,
        })?;
        Ok(Self {
            shared: false,
            ..own
        })
    }

    /// Opens only the socket, for [`from_socket`](Self::from_socket): while the process still may
    /// bind its port.
    ///
    /// # Errors
    /// Names the address and, if known, the remedy.
    pub fn bind_socket(listen: SocketAddr, dual_stack: bool) -> Result<TcpListener, KeBindError> {
        open(listen, dual_stack).map_err(|error| KeBindError {
            address: listen,
            error,
        })
    }

    /// Takes over a socket that listens already, such as one from a service manager. It still
    /// listens for its other owners when the server has stopped.
    ///
    /// # Errors
    /// If it is not bound.
    pub fn from_socket(socket: TcpListener, limits: ConnectionLimits) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            address: socket.local_addr()?,
            socket,
            limits,
            shared: true,
        })
    }

    /// The address and port; for a configured port 0, the port that the system chose.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn open(address: SocketAddr, dual_stack: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Old connections in TIME_WAIT must not keep a restarted server from its port. It does not
    // allow two listeners.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!dual_stack)?;
    }
    bind(&socket, address)?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// Binds the socket, with `IP_FREEBIND` if no interface has the address yet: connections arrive as
/// soon as one has it.
fn bind(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match socket.bind(&address.into()) {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            let freely = if address.is_ipv6() {
                socket.set_freebind_v6(true)
            } else {
                socket.set_freebind_v4(true)
            };
            freely
                .and_then(|()| socket.bind(&address.into()))
                .map_err(|_| error)?;
            tracing::warn!(
                %address,
                "no interface has this address yet (see `ip address`); the NTS-KE server is \
                 available there as soon as one has it"
            );
            Ok(())
        }
        outcome => outcome,
    }
}

/// The socket could not be opened. The text names the address and a remedy.
#[derive(Debug)]
pub struct KeBindError {
    /// The configured address.
    pub address: SocketAddr,
    /// The error of the system.
    pub error: io::Error,
}

impl KeBindError {
    /// The remedy for the operator, if it is known.
    fn advice(&self) -> Option<String> {
        let (ip, port) = (self.address.ip(), self.address.port());
        Some(match self.error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "port {port} is in use: another NTS-KE server (chronyd, ntpd) may be running; stop \
                 it or choose another port in [[nts-ke-server]]"
            ),
            io::ErrorKind::PermissionDenied if port < 1024 => format!(
                "ports below 1024 need CAP_NET_BIND_SERVICE: start as root or by the systemd unit, \
                 or choose a port above 1023 instead of {port}"
            ),
            io::ErrorKind::AddrNotAvailable => {
                format!(
                    "no interface has the address {ip} (yet); see `ip address`, or listen on \
                     0.0.0.0 or [::]"
                )
            }
            _ if Errno::from_io_error(&self.error) == Some(Errno::AFNOSUPPORT) && ip.is_ipv6() => {
                "IPv6 is switched off on this machine; use an IPv4 address".to_owned()
            }
            _ => return None,
        })
    }
}

impl fmt::Display for KeBindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot listen on TCP {} for NTS key establishment: {}",
            self.address, self.error
        )?;
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for KeBindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
