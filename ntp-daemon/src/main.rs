//! The NTP client and server daemon of Truechimer.
#![forbid(unsafe_code)]
fn main() {}
