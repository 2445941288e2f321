//! Many runs at once: one job per scenario, discipline and seed, spread over threads.

use crate::outcome::Outcome;
use crate::scenario::Scenario;
use crate::world::World;
use ntp_proto::clock::DisciplineKind;
use std::cell::RefCell;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// One run to make.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// In which world.
    pub scenario: &'a Scenario,
    /// With which discipline.
    pub discipline: DisciplineKind,
    /// With which randomness.
    pub seed: u64,
}

thread_local! {
    /// The run in progress, for the report of a panic.
    static CURRENT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// From now on, a panic says which run it happened in before anything else is done about it.
pub fn name_the_run_that_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let current = CURRENT.with(|current| {
            current
                .try_borrow()
                .map(|current| current.clone())
                .unwrap_or_default()
        });
        let _ = writeln!(std::io::stderr(), "FAILED: {current}");
        before(panic);
    }));
}

/// Runs all jobs on this many threads, and reports to `progress` how many are done. The outcomes
/// come in the order of the jobs. Where panics unwind, a run that panics has none.
pub fn run(
    jobs: &[Job<'_>],
    threads: usize,
    mut progress: impl FnMut(usize),
) -> Vec<Option<Outcome>> {
    let next = AtomicUsize::new(0);
    let mut outcomes = vec![None; jobs.len()];
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..threads.clamp(1, jobs.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((place, job)) = take(jobs, next) {
                    CURRENT.set(format!(
                        "scenario {} with seed {}",
                        job.scenario.name, job.seed
                    ));
                    let outcome = std::panic::catch_unwind(|| {
                        World::run(job.scenario, job.discipline, job.seed)
                    })
                    .ok();
                    if sender.send((place, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (done, (place, outcome)) in receiver.iter().enumerate() {
            if let Some(slot) = outcomes.get_mut(place) {
                *slot = outcome;
            }
            progress(done + 1);
        }
    });
    outcomes
}

fn take<'a>(jobs: &'a [Job<'a>], next: &AtomicUsize) -> Option<(usize, &'a Job<'a>)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(place).map(|job| (place, job))
}
