//! What a process takes up of the system.

/// File descriptors and memory of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Footprint {
    /// How many file descriptors are open.
    pub descriptors: usize,
    /// The memory that is not shared with files, in KiB: what the process itself has asked for and used.
    pub memory_kib: u64,
}

impl Footprint {
    /// That of a running process.
    ///
    /// # Panics
    /// If it does not run, or /proc does not tell.
    #[must_use]
    pub fn of(process: u32) -> Self {
        let folder = format!("/proc/{process}");
        let descriptors = std::fs::read_dir(format!("{folder}/fd")).expect("the process runs, and is ours").count();
        let status = std::fs::read_to_string(format!("{folder}/status")).expect("the process runs");
        let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let memory = memory.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
        Self { descriptors, memory_kib: memory.expect("/proc tells how much memory is used") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_up_something() {
        let before = Footprint::of(std::process::id());
        assert!(before.descriptors >= 3 && before.memory_kib > 0, "{before:?}");
    }
}
