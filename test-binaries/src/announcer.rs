//! Telling on standard output what happens, without drowning anybody in it.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// The shortest time between two lines.
const SPACING: Duration = Duration::from_secs(1);

/// Writes at most one line a second, and how many it left out.
#[derive(Debug, Default)]
pub struct Announcer {
    last: Option<Instant>,
    left_out: u64,
}

impl Announcer {
    /// Tells `line` now, or counts it as left out.
    pub fn tell(&mut self, line: impl Display) {
        let now = Instant::now();
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < SPACING)
        {
            self.left_out += 1;
            return;
        }
        self.last = Some(now);
        // Who has closed our output does not want to read it.
        let _ = match std::mem::take(&mut self.left_out) {
            0 => writeln!(io::stdout(), "{line}"),
            more => writeln!(
                io::stdout(),
                "{line} (and {more} others since the last line)"
            ),
        };
    }

    /// Tells where the server listens: always the first line, so that a script can wait for it.
    pub fn listening(address: impl Display) {
        let _ = writeln!(io::stdout(), "listening on {address}");
    }
}
