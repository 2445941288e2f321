//! The addresses at which our own server answers, so that a client that is given one of them does
//! not follow itself.

use std::net::{IpAddr, SocketAddr};

/// The addresses of our own server. A source at one of them only returns our own time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OwnServers {
    listens: Vec<SocketAddr>,
    interfaces: Vec<IpAddr>,
}

impl OwnServers {
    /// No server of our own.
    pub const NONE: Self = Self {
        listens: Vec::new(),
        interfaces: Vec::new(),
    };

    /// Servers that listen at `listens`, on a machine whose interfaces have the addresses
    /// `interfaces`.
    #[must_use]
    pub const fn new(listens: Vec<SocketAddr>, interfaces: Vec<IpAddr>) -> Self {
        Self {
            listens,
            interfaces,
        }
    }

    /// True if a server at `address` is one of ours. `reached_at` is our address that its reply was
    /// sent to, where known: a host that answers from the address that it was asked from is this
    /// one.
    #[must_use]
    pub fn contain(&self, address: SocketAddr, reached_at: Option<IpAddr>) -> bool {
        let ip = address.ip().to_canonical();
        let ours = || {
            ip.is_loopback()
                || reached_at.is_some_and(|reached_at| reached_at.to_canonical() == ip)
                || self
                    .interfaces
                    .iter()
                    .any(|interface| interface.to_canonical() == ip)
        };
        self.listens
            .iter()
            .filter(|listen| listen.port() == address.port())
            .any(|listen| {
                let bound = listen.ip().to_canonical();
                // `[::]` may serve IPv4 as well; where it does not, nothing of ours answers, and no
                // reply can be refused.
                let everywhere = listen.ip().is_unspecified() && (ip.is_ipv4() || listen.is_ipv6());
                bound == ip || (everywhere && ours())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(listens: &[&str]) -> OwnServers {
        let interfaces = ["192.0.2.7", "2001:db8::7"].map(|ip| ip.parse().unwrap());
        OwnServers::new(
            listens
                .iter()
                .map(|listen| listen.parse().unwrap())
                .collect(),
            interfaces.to_vec(),
        )
    }

    fn is_own(listens: &[&str], source: &str) -> bool {
        own(listens).contain(source.parse().unwrap(), None)
    }

    #[test]
    fn a_server_on_all_addresses_is_found_at_each_of_them_and_at_its_port_only() {
        for source in [
            "192.0.2.7:123",
            "127.0.0.1:123",
            "127.9.9.9:123",
            "[::ffff:192.0.2.7]:123",
        ] {
            assert!(is_own(&["0.0.0.0:123"], source), "{source}");
            assert!(is_own(&["[::]:123"], source), "{source}");
            assert!(!is_own(&["0.0.0.0:1123"], source), "{source}");
        }
        assert!(is_own(&["[::]:123"], "[2001:db8::7]:123") && is_own(&["[::]:123"], "[::1]:123"));
        assert!(
            !is_own(&["0.0.0.0:123"], "[::1]:123"),
            "another program may serve IPv6"
        );
        assert!(!is_own(&["0.0.0.0:123", "[::]:123"], "192.0.2.8:123"));
    }

    #[test]
    fn a_server_on_one_address_leaves_the_others_to_other_programs() {
        assert!(is_own(&["127.0.0.1:123"], "127.0.0.1:123"));
        assert!(!is_own(&["127.0.0.1:123"], "127.0.0.2:123"));
        assert!(!is_own(&["127.0.0.1:123"], "192.0.2.7:123"));
    }

    #[test]
    fn an_address_that_answers_itself_is_ours_although_no_interface_was_known() {
        let own = own(&["0.0.0.0:123"]);
        let (late, elsewhere) = ("192.0.2.99:123".parse().unwrap(), "192.0.2.7".parse().ok());
        assert!(own.contain(late, Some(late.ip())));
        assert!(!own.contain(late, elsewhere));
    }
}
