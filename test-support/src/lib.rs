//! Support for tests of whole programs: starting and ending them, private networks, other NTP
//! software, and clients that measure or attack.
//!
//! Nothing started from here can touch the machine's clock: every program runs without
//! CAP_SYS_TIME.
//!
//! A test that needs something that this machine lacks is skipped with one line, see [`or_skip`].
//! With `TRUECHIMER_NO_SKIPPING` set it fails instead, so that a build server notices the loss.
//!
//! # Module map
//! | module | concept |
//! |---|---|
//! | `binaries`, `process`, `confine` | the programs of this workspace: built, started without CAP_SYS_TIME, ended |
//! | `daemon`, `nts_loopback` | a daemon with a configuration, and one that serves time and NTS keys |
//! | `odd`, `peers` | the servers of `test-binaries`, and other NTP software |
//! | `network`, `loopback` | private networks, and connections from many addresses of this machine |
//! | `asker`, `nts_client` | single exchanges, plain or with NTS, and their round trips |
//! | `handshake_flood` | a flood of TLS handshakes |
//! | `simulated_kernel` | a kernel with a simulated clock, preloaded into a program |
//! | `footprint` | memory and wake-ups of a process |
//! | [`samples`] | documents of daemons in typical states |
//! | `certificates`, `folder`, `wait` | certificates, temporary folders, and waiting for a condition |
#![forbid(unsafe_code)]

mod asker;
mod binaries;
mod certificates;
mod confine;
mod daemon;
mod folder;
mod footprint;
mod handshake_flood;
pub mod loopback;
mod network;
mod nts_client;
mod nts_loopback;
mod odd;
mod peers;
mod process;
pub mod samples;
mod simulated_kernel;
mod wait;

pub use asker::Asker;
pub use binaries::binary;
pub use certificates::{Authority, CertificateFiles};
pub use confine::{confined, confined_in};
pub use daemon::{Daemon, DaemonConfig, source_at};
pub use folder::folder;
pub use footprint::{Footprint, wake_ups};
pub use handshake_flood::{Flooded, HandshakeFlood};
pub use network::{Network, Side};
pub use nts_client::{NtsClient, NtsSession};
pub use nts_loopback::{NtsAddresses, NtsLoopback};
pub use odd::OddServer;
pub use peers::Peers;
pub use process::{Ended, Running, run};
pub use simulated_kernel::{Moment, Rival, SimulatedKernel};
use std::fmt;
use std::io::{self, Write};
pub use wait::until;

/// The reason for which a test cannot be run on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip(pub String);

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reports that a test is skipped, past the capture of the test harness.
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
                $crate::announce_skip(&skip);
                return;
            }
        }
    };
}
