//! UDP sockets with kernel timestamps and batched receive and send, for Linux.
//!
//! One [`Socket`] type serves both sides of NTP:
//!
//! - A **client** binds with [`BindOptions::client`], keeps the [`SendId`] that [`Socket::send`]
//!   hands out, and redeems it with the [`TransmitStamp`] that [`Socket::notice`] finds on the
//!   error queue.
//! - A **server worker** binds with [`BindOptions::server`] and moves whole batches:
//!   [`Socket::receive_batch`] fills a [`ReceiveBatch`], [`Socket::send_batch`] sends a
//!   [`SendBatch`]. Nothing allocates per datagram.
//!
//! ```
//! use ntp_udp::{BindOptions, ReceiveBatch, SendBatch, Socket};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Socket::bind(&BindOptions::server("127.0.0.1:0".parse()?))?;
//! let client = Socket::bind(&BindOptions::client("127.0.0.1:0".parse()?))?;
//! let _id = client.send(b"request", server.local_address())?;
//!
//! let (mut requests, mut replies) = (ReceiveBatch::new(64, 1024), SendBatch::new(64, 1024));
//! server.receive_batch(&mut requests)?;
//! for (_bytes, request) in requests.iter() {
//!     let from = request.destination.and_then(|destination| destination.reply_source());
//!     let pushed = replies.push(request.from, from, |room| {
//!         room[..5].copy_from_slice(b"reply");
//!         5
//!     });
//!     assert!(pushed.is_ok());
//! }
//! assert_eq!(server.send_batch(&mut replies).sent, 1);
//!
//! let mut buffer = [0; 1024];
//! let reply = client.receive(&mut buffer)?;
//! assert_eq!(&buffer[..reply.length], b"reply");
//! # Ok(())
//! # }
//! ```
//!
//! A timestamp that the kernel does not deliver is a `None`, never an error: the caller reads its
//! own clock instead and keeps count in [`StampCounters`]. Nothing that arrives over the network,
//! ICMP included, can break a socket.
//!
//! Every system call goes through a symbol of the C library, so that simulators and fault injectors
//! that are preloaded see all of them. All `unsafe` is in the private module `sys`; control
//! messages are read and written by safe code.
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

mod address;
mod adopt;
mod bind;
mod control;
mod datagram;
mod network_watch;
mod notice;
mod receive_batch;
mod send_batch;
mod slots;
mod socket;
mod stamp;
mod steering;
#[allow(unsafe_code, reason = "the one module that talks to the C library")]
mod sys;

pub use bind::{BindError, BindOptions, BindStep};
pub use datagram::{Destination, Received, SourceAddress};
pub use network_watch::{NetworkWatch, interface_addresses};
pub use notice::{Notice, SendId, TransmitStamp, Unreachable};
pub use receive_batch::ReceiveBatch;
pub use send_batch::{BatchFull, SendBatch, SentReport};
pub use socket::{Socket, Stamping};
pub use stamp::{KernelStamp, StampCounters, StampOrigin};
pub use sys::MAX_BATCH;
