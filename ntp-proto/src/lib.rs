//! The NTP state machines of Truechimer, free of any input or output.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

pub mod association;
pub mod client;
pub mod clock;
pub mod nts;
pub mod packet;
pub mod server;
mod stable_word;
pub mod time;

pub use stable_word::StableWord;
