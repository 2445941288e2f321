//! The messages to a service manager, and the sockets from it.

use crate::{PROMPTLY, SOON};
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use test_support::{Asker, Daemon, DaemonConfig, OddServer, Skip, folder, or_skip, until};

/// The socket of a service manager, and all messages so far.
struct Manager {
    socket: UnixDatagram,
    said: Vec<String>,
}

impl Manager {
    fn wait_for(&mut self, words: &str) {
        let heard = until(SOON, || {
            let mut buffer = [0; 4096];
            while let Ok(length) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                self.said.extend(text.lines().map(str::to_owned));
            }
            self.said
                .iter()
                .any(|line| line.contains(words))
                .then_some(())
        });
        assert!(heard.is_some(), "no {words} in {:?}", self.said);
    }
}

#[test]
fn readiness_status_watchdog_and_the_end_are_reported() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let place = folder();
    let path = place.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let mut manager = Manager {
        socket,
        said: Vec::new(),
    };
    let notify = format!("NOTIFY_SOCKET={}", path.display());
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0)
        .and_source(server.address())
        .and_server("127.0.0.1:0");
    let launcher = ["env", &notify, "WATCHDOG_USEC=1000000"];
    let mut daemon = or_skip!(Daemon::start_by(&launcher, folder(), &config));

    manager.wait_for("READY=1");
    manager.wait_for("STATUS=not synchronized");
    manager.wait_for("STATUS=synchronized to 1 of 1 sources, right to ");
    manager.said.clear();
    manager.wait_for("WATCHDOG=1");
    daemon.process().hang_up();
    manager.wait_for("RELOADING=1");
    manager.wait_for("MONOTONIC_USEC=");
    manager.wait_for("READY=1");
    assert_eq!(daemon.process().terminate(PROMPTLY).code(), Some(0));
    manager.wait_for("STOPPING=1");
}

/// The program of systemd that passes sockets to another program.
const ACTIVATOR: &str = "systemd-socket-activate";

#[test]
fn time_is_served_on_a_socket_from_the_service_manager() {
    let found = std::process::Command::new(ACTIVATOR)
        .arg("--version")
        .output();
    or_skip!(
        found
            .map(drop)
            .map_err(|_| Skip(format!("{ACTIVATOR} of systemd is needed")))
    );
    // A port that is free now.
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and("[synchronization]\nlocal-stratum = 10\n")
        .and_server(address);
    let listen = address.to_string();
    let launcher = [ACTIVATOR, "--datagram", "--listen", &listen];
    let mut daemon = or_skip!(Daemon::start_by(&launcher, folder(), &config));

    // It is started by the first request.
    let mut asker = Asker::new(address, Duration::from_millis(200)).unwrap();
    let answered = until(SOON, || asker.plain());

    assert!(answered.is_some(), "{}", daemon.process().output());
    let line = daemon
        .process()
        .wait_for_line("using the socket that the service manager has passed", SOON);
    assert!(line.contains(&listen), "{line}");
}
