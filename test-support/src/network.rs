//! Two network namespaces with a cable between them.

use crate::Skip;
use rustix::process::{geteuid, getpid};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// One end of a [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The side of the client: 192.0.2.1 and 2001:db8::1.
    Client,
    /// The side of the servers: 192.0.2.2 and 2001:db8::2, and the addresses that are added.
    Server,
}

/// Two namespaces, each with a loopback device and one end of a cable. They are removed in the end.
#[derive(Debug)]
pub struct Network {
    client: String,
    server: String,
}

impl Network {
    /// Makes two namespaces of unique names.
    ///
    /// # Errors
    /// On a machine where we may not, or that lacks `ip`.
    pub fn new() -> Result<Self, Skip> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        supported()?;
        let unique = format!(
            "tc{}-{}",
            getpid().as_raw_nonzero(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let network = Self {
            client: format!("{unique}c"),
            server: format!("{unique}s"),
        };
        network.build().map_err(Skip)?;
        Ok(network)
    }

    /// The name of the namespace at one end.
    #[must_use]
    pub fn namespace(&self, side: Side) -> &str {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    /// Gives the server's end another address of the same networks.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn add_server_address(&self, address: IpAddr) {
        self.add_address(Side::Server, address)
            .expect("the namespace takes an address");
    }

    /// Gives the client's end another address.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn add_client_address(&self, address: IpAddr) {
        self.add_address(Side::Client, address)
            .expect("the namespace takes an address");
    }

    /// Plugs the cable in at the client's end, or out. Without it there is no way to the server's
    /// end.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn plug(&self, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        ip(&["-n", &self.client, "link", "set", "cable", state])
            .expect("a link can be set up and down");
    }

    /// Makes names known to the programs that are started at the client's end from now on; no name
    /// server is asked. What is written later replaces what was written before, for running
    /// programs as well.
    ///
    /// # Panics
    /// If the files cannot be written.
    pub fn set_names(&self, names: &[(&str, IpAddr)]) {
        let lines: Vec<String> = names
            .iter()
            .map(|(name, address)| format!("{address} {name}\n"))
            .collect();
        self.show_file("hosts", &lines.concat());
        self.show_file(
            "nsswitch.conf",
            "hosts: files\npasswd: files\ngroup: files\n",
        );
        self.show_file("resolv.conf", "");
    }

    /// Makes a user and its group known to the programs that are started at the client's end from
    /// now on.
    ///
    /// # Panics
    /// If the files cannot be written.
    pub fn set_user(&self, name: &str, home: &Path) {
        let root = "root:x:0:0::/root:/bin/sh";
        let home = home.display();
        self.show_file(
            "passwd",
            &format!("{root}\n{name}:x:61234:61234::{home}:/bin/false\n"),
        );
        self.show_file("group", &format!("root:x:0:\n{name}:x:61234:\n"));
    }

    /// Shows another file in /etc to programs at the client's end.
    fn show_file(&self, name: &str, content: &str) {
        let etc = etc_of(&self.client);
        fs::create_dir_all(&etc).expect("the folder of the namespace can be made");
        fs::write(etc.join(name), content).expect("a file of the namespace can be written");
    }

    fn build(&self) -> Result<(), String> {
        let [client, server] = [&self.client, &self.server];
        ip(&["netns", "add", client])?;
        ip(&["netns", "add", server])?;
        ip(&[
            "-n", client, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns",
            server,
        ])?;
        for namespace in [client, server] {
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
            ip(&["-n", namespace, "link", "set", "cable", "up"])?;
        }
        for (side, addresses) in [
            (Side::Client, ["192.0.2.1", "2001:db8::1"]),
            (Side::Server, ["192.0.2.2", "2001:db8::2"]),
        ] {
            for address in addresses {
                self.add_address(side, address.parse().expect("invariant: an address"))?;
            }
        }
        Ok(())
    }

    fn add_address(&self, side: Side, address: IpAddr) -> Result<(), String> {
        let namespace = self.namespace(side);
        if address.is_ipv4() {
            return ip(&[
                "-n",
                namespace,
                "address",
                "add",
                &format!("{address}/24"),
                "dev",
                "cable",
            ]);
        }
        // Without the search for duplicates the address can be used at once.
        ip(&[
            "-n",
            namespace,
            "address",
            "add",
            &format!("{address}/64"),
            "dev",
            "cable",
            "nodad",
        ])
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in [&self.client, &self.server] {
            let _ = ip(&["netns", "delete", namespace]);
            let _ = fs::remove_dir_all(etc_of(namespace));
        }
    }
}

/// The files that `ip netns exec` shows in place of those in /etc (ip-netns(8)).
fn etc_of(namespace: &str) -> PathBuf {
    PathBuf::from("/etc/netns").join(namespace)
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let output =
        output.map_err(|error| format!("network namespaces need `ip` (iproute2): {error}"))?;
    let message = String::from_utf8_lossy(&output.stderr);
    let refusal = || {
        format!(
            "`ip {}` was refused: {}",
            arguments.join(" "),
            message.trim()
        )
    };
    output.status.success().then_some(()).ok_or_else(refusal)
}

/// True if this machine permits us to make namespaces and enter them.
fn supported() -> Result<(), Skip> {
    static SUPPORTED: OnceLock<Result<(), Skip>> = OnceLock::new();
    let probe = || {
        if !geteuid().is_root() {
            return Err(Skip("network namespaces need root".into()));
        }
        let name = format!("tc{}-probe", getpid().as_raw_nonzero());
        let probed =
            ip(&["netns", "add", &name]).and_then(|()| ip(&["netns", "exec", &name, "true"]));
        let _ = ip(&["netns", "delete", &name]);
        probed.map_err(Skip)
    };
    SUPPORTED.get_or_init(probe).clone()
}
