//! Who has how many connections.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// What counts as one client: an IPv4 address, or an IPv6 network of 64 bits, all of whose
/// addresses one host can have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Client(IpAddr);

impl Client {
    /// An IPv4 address in IPv6's clothes is an IPv4 address.
    pub(super) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => {
                const NETWORK: u128 = !0 << 64;
                Ipv6Addr::from_bits(v6.to_bits() & NETWORK).into()
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// Which limit stands against one more connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OverLimit {
    Total,
    Client,
}

impl OverLimit {
    /// For the log, after "too many connections".
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Total => "in all",
            Self::Client => "of one client",
        }
    }
}

/// The connections that are open. It has as many entries as there are connections at most.
#[derive(Debug, Default)]
pub(super) struct Clients {
    open: HashMap<Client, usize>,
    total: usize,
}

impl Clients {
    /// Takes a place in.
    pub(super) fn enter(
        &mut self,
        client: Client,
        total: usize,
        per_client: usize,
    ) -> Result<(), OverLimit> {
        // Whoever has too many is told so even when there are too many in total.
        if self
            .open
            .get(&client)
            .is_some_and(|open| *open >= per_client)
        {
            return Err(OverLimit::Client);
        }
        if self.total >= total {
            return Err(OverLimit::Total);
        }
        *self.open.entry(client).or_default() += 1;
        self.total += 1;
        Ok(())
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self, client: Client) {
        if let Some(open) = self.open.get_mut(&client) {
            *open -= 1;
            self.total -= 1;
            if *open == 0 {
                self.open.remove(&client);
            }
        }
    }

    pub(super) const fn total(&self) -> usize {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client::of(address.parse().unwrap())
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_client() {
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:0:0:2"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
    }

    #[test]
    fn an_ipv4_address_is_one_client_in_either_form() {
        assert_eq!(client("192.0.2.1"), client("::ffff:192.0.2.1"));
        assert_ne!(client("::ffff:192.0.2.1"), client("::ffff:192.0.2.2"));
    }

    #[test]
    fn both_limits_hold_and_places_come_back() {
        let mut clients = Clients::default();
        assert_eq!(clients.enter(client("192.0.2.1"), 3, 2), Ok(()));
        assert_eq!(clients.enter(client("192.0.2.1"), 3, 2), Ok(()));
        assert_eq!(
            clients.enter(client("192.0.2.1"), 3, 2),
            Err(OverLimit::Client)
        );
        assert_eq!(clients.enter(client("192.0.2.2"), 3, 2), Ok(()));
        assert_eq!(
            clients.enter(client("192.0.2.3"), 3, 2),
            Err(OverLimit::Total)
        );
        clients.leave(client("192.0.2.1"));
        assert_eq!(clients.enter(client("192.0.2.3"), 3, 2), Ok(()));
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.9"] {
            clients.leave(client(address));
        }
        assert!(clients.total() == 0 && clients.open.is_empty());
    }
}
