//! The client role: one task owns the associations and the clock.

pub(crate) mod command;
mod era;
mod event_log;
pub(crate) mod handle;
mod key_establishment;
pub(crate) mod known_time;
pub(crate) mod leap_file;
mod network;
pub(crate) mod open_clock;
mod request_ports;
mod resolve;
pub(crate) mod rivals;
pub(crate) mod task;
mod timer;
