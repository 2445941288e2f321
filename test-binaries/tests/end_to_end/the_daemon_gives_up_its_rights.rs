//! The rights of a running daemon, as the kernel shows them. ntp-sandbox/tests/refusals.rs tries from
//! inside what they are good for.

use crate::{PROMPTLY, SOON};
use ntp_observe::{Document, SandboxLevel};
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use tempfile::TempDir;
use test_support::{Daemon, DaemonConfig, OddServer, Skip, folder, or_skip};

/// The user `nobody`, who has no rights.
const NOBODY: u32 = 65534;
/// CAP_SETPCAP (capabilities(7)).
const SETPCAP: u64 = 1 << 8;

/// The value of a line of `status` of a task.
fn line(task: &Path, name: &str) -> String {
    let text = fs::read_to_string(task.join("status")).expect("the task runs");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .to_owned()
}

fn capabilities(task: &Path, set: &str) -> u64 {
    u64::from_str_radix(&line(task, set), 16).expect("a hexadecimal number")
}

/// All threads of a daemon.
fn threads(daemon: &mut Daemon) -> Vec<std::path::PathBuf> {
    let folder = format!("/proc/{}/task", daemon.process().id());
    let entries = fs::read_dir(folder).expect("the daemon runs");
    entries
        .map(|entry| entry.expect("a thread").path())
        .collect()
}

/// Panics unless each thread has given up everything.
fn assert_powerless(daemon: &mut Daemon, uid: u32, state: &Document) {
    let may_narrow = capabilities(Path::new("/proc/self"), "CapEff") & SETPCAP != 0;
    let sandbox = state.daemon.sandbox.as_ref().expect("it says so itself");
    assert_eq!(sandbox.uid, uid);
    assert_eq!(sandbox.capabilities, [] as [String; 0]);
    let threads = threads(daemon);
    assert!(threads.len() > 2, "workers and the writer at least");
    for thread in threads {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(capabilities(&thread, set), 0, "{set}");
        }
        if may_narrow {
            assert_eq!(capabilities(&thread, "CapBnd"), 0, "the bounding set");
        }
        let uids = line(&thread, "Uid");
        assert!(
            uids.split_whitespace().all(|each| each == uid.to_string()),
            "{uids}"
        );
        assert_eq!(line(&thread, "NoNewPrivs"), "1");
        if sandbox.seccomp == SandboxLevel::Full {
            assert_eq!(line(&thread, "Seccomp"), "2");
        }
    }
}

fn config(server: &OddServer, security: &str) -> DaemonConfig {
    DaemonConfig::with_virtual_clock(0.3, 20e-6)
        .and_source(server.address())
        .and("[[server]]\nlisten = \"127.0.0.1:0\"\nworker-threads = 2\n")
        .and(&format!("[security]\n{security}\n"))
}

/// A folder that belongs to `nobody`.
fn folder_of_nobody() -> Result<TempDir, Skip> {
    let folder = folder();
    chown(folder.path(), Some(NOBODY), Some(NOBODY))
        .map_err(|error| Skip(format!("only root can test this: {error}")))?;
    Ok(folder)
}

#[test]
fn started_as_root_it_keeps_nothing_and_the_clock_is_right() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let uid = rustix::process::geteuid().as_raw();
    let mut daemon = or_skip!(Daemon::start(&config(&server, "sandbox = \"auto\"")));

    let state = daemon.wait_until_right(0.005, SOON);

    assert_powerless(&mut daemon, uid, &state);
    let page = daemon.ctl(&["status", "--verbose"]);
    assert!(page.stdout.contains("Rights of the daemon"), "{page}");
    assert_eq!(daemon.process().terminate(PROMPTLY).code(), Some(0));
    assert!(
        daemon.storage().join("state").exists(),
        "its files are kept"
    );
}

#[test]
fn started_as_root_it_becomes_the_user_of_the_configuration() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let folder = or_skip!(folder_of_nobody());
    let config = config(&server, "user = \"nobody\"");
    let mut daemon = or_skip!(Daemon::start_by(&[], folder, &config));

    let state = daemon.wait_until_right(0.005, SOON);

    assert_powerless(&mut daemon, NOBODY, &state);
    assert_eq!(daemon.process().terminate(PROMPTLY).code(), Some(0));
    assert!(
        daemon.storage().join("state").exists(),
        "its files are kept"
    );
}

#[test]
fn started_without_rights_it_works_with_what_it_has_and_says_what_it_lacks() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let folder = or_skip!(folder_of_nobody());
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--bounding-set=-all",
    ];
    let config = config(&server, "user = \"daemon\"");
    let mut daemon = or_skip!(Daemon::start_by(&nobody, folder, &config));

    let state = daemon.wait_until_right(0.005, SOON);

    assert_powerless(&mut daemon, NOBODY, &state);
    let lacking = state.daemon.sandbox.expect("it says so itself").lacking;
    assert!(
        lacking
            .iter()
            .any(|each| each.contains("the user is not daemon")),
        "{lacking:?}"
    );
}

#[test]
fn a_low_port_is_bound_with_a_capability_that_is_given_up_then() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let folder = or_skip!(folder_of_nobody());
    // As by the unit: User= and AmbientCapabilities=.
    let unit = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=+net_bind_service",
        "--ambient-caps=+net_bind_service",
    ];
    // An address that no other program uses.
    let config = config(&server, "sandbox = \"auto\"").and_server("127.86.7.5:123");
    let mut daemon = or_skip!(Daemon::start_by(&unit, folder, &config));

    let state = daemon.wait_until_right(0.005, SOON);

    let listen = &state.servers.last().expect("two servers").listen_address;
    assert_eq!(listen, "127.86.7.5:123");
    for thread in threads(&mut daemon) {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(capabilities(&thread, set), 0, "{set}");
        }
    }
}

#[test]
fn without_a_sandbox_capabilities_are_given_up_all_the_same() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let mut daemon = or_skip!(Daemon::start(&config(&server, "sandbox = \"off\"")));

    let state = daemon.wait_until_right(0.005, SOON);

    let uid = rustix::process::geteuid().as_raw();
    assert_powerless(&mut daemon, uid, &state);
    let sandbox = state.daemon.sandbox.expect("it says so itself");
    assert_eq!(sandbox.landlock, SandboxLevel::Off);
    for thread in threads(&mut daemon) {
        assert_eq!(line(&thread, "Seccomp"), "0");
    }
}

#[test]
fn an_unknown_user_is_named_with_the_remedy() {
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and_source("127.0.0.1:9")
        .and("[security]\nuser = \"no-such-user-here\"\n");
    let mut daemon = or_skip!(Daemon::start(&config));

    assert_eq!(daemon.process().wait(PROMPTLY).code(), Some(1));

    let said = daemon.process().output();
    assert!(
        said.contains("no user no-such-user-here") && said.contains("systemd-sysusers"),
        "{said}"
    );
}
