//! The machine's network: changes as the kernel reports them, and the addresses at which our own
//! server answers.

use crate::server::ServerStatus;
use ntp_proto::association::OwnServers;
use ntp_udp::{NetworkWatch, interface_addresses};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

/// The shortest interval between two reports, for routers whose routes change all the time.
const QUIET: Duration = Duration::from_secs(1);

/// Waits for the network to change.
pub(crate) struct Network {
    /// `None` where the system does not report it.
    watch: Option<AsyncFd<NetworkWatch>>,
    quiet_until: Instant,
}

impl Network {
    /// Watches from now on, as far as the system allows.
    pub(crate) fn watch() -> Self {
        let watch = NetworkWatch::open().and_then(watched);
        if let Err(error) = &watch {
            tracing::debug!("the system does not report when the network changes: {error}");
        }
        Self {
            watch: watch.ok(),
            quiet_until: Instant::now(),
        }
    }

    /// Returns when a link, an address or a route has come up. Cancel safe.
    pub(crate) async fn changed(&mut self) {
        while let Some(watch) = &mut self.watch {
            sleep_until(self.quiet_until).await;
            let Ok(mut ready) = watch.readable_mut().await else {
                break;
            };
            let outcome = ready.get_inner_mut().read();
            ready.clear_ready();
            self.quiet_until = Instant::now() + QUIET;
            match outcome {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(
                        "the system no longer reports when the network changes: {error}"
                    );
                    self.watch = None;
                }
            }
        }
        std::future::pending::<()>().await;
    }
}

#[expect(
    deprecated,
    reason = "the other constructor is unsafe for descriptors that change; a watch keeps its own"
)]
fn watched(watch: NetworkWatch) -> std::io::Result<AsyncFd<NetworkWatch>> {
    AsyncFd::with_interest(watch, Interest::READABLE)
}

/// The addresses at which our own server answers. A packet to ourselves goes over the loopback
/// interface, so that a server tied to another interface never gets it.
pub(crate) fn own_servers(servers: &[ServerStatus]) -> OwnServers {
    let reached = servers.iter().filter(|server| {
        server
            .interface
            .as_deref()
            .is_none_or(|interface| interface == "lo")
    });
    let listens: Vec<SocketAddr> = reached
        .filter_map(|server| server.listen.parse().ok())
        .collect();
    let interfaces = if listens.is_empty() {
        Vec::new()
    } else {
        interface_addresses().unwrap_or_default()
    };
    OwnServers::new(listens, interfaces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_ours_at_those_of_the_interfaces() {
        let server = |listen: &str| ServerStatus {
            listen: listen.into(),
            interface: None,
            receive_buffer: None,
            rate_limit: None,
            counters: Vec::new(),
        };
        let own = own_servers(&[server("0.0.0.0:1123")]);
        for ip in interface_addresses()
            .unwrap_or_default()
            .into_iter()
            .filter(std::net::IpAddr::is_ipv4)
        {
            assert!(own.contain(SocketAddr::new(ip, 1123), None), "{ip}");
            assert!(!own.contain(SocketAddr::new(ip, 123), None), "{ip}");
        }
        assert_eq!(own_servers(&[]), OwnServers::NONE);
        let tied = ServerStatus {
            interface: Some("eth0".into()),
            ..server("0.0.0.0:1123")
        };
        assert_eq!(
            own_servers(&[tied]),
            OwnServers::NONE,
            "another program may serve the loopback interface"
        );
    }
}
