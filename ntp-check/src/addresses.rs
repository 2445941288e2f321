//! Checks that this machine has the addresses and interfaces to listen on.

use crate::Finding;
use ntp_config::Config;
use rustix::io::Errno;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

/// The folder in which Linux lists its network interfaces.
const INTERFACES: &str = "/sys/class/net";

pub(crate) fn findings(config: &Config) -> Vec<Finding> {
    let servers = config
        .servers
        .iter()
        .map(|server| ("[[server]]", server.listen));
    let ke_servers = config
        .nts_ke_servers
        .iter()
        .map(|server| ("[[nts-ke-server]]", server.listen));
    let addresses = servers
        .chain(ke_servers)
        .filter_map(|(section, listen)| absent_address(section, listen));
    let interfaces = config
        .servers
        .iter()
        .filter_map(|server| absent_interface(server.interface.as_deref()?));
    addresses.chain(interfaces).collect()
}

/// Binds to a free port, so that a running daemon does not matter.
fn absent_address(section: &str, listen: SocketAddr) -> Option<Finding> {
    let mut any_port = listen;
    any_port.set_port(0);
    let error = UdpSocket::bind(any_port).err()?;
    let ip = listen.ip();
    if error.kind() == io::ErrorKind::AddrNotAvailable {
        let message = format!("{section}: no interface of this machine has the address {ip} now");
        return Some(Finding::warning(
            message,
            "see `ip address`, or listen on 0.0.0.0 or [::], which are always there",
        ));
    }
    (Errno::from_io_error(&error) == Some(Errno::AFNOSUPPORT)).then(|| {
        let message = format!(
            "{section}: this machine has no IPv{}, as {ip} needs",
            if ip.is_ipv4() { 4 } else { 6 }
        );
        Finding::warning(message, "listen on an address of the other family")
    })
}

fn absent_interface(name: &str) -> Option<Finding> {
    let all = Path::new(INTERFACES);
    (all.is_dir() && !all.join(name).exists()).then(|| {
        let message = format!("[[server]]: this machine has no network interface {name} now");
        Finding::warning(
            message,
            "see `ip link`, and write the name of one in `interface`",
        )
    })
}
