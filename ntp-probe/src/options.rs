//! How much is asked, and how long we wait.

use ntp_ke::client::Family;
use std::time::Duration;

/// The most samples of one measurement: what the clock filter holds (RFC 5905 §7.2 NSTAGE).
pub const MAX_SAMPLES: usize = 8;

/// How much is asked, and how long we wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How many exchanges there are with the server, 1 to [`MAX_SAMPLES`].
    pub samples: usize,
    /// From one request to the next. Servers take offence at less than two seconds.
    pub interval: Duration,
    /// How long the look-up and each reply may take. Key establishment as a whole may take twice as
    /// long.
    pub timeout: Duration,
    /// The only family of addresses that is used.
    pub family: Option<Family>,
}

impl Options {
    /// The samples within their limits.
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
