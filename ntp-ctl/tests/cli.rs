//! The built program against a daemon's socket.

use ntp_observe::{Document, SystemReason, write_document};
use serde_json::Value;
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use tempfile::TempDir;

/// A daemon that sends the same text to one reader after another, as long as the tests run.
struct Daemon {
    folder: TempDir,
}

impl Daemon {
    fn sending(text: Vec<u8>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("observe.sock")).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A reader that has seen enough closes early.
                let _ = stream.unwrap().write_all(&text);
            }
        });
        Self { folder }
    }

    fn showing(document: &Document) -> Self {
        Self::sending(write_document(document))
    }

    fn socket(&self) -> String {
        self.folder
            .path()
            .join("observe.sock")
            .display()
            .to_string()
    }
}

fn synchronized() -> Document {
    let mut document = Document::default();
    document.clock.steering = true;
    document.system.synchronized = true;
    document.system.error_bound_s = Some(0.0012);
    document
}

fn unsynchronized() -> Document {
    let mut document = Document::default();
    document.clock.steering = true;
    document.system.reasons = vec![SystemReason::WaitingForFirstReplies { asked: 2 }];
    document
}

fn ctl(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ntp-ctl"))
        .args(args)
        .env_remove("COLUMNS")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn write(folder: &Path, text: &str) -> String {
    let path = folder.join("ntp.toml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_synchronized_clock_is_exit_code_zero() {
    let daemon = Daemon::showing(&synchronized());

    for command in ["status", "sources"] {
        let output = ctl(&["-s", &daemon.socket(), command]);

        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(
            text(&output.stdout).starts_with("Synchronized: the clock is right to within 1.20 ms"),
            "{output:?}"
        );
    }
}

#[test]
fn an_unsynchronized_clock_is_exit_code_four_with_the_reason() {
    let daemon = Daemon::showing(&unsynchronized());

    let output = ctl(&["status", "--socket", &daemon.socket()]);

    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(
        text(&output.stdout).starts_with("NOT synchronized: none of 2 sources has answered yet."),
        "{output:?}"
    );
}

#[test]
fn an_absent_daemon_is_exit_code_three_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("observe.sock").display().to_string();

    let output = ctl(&["-s", &socket, "status"]);

    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(
        text(&output.stderr).contains("the daemon is not running"),
        "{output:?}"
    );
    assert!(output.stdout.is_empty(), "{output:?}");

    let output = ctl(&["-s", &socket, "status", "--json"]);

    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(json(&output)["error"]["code"], "no-socket");
}

#[test]
fn a_daemon_of_another_schema_is_refused_in_one_sentence() {
    let daemon = Daemon::sending(br#"{"schema": 3}"#.to_vec());

    let output = ctl(&["-s", &daemon.socket(), "status"]);

    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
    assert!(
        text(&output.stderr).contains("reads schema 2, but the daemon speaks schema 3"),
        "{output:?}"
    );
}

#[test]
fn json_is_the_daemon_s_document_with_the_same_exit_codes() {
    for (document, code) in [(synchronized(), 0), (unsynchronized(), 4)] {
        let daemon = Daemon::showing(&document);

        let output = ctl(&["--json", "-s", &daemon.socket(), "status"]);

        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(json(&output), serde_json::to_value(&document).unwrap());
    }
}

#[test]
fn sources_as_json_carry_the_schema() {
    let daemon = Daemon::showing(&synchronized());

    let output = ctl(&["sources", "--json", "-s", &daemon.socket()]);

    assert_eq!(
        json(&output),
        serde_json::json!({ "schema": 2, "sources": [] })
    );
}

#[test]
fn the_daemon_is_found_through_its_configuration() {
    let daemon = Daemon::showing(&synchronized());
    let source = "[[source]]\nmode = \"server\"\naddress = \"192.0.2.1\"\n";
    let config = write(
        daemon.folder.path(),
        &format!(
            "{source}[observability]\nobservation-path = \"{}\"\n",
            daemon.socket()
        ),
    );

    let output = ctl(&["-c", &config, "status"]);

    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_configuration_is_validated_with_exit_codes_zero_and_one() {
    let folder = tempfile::tempdir().unwrap();
    let good = "[[source]]\nmode = \"server\"\naddress = \"192.0.2.1\"\n";
    for (text_of_file, code) in [(good, 0), ("[[sauce]]\n", 1), ("bad", 1)] {
        let config = write(folder.path(), text_of_file);
        for args in [
            vec!["validate", &config],
            vec!["validate", "-c", &config],
            vec!["-c", &config, "validate"],
        ] {
            let output = ctl(&args);
            assert_eq!(output.status.code(), Some(code), "{output:?}");
            let verdict = if code == 0 { "Valid: " } else { "NOT valid: " };
            assert!(text(&output.stdout).starts_with(verdict), "{output:?}");
        }
        let output = ctl(&["validate", "--json", &config]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(json(&output)["valid"], Value::Bool(code == 0));
    }
}

#[test]
fn a_configuration_whose_certificate_is_not_there_is_exit_code_one_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let text_of_file = "[[server]]\nlisten = \"127.0.0.1\"\n[[nts-ke-server]]\nlisten = \
                        \"127.0.0.1\"\ncertificate-chain-path = \
                        \"/nowhere/chain.pem\"\nprivate-key-path = \
                        \"/nowhere/key.pem\"\n[synchronization]\nlocal-stratum = 10\n";
    let config = write(folder.path(), text_of_file);

    let output = ctl(&["validate", &config]);

    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let page = text(&output.stdout);
    assert!(page.starts_with("NOT valid on this machine: "), "{page}");
    assert!(
        page.contains("error: /nowhere/chain.pem does not exist\n  = help: "),
        "{page}"
    );
    let output = ctl(&["validate", "--json", &config]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(json(&output)["valid"], Value::Bool(false));
    assert!(
        json(&output)["error"]["problems"][0]
            .as_str()
            .unwrap()
            .contains("/nowhere/chain.pem")
    );
}

#[test]
fn a_configuration_that_cannot_be_read_is_exit_code_one() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("ntp.toml").display().to_string();

    for command in ["status", "validate"] {
        let output = ctl(&["-c", &absent, command]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
}

#[test]
fn an_unknown_command_is_exit_code_two() {
    assert_eq!(ctl(&["stratus"]).status.code(), Some(2));
}

#[test]
fn a_reader_that_goes_away_gets_no_complaint() {
    let mut document = synchronized();
    document.daemon.config_path = Some("x".repeat(1 << 20));
    let daemon = Daemon::showing(&document);
    let mut child = Command::new(env!("CARGO_BIN_EXE_ntp-ctl"))
        .args(["--json", "-s", &daemon.socket(), "status"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn output_that_is_no_terminal_has_no_colors() {
    let daemon = Daemon::showing(&synchronized());

    assert!(
        !ctl(&["-s", &daemon.socket(), "status"])
            .stdout
            .contains(&0x1b)
    );
}

#[test]
fn while_it_reads_what_a_daemon_sends_it_has_no_rights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("observe.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut ctl = Command::new(env!("CARGO_BIN_EXE_ntp-ctl"))
        .args(["status", "-s"])
        .arg(&path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stream, _) = listener.accept().unwrap();

    let status = std::fs::read_to_string(format!("/proc/{}/status", ctl.id())).unwrap();
    stream.write_all(&write_document(&synchronized())).unwrap();
    drop(stream);

    assert_eq!(ctl.wait().unwrap().code(), Some(0));
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in {status}")).trim()
    };
    let effective = u64::from_str_radix(line("CapEff:"), 16).unwrap();
    // CAP_DAC_OVERRIDE (capabilities(7)), if this is root.
    assert_eq!(effective & !(1 << 1), 0, "{effective:x}");
    assert_eq!(line("NoNewPrivs:"), "1");
    if Path::new("/proc/sys/kernel/seccomp").exists() {
        assert_eq!(line("Seccomp:"), "2");
    }
}
