//! A process that has given up everything tries what an attacker would try.
//!
//! It is a program of its own, without the test harness: a sandbox has to be put around a process
//! with a single thread, and cannot be left.
#![forbid(unsafe_code)]

use ntp_sandbox::{CapabilitySet, Level, Mode, Policy, User};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The line of `/proc/thread-self/status` with this name.
fn status(name: &str) -> String {
    let text = fs::read_to_string("/proc/thread-self/status").expect("a process can read its own");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .to_owned()
}

fn capabilities(set: &str) -> u64 {
    u64::from_str_radix(&status(set), 16).expect("a hexadecimal number")
}

/// CAP_CHOWN stands in for CAP_SYS_TIME, which no test has.
const KEPT: u64 = 1;
/// CAP_SETPCAP (capabilities(7)).
const SETPCAP: u64 = 1 << 8;

#[track_caller]
fn refused<T>(what: &str, outcome: std::io::Result<T>) {
    let error = outcome.err().unwrap_or_else(|| panic!("{what} succeeded"));
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {error}");
}

/// Writes to standard output.
fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").expect("standard output is open");
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (state, foreign) = (folder.path().join("state"), folder.path().join("foreign"));
    for folder in [&state, &foreign] {
        fs::create_dir(folder).expect("a folder");
    }
    fs::write(foreign.join("secret"), "secret").expect("a file");
    let there = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let allowed = there.local_addr().expect("its address");
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let forbidden = elsewhere.local_addr().expect("its address");
    let root = rustix::process::geteuid().is_root();
    let user = root.then(|| User::named("nobody").ok()).flatten();
    if let Some(user) = &user {
        for folder in [folder.path(), &state] {
            std::os::unix::fs::chown(folder, Some(user.uid()), Some(user.gid())).expect("root may");
        }
    }
    let held = capabilities("CapPrm");
    let policy = Policy {
        user: user.clone(),
        keep: CapabilitySet::CHOWN,
        mode: Mode::Auto,
        write: vec![state.clone()],
        connect: vec![allowed.port()],
        ..Policy::default()
    };

    let reached = policy.apply().expect("it can be applied");

    privileges(held, root, user.as_ref());
    let sandbox = Sandbox {
        state: &state,
        foreign: &foreign,
        allowed,
        forbidden,
    };
    if reached.seccomp == Level::Full {
        calls();
        assert_eq!(status("Seccomp"), "2");
    } else {
        say(&format!(
            "system calls are not tested: {:?}",
            reached.lacking
        ));
    }
    if reached.landlock == Level::Unavailable {
        say(&format!("files are not tested: {:?}", reached.lacking));
    } else {
        sandbox.files();
    }
    if reached.landlock == Level::Full {
        sandbox.ports();
    }
    // Every thread that comes later is in it as well.
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            assert_eq!(status("NoNewPrivs"), "1");
            if reached.seccomp == Level::Full {
                calls();
            }
        });
        inside.join().expect("the thread has found the same");
    });
    say(&format!("refusals: ok, {reached:?}"));
}

/// Exactly one capability is left, if it was held.
fn privileges(held: u64, root: bool, user: Option<&User>) {
    for set in ["CapPrm", "CapEff"] {
        assert_eq!(capabilities(set), held & KEPT, "{set}");
    }
    for set in ["CapInh", "CapAmb"] {
        assert_eq!(capabilities(set), 0, "{set}");
    }
    assert_eq!(status("NoNewPrivs"), "1");
    if root && held & SETPCAP != 0 {
        assert_eq!(capabilities("CapBnd"), held & KEPT, "the bounding set");
    }
    if let Some(user) = user {
        let uid = user.uid().to_string();
        let uids = status("Uid");
        assert!(uids.split_whitespace().all(|each| each == uid), "{uids}");
    }
}

fn calls() {
    refused("a new process", Command::new("/bin/true").status());
    // If it succeeded, the test would end with an error.
    refused(
        "executing a program",
        Err::<(), _>(Command::new("/bin/false").exec()),
    );
    let raw = socket2::Socket::new(
        socket2::Domain::from(libc::AF_PACKET),
        socket2::Type::DGRAM,
        None,
    );
    refused("a packet socket", raw);
}

/// The places that the process may and may not reach.
struct Sandbox<'a> {
    state: &'a Path,
    foreign: &'a Path,
    allowed: std::net::SocketAddr,
    forbidden: std::net::SocketAddr,
}

impl Sandbox<'_> {
    fn files(&self) {
        fs::write(self.state.join("drift"), "1").expect("its own folder can be written");
        fs::rename(self.state.join("drift"), self.state.join("moved")).expect("and sorted");
        assert!(File::open("/etc/passwd").is_ok(), "settings can be read");
        refused("a foreign file", File::open(self.foreign.join("secret")));
        refused("a foreign folder", fs::read_dir("/root"));
        refused("a new file elsewhere", File::create("/tmp/from-inside"));
        refused("a disk", File::open("/dev/vda"));
    }

    fn ports(&self) {
        TcpStream::connect(self.allowed).expect("the port of a source can be reached");
        refused("a foreign port", TcpStream::connect(self.forbidden));
        refused("a port to listen on", TcpListener::bind("127.0.0.1:0"));
        UdpSocket::bind("127.0.0.1:0").expect("requests can be sent");
    }
}
