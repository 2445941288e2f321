//! A reading of our clock and its origin.

use super::NtpTimestamp;

/// The origin of a timestamp, from coarse to fine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StampOrigin {
    /// This program, beside its system call.
    Daemon,
    /// The kernel, when the datagram passed its network stack.
    Kernel,
    /// The network card.
    Hardware,
}

/// A reading of our clock and its origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalStamp {
    /// The reading of our clock.
    pub at: NtpTimestamp,
    /// The origin of the reading.
    pub origin: StampOrigin,
}
