//! The costs of a process, from /proc: its own time and that of all its threads and descendants.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// The counters of a process and its descendants at some instant.
#[derive(Clone, Debug)]
pub struct Snapshot {
    at: Instant,
    threads: BTreeMap<u32, Thread>,
    /// Of all processes, also of threads that have ended, in ticks of the kernel.
    user: u64,
    system: u64,
    memory: Memory,
}

#[derive(Clone, Debug)]
struct Thread {
    name: String,
    cpu: Duration,
    voluntary: u64,
    involuntary: u64,
}

/// The memory of all processes together, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Resident (`VmRSS`); shared pages count for each process.
    pub resident_kib: u64,
    /// Of them, those that belong to no file (`RssAnon`).
    pub anonymous_kib: u64,
}

/// The difference between two snapshots.
#[derive(Clone, Debug, Serialize)]
pub struct Spent {
    /// Processor time of all threads: precise while they live, to some hundredths of a second with
    /// those that have ended.
    pub cpu_s: f64,
    /// The share of it that was spent in user space, by the kernel's coarse count.
    pub user_ratio: f64,
    /// The number of times that threads waited, and so were woken.
    pub voluntary_switches: u64,
    /// The number of times that threads lost their processor to others.
    pub involuntary_switches: u64,
    /// The memory at the start.
    pub memory_before: Memory,
    /// The memory at the end.
    pub memory_after: Memory,
    /// Single threads, those that did nothing left out.
    pub threads: Vec<ThreadSpent>,
}

/// The difference for one thread.
#[derive(Clone, Debug, Serialize)]
pub struct ThreadSpent {
    /// Its name.
    pub name: String,
    /// Its number.
    pub thread: u32,
    /// Its processor time.
    pub cpu_s: f64,
    /// The number of times that it waited.
    pub voluntary_switches: u64,
    /// The number of times that it lost its processor.
    pub involuntary_switches: u64,
}

impl Snapshot {
    /// Of a process and its descendants.
    ///
    /// # Errors
    /// If there is no such process, or it may not be looked at.
    pub fn take(process: u32) -> Result<Self, String> {
        let gone = |error| format!("process {process} cannot be looked at: {error}");
        fs::metadata(format!("/proc/{process}")).map_err(gone)?;
        let mut snapshot = Self {
            at: Instant::now(),
            threads: BTreeMap::new(),
            user: 0,
            system: 0,
            memory: Memory::default(),
        };
        for member in family(process) {
            snapshot.add(member);
        }
        Ok(snapshot)
    }

    fn add(&mut self, process: u32) {
        let stat = read(&format!("/proc/{process}/stat"));
        if let Some(stat) = Stat::parse(&stat) {
            self.user += stat.user;
            self.system += stat.system;
        }
        let status = read(&format!("/proc/{process}/status"));
        self.memory.resident_kib += field(&status, "VmRSS").unwrap_or(0);
        self.memory.anonymous_kib += field(&status, "RssAnon").unwrap_or(0);
        for thread in numbers_in(&format!("/proc/{process}/task")) {
            let path = format!("/proc/{process}/task/{thread}");
            let status = read(&format!("{path}/status"));
            let schedstat = read(&format!("{path}/schedstat"));
            let nanos = schedstat
                .split_whitespace()
                .next()
                .and_then(|nanos| nanos.parse().ok());
            let name = text_field(&status, "Name").unwrap_or_default().to_owned();
            self.threads.insert(
                thread,
                Thread {
                    name,
                    cpu: Duration::from_nanos(nanos.unwrap_or(0)),
                    voluntary: field(&status, "voluntary_ctxt_switches").unwrap_or(0),
                    involuntary: field(&status, "nonvoluntary_ctxt_switches").unwrap_or(0),
                },
            );
        }
    }

    /// The difference from an earlier snapshot of the same process.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Spent {
        let threads: Vec<ThreadSpent> = self
            .threads
            .iter()
            .map(|(id, thread)| thread.since(*id, earlier))
            .collect();
        let (user, system) = (
            self.user.saturating_sub(earlier.user),
            self.system.saturating_sub(earlier.system),
        );
        let living: f64 = threads.iter().map(|thread| thread.cpu_s).sum();
        let counted = (user + system) as f64 / rustix::param::clock_ticks_per_second() as f64;
        Spent {
            cpu_s: with_the_ended(living, counted),
            user_ratio: if user + system == 0 {
                0.0
            } else {
                user as f64 / (user + system) as f64
            },
            voluntary_switches: threads.iter().map(|thread| thread.voluntary_switches).sum(),
            involuntary_switches: threads
                .iter()
                .map(|thread| thread.involuntary_switches)
                .sum(),
            memory_before: earlier.memory,
            memory_after: self.memory,
            threads: threads
                .into_iter()
                .filter(|thread| thread.cpu_s > 0.0)
                .collect(),
        }
    }

    /// The time since an earlier snapshot.
    #[must_use]
    pub fn elapsed_since(&self, earlier: &Self) -> Duration {
        self.at.duration_since(earlier.at)
    }
}

impl Thread {
    fn since(&self, id: u32, earlier: &Snapshot) -> ThreadSpent {
        let before = earlier.threads.get(&id);
        let before = |of: fn(&Self) -> u64| before.map_or(0, of);
        let cpu = self
            .cpu
            .saturating_sub(Duration::from_nanos(before(|thread| {
                thread.cpu.as_nanos() as u64
            })));
        ThreadSpent {
            name: self.name.clone(),
            thread: id,
            cpu_s: cpu.as_secs_f64(),
            voluntary_switches: self
                .voluntary
                .saturating_sub(before(|thread| thread.voluntary)),
            involuntary_switches: self
                .involuntary
                .saturating_sub(before(|thread| thread.involuntary)),
        }
    }
}

/// The busy time of all processors since the machine was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineUsage {
    busy: u64,
    total: u64,
    processors: u64,
}

impl MachineUsage {
    /// The usage as of now.
    #[must_use]
    pub fn take() -> Self {
        Self::parse(&read("/proc/stat"))
    }

    fn parse(text: &str) -> Self {
        let times: Vec<u64> = text
            .lines()
            .find_map(|line| line.strip_prefix("cpu "))
            .map(|line| {
                line.split_whitespace()
                    .filter_map(|number| number.parse().ok())
                    .collect()
            })
            .unwrap_or_default();
        // user, nice, system, idle, iowait, irq, softirq, steal; what follows is contained in the
        // first two.
        let total: u64 = times.iter().take(8).sum();
        let idle: u64 = times.iter().skip(3).take(2).sum();
        let is_processor = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
        Self {
            busy: total - idle,
            total,
            processors: text.lines().filter(is_processor).count() as u64,
        }
    }

    /// The number of processors that were busy on average since `earlier`, also with what another
    /// machine took from this one.
    #[must_use]
    pub fn busy_processors_since(&self, earlier: &Self) -> f64 {
        let total = self.total.saturating_sub(earlier.total).max(1);
        self.busy.saturating_sub(earlier.busy) as f64 / total as f64 * self.processors as f64
    }
}

/// The time of all threads from the precise time of the living ones and the coarse count of all, in
/// seconds: where the latter is clearly more, threads have come and gone.
fn with_the_ended(living: f64, counted: f64) -> f64 {
    const COARSENESS: f64 = 0.05;
    if counted > living * 1.02 + COARSENESS {
        counted
    } else {
        living
    }
}

/// A process and all its descendants.
fn family(process: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = numbers_in("/proc")
        .filter_map(|child| {
            Some((
                child,
                Stat::parse(&read(&format!("/proc/{child}/stat")))?.parent,
            ))
        })
        .collect();
    let mut family = vec![process];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        let children = parents
            .iter()
            .filter(|(child, of)| *of == parent && *child != parent);
        family.extend(children.map(|(child, _)| *child));
        next += 1;
    }
    family
}

/// The fields of /proc/PID/stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    user: u64,
    system: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name, in parentheses, may contain anything.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            user: number(11)?,
            system: number(12)?,
        })
    }
}

fn read(path: &str) -> String {
    // A process that ends meanwhile is left out.
    fs::read_to_string(path).unwrap_or_default()
}

fn numbers_in(folder: &str) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn text_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

fn field(status: &str, name: &str) -> Option<u64> {
    text_field(status, name)?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_any_name_is_read() {
        let text = "42 (a (b) c) S 7 42 42 0 -1 4194304 1 2 3 4 500 60 0 0 20 0 1 0 100 0 0";

        assert_eq!(
            Stat::parse(text),
            Some(Stat {
                parent: 7,
                user: 500,
                system: 60
            })
        );
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn fields_of_a_status_are_read() {
        let text = "Name:\tntp-server\nVmRSS:\t    5300 kB\nvoluntary_ctxt_switches:\t12\n";

        assert_eq!(text_field(text, "Name"), Some("ntp-server"));
        assert_eq!(field(text, "VmRSS"), Some(5300));
        assert_eq!(field(text, "voluntary_ctxt_switches"), Some(12));
        assert_eq!(field(text, "RssAnon"), None);
    }

    #[test]
    fn the_busy_processors_are_counted() {
        let before = MachineUsage::parse("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1\ncpu1 1\n");
        let after = MachineUsage::parse("cpu  200 0 150 850 0 0 0 0 0 0\ncpu0 1\ncpu1 1\n");

        assert!((after.busy_processors_since(&before) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn the_time_of_threads_that_have_ended_counts() {
        assert!((with_the_ended(0.10, 0.90) - 0.90).abs() < 1e-9);
        assert!((with_the_ended(0.8765, 0.88) - 0.8765).abs() < 1e-9);
        assert!((with_the_ended(2.0, 2.03) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn work_of_our_own_is_seen() {
        let process = std::process::id();
        let before = Snapshot::take(process).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(50) {
            std::hint::black_box((0..1000u64).sum::<u64>());
        }
        std::thread::sleep(Duration::from_millis(1));
        let spent = Snapshot::take(process).unwrap().since(&before);

        assert!(
            spent.cpu_s > 0.0 && spent.memory_after.resident_kib > 0,
            "{spent:?}"
        );
    }

    #[test]
    fn a_child_is_of_the_family() {
        let mut child = std::process::Command::new("sleep")
            .arg("5")
            .spawn()
            .unwrap();
        assert!(family(std::process::id()).contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
