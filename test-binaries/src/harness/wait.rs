//! Waiting for something to come true.

use std::net::{SocketAddr, UdpSocket};
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

/// A UDP port that was free a moment ago.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    socket.as_ref().map(SocketAddr::port).expect("there is a free port")
}
