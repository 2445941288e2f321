//! What the kernel and its other users are told about the quality of the clock.

use ntp_proto::packet::LeapIndicator;
use ntp_proto::time::Seconds;

/// The quality of the clock, for programs that ask the kernel.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockStatus {
    /// Whether the clock follows a source; while it does, the kernel also keeps the hardware clock set.
    pub synchronized: bool,
    /// The leap second at the end of *this UTC day*: the kernel does not know of months, so announce one on its day
    /// only. [`LeapIndicator::Unsynchronized`] has the effect of `synchronized: false`.
    pub leap: LeapIndicator,
    /// A bound for the error. The kernel lets it grow by 500 ppm and calls the clock unsynchronised at 16 s, so it
    /// must be told anew from time to time.
    pub max_error: Seconds,
    /// The expected error.
    pub estimated_error: Seconds,
    /// TAI − UTC in seconds, where known; otherwise the kernel keeps what it has.
    pub tai_offset: Option<i32>,
}

impl ClockStatus {
    /// A clock about which nothing is known.
    pub const UNSYNCHRONIZED: Self = Self {
        synchronized: false,
        leap: LeapIndicator::Unsynchronized,
        max_error: Seconds::new(16.0),
        estimated_error: Seconds::new(16.0),
        tai_offset: None,
    };
}

impl Default for ClockStatus {
    fn default() -> Self {
        Self::UNSYNCHRONIZED
    }
}
