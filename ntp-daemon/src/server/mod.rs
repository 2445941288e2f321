//! The server role: plain worker threads that own their sockets and read snapshots.

mod board;
mod coalescing;
mod departure;
mod group;
mod placement;
mod tally;
mod worker;

pub(crate) use board::ServerBoard;
pub(crate) use group::{WorkerGroup, processors};
pub(crate) use worker::{Shared, Worker, WorkerStop};
