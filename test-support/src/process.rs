//! Programs that run beside a test, and end with it.

use crate::{folder, until};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{fmt, io};
use tempfile::TempDir;

/// A program that ends at the latest when this value is dropped; if the test fails, its output is
/// shown.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    output: PathBuf,
    /// Holds `output`.
    _folder: TempDir,
}

impl Running {
    /// Starts a program; its outputs are kept together.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(name: &str, mut command: Command) -> Self {
        let folder = folder();
        let output = folder.path().join("output");
        let file = File::create(&output).expect("a temporary file can be made");
        let again = file.try_clone().expect("a file can be shared");
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(again)
            .spawn();
        let child =
            child.unwrap_or_else(|error| panic!("{name} cannot be started: {error}\n{command:?}"));
        Self {
            name: name.to_owned(),
            child,
            output,
            _folder: folder,
        }
    }

    /// Its output so far.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// Waits for a line that contains `words`, and returns it.
    ///
    /// # Panics
    /// If it does not come in time, or the program ends before.
    pub fn wait_for_line(&mut self, words: &str, patience: Duration) -> String {
        let found = |text: &str| {
            text.lines()
                .find(|line| line.contains(words))
                .map(str::to_owned)
        };
        let line = until(patience, || {
            found(&self.output())
                .map(Some)
                .or_else(|| self.exited().map(|_| None))
        });
        line.flatten()
            .or_else(|| found(&self.output()))
            .unwrap_or_else(|| panic!("{} never wrote `{words}`", self.name))
    }

    /// Its exit status, if it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Asks it to end, and waits for it.
    ///
    /// # Panics
    /// If it does not within `patience`.
    pub fn terminate(&mut self, patience: Duration) -> ExitStatus {
        self.send(Signal::TERM);
        self.wait(patience)
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// If it does not within `patience`.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        until(patience, || self.exited())
            .unwrap_or_else(|| panic!("{} did not end within {patience:?}", self.name))
    }

    /// Asks it to read its files again (SIGHUP).
    pub fn hang_up(&self) {
        self.send(Signal::HUP);
    }

    /// Sends SIGUSR1 and SIGUSR2, and returns their names.
    pub fn send_user_signals(&self) -> [&'static str; 2] {
        self.send(Signal::USR1);
        self.send(Signal::USR2);
        ["SIGUSR1", "SIGUSR2"]
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without letting it know (SIGKILL).
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn send(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // One that has ended already is fine, too; it is not reaped yet, so that its number does
        // not belong to another process.
        let _ = pid.map(|pid| kill_process(pid, signal));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.send(Signal::TERM);
            if until(Duration::from_secs(3), || {
                self.child.try_wait().ok().flatten()
            })
            .is_none()
            {
                self.kill();
            }
        }
        if std::thread::panicking() {
            use std::io::Write;
            let _ = writeln!(
                io::stderr(),
                "---- output of {} ----\n{}",
                self.name,
                self.output()
            );
        }
    }
}

/// The result of a program that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}{}", self.status, self.stdout, self.stderr)
    }
}

/// Runs a program that ends by itself.
///
/// # Panics
/// If it cannot be started.
pub fn run(mut command: Command) -> Ended {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    Ended {
        status: output.status,
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}
