//! A reading of our clock, and its precision by who took it.

use super::NtpTimestamp;

/// Who took a timestamp, from coarse to fine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StampOrigin {
    /// This program, beside its system call.
    Daemon,
    /// The kernel, when the datagram passed its network stack.
    Kernel,
    /// The network card.
    Hardware,
}

/// A reading of our clock and who took it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalStamp {
    /// What our clock showed.
    pub at: NtpTimestamp,
    /// Who took it.
    pub origin: StampOrigin,
}
