//! The limits on open connections, in total and per client, and the count of those that are open.

use super::counters::{Counters, OverLimit};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The limits of one listening address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionLimits {
    /// The most open connections, at least 1.
    pub total: usize,
    /// The most open connections of one IPv4 address or one IPv6 network of 64 bits, at least 1.
    pub per_client: usize,
    /// The longest life of a connection, from its acceptance to its end.
    pub timeout: Duration,
}

/// The unit of the limit per client: an IPv4 address, or an IPv6 network of 64 bits, because one
/// host can have all addresses of such a network.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Client(IpAddr);

impl Client {
    /// The client at `address`. An IPv4-mapped address counts as IPv4.
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

/// The numbers of open connections. It has at most as many entries as there are connections.
#[derive(Debug, Default)]
struct ConnectionCounts {
    open: HashMap<Client, usize>,
    total: usize,
}

impl ConnectionCounts {
    fn add(&mut self, client: Client, total: usize, per_client: usize) -> Result<(), OverLimit> {
        // The client's own limit comes first, so that the counters name it even when both are
        // reached.
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

    fn remove(&mut self, client: Client) {
        if let Some(open) = self.open.get_mut(&client) {
            *open -= 1;
            self.total -= 1;
            if *open == 0 {
                self.open.remove(&client);
            }
        }
    }
}

/// The open connections of one listening address. They begin on the accepting thread and end on
/// the handshake workers; the lock is taken twice per connection, and never by a thread that
/// serves NTP.
#[derive(Debug)]
pub(super) struct OpenConnections {
    limits: ConnectionLimits,
    counters: Arc<Counters>,
    counts: Mutex<ConnectionCounts>,
    closed: Condvar,
}

/// The permit of one open connection. It is dropped when the connection ends, fails or is aborted,
/// and then no longer counts.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    connections: Arc<OpenConnections>,
    client: Client,
}

impl OpenConnections {
    pub(super) fn new(limits: ConnectionLimits, counters: Arc<Counters>) -> Self {
        Self {
            limits,
            counters,
            counts: Mutex::default(),
            closed: Condvar::new(),
        }
    }

    /// Counts one more connection of `client`.
    ///
    /// # Errors
    /// Returns the limit that refuses it.
    pub(super) fn admit(
        connections: &Arc<Self>,
        client: Client,
    ) -> Result<ConnectionPermit, OverLimit> {
        let limits = connections.limits;
        let mut counts = connections.counts();
        counts.add(client, limits.total, limits.per_client)?;
        connections.counters.open(counts.total);
        Ok(ConnectionPermit {
            connections: Arc::clone(connections),
            client,
        })
    }

    /// Waits until no connection is open.
    pub(super) fn wait_until_none(&self) {
        let closed = self
            .closed
            .wait_while(self.counts(), |counts| counts.total > 0);
        drop(closed.unwrap_or_else(PoisonError::into_inner));
    }

    fn counts(&self) -> MutexGuard<'_, ConnectionCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.connections.counts();
        counts.remove(self.client);
        self.connections.counters.open(counts.total);
        self.connections.closed.notify_all();
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
    fn both_limits_hold_and_closed_connections_count_no_longer() {
        let mut counts = ConnectionCounts::default();
        assert_eq!(counts.add(client("192.0.2.1"), 3, 2), Ok(()));
        assert_eq!(counts.add(client("192.0.2.1"), 3, 2), Ok(()));
        assert_eq!(
            counts.add(client("192.0.2.1"), 3, 2),
            Err(OverLimit::Client)
        );
        assert_eq!(counts.add(client("192.0.2.2"), 3, 2), Ok(()));
        assert_eq!(counts.add(client("192.0.2.3"), 3, 2), Err(OverLimit::Total));
        counts.remove(client("192.0.2.1"));
        assert_eq!(counts.add(client("192.0.2.3"), 3, 2), Ok(()));
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.9"] {
            counts.remove(client(address));
        }
        assert!(counts.total == 0 && counts.open.is_empty());
    }
}
