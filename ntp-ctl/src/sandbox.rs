//! The rights that `ntp-ctl` gives up before it talks to anything: it reads what daemons and servers
//! send, and needs next to nothing for that.

use crate::args::Command;
use ntp_sandbox::{CapabilitySet, Policy};

/// The TCP port of DNS, for answers that are too long for UDP.
const DNS_PORT: u16 = 53;

/// Gives up what the command does not need, as far as the kernel can take it away.
pub(crate) fn enter(command: &Command) {
    let policy = match command {
        Command::Status { .. }
        | Command::Sources { .. }
        | Command::Reload
        | Command::WaitSync(_)
        | Command::Burst
        | Command::Step(_)
        | Command::Keys { .. }
        | Command::LogLevel(_) => Policy {
            // For a socket whose permissions exclude root's other rights.
            keep: CapabilitySet::DAC_OVERRIDE,
            libraries: false,
            ..Policy::default()
        },
        Command::Query(_) => Policy {
            connect: vec![DNS_PORT],
            ..Policy::default()
        },
        Command::Nts(nts) => Policy {
            read: nts.authority_files().to_vec(),
            connect: vec![DNS_PORT, nts.port()],
            ..Policy::default()
        },
        // These read and write the files that they are given, and try what the daemon would do.
        Command::Validate { .. } | Command::Migrate(_) => return,
    };
    // A kernel without these means is no reason to show nothing.
    let _ = policy.apply();
}
