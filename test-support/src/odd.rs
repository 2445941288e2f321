//! The odd servers of `test-binaries` at work.

use crate::{Running, Skip, binary, confined_in};
use std::net::SocketAddr;
use std::time::Duration;

/// The limit for the start of a small program on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// One of the servers of `test-binaries`.
#[derive(Debug)]
pub struct OddServer {
    process: Running,
    address: SocketAddr,
}

impl OddServer {
    /// Starts `program` on any free port of 127.0.0.1.
    ///
    /// # Errors
    /// If it cannot be kept from the machine's clock.
    pub fn start(program: &str, arguments: &[&str]) -> Result<Self, Skip> {
        Self::start_on(None, "127.0.0.1:0", program, arguments)
    }

    /// Starts `odd-server` with a `--behavior` on any free port of 127.0.0.1.
    ///
    /// # Errors
    /// If it cannot be kept from the machine's clock.
    pub fn behaving(behavior: &str, more: &[&str]) -> Result<Self, Skip> {
        let arguments: Vec<&str> = ["--behavior", behavior]
            .iter()
            .chain(more)
            .copied()
            .collect();
        Self::start("odd-server", &arguments)
    }

    /// Starts `program` on an address, in a network namespace if one is named.
    ///
    /// # Errors
    /// If it cannot be kept from the machine's clock.
    ///
    /// # Panics
    /// If it does not say where it listens.
    pub fn start_on(
        namespace: Option<&str>,
        listen: &str,
        program: &str,
        arguments: &[&str],
    ) -> Result<Self, Skip> {
        let mut command = confined_in(namespace, binary(program))?;
        command.args(["--listen", listen]).args(arguments);
        let mut process = Running::start(program, command);
        let line = process.wait_for_line("listening on ", START_PATIENCE);
        let address = line.trim_start_matches("listening on ").parse();
        Ok(Self {
            process,
            address: address.expect("an address after `listening on`"),
        })
    }

    /// The address at which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its output so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Its process.
    pub const fn process(&mut self) -> &mut Running {
        &mut self.process
    }
}
