//! chronyd and chronyc.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;
use test_support::{Ended, Peers, Running, Skip, folder, run};

/// A running chronyd, which leaves the machine's clock alone (`-x`).
#[derive(Debug)]
pub(crate) struct Chronyd {
    peers: Peers,
    process: Running,
    folder: TempDir,
}

impl Chronyd {
    /// Starts chronyd with these lines in its configuration.
    pub(crate) fn start(peers: &Peers, namespace: Option<&str>, lines: &str) -> Result<Self, Skip> {
        let folder = folder();
        let at = folder.path().display();
        let common = format!(
            "bindcmdaddress {at}/chronyd.sock\npidfile {at}/pid\ncmdport 0\nuser {}\n",
            user()
        );
        let file = folder.path().join("chrony.conf");
        std::fs::write(&file, common + lines).expect("the configuration can be written");
        let mut command = chronyd(peers, namespace)?;
        command.args(["-x", "-d"]).arg("-f").arg(file);
        Ok(Self {
            peers: peers.clone(),
            process: Running::start("chronyd", command),
            folder,
        })
    }

    /// A server of stratum 1 that serves the machine's time to all clients.
    pub(crate) fn serve(peers: &Peers, namespace: Option<&str>) -> Result<Self, Skip> {
        Self::start(peers, namespace, "local stratum 1\nallow all\nport 123\n")
    }

    /// A client of one server, with these options for it.
    pub(crate) fn ask(peers: &Peers, server: SocketAddr, options: &str) -> Result<Self, Skip> {
        Self::start(
            peers,
            None,
            &format!(
                "port 0\nserver {} port {} {options}\n",
                server.ip(),
                server.port()
            ),
        )
    }

    /// The answer of chronyc, as comma-separated values.
    pub(crate) fn chronyc(&self, command: &str) -> Ended {
        let mut chronyc = self
            .peers
            .command(None, "usr/bin/chronyc")
            .expect("chronyc comes with chronyd");
        chronyc
            .arg("-h")
            .arg(self.folder.path().join("chronyd.sock"))
            .args(["-n", "-c", command]);
        run(chronyc)
    }

    /// The fields of the line that `chronyc sources` prints about its only source: mode, state,
    /// name, stratum, poll, reach, ….
    pub(crate) fn source(&self) -> Option<Vec<String>> {
        let answer = self.chronyc("sources");
        let line = answer.stdout.lines().next()?;
        let fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        (fields.len() >= 8).then_some(fields)
    }

    /// Its log so far.
    pub(crate) fn output(&self) -> String {
        self.process.output()
    }
}

/// chronyd without its filter of system calls, which knows only the machines of its maker, and for
/// any user.
pub(crate) fn chronyd(peers: &Peers, namespace: Option<&str>) -> Result<Command, Skip> {
    let mut command = peers.command(namespace, "usr/sbin/chronyd")?;
    command.args(["-F", "0", "-U"]);
    Ok(command)
}

/// Asks a server some times, and returns how far chronyd says that the machine's clock is behind
/// it.
pub(crate) fn offset_by_chronyd(peers: &Peers, server: SocketAddr) -> Result<f64, Skip> {
    let folder = folder();
    let pid: PathBuf = folder.path().join("pid");
    let mut command = chronyd(peers, None)?;
    command
        .args(["-Q", "-t", "20"])
        .args([&format!("user {}", user()), "cmdport 0", "port 0"]);
    command
        .arg(format!("pidfile {}", pid.display()))
        .arg(format!(
            "server {} port {} iburst",
            server.ip(),
            server.port()
        ));
    let ended = run(command);
    let words = "System clock wrong by ";
    let output = format!("{}{}", ended.stdout, ended.stderr);
    let offset = output
        .split_once(words)
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    Ok(offset.unwrap_or_else(|| panic!("chronyd did not say `{words}`: {ended}")))
}

/// The name of the user of this process, who must own the folder of its socket.
fn user() -> String {
    let mut id = Command::new("id");
    id.arg("-un");
    run(id).stdout.trim().to_owned()
}
