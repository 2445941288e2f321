//! The settings of one association.

use crate::packet::Version;
use crate::time::{PollInterval, PollLimits};

/// The settings of one association.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AssociationConfig {
    /// The range in which the poll interval adapts.
    pub poll_limits: PollLimits,
    /// The interval that follows the burst at start; it is moved into the limits.
    pub initial_poll: PollInterval,
    /// Requests sent two seconds apart at start and after an outage, so that the clock is right
    /// within seconds. 1 means no burst (RFC 5905 §13.1 "iburst").
    pub burst: u8,
    /// The version of our requests.
    pub version: Version,
}

impl Default for AssociationConfig {
    fn default() -> Self {
        Self {
            poll_limits: PollLimits::default(),
            initial_poll: PollLimits::default().min(),
            burst: 6,
            version: Version::V4,
        }
    }
}
