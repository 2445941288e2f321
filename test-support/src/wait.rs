//! Waiting for something to come true.

use std::time::{Duration, Instant};

/// Looks every fifth of a second, and returns the first `Some`; `None` once `patience` is over.
pub fn until<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
