//! The server role: plain worker threads that own their sockets and read snapshots.

mod affinity;
mod coalescing;
mod counters;
mod group;
mod settings;
mod status;
mod transmit_latency;
mod worker;

pub(crate) use counters::WorkerCounters;
pub(crate) use group::{
    RunningGroup, WorkerGroup, adopt_socket, is_dual_stack, open_sockets, processors,
};
pub(crate) use status::{ServerStatus, ServerStatuses};
pub(crate) use worker::Shared;
