//! The server role: plain worker threads that own their sockets and read snapshots.

mod affinity;
mod coalescing;
mod counters;
mod group;
mod settings;
mod status;
mod transmit_latency;
mod worker;

pub(crate) use group::{RunningGroup, WorkerGroup, is_dual_stack, processors};
pub(crate) use status::{ServerStatus, ServerStatuses};
pub(crate) use worker::Shared;
