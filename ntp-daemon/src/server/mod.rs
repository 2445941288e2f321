//! The server role: plain worker threads that own their sockets and read snapshots.

mod board;
mod worker;

pub(crate) use board::ServerBoard;
pub(crate) use worker::{Shared, Worker, WorkerStop};
