//! How much the threads of key establishment yield to those that serve time. All of it concerns the
//! calling thread alone, and a system that refuses is none the worse: a container may forbid it.
//!
//! On one processor that never slept, the 99th percentile of plain replies in a flood of handshakes
//! was 1.2 times that of silence when these had the policy SCHED_IDLE, 3.5 times with a niceness of
//! 19, and 7 times with 10. But beside a thread that never sleeps SCHED_IDLE leaves some ten
//! handshakes a second, and a niceness of 10 some five hundred; and the policy cannot be taken back
//! without privileges. So there are threads of both kinds, and [`seat`](super::workers) chooses.

/// setpriority(2)
const NICENESS: i32 = 10;

/// For threads that must get on whatever others do: the one that accepts, and the one in reserve.
pub(super) fn low() {
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

/// For handshakes while there is room for them.
pub(super) fn lowest() {
    if ntp_os_clock::yield_to_all().is_err() {
        low();
    }
}
