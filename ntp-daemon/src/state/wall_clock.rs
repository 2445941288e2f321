//! The machine's own clock, where all that is asked is how old something is that lies in a file.

use std::time::{SystemTime, UNIX_EPOCH};

/// In seconds of Unix time; before 1970 it is 0.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
