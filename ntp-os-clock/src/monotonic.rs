//! The timescale of timers.

use crate::sys::{KernelClock, read_clock};
use ntp_proto::time::MonoTime;
use std::time::Duration;

/// The time since boot, suspends included, so that no deadline is lost in one.
///
/// # Panics
/// If the system has no monotonic clock at all.
#[must_use]
pub fn monotonic_now() -> MonoTime {
    // Some simulators know the plain monotonic clock only; they do not suspend either.
    let nanos = read_clock(KernelClock::Boottime).or_else(|_| read_clock(KernelClock::Monotonic));
    MonoTime::from_epoch(span(
        nanos.expect("invariant: the system has a monotonic clock"),
    ))
}

/// The time that the machine has been suspended since boot. An increase means that it was suspended
/// in between, and that earlier knowledge about the clocks is stale; `None` where the system does
/// not report it. Changes below a few microseconds are noise.
#[must_use]
pub fn suspended_time() -> Option<Duration> {
    let without = read_clock(KernelClock::Monotonic).ok()?;
    let with = read_clock(KernelClock::Boottime).ok()?;
    Some(span(with.saturating_sub(without)))
}

fn span(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_since_boot_never_goes_back() {
        let mut last = monotonic_now();
        for _ in 0..1000 {
            let now = monotonic_now();
            assert!(now >= last);
            last = now;
        }
        assert!(last > MonoTime::ZERO);
    }

    #[test]
    fn time_in_suspend_does_not_grow_while_awake() {
        let (Some(before), Some(after)) = (suspended_time(), suspended_time()) else {
            println!("skipped: this system does not report suspends");
            return;
        };
        assert!(after.abs_diff(before) < Duration::from_secs(5));
    }
}
