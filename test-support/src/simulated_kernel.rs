//! A simulated kernel for programs as they are released: `preload/kernel.c`.

use crate::{Running, Skip, binary, confined, folder, run};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The limit for a day of simulated time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(900);

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/preload/kernel.c");

/// The clock and the network that a daemon is to be given.
#[derive(Clone, Debug)]
pub struct SimulatedKernel {
    /// The begin of true time, in seconds of Unix time.
    pub epoch: i64,
    /// By how much the clock is fast at the start, in seconds.
    pub offset: f64,
    /// By how much it runs too fast, in ppm.
    pub drift: f64,
    /// The wander of its rate, in 1/s per square root of a second.
    pub wander: f64,
    /// The mean of what is added to the delay each way, in seconds.
    pub jitter: f64,
    /// The steps that another program makes: the time from the start, and the step, both in
    /// seconds.
    pub set: Vec<(u32, f64)>,
    /// The suspends of the machine: the time from the start, the length, and the part of it that
    /// the hardware clock counts too much, all in seconds.
    pub suspend: Vec<(u32, u32, f64)>,
    /// The end of the first day, in seconds of true time.
    pub midnight: u32,
    /// True if the first day ends with a leap second.
    pub leap: bool,
    /// The rate that a program before has left in the kernel, in ppm.
    pub found: f64,
    /// The duration of each `fsync`, in seconds.
    pub disk: f64,
    /// Another program that steers.
    pub rival: Option<Rival>,
    /// True if servers announce a leap second on the first day even if there is none.
    pub announce: bool,
    /// The time from which servers do not answer any more, in seconds of true time.
    pub silent: Option<u32>,
    /// The seed of all random numbers.
    pub seed: u32,
    /// The run time of the daemon, in seconds.
    pub seconds: u32,
}

/// A program that sets the rate of the clock.
#[derive(Clone, Copy, Debug)]
pub struct Rival {
    /// The first time, in seconds of true time.
    pub at: u32,
    /// The correction that it sets, in ppm.
    pub ppm: f64,
    /// The interval until it does so again, in seconds; 0: never.
    pub every: u32,
}

/// The clock at a whole second of true time.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// True time since the start, in seconds.
    pub at: u32,
    /// By how much the clock is fast, in seconds.
    pub error: f64,
    /// By how much it runs too fast.
    pub rate_error: f64,
    /// The `STA_` flags of the kernel.
    pub status: i64,
    /// The kernel's `maxerror`, in seconds.
    pub bound: f64,
    /// TAI − UTC as the kernel has it, in seconds.
    pub tai: i32,
}

impl Default for SimulatedKernel {
    /// 2030, a clock that is wrong by 0.3 s and 20 ppm, and a network as between two cities.
    fn default() -> Self {
        Self {
            epoch: 1_893_456_000,
            offset: 0.3,
            drift: 20.0,
            wander: 1e-9,
            jitter: 1e-4,
            set: Vec::new(),
            suspend: Vec::new(),
            midnight: 86_400,
            leap: false,
            found: 0.0,
            disk: 0.0,
            rival: None,
            announce: false,
            silent: None,
            seed: 1,
            seconds: 20_000,
        }
    }
}

impl SimulatedKernel {
    /// Runs our daemon on it, with a configuration in TOML. Servers are at 198.51.100.1 and the
    /// following addresses, and those from 198.51.100.200 on are wrong by 50 ms. Returns what its
    /// clock has shown, and what the daemon has said.
    ///
    /// # Errors
    /// Without a C compiler, or where nothing can be preloaded.
    ///
    /// # Panics
    /// If the daemon does not end well.
    pub fn run_daemon(&self, config: &str) -> Result<(Vec<Moment>, String), Skip> {
        let folder = folder();
        let (library, log, file) = (
            compiled(&folder)?,
            folder.path().join("log"),
            folder.path().join("ntp.toml"),
        );
        std::fs::write(&file, config).expect("a temporary file can be written");
        let mut command = confined(binary("ntp-daemon"))?;
        command
            .arg("-c")
            .arg(file)
            .env("LD_PRELOAD", library)
            .env("KERNEL_LOG", &log);
        self.configure(&mut command);
        let mut daemon = Running::start("ntp-daemon on a simulated kernel", command);
        let status = daemon.wait(PATIENCE);
        let said = daemon.output();
        assert!(status.success(), "{status}\n{said}");
        let log = std::fs::read_to_string(log).expect("the library has written it");
        Ok((log.lines().map(moment).collect(), said))
    }

    /// Hands the settings to the library, in environment variables.
    fn configure(&self, command: &mut Command) {
        let settings = [
            ("EPOCH", self.epoch.to_string()),
            ("OFFSET", self.offset.to_string()),
            ("DRIFT", self.drift.to_string()),
            ("WANDER", self.wander.to_string()),
            ("JITTER", self.jitter.to_string()),
            ("FOUND", self.found.to_string()),
            ("DISK", self.disk.to_string()),
            ("MIDNIGHT", self.midnight.to_string()),
            ("SEED", self.seed.to_string()),
            ("SECONDS", self.seconds.to_string()),
        ];
        command.envs(settings.map(|(name, value)| (format!("KERNEL_{name}"), value)));
        let set: Vec<_> = self
            .set
            .iter()
            .map(|(at, by)| format!("{at}:{by}"))
            .collect();
        if !set.is_empty() {
            command.env("KERNEL_SET", set.join(","));
        }
        let suspend: Vec<_> = self
            .suspend
            .iter()
            .map(|(at, span, gained)| format!("{at}:{span}:{gained}"))
            .collect();
        if !suspend.is_empty() {
            command.env("KERNEL_SUSPEND", suspend.join(","));
        }
        if self.leap {
            command.env("KERNEL_LEAP", "1");
        }
        if let Some(Rival { at, ppm, every }) = self.rival {
            command.env("KERNEL_RIVAL", format!("{at}:{ppm}:{every}"));
        }
        if self.announce {
            command.env("KERNEL_ANNOUNCE", "1");
        }
        command.envs(
            self.silent
                .map(|second| ("KERNEL_SILENT", second.to_string())),
        );
    }
}

/// Compiles the library into a folder.
fn compiled(folder: &TempDir) -> Result<PathBuf, Skip> {
    if cfg!(not(all(
        target_os = "linux",
        target_env = "gnu",
        target_pointer_width = "64"
    ))) {
        return Err(Skip(
            "only a 64-bit Linux with the GNU C library can be simulated".into(),
        ));
    }
    let library = folder.path().join("kernel.so");
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or("cc".into()));
    if compiler.arg("--version").output().is_err() {
        return Err(Skip(
            "a C compiler is needed, to make the simulated kernel".into(),
        ));
    }
    let mut compiler = Command::new(compiler.get_program());
    compiler
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o"])
        .arg(&library)
        .args([SOURCE, "-lm", "-ldl"]);
    let ended = run(compiler);
    assert!(ended.status.success(), "{ended}");
    Ok(library)
}

fn moment(line: &str) -> Moment {
    let mut numbers = line.split(' ');
    let mut next = || numbers.next().expect("six numbers");
    Moment {
        at: next().parse().expect("a number"),
        error: next().parse().expect("a number"),
        rate_error: next().parse().expect("a number"),
        status: next().parse().expect("a number"),
        bound: next().parse::<f64>().expect("a number") * 1e-6,
        tai: next().parse().expect("a number"),
    }
}
