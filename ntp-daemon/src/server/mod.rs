//! The server role: plain worker threads that own their sockets and read snapshots.

mod affinity;
mod coalescing;
mod counters;
mod group;
mod status;
mod transmit_latency;
mod worker;

pub(crate) use group::{WorkerGroup, processors};
pub(crate) use status::ServerBoard;
pub(crate) use worker::{Shared, Worker, WorkerStop};
