//! Our daemon, with a clock of its own and everything else in a temporary folder.

use crate::{
    Ended, Footprint, Network, Running, Side, Skip, binary, confined, confined_in, folder, run,
    until,
};
use ntp_observe::{Document, SourceFacts, fetch, write_document};
use std::ffi::OsStr;
use std::fmt::{Display, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// The limit for an answer on a busy machine.
const FETCH_PATIENCE: Duration = Duration::from_secs(60);

/// The configuration of a daemon, section by section.
#[derive(Clone, Debug)]
pub struct DaemonConfig {
    clock: String,
    sections: String,
    log_level: &'static str,
}

impl DaemonConfig {
    /// A daemon with a virtual clock that is off by `offset` seconds and runs too fast by
    /// `frequency` s/s.
    #[must_use]
    pub fn with_virtual_clock(offset: f64, frequency: f64) -> Self {
        let clock = format!(
            "mode = \"virtual\"\nvirtual-offset = {offset:?}\nvirtual-frequency = {frequency:?}\n"
        );
        Self {
            clock,
            sections: String::new(),
            log_level: "debug",
        }
    }

    /// A daemon with another `[clock] mode`.
    #[must_use]
    pub fn with_clock_mode(mode: &str) -> Self {
        Self {
            clock: format!("mode = \"{mode}\"\n"),
            sections: String::new(),
            log_level: "debug",
        }
    }

    /// Logs at another level than `debug`.
    #[must_use]
    pub fn with_log_level(self, log_level: &'static str) -> Self {
        Self { log_level, ..self }
    }

    /// Adds sections in TOML.
    #[must_use]
    pub fn and(mut self, sections: &str) -> Self {
        self.sections.push_str(sections);
        self.sections.push('\n');
        self
    }

    /// Adds a server to take the time from, asked every second and later every two, so that a test
    /// sees much in little time.
    #[must_use]
    pub fn and_source(self, address: impl Display) -> Self {
        let limits = "poll-interval-limits = { min = 0, max = 1 }";
        self.and(&format!(
            "[[source]]\nmode = \"server\"\naddress = \"{address}\"\n{limits}\n"
        ))
    }

    /// Adds an address to serve time on; port 0 is any free one, see
    /// [`Daemon::wait_until_serving`].
    #[must_use]
    pub fn and_server(self, listen: impl Display) -> Self {
        self.and(&format!("[[server]]\nlisten = \"{listen}\"\n"))
    }
}

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    process: Running,
    folder: TempDir,
}

impl Daemon {
    /// Starts a daemon.
    ///
    /// # Errors
    /// If it cannot be kept from the machine's clock.
    pub fn start(config: &DaemonConfig) -> Result<Self, Skip> {
        Self::start_in(None, folder(), config)
    }

    /// Starts a daemon by another program, whose words come before its own, as `env A=B`, with a
    /// folder for its files.
    ///
    /// # Errors
    /// If it cannot be kept from the machine's clock.
    pub fn start_by(
        launcher: &[&str],
        folder: TempDir,
        config: &DaemonConfig,
    ) -> Result<Self, Skip> {
        Self::launch(None, launcher, folder, config)
    }

    /// Starts a daemon at one end of a network.
    ///
    /// # Errors
    /// If it cannot be kept from the machine's clock.
    pub fn start_at(network: &Network, side: Side, config: &DaemonConfig) -> Result<Self, Skip> {
        Self::start_in(Some(network.namespace(side)), folder(), config)
    }

    /// Starts a daemon with a folder that another one has left, see [`Self::into_folder`].
    ///
    /// # Errors
    /// If it cannot be kept from the machine's clock.
    pub fn start_again(folder: TempDir, config: &DaemonConfig) -> Result<Self, Skip> {
        Self::start_in(None, folder, config)
    }

    /// Starts a daemon at one end of a network with a folder that another one has left.
    ///
    /// # Errors
    /// If it cannot be kept from the machine's clock.
    pub fn start_again_at(
        network: &Network,
        side: Side,
        folder: TempDir,
        config: &DaemonConfig,
    ) -> Result<Self, Skip> {
        Self::start_in(Some(network.namespace(side)), folder, config)
    }

    fn start_in(
        namespace: Option<&str>,
        folder: TempDir,
        config: &DaemonConfig,
    ) -> Result<Self, Skip> {
        Self::launch(namespace, &[], folder, config)
    }

    fn launch(
        namespace: Option<&str>,
        launcher: &[&str],
        folder: TempDir,
        config: &DaemonConfig,
    ) -> Result<Self, Skip> {
        let file = folder.path().join("ntp.toml");
        std::fs::write(&file, whole_text(config, folder.path()))
            .expect("the configuration can be written");
        let program = binary("ntp-daemon");
        let mut words = launcher.iter().map(OsStr::new).chain([program.as_ref()]);
        let first = words.next().expect("invariant: the daemon at least");
        let mut command = confined_in(namespace, first)?;
        command.args(words).arg("-c").arg(file);
        Ok(Self {
            process: Running::start("ntp-daemon", command),
            folder,
        })
    }

    /// Its process.
    pub const fn process(&mut self) -> &mut Running {
        &mut self.process
    }

    /// Its memory and descriptors.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        Footprint::of(self.process.id())
    }

    /// Its configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("ntp.toml")
    }

    /// Its observation socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("o.sock")
    }

    /// Replaces its configuration file, which it does not read by itself.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn rewrite(&self, config: &DaemonConfig) {
        std::fs::write(self.config_file(), whole_text(config, self.folder.path()))
            .expect("the configuration can be written");
    }

    /// The output of `ntp-ctl` with these arguments for this daemon, in 80 columns.
    ///
    /// # Panics
    /// If `ntp-ctl` cannot be started, although the daemon could.
    #[must_use]
    pub fn ctl(&self, arguments: &[&str]) -> Ended {
        let mut ctl = confined(binary("ntp-ctl")).expect("the daemon was confined as well");
        ctl.env("COLUMNS", "80")
            .arg("-c")
            .arg(self.config_file())
            .args(arguments);
        run(ctl)
    }

    /// The folder of what survives a restart.
    #[must_use]
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }

    /// Kills it, and keeps its folder.
    #[must_use]
    pub fn into_folder(mut self) -> TempDir {
        self.process.kill();
        self.folder
    }

    /// Its state; `None` while it cannot be had.
    #[must_use]
    pub fn state(&self) -> Option<Document> {
        fetch(&self.socket(), FETCH_PATIENCE).ok()
    }

    /// Waits for a state in which `claim` holds, and returns it.
    ///
    /// # Panics
    /// If that does not happen in time, or the daemon ends before.
    pub fn wait_until(
        &mut self,
        what: &str,
        patience: Duration,
        claim: impl Fn(&Document) -> bool,
    ) -> Document {
        let mut last = None;
        let reached = until(patience, || {
            last = self.state().or(last.take());
            let ended = self.process.exited();
            assert!(
                ended.is_none(),
                "the daemon ended ({ended:?}) before this came true: {what}"
            );
            last.as_ref().filter(|state| claim(state)).cloned()
        });
        let seen = || {
            last.as_ref()
                .map(|state| String::from_utf8_lossy(&write_document(state)).into_owned())
        };
        reached.unwrap_or_else(|| {
            panic!(
                "not within {patience:?}: {what}. The last state was {}",
                seen().unwrap_or_default()
            )
        })
    }

    /// Waits until it serves time, and returns where, in the order of the configuration.
    ///
    /// # Panics
    /// If that does not happen in time, or the daemon ends before.
    pub fn wait_until_serving(&mut self, patience: Duration) -> Vec<SocketAddr> {
        let state = self.wait_until("it serves time", patience, |state| {
            !state.servers.is_empty()
        });
        let addresses = state
            .servers
            .iter()
            .map(|server| server.listen_address.parse());
        addresses
            .collect::<Result<_, _>>()
            .expect("the daemon shows addresses with their ports")
    }

    /// Waits until its clock is synchronized and right by `within` seconds.
    ///
    /// # Panics
    /// If that does not happen in time, or the daemon ends before.
    pub fn wait_until_right(&mut self, within: f64, patience: Duration) -> Document {
        self.wait_until(
            &format!("synchronized and right within {within} s"),
            patience,
            |state| {
                state.system.synchronized
                    && state
                        .clock
                        .virtual_minus_system_s
                        .is_some_and(|off| off.abs() < within)
            },
        )
    }
}

/// The source at an address in a state.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn source_at(state: &Document, address: SocketAddr) -> &SourceFacts {
    let address = address.to_string();
    let found = state
        .sources
        .iter()
        .find(|source| source.address.as_ref() == Some(&address));
    found.unwrap_or_else(|| panic!("no source at {address} in {:#?}", state.sources))
}

fn whole_text(config: &DaemonConfig, folder: &Path) -> String {
    let mut text = config.sections.clone();
    let folder = folder.display();
    let written = write!(
        text,
        "\n[clock]\n{}\n[observability]\nobservation-path = \"{folder}/o.sock\"\nlog-level = \"{}\"\n\
         ansi-colors = false\n\n[storage]\ndirectory = \"{folder}/storage\"\n",
        config.clock, config.log_level
    );
    written.expect("invariant: writing to memory cannot fail");
    text
}
