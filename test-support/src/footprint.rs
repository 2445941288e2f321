//! The memory, descriptors and wake-ups of a process.

/// File descriptors and memory of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Footprint {
    /// The number of open file descriptors.
    pub descriptors: usize,
    /// The memory that is not shared with files, in KiB: what the process itself has asked for and
    /// used.
    pub memory_kib: u64,
}

impl Footprint {
    /// That of a running process.
    ///
    /// # Panics
    /// If it does not run, or /proc lacks the number.
    #[must_use]
    pub fn of(process: u32) -> Self {
        let folder = format!("/proc/{process}");
        let descriptors = std::fs::read_dir(format!("{folder}/fd"))
            .expect("the process runs, and is ours")
            .count();
        let status = std::fs::read_to_string(format!("{folder}/status")).expect("the process runs");
        let memory = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let memory = memory.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
        Self {
            descriptors,
            memory_kib: memory.expect("/proc shows the memory in use"),
        }
    }
}

/// The number of times that the threads of a running process have slept so far, and so woken up.
///
/// # Panics
/// If it does not run, or /proc lacks the number.
#[must_use]
pub fn wake_ups(process: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok())
        .map(slept)
        .sum()
}

/// The count in the status of a thread.
#[expect(clippy::needless_pass_by_value, reason = "it maps over what was read")]
fn slept(status: String) -> u64 {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok())
        .expect("/proc shows how often a thread has slept")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Running, until};
    use std::process::Command;
    use std::time::Duration;

    /// More than a busy machine needs.
    const PATIENCE: Duration = Duration::from_secs(120);

    /// Of another process: the threads of this one come and go with the tests, and their counts
    /// with them.
    #[test]
    fn a_process_that_sleeps_wakes_up() {
        let mut sleeper = Command::new("sh");
        sleeper.args([
            "-c",
            "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.02; done; sleep 60",
        ]);
        let sleeper = Running::start("a shell that sleeps", sleeper);
        let before = wake_ups(sleeper.id());
        let later = until(PATIENCE, || {
            Some(wake_ups(sleeper.id())).filter(|count| *count >= before + 5)
        });
        assert!(later.is_some(), "{before} and no more");
    }

    #[test]
    fn this_process_takes_up_something() {
        let before = Footprint::of(std::process::id());
        assert!(
            before.descriptors >= 3 && before.memory_kib > 0,
            "{before:?}"
        );
    }
}
