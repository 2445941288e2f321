//! All workers of one listening address, which start and end together.

use super::coalescing::Coalescing;
use super::counters::WorkerCounters;
use super::settings::{SharedSettings, WorkerSettings};
use super::status::ServerStatus;
use super::transmit_latency::TransmitLatency;
use super::worker::{Shared, Worker, WorkerShutdown};
use crate::lifecycle::{EndReports, EndWatch, Part};
use arc_swap::ArcSwap;
use ntp_config::ServerEntry;
use ntp_proto::server::{SealingTimes, Server};
use ntp_udp::{BindError, BindOptions, Socket, StampCounters};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;

/// The workers of one listening address, ready to be started, and their status.
pub(crate) struct WorkerGroup {
    pub(crate) workers: Vec<Worker>,
    pub(crate) status: ServerStatus,
    entry: ServerEntry,
    dual_stack: bool,
    settings: SharedSettings,
}

/// The workers of one listening address at work. If this is dropped, they end as well.
pub(crate) struct RunningGroup {
    entry: ServerEntry,
    dual_stack: bool,
    settings: SharedSettings,
    status: ServerStatus,
    watch: EndWatch,
    shutdown: WorkerShutdown,
    threads: Vec<JoinHandle<()>>,
}

impl WorkerGroup {
    /// A worker for each socket. With `dual_stack`, those at `[::]` serve IPv4, too. `seed` gives
    /// each worker's server a secret of its own.
    pub(crate) fn new(
        entry: &ServerEntry,
        dual_stack: bool,
        sockets: Vec<Arc<Socket>>,
        shared: &Shared,
        mut seed: impl FnMut() -> [u8; 32],
    ) -> Self {
        let counters: Vec<Arc<WorkerCounters>> = sockets.iter().map(|_| Arc::default()).collect();
        let status = ServerStatus {
            listen: sockets
                .first()
                .map(|socket| socket.local_address().to_string())
                .unwrap_or_default(),
            interface: entry.interface.clone(),
            receive_buffer: sockets
                .iter()
                .filter_map(|socket| socket.granted_receive_buffer().ok())
                .min(),
            rate_limit: entry.config.rate_limit,
            counters: counters.clone(),
        };
        let settings = Arc::new(ArcSwap::from_pointee(WorkerSettings::of(entry)));
        let workers =
            sockets
                .into_iter()
                .zip(counters)
                .enumerate()
                .map(|(place, (socket, counters))| Worker {
                    socket,
                    server: Server::new(Arc::clone(&settings.load().server), seed()),
                    applied: settings.load_full(),
                    settings: Arc::clone(&settings),
                    shared: shared.clone(),
                    counters,
                    coalescing: Coalescing::new(entry.coalescing),
                    processor: entry.pin_threads.then_some(place),
                    stamps: StampCounters::default(),
                    sealing: SealingTimes::new(),
                    transmit_latency: TransmitLatency::default(),
                    send_errors: 0,
                    receive_errors: 0,
                });
        Self {
            workers: workers.collect(),
            status,
            entry: entry.clone(),
            dual_stack,
            settings,
        }
    }

    /// The address and port at which the group listens.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let worker = self.workers.first()?;
        Some(worker.socket.local_address())
    }

    /// Starts the threads. One that ends by itself is reported.
    ///
    /// # Errors
    /// If the operating system provides no thread; then none of the group runs.
    pub(crate) fn start(self, reports: &EndReports) -> io::Result<RunningGroup> {
        let mut running = RunningGroup {
            entry: self.entry,
            dual_stack: self.dual_stack,
            settings: self.settings,
            status: self.status,
            watch: reports.watch(Part::Server),
            shutdown: WorkerShutdown::default(),
            threads: Vec::new(),
        };
        for worker in self.workers {
            let thread = worker.start(running.shutdown.clone(), running.watch.guard())?;
            running.threads.push(thread);
        }
        Ok(running)
    }
}

impl RunningGroup {
    /// The section of the configuration that is in force.
    pub(crate) const fn entry(&self) -> &ServerEntry {
        &self.entry
    }

    /// True if its sockets at `[::]` serve IPv4, too.
    pub(crate) const fn is_dual_stack(&self) -> bool {
        self.dual_stack
    }

    /// Its status; the counters go on counting.
    pub(crate) const fn status(&self) -> &ServerStatus {
        &self.status
    }

    /// Continues with other settings. The sockets and threads stay as they are.
    pub(crate) fn configure(&mut self, entry: &ServerEntry) {
        if (&self.entry.config, self.entry.coalescing) != (&entry.config, entry.coalescing) {
            self.settings.store(Arc::new(WorkerSettings::of(entry)));
        }
        self.status.rate_limit = entry.config.rate_limit;
        self.entry.config = entry.config.clone();
        self.entry.coalescing = entry.coalescing;
    }

    /// Ends the threads and waits for them. They finish their batch first, which takes
    /// milliseconds; a worker that pauses after an error takes 50 ms.
    pub(crate) fn shut_down(mut self) {
        self.stop();
        for thread in self.threads.drain(..) {
            // A panic was reported when it happened.
            let _ = thread.join();
        }
    }

    fn stop(&self) {
        self.watch.expect_end();
        self.shutdown.request();
    }
}

impl Drop for RunningGroup {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Opens a socket for each worker. With `dual_stack`, those at `[::]` serve IPv4, too.
///
/// # Errors
/// If a socket cannot be bound; the error contains the remedy.
pub(crate) fn open_sockets(
    entry: &ServerEntry,
    dual_stack: bool,
) -> Result<Vec<Arc<Socket>>, BindError> {
    let options = BindOptions {
        interface: entry.interface.clone(),
        reuse_port: false,
        dual_stack,
        ..BindOptions::server(entry.listen)
    };
    // The first socket does not share its port, so that another program at the same port is
    // noticed.
    let (first, options) = match Socket::bind(&options) {
        Err(error) if error.is_for_want_of_the_address() => {
            tracing::warn!(
                address = %entry.listen,
                "no interface has this address yet (see `ip address`); time will be served there as soon as one has"
            );
            let options = BindOptions {
                freely: true,
                ..options
            };
            (Socket::bind(&options)?, options)
        }
        outcome => (outcome?, options),
    };
    let count = worker_count(entry);
    if count <= 1 {
        return Ok(vec![Arc::new(first)]);
    }
    let mut address = entry.listen;
    address.set_port(first.local_address().port());
    drop(first);
    let options = BindOptions {
        reuse_port: true,
        address,
        ..options
    };
    let sockets = (0..count)
        .map(|_| Socket::bind(&options).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()?;
    let steered = u32::try_from(count)
        .ok()
        .zip(sockets.first())
        .map(|(count, first)| first.steer_by_source(count));
    if let Some(Err(error)) = steered {
        tracing::debug!("the kernel spreads requests over workers by ports as well: {error}");
    }
    Ok(sockets)
}

/// Takes over a socket that is bound already; all workers share it.
///
/// # Errors
/// If it cannot be used.
pub(crate) fn adopt_socket(entry: &ServerEntry, socket: UdpSocket) -> io::Result<Vec<Arc<Socket>>> {
    let socket = Arc::new(Socket::adopt(socket, &BindOptions::server(entry.listen))?);
    Ok(vec![socket; worker_count(entry).max(1)])
}

fn worker_count(entry: &ServerEntry) -> usize {
    entry.worker_threads.unwrap_or_else(processors)
}

/// True if a socket at `listen` serves IPv4 as well: one at `[::]` does, unless `all` has an IPv4
/// socket at the same port.
pub(crate) fn is_dual_stack(listen: SocketAddr, all: impl Iterator<Item = SocketAddr>) -> bool {
    let mut rivals = all.filter(|other| other.is_ipv4() && other.port() == listen.port());
    listen.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        && (listen.port() == 0 || rivals.next().is_none())
}

/// The number of processors that this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_os_clock::Clock;
    use ntp_proto::server::{ServedState, ServerConfig};
    use std::time::Duration;

    fn entry(listen: SocketAddr) -> ServerEntry {
        ServerEntry {
            listen,
            interface: None,
            config: ServerConfig::default(),
            worker_threads: Some(2),
            pin_threads: false,
            coalescing: Duration::ZERO,
        }
    }

    fn open(listen: SocketAddr) -> WorkerGroup {
        let shared = Shared {
            reader: Clock::measuring().reader(),
            served: Arc::new(ArcSwap::from_pointee(ServedState::UNSYNCHRONIZED)),
            keys: None,
        };
        let entry = entry(listen);
        let sockets = open_sockets(&entry, false).unwrap();
        WorkerGroup::new(&entry, false, sockets, &shared, || [7; 32])
    }

    /// True if a request to the address is answered.
    fn is_served(address: SocketAddr) -> bool {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        client.connect(address).unwrap();
        let mut request = [0; 48];
        request[0] = 0x23;
        let sent = client.send(&request);
        sent.and_then(|_| client.recv(&mut request)).is_ok()
    }

    #[test]
    fn a_group_that_is_shut_down_frees_its_address_for_the_next_one_and_reports_nothing() {
        let (reports, mut ends) = EndReports::new();
        let first = open(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = first.address().unwrap();
        let first = first.start(&reports).unwrap();
        assert!(is_served(address));
        first.shut_down();
        assert!(!is_served(address), "the port is closed");

        let second = open(address).start(&reports).unwrap();
        assert!(is_served(address));
        second.shut_down();
        assert!(ends.try_recv().is_err());
    }

    #[test]
    fn a_socket_at_every_address_serves_ipv4_unless_another_does() {
        let any: SocketAddr = "[::]:123".parse().unwrap();
        let v4: SocketAddr = "0.0.0.0:123".parse().unwrap();
        let elsewhere: SocketAddr = "0.0.0.0:1123".parse().unwrap();
        assert!(is_dual_stack(any, [any, elsewhere].into_iter()));
        assert!(!is_dual_stack(any, [any, v4].into_iter()));
        assert!(!is_dual_stack(v4, [v4].into_iter()));
    }
}
