//! Lines on standard output, at most one a second.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// The shortest time between two lines.
const SPACING: Duration = Duration::from_secs(1);

/// Writes at most one line a second, with the number of lines that were left out.
#[derive(Debug, Default)]
pub struct Announcer {
    last: Option<Instant>,
    left_out: u64,
}

impl Announcer {
    /// Writes `line` now, or counts it as left out.
    pub fn announce(&mut self, line: impl Display) {
        let now = Instant::now();
        if self
            .last
            .is_some_and(|last| now.duration_since(last) < SPACING)
        {
            self.left_out += 1;
            return;
        }
        self.last = Some(now);
        // A reader that has closed our output does not want the line.
        let _ = match std::mem::take(&mut self.left_out) {
            0 => writeln!(io::stdout(), "{line}"),
            more => writeln!(
                io::stdout(),
                "{line} (and {more} others since the last line)"
            ),
        };
    }

    /// Writes the address of the server: always the first line, so that a script can wait for it.
    pub fn listening(address: impl Display) {
        let _ = writeln!(io::stdout(), "listening on {address}");
    }
}
