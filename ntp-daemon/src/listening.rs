//! The sockets of all listening addresses: those that the service manager has passed, and the others
//! bound before the daemon gives up the right to bind ports below 1024.

use crate::daemon::DaemonError;
use crate::server::{adopt_socket, is_dual_stack, open_sockets};
use listenfd::ListenFd;
use ntp_config::{Config, NtsKeServerEntry, ServerEntry};
use ntp_ke::server::KeListener;
use ntp_udp::Socket;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

/// The first port that every user may bind, unless the administrator has changed that.
pub(crate) const FIRST_FREE_PORT: u16 = 1024;

/// The sockets of `[[nts-ke-server]]` that are bound, by the address of the configuration.
pub(crate) type BoundKeSockets = HashMap<SocketAddr, TcpListener>;

/// The sockets of all listening addresses.
#[derive(Debug, Default)]
pub(crate) struct ListeningSockets {
    /// The sockets of each `[[server]]`, one for each worker.
    pub(crate) time: Vec<Vec<Arc<Socket>>>,
    /// Those of `[[nts-ke-server]]` that come from the service manager or have a port below 1024;
    /// the others are bound when their certificate has been read.
    pub(crate) nts_ke: BoundKeSockets,
}

/// The sockets that the service manager has passed (`LISTEN_FDS`, sd_listen_fds(3)).
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
}

impl Inherited {
    /// None.
    #[cfg(feature = "demo")]
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Takes them over. One that is neither for UDP nor for TCP is logged and left alone.
    pub(crate) fn from_service_manager() -> Self {
        let mut passed = ListenFd::from_env();
        let mut found = Self::default();
        for place in 0..passed.len() {
            if let Ok(Some(socket)) = passed.take_udp_socket(place) {
                found.udp.push(socket);
            } else if let Ok(Some(socket)) = passed.take_tcp_listener(place) {
                found.tcp.push(socket);
            } else {
                tracing::warn!(
                    "descriptor {} from the service manager is no UDP or listening TCP socket; only ListenDatagram= \
                     and ListenStream= with an address and port are of use in the socket unit",
                    place + 3
                );
            }
        }
        found
    }

    fn take_udp(&mut self, listen: SocketAddr) -> Option<UdpSocket> {
        let is_ours = |socket: &UdpSocket| socket.local_addr().is_ok_and(|local| local == listen);
        let place = self.udp.iter().position(is_ours)?;
        Some(self.udp.swap_remove(place))
    }

    fn take_tcp(&mut self, listen: SocketAddr) -> Option<TcpListener> {
        let is_ours = |socket: &TcpListener| socket.local_addr().is_ok_and(|local| local == listen);
        let place = self.tcp.iter().position(is_ours)?;
        Some(self.tcp.swap_remove(place))
    }

    fn warn_of_the_rest(&self) {
        let udp = self
            .udp
            .iter()
            .map(|socket| ("[[server]]", socket.local_addr()));
        let tcp = self
            .tcp
            .iter()
            .map(|socket| ("[[nts-ke-server]]", socket.local_addr()));
        for (section, address) in udp.chain(tcp) {
            let address = address.map_or_else(|error| error.to_string(), |local| local.to_string());
            tracing::warn!(
                "the service manager has passed a socket at {address}, and no {section} has this `listen`; it is closed. \
                 Add the section, or remove the address from the socket unit"
            );
        }
    }
}

impl ListeningSockets {
    /// Takes over the inherited sockets and binds the others. Those that no section needs are
    /// closed with a warning.
    ///
    /// # Errors
    /// If a socket of a `[[server]]` cannot be bound; with the remedy.
    pub(crate) fn open(config: &Config, inherited: &mut Inherited) -> Result<Self, DaemonError> {
        let all = || config.servers.iter().map(|other| other.listen);
        let mut time = Vec::new();
        for entry in &config.servers {
            time.push(time_sockets(
                entry,
                is_dual_stack(entry.listen, all()),
                inherited,
            )?);
        }
        let all = || config.nts_ke_servers.iter().map(|other| other.listen);
        let mut nts_ke = BoundKeSockets::new();
        for entry in &config.nts_ke_servers {
            let bound = ke_socket(entry, is_dual_stack(entry.listen, all()), inherited);
            nts_ke.extend(bound.map(|socket| (entry.listen, socket)));
        }
        inherited.warn_of_the_rest();
        Ok(Self { time, nts_ke })
    }
}

fn time_sockets(
    entry: &ServerEntry,
    dual_stack: bool,
    inherited: &mut Inherited,
) -> Result<Vec<Arc<Socket>>, DaemonError> {
    match inherited.take_udp(entry.listen) {
        Some(socket) => {
            tracing::info!(address = %entry.listen, "using the socket that the service manager has passed");
            adopt_socket(entry, socket).map_err(|error: io::Error| DaemonError::System {
                doing: "cannot use the UDP socket that the service manager has passed",
                error,
            })
        }
        None => Ok(open_sockets(entry, dual_stack)?),
    }
}

/// The socket of a NTS-KE server if it has to be bound now. An address that cannot be bound is tried
/// again later, where the error is logged.
fn ke_socket(
    entry: &NtsKeServerEntry,
    dual_stack: bool,
    inherited: &mut Inherited,
) -> Option<TcpListener> {
    if let Some(socket) = inherited.take_tcp(entry.listen) {
        tracing::info!(address = %entry.listen, "using the socket that the service manager has passed");
        return Some(socket);
    }
    let needs_the_right = (1..FIRST_FREE_PORT).contains(&entry.listen.port());
    needs_the_right
        .then(|| KeListener::bind_socket(entry.listen, dual_stack).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        ntp_config::parse_str("test", text).unwrap().config
    }

    #[test]
    fn a_socket_that_was_passed_is_used_by_all_workers_of_its_address() {
        let passed = UdpSocket::bind("127.0.0.1:0").unwrap();
        let listen = passed.local_addr().unwrap();
        let config = config(&format!(
            "[[server]]\nlisten = \"{listen}\"\nworker-threads = 3\n[[server]]\nlisten = \"127.0.0.1:0\"\n\
             worker-threads = 1\n[synchronization]\nlocal-stratum = 10\n"
        ));
        let mut inherited = Inherited {
            udp: vec![passed],
            tcp: Vec::new(),
        };

        let sockets = ListeningSockets::open(&config, &mut inherited).unwrap();

        assert!(inherited.udp.is_empty());
        let [first, second] = sockets.time.as_slice() else {
            panic!("two addresses");
        };
        assert_eq!((first.len(), second.len()), (3, 1));
        assert!(first.iter().all(|socket| Arc::ptr_eq(socket, &first[0])));
        assert_eq!(first[0].local_address(), listen);
        assert_ne!(second[0].local_address(), listen);
    }
}
