//! Ask a running ntp-daemon how it is doing, and check configuration files.
#![forbid(unsafe_code)]
fn main() {}
