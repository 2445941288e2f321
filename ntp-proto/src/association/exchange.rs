//! One exchange: the request that is handed out, the datagram that comes back, and the records that
//! are kept of both.

use super::refusal::Refusal;
use crate::association::AssociationId;
use crate::association::discard::{Discard, DiscardCounters};
use crate::association::validate::{Ourselves, ValidReply};
use crate::clock::Timescale;
use crate::nts::UniqueId;
use crate::packet::Header;
use crate::time::{Frequency, LocalStamp, MonoTime, NtpTimestamp, Precision};
use std::net::{IpAddr, SocketAddr};

/// Redeems one transmitted request for its transmit timestamp.
#[must_use = "redeem with `handle_transmitted`, or the exchange cannot be measured"]
#[derive(Debug, PartialEq, Eq)]
pub struct TransmitToken {
    pub(crate) association: AssociationId,
    pub(super) sequence: u32,
}

impl TransmitToken {
    /// The association that made the request.
    #[must_use]
    pub const fn association(&self) -> AssociationId {
        self.association
    }
}

/// A datagram to send from a fresh random port (RFC 9109); it lies in the caller's buffer.
#[derive(Debug)]
pub struct Transmit {
    /// The association that makes the request.
    pub association: AssociationId,
    /// The destination.
    pub to: SocketAddr,
    /// Octets in the buffer.
    pub length: usize,
    /// To be redeemed.
    pub token: TransmitToken,
    /// The deadline of the reply. The socket can be closed then, or as soon as a reply has been
    /// measured; if it stays open for some seconds more without one, the association can
    /// distinguish late replies from silence.
    pub expires: MonoTime,
}

/// A datagram that came in at the port of a request.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The sender.
    pub from: SocketAddr,
    /// Our address that it was sent to, where known.
    pub to: Option<IpAddr>,
    /// The receive timestamp.
    pub received: LocalStamp,
    /// The octets of the datagram.
    pub bytes: &'a [u8],
}

/// The facts that judge a reply, beyond the reply.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The present, by the clock of the timers.
    pub now: MonoTime,
    /// The steering of our clock so far; none if the clock runs free.
    pub timescale: &'a Timescale,
    /// The precision of our clock (RFC 5905 §7.3 ρ).
    pub precision: Precision,
    /// The rate at which offsets against the free-running clock are believed to grow; positive if
    /// that clock loses time.
    pub drift: Frequency,
    /// Our own addresses and system variables; the association sets the address that a reply was
    /// sent to, and the server.
    pub ourselves: Ourselves<'a>,
}

/// The state of an accepted reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accepted {
    /// It was measured; the filter holds it.
    Measured,
    /// It overtook the transmit timestamp of its request and waits for it.
    Parked,
}

#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) origin: NtpTimestamp,
    pub(super) sequence: u32,
    pub(super) deadline: MonoTime,
    pub(super) transmitted: Option<LocalStamp>,
    pub(super) parked: Option<(ValidReply, LocalStamp)>,
    /// Of a protected request.
    pub(super) unique_id: Option<UniqueId>,
    /// True if a reply without proof says that the server cannot use our cookie.
    pub(super) refused: bool,
    /// The mildest reply so far without a time in it. It counts only if no better one comes in
    /// time.
    pub(super) refusal: Option<Refusal>,
    /// A better reply has until then: the next poll as it was planned, or the deadline.
    pub(super) better_until: MonoTime,
}

/// Counters of one association.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AssociationCounters {
    /// Requests handed out for sending.
    pub sent: u64,
    /// Requests that could not be sent.
    pub send_failures: u64,
    /// Datagrams that came in.
    pub received: u64,
    /// Replies that became measurements.
    pub measured: u64,
    /// Transmit timestamps taken by the daemon, the kernel, and the network card.
    pub transmit_stamps: [u64; 3],
    /// Receive timestamps taken by the daemon, the kernel, and the network card.
    pub receive_stamps: [u64; 3],
    /// Datagrams that were not believed, by reason.
    pub discards: DiscardCounters,
}

/// A datagram that was not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Doubt {
    /// The reason for which the datagram was not believed.
    pub discard: Discard,
    /// The sender's address, which may be forged.
    pub from: SocketAddr,
    pub(super) sequence: u32,
}

/// Replies to so many requests that we no longer wait for are recognized as late; to others they
/// are [`Discard::Bogus`].
pub(super) const REMEMBERED: usize = 4;

/// After so many further requests without an answer, earlier replies say nothing about the server
/// any more; as long as the reach register remembers (RFC 5905 §9.2).
pub(super) const DOUBT_LASTS: u32 = 8;

/// After so many further requests without a word from the network, the silence may have another
/// cause. Routers do not report every packet (RFC 1812 §4.3.2.8).
pub(super) const UNREACHABLE_LASTS: u32 = 3;

/// The last header of a server, usable or not.
#[derive(Clone, Copy, Debug)]
pub struct LastReply {
    /// The header of its reply.
    pub header: Header,
    /// The time of its arrival.
    pub at: MonoTime,
}
