//! The scheduling policy of threads that must not delay others, such as those of TLS handshakes.
//!
//! It has nothing to do with clocks. It is here because the system call needs unsafe code, which is
//! confined to `src/sys.rs` of this crate and of `ntp-udp`.

use crate::sys;
use std::io;

/// From now on the calling thread runs when no other wants its processor (SCHED_IDLE, sched(7)): a
/// thread with the usual policy takes it over at once when it wakes. Beside one that never sleeps
/// this one gets three thousandths of the processor, and it cannot come back without privileges.
/// Threads that it starts inherit this.
///
/// # Errors
/// Those of the system call, as where a filter of system calls forbids it.
pub fn yield_to_all() -> io::Result<()> {
    sys::run_when_idle()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The policy is the 41st field of stat (proc_pid_stat(5)), and the name is the second.
    fn policy() -> String {
        let text = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, rest) = text.rsplit_once(')').unwrap();
        rest.split_whitespace().nth(41 - 3).unwrap().to_owned()
    }

    #[test]
    fn a_thread_that_yields_has_the_policy_idle_and_no_other_does() {
        let before = policy();
        std::thread::spawn(|| {
            yield_to_all().unwrap();
            assert_eq!(policy(), libc::SCHED_IDLE.to_string());
        })
        .join()
        .unwrap();
        assert_eq!(policy(), before);
    }
}
