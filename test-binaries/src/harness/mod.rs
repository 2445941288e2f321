//! What tests of whole programs need: starting and ending them, private networks, other people's
//! NTP software.
//!
//! Nothing started from here can touch the machine's clock: every program runs without
//! CAP_SYS_TIME.
//!
//! A test that needs what this machine lacks says so in one line and passes, see
//! [`or_skip`](crate::or_skip). With `TRUECHIMER_NO_SKIPPING` set it fails instead, so that a build
//! server notices what it no longer tests.

mod binaries;
mod certificates;
mod confine;
mod daemon;
mod folder;
mod footprint;
mod network;
mod nts_loopback;
mod odd;
mod peers;
mod process;
mod simulated_kernel;
mod wait;

pub use binaries::binary;
pub use certificates::{Authority, CertificateFiles};
pub use confine::{confined, confined_in};
pub use daemon::{Daemon, DaemonConfig, source_at};
pub use folder::folder;
pub use footprint::{Footprint, wake_ups};
pub use network::{Network, Side};
pub use nts_loopback::{NtsAddresses, NtsLoopback};
pub use odd::OddServer;
pub use peers::Peers;
pub use process::{Ended, Running, run};
pub use simulated_kernel::{Moment, Rival, SimulatedKernel};
pub use wait::until;

use std::fmt;
use std::io::{self, Write};

/// Why a test cannot be run on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip(pub String);

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says that a test is skipped, past the capture of the test harness.
///
/// # Panics
/// If `TRUECHIMER_NO_SKIPPING` is set.
pub fn announce_skip(skip: &Skip) {
    assert!(
        std::env::var_os("TRUECHIMER_NO_SKIPPING").is_none(),
        "this test must not be skipped here: {skip}"
    );
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(io::stdout(), "{test} skipped: {skip}");
}

/// The value of a `Result<T, Skip>`; or the test is skipped with one line.
#[macro_export]
macro_rules! or_skip {
    ($needed:expr) => {
        match $needed {
            Ok(needed) => needed,
            Err(skip) => {
                $crate::harness::announce_skip(&skip);
                return;
            }
        }
    };
}
