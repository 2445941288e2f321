//! Detects a program that runs under a simulator of time.

/// True if time may be simulated by a preloaded library (`LD_PRELOAD`): it then passes while the
/// program waits, and stands still while the program works.
pub(crate) fn is_simulated() -> bool {
    std::env::var_os("LD_PRELOAD").is_some()
}
