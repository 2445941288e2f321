//! The ports of requests: one request, one socket, one random port (RFC 9109).

use ntp_exchange::{Inbound, RequestPort, SendFailure};
use ntp_os_clock::ClockReader;
use ntp_proto::association::{AssociationId, Transmit};
use ntp_proto::time::MonoTime;
use rustix::process::{Resource, getrlimit};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The time from the deadline of a request without a reply until its port is closed: a late reply
/// is of no use, but it distinguishes a slow server or network from a silent one.
const LINGERING: Duration = Duration::from_secs(5);
/// The limit of ports of one source, that of the last request included. Requests may be a second
/// apart.
const PORTS_OF_A_SOURCE: usize = 4;
/// The limit of ports that are open for late replies only, for any number of sources.
const LATE_PORTS: usize = 32;
/// The share of the process's descriptors that ports for late replies may take, as a divisor: other
/// parts of the daemon need them, too.
const DESCRIPTORS_FOR_ONE: u64 = 16;

/// The ports of all requests without a reply. A source that answers has one at most.
pub(crate) struct RequestPorts {
    reader: ClockReader,
    /// The port that is read next comes first.
    ports: Vec<OpenPort>,
    /// The limit of ports that are open for late replies only.
    most_late: usize,
}

/// The next input at a port, together with the port; `None` if the port is of no use any more.
type Arrival = Pin<Box<dyn Future<Output = Option<(Inbound, RequestPort)>> + Send>>;

struct OpenPort {
    source: AssociationId,
    /// The deadline of its request.
    expires: MonoTime,
    /// True if there is a later request to the same source.
    superseded: bool,
    arrival: Arrival,
}

impl OpenPort {
    /// True if a reply that comes now is too late.
    fn is_late(&self, now: MonoTime) -> bool {
        self.superseded || self.expires < now
    }

    fn closes(&self) -> MonoTime {
        self.expires + LINGERING
    }
}

impl RequestPorts {
    /// `reader` gives the time of datagrams for which the kernel gives none.
    pub(crate) fn new(reader: ClockReader) -> Self {
        Self {
            reader,
            ports: Vec::new(),
            most_late: most_late(),
        }
    }

    /// Sends a request and listens for its reply; the ports of requests to the same source before
    /// stay open for a while, as their replies may come late. Returns what is known already,
    /// most often the transmit timestamp.
    ///
    /// # Errors
    /// If nothing was sent.
    pub(crate) fn send(
        &mut self,
        transmit: Transmit,
        bytes: &[u8],
    ) -> Result<Option<Inbound>, SendFailure> {
        let (source, expires) = (transmit.association, transmit.expires);
        self.make_room(source);
        let (port, reported) = RequestPort::send(transmit, bytes, &self.reader)?;
        self.ports.push(OpenPort {
            source,
            expires,
            superseded: false,
            arrival: Box::pin(port.next()),
        });
        Ok(reported)
    }

    /// The next input at any port. Cancel safe.
    pub(crate) async fn next(&mut self) -> Inbound {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Inbound> {
        let mut place = 0;
        while let Some(open) = self.ports.get_mut(place) {
            match open.arrival.as_mut().poll(context) {
                Poll::Pending => place += 1,
                Poll::Ready(arrived) => {
                    let open = self.ports.remove(place);
                    if let Some((inbound, port)) = arrived {
                        // To the end of the list, so that no flood at one port keeps others
                        // waiting.
                        self.ports.push(OpenPort {
                            arrival: Box::pin(port.next()),
                            ..open
                        });
                        return Poll::Ready(inbound);
                    }
                }
            }
        }
        Poll::Pending
    }

    /// Prepares for a further request to a source: its other ports wait for late replies from now
    /// on, and only a few may.
    fn make_room(&mut self, source: AssociationId) {
        self.ports
            .iter_mut()
            .filter(|port| port.source == source)
            .for_each(|port| port.superseded = true);
        self.close_oldest(PORTS_OF_A_SOURCE - 1, |port| port.source == source);
        self.close_oldest(self.most_late, |port| port.superseded);
    }

    /// Closes the oldest ports of a kind, until there are `most` of them.
    fn close_oldest(&mut self, most: usize, kind: impl Fn(&OpenPort) -> bool) {
        let ours = |ports: &[OpenPort]| ports.iter().filter(|port| kind(port)).count();
        while ours(&self.ports) > most {
            let places = self.ports.iter().enumerate().filter(|(_, port)| kind(port));
            let Some((oldest, _)) = places.min_by_key(|(_, port)| port.expires) else {
                return;
            };
            self.ports.remove(oldest);
        }
    }

    /// Closes all ports of a source.
    pub(crate) fn close(&mut self, source: AssociationId) {
        self.ports.retain(|port| port.source != source);
    }

    /// Closes the ports that have waited long enough.
    pub(crate) fn handle_timeout(&mut self, now: MonoTime) {
        self.ports.retain(|port| port.closes() > now);
        self.close_oldest(self.most_late, |port| port.is_late(now));
    }

    /// The time at which [`Self::handle_timeout`] is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<MonoTime> {
        self.ports.iter().map(OpenPort::closes).min()
    }
}

/// The limit of ports that are open for late replies only, by the limit of descriptors.
fn most_late() -> usize {
    let share = getrlimit(Resource::Nofile)
        .current
        .map(|descriptors| descriptors / DESCRIPTORS_FOR_ONE);
    share
        .and_then(|share| usize::try_from(share).ok())
        .unwrap_or(LATE_PORTS)
        .min(LATE_PORTS)
}

#[cfg(test)]
mod tests {
    use super::super::open_clock;
    use super::*;
    use ntp_exchange::keep_stamping;
    use ntp_os_clock::{Clock, monotonic_now};
    use ntp_proto::association::AssociationConfig;
    use ntp_proto::client::entry::{SourceEntryConfig, SourceEntryId, SourceEntryKind};
    use ntp_proto::client::{Client, ClientConfig};
    use ntp_proto::clock::ClockConfig;
    use ntp_proto::time::{Now, NtpDuration, Seconds, StampOrigin};
    use std::net::{SocketAddr, UdpSocket};

    /// The limit for what needs no waiting.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn server() -> UdpSocket {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        server
    }

    /// The first requests of a client to these servers.
    fn requests(servers: &[SocketAddr]) -> (Vec<(Transmit, Vec<u8>)>, ClockReader) {
        let clock = Clock::measuring();
        let reader = clock.reader();
        let now = Now {
            mono: monotonic_now(),
            local: reader.now(),
        };
        let group = |server: &SocketAddr| SourceEntryConfig {
            host: server.ip().to_string(),
            port: server.port(),
            kind: SourceEntryKind::Server,
            association: AssociationConfig::default(),
        };
        let config = ClientConfig {
            entries: servers.iter().map(group).collect(),
            clock: ClockConfig::default(),
            sessions: Vec::new(),
            unproven_since: None,
            certain_since: None,
            plausible_until: None,
        };
        let initial = open_clock::initial(&clock, None, None, Seconds::ZERO);
        let mut client = Client::new(config, &initial, [7; 32], now);
        for (place, server) in servers.iter().enumerate() {
            client.handle_resolved(now, SourceEntryId::new(place), Ok(&[*server]));
        }
        let mut buffer = [0; 64];
        let mut requests = Vec::new();
        while let Some(transmit) = client.poll_transmit(now, &mut buffer) {
            let bytes = buffer[..transmit.length].to_vec();
            requests.push((transmit, bytes));
        }
        assert_eq!(requests.len(), servers.len());
        (requests, reader)
    }

    /// Sends these requests; returns the ports with the input that came at once.
    fn sent(
        requests: Vec<(Transmit, Vec<u8>)>,
        reader: ClockReader,
    ) -> (RequestPorts, Vec<Inbound>) {
        let mut ports = RequestPorts::new(reader);
        let reported = requests
            .into_iter()
            .filter_map(|(transmit, bytes)| ports.send(transmit, &bytes).unwrap());
        let reported = reported.collect();
        (ports, reported)
    }

    async fn next(ports: &mut RequestPorts) -> Inbound {
        tokio::time::timeout(PATIENCE, ports.next()).await.unwrap()
    }

    fn with_runtime(test: impl AsyncFnOnce()) {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(test());
    }

    #[test]
    fn a_request_and_its_reply_come_with_the_kernels_timestamps() {
        with_runtime(async || {
            // The kernel begins to stamp what arrives a moment after the first socket has asked for
            // it.
            let _stamping = keep_stamping().unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            let server = server();
            let (requests, reader) = requests(&[server.local_addr().unwrap()]);
            let (mut ports, mut reported) = sent(requests, reader);
            let mut request = [0; 64];
            let (length, client) = server.recv_from(&mut request).unwrap();
            server.send_to(&request[..length], client).unwrap();

            let transmitted = if reported.is_empty() {
                next(&mut ports).await
            } else {
                reported.remove(0)
            };
            let Inbound::Transmitted(_, sent) = transmitted else {
                panic!("{transmitted:?}")
            };
            let arrived = next(&mut ports).await;
            let Inbound::Datagram {
                received,
                bytes,
                from,
                ..
            } = arrived
            else {
                panic!("{arrived:?}")
            };
            assert_eq!(
                (from, &bytes[..]),
                (server.local_addr().unwrap(), &request[..length])
            );
            assert_eq!(
                (sent.origin, received.origin),
                (StampOrigin::Kernel, StampOrigin::Kernel)
            );
            assert!(received.at - sent.at > NtpDuration::ZERO);
        });
    }

    #[test]
    fn a_port_where_nothing_listens_is_noticed_at_once() {
        with_runtime(async || {
            let closed = server().local_addr().unwrap();
            let (requests, reader) = requests(&[closed]);
            let source = requests[0].0.association;
            let (mut ports, mut arrived) = sent(requests, reader);
            while !matches!(arrived.last(), Some(Inbound::Unreachable(one, _)) if *one == source) {
                arrived.push(next(&mut ports).await);
            }
        });
    }

    #[test]
    fn a_flood_at_one_port_keeps_no_other_waiting() {
        with_runtime(async || {
            let servers = [server(), server(), server()];
            let (requests, reader) = requests(
                &servers
                    .each_ref()
                    .map(|server| server.local_addr().unwrap()),
            );
            let (mut ports, _) = sent(requests, reader);
            for (server, datagrams) in servers.iter().zip([50, 50, 1]) {
                let client = server.recv_from(&mut [0; 64]).unwrap().1;
                for _ in 0..datagrams {
                    server.send_to(&[0; 48], client).unwrap();
                }
            }
            // Three turns of three ports; loopback delivers before a send returns.
            let mut received = Vec::new();
            while received.len() < 9 {
                if let Inbound::Datagram { from, .. } = next(&mut ports).await {
                    received.push(from);
                }
            }
            assert!(
                received.contains(&servers[2].local_addr().unwrap()),
                "{received:?}"
            );
        });
    }

    #[test]
    fn a_port_is_closed_when_its_time_is_over_and_not_before() {
        with_runtime(async || {
            let server = server();
            let (requests, reader) = requests(&[server.local_addr().unwrap()]);
            let expires = requests[0].0.expires;
            let (mut ports, _) = sent(requests, reader);
            let closes = ports.poll_timeout().unwrap();
            assert_eq!(
                closes,
                expires + LINGERING,
                "a reply that comes too late is received as well"
            );
            ports.handle_timeout(expires);
            assert_eq!(ports.poll_timeout(), Some(closes));
            ports.handle_timeout(closes);
            assert_eq!(ports.poll_timeout(), None);
        });
    }

    #[test]
    fn a_late_reply_is_received_after_further_requests_and_the_ports_stay_few() {
        with_runtime(async || {
            let server = server();
            let address = server.local_addr().unwrap();
            let ask = || requests(&[address]);
            let (first, reader) = ask();
            let asked = first[0].0.association;
            let (mut ports, _) = sent(first, reader);
            for number in 2..=PORTS_OF_A_SOURCE + 2 {
                let (transmit, bytes) = ask().0.remove(0);
                let _ = ports.send(transmit, &bytes).unwrap();
                assert_eq!(ports.ports.len(), number.min(PORTS_OF_A_SOURCE));
            }

            let mut clients =
                (0..PORTS_OF_A_SOURCE + 2).map(|_| server.recv_from(&mut [0; 64]).unwrap().1);
            let second_oldest_that_is_open = clients.nth(3).unwrap();
            server
                .send_to(&[0; 48], second_oldest_that_is_open)
                .unwrap();
            while !matches!(next(&mut ports).await, Inbound::Datagram { source, .. } if source == asked)
            {
            }

            // As a reply in time does.
            ports.close(asked);
            assert!(ports.ports.is_empty());
        });
    }

    #[test]
    fn the_ports_of_many_silent_servers_are_few_once_replies_would_be_late() {
        with_runtime(async || {
            let few = most_late();
            let servers: Vec<_> = (0..few + 8).map(|_| server()).collect();
            let addresses: Vec<_> = servers
                .iter()
                .map(|server| server.local_addr().unwrap())
                .collect();
            let ask = || requests(&addresses);
            let (first, reader) = ask();
            let (mut ports, _) = sent(first, reader);
            let second = ask().0;
            let expires = second[0].0.expires;
            for (transmit, bytes) in second {
                let _ = ports.send(transmit, &bytes).unwrap();
            }
            ports.handle_timeout(expires);
            assert_eq!(
                ports.ports.len(),
                servers.len() + few,
                "the last replies may still come in time"
            );
            ports.handle_timeout(expires + Duration::from_millis(1));
            assert_eq!(ports.ports.len(), few);
        });
    }
}
