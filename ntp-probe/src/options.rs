//! Number of samples, interval and timeouts of a measurement.

use ntp_ke::client::Family;
use std::time::Duration;

/// The most samples of one measurement: what the clock filter holds (RFC 5905 §7.2 NSTAGE).
pub const MAX_SAMPLES: usize = 8;

/// Number of samples, interval and timeouts of a measurement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// The number of exchanges with the server, 1 to [`MAX_SAMPLES`].
    pub samples: usize,
    /// The interval between two requests. Servers limit rates above one in two seconds.
    pub interval: Duration,
    /// The timeout of the look-up and of each reply. Key establishment as a whole may take twice as
    /// long.
    pub timeout: Duration,
    /// The only family of addresses that is used.
    pub family: Option<Family>,
}

impl Options {
    /// The number of samples within its limits.
    pub(crate) fn wanted(&self) -> usize {
        self.samples.clamp(1, MAX_SAMPLES)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            samples: 4,
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            family: None,
        }
    }
}
