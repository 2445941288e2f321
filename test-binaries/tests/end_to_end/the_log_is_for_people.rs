//! The log of a daemon: who it is, to whom its clock is synchronized and how well, in numbers and
//! words for people.

use crate::{PROMPTLY, SOON};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::time::Duration;
use test_support::{Daemon, DaemonConfig, OddServer, binary, confined, folder, or_skip, until};

/// The traces of a `{:?}` in a log line.
const TRACES_OF_DEBUG: [&str; 8] = [
    "Some(",
    "None",
    "Ok(",
    "Err(",
    "Kiss(",
    "Judged(",
    "SystemPeer",
    "Unsynchronized",
];

fn assert_for_people(log: &str) {
    for trace in TRACES_OF_DEBUG {
        assert!(!log.contains(trace), "`{trace}`: {log}");
    }
    for line in log.lines() {
        // No number has an exponent or more than six decimals, but for the fraction of the time
        // stamp.
        let text = line.split_once("Z ").map_or(line, |(_, text)| text);
        let exponent = text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-')
            .any(|word| {
                word.split_once("e-")
                    .is_some_and(|(digits, _)| digits.parse::<f64>().is_ok())
            });
        assert!(!exponent, "{line}");
    }
}

#[test]
fn a_log_begins_with_the_program_and_names_the_server_that_the_clock_is_synchronized_to() {
    let server = or_skip!(OddServer::behaving("honest", &["--offset", "0.3"]));
    let refusing = or_skip!(OddServer::behaving("kiss-deny", &[]));
    let useless = or_skip!(OddServer::behaving("unsynchronized", &[]));
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0)
        .and_source(server.address())
        .and_source(refusing.address())
        .and_source(useless.address());
    let mut daemon = or_skip!(Daemon::start(&config));
    daemon.wait_until("it is synchronized", SOON, |state| {
        state.system.synchronized
    });
    daemon
        .process()
        .wait_for_line("replies cannot be used", SOON);

    let log = daemon.process().output();

    let first = log.lines().next().expect("a line");
    let version = env!("CARGO_PKG_VERSION");
    let file = daemon.config_file().display().to_string();
    assert!(
        first.contains(&format!(
            "Truechimer ntp-daemon {version} starts; configuration: {file}"
        )),
        "{log}"
    );
    assert!(first.contains("clock: a virtual one"), "{log}");
    let synchronized = format!(
        "the clock is synchronized to {}, right to within ",
        server.address()
    );
    assert!(
        log.contains(&synchronized) && log.contains("stratum 2, the only usable source"),
        "{log}"
    );
    assert!(log.contains("refuses to serve us (DENY)"), "{log}");
    let exchange = log
        .lines()
        .find(|line| line.contains(" exchange "))
        .expect("each exchange is there at debug");
    for number in [
        "offset=+",
        "delay=",
        "dispersion=",
        "root_delay=",
        "stratum=1",
        "reach=",
    ] {
        assert!(exchange.contains(number), "{number}: {exchange}");
    }
    assert_for_people(&log);
}

#[test]
fn lines_carry_the_time_without_a_terminal() {
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_source("127.0.0.1:9");
    let mut daemon = or_skip!(Daemon::start(&config));
    daemon.process().wait_for_line("starts", PROMPTLY);

    let log = daemon.process().output();

    for line in log.lines() {
        let (stamp, _) = line.split_once(' ').expect("words");
        assert!(
            stamp.starts_with("20") && stamp.contains('T') && stamp.ends_with('Z'),
            "{line}"
        );
    }
}

#[test]
fn the_journal_gets_priorities_and_stamps_its_lines_itself() {
    let folder = folder();
    let (file, output) = (folder.path().join("ntp.toml"), folder.path().join("output"));
    let text = format!(
        "[[source]]\nmode = \"server\"\naddress = \"127.0.0.1:9\"\n[clock]\nmode = \"virtual\"\n[observability]\n\
         observation-path = \"{0}/o.sock\"\n[storage]\ndirectory = \"none\"\n",
        folder.path().display()
    );
    std::fs::write(&file, text).expect("the configuration can be written");
    let written = File::create(&output).expect("a file can be made");
    let metadata = written.metadata().expect("a file has metadata");
    let mut command = or_skip!(confined(binary("ntp-daemon")));
    command.arg("-c").arg(&file).env(
        "JOURNAL_STREAM",
        format!("{}:{}", metadata.dev(), metadata.ino()),
    );
    let mut child = command
        .stderr(Stdio::from(written))
        .spawn()
        .expect("the daemon can be started");
    let log = until(PROMPTLY, || {
        let log = std::fs::read_to_string(&output).ok()?;
        log.contains("VIRTUAL").then_some(log)
    });
    let _ = child.kill();
    let _ = child.wait();

    let log = log.expect("the daemon says that its clock is a virtual one");
    assert!(log.starts_with("<6>Truechimer ntp-daemon "), "{log}");
    assert!(
        log.lines()
            .any(|line| line.starts_with("<4>steering a VIRTUAL clock")),
        "{log}"
    );
    assert!(
        log.lines()
            .all(|line| line.starts_with('<') && !line.contains("INFO")),
        "{log}"
    );
}

#[test]
fn signals_that_other_daemons_take_for_their_statistics_end_nothing() {
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_source("127.0.0.1:9");
    let mut daemon = or_skip!(Daemon::start(&config));
    daemon.process().wait_for_line("new source", PROMPTLY);

    for name in daemon.process().send_user_signals() {
        let line = daemon.process().wait_for_line(name, PROMPTLY);
        assert!(line.contains("ntp-ctl status"), "{line}");
    }

    std::thread::sleep(Duration::from_millis(100));
    assert!(daemon.process().exited().is_none(), "it still runs");
    assert_eq!(daemon.process().terminate(PROMPTLY).code(), Some(0));
}
