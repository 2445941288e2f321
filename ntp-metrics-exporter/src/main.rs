//! OpenMetrics and health endpoints for a running ntp-daemon.
#![forbid(unsafe_code)]
fn main() {}
