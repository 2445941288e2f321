//! The processor that a worker runs on, and the precision of its sleeps.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity, set_current_timer_slack};
use std::num::NonZeroU64;

/// Prepares the calling thread. `processor` is an index into the processors that this process may
/// use, and wraps around. A refusal of the system is logged, and nothing else.
pub(super) fn apply(processor: Option<usize>) {
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
