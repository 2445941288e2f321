//! All workers of one listening address.

use super::coalescing::Coalescing;
use super::counters::Tally;
use super::status::ServerBoard;
use super::transmit_latency::Departure;
use super::worker::{Shared, Worker};
use ntp_config::ServerEntry;
use ntp_proto::server::{SealingTimes, Server};
use ntp_udp::{BindError, BindOptions, Socket, StampCounters};
use std::sync::Arc;

/// The workers of one listening address, ready to be started, and what they show.
pub(crate) struct WorkerGroup {
    pub(crate) workers: Vec<Worker>,
    pub(crate) board: ServerBoard,
}

impl WorkerGroup {
    /// Opens a socket for each worker. With `dual_stack`, those at `[::]` serve IPv4, too. `seed`
    /// gives each worker's server a secret of its own.
    ///
    /// # Errors
    /// Says what was tried and what to do.
    pub(crate) fn open(
        entry: &ServerEntry,
        dual_stack: bool,
        shared: &Shared,
        mut seed: impl FnMut() -> [u8; 32],
    ) -> Result<Self, BindError> {
        let sockets = open_sockets(entry, dual_stack)?;
        let tallies: Vec<Arc<Tally>> = sockets.iter().map(|_| Arc::default()).collect();
        let board = ServerBoard {
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
            tallies: tallies.clone(),
        };
        let config = Arc::new(entry.config.clone());
        let workers =
            sockets
                .into_iter()
                .zip(tallies)
                .enumerate()
                .map(|(place, (socket, tally))| Worker {
                    socket: Arc::new(socket),
                    server: Server::new(Arc::clone(&config), seed()),
                    shared: shared.clone(),
                    tally,
                    coalescing: Coalescing::new(entry.coalescing),
                    processor: entry.pin_threads.then_some(place),
                    stamps: StampCounters::default(),
                    sealing: SealingTimes::new(),
                    departure: Departure::default(),
                    send_errors: 0,
                    receive_errors: 0,
                });
        Ok(Self {
            workers: workers.collect(),
            board,
        })
    }
}

fn open_sockets(entry: &ServerEntry, dual_stack: bool) -> Result<Vec<Socket>, BindError> {
    let options = BindOptions {
        interface: entry.interface.clone(),
        reuse_port: false,
        dual_stack,
        ..BindOptions::server(entry.listen)
    };
    // A socket that does not share its port finds out whether somebody else has it; sharing would
    // hide that.
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
    let count = entry.worker_threads.unwrap_or_else(processors);
    if count <= 1 {
        return Ok(vec![first]);
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
        .map(|_| Socket::bind(&options))
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

/// How many processors this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
