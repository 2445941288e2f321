//! Where a worker runs and how exactly it sleeps.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity, set_current_timer_slack};
use std::num::NonZeroU64;

/// Prepares the calling thread. `processor` counts those that this process may use; beyond the
/// last, the count starts again. A system that refuses is none the worse.
pub(super) fn settle(processor: Option<usize>) {
    // A sleep of 100 µs is not to become one of 150 µs.
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let Some(processor) = processor else { return };
    let outcome = sched_getaffinity(None).and_then(|allowed| {
        let usable: Vec<usize> = (0..CpuSet::MAX_CPU)
            .filter(|cpu| allowed.is_set(*cpu))
            .collect();
        let mut own = CpuSet::new();
        if let Some(cpu) = usable.get(processor % usable.len().max(1)) {
            own.set(*cpu);
        }
        sched_setaffinity(None, &own)
    });
    if let Err(error) = outcome {
        tracing::warn!("a server thread cannot be tied to a processor: {error}");
    }
}
