//! Servers on the loopback interface within the test's own process: NTP with and without NTS, key
//! establishment, and the authority that all certificates are from. Whatever a test does not ask
//! for is as it should be.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test program uses its own part"
)]

mod keys;
mod time;

pub(crate) use keys::{Authority, Exporter, KeyService};
use ntp_proto::nts::KeySet;
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use std::sync::Arc;
pub(crate) use time::{TimeService, answered_by, odd, silent};

/// The keys that seal cookies; other numbers are other keys.
pub(crate) fn key_set(number: u8) -> Arc<KeySet> {
    Arc::new(KeySet::new(1, 0, &mut ChaCha12Rng::from_seed([number; 32])))
}
