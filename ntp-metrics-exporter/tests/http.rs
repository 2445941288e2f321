//! The built program over a loopback port, with a daemon's socket behind it.

use ntp_observe::{Document, SystemReason, write_document};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running exporter in a folder of its own.
struct Exporter {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Exporter {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_ntp-metrics-exporter"))
            .args(["-l", "127.0.0.1:0", "-s"])
            .arg(folder.path().join("observe.sock"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stderr.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (_, rest) = line
            .split_once("address=")
            .unwrap_or_else(|| panic!("{line}"));
        let address = rest.split_whitespace().next().unwrap().parse().unwrap();
        Self {
            process,
            address,
            folder,
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("observe.sock")
    }

    /// Lets a daemon listen that shows `document` to everybody.
    fn with_daemon(self, document: &Document) -> Self {
        let listener = UnixListener::bind(self.socket()).unwrap();
        let text = write_document(document);
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A reader that has seen enough closes early.
                let _ = stream.unwrap().write_all(&text);
            }
        });
        self
    }

    /// Status line, headers and body of the answer.
    fn ask(&self, method: &str, path: &str) -> (String, String, String) {
        self.ask_with(method, path, "")
    }

    /// The same with more header lines.
    fn ask_with(&self, method: &str, path: &str, headers: &str) -> (String, String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let (status, headers) = head.split_once("\r\n").unwrap();
        (
            status.to_owned(),
            headers.to_ascii_lowercase(),
            body.to_owned(),
        )
    }

    fn end(&mut self, signal: &str) -> ExitStatus {
        let sent = Command::new("kill")
            .args([signal, &self.process.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the exporter does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn synchronized() -> Document {
    let mut document = Document::default();
    document.system.synchronized = true;
    document
}

#[test]
fn metrics_are_openmetrics_for_those_who_ask_for_it() {
    let exporter = Exporter::start().with_daemon(&synchronized());

    let accept =
        "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n";
    let (status, headers, body) = exporter.ask_with("GET", "/metrics", accept);

    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(
        headers
            .contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{headers}"
    );
    assert!(headers.contains("vary: accept"), "{headers}");
    assert!(
        body.contains("\nntp_up 1\n") && body.contains("\nntp_synchronized 1\n"),
        "{body}"
    );
    assert!(body.ends_with("# EOF\n"), "{body}");
}

#[test]
fn metrics_are_plain_text_for_all_other_clients() {
    let exporter = Exporter::start().with_daemon(&synchronized());

    for accept in ["", "Accept: */*\r\n", "Accept: text/plain\r\n"] {
        let (status, headers, body) = exporter.ask_with("GET", "/metrics", accept);

        assert_eq!(status, "HTTP/1.1 200 OK");
        assert!(
            headers.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
            "{headers}"
        );
        assert!(body.contains("\nntp_synchronized 1\n"), "{body}");
        assert!(
            body.contains("# TYPE ntp_system_steps_total counter\n"),
            "{body}"
        );
        assert!(
            !body.contains("# EOF") && !body.contains("# UNIT"),
            "{body}"
        );
    }
}

/// `promtool` where there is one: in the path, or where PROMTOOL says.
#[test]
fn promtool_finds_nothing_wrong_with_the_plain_text() {
    let promtool = std::env::var_os("PROMTOOL").unwrap_or("promtool".into());
    let start = |document: &Document| {
        let exporter = Exporter::start().with_daemon(document);
        let mut check = Command::new(&promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .ok()?;
        check
            .stdin
            .take()
            .unwrap()
            .write_all(exporter.ask("GET", "/metrics").2.as_bytes())
            .unwrap();
        Some(check.wait_with_output().unwrap())
    };
    let mut document = synchronized();
    let unresolved = ntp_observe::SourceFacts {
        name: "ntp.example.org".into(),
        ..ntp_observe::SourceFacts::default()
    };
    document.sources = vec![unresolved.clone(), unresolved];
    document.servers = vec![ntp_observe::ServerFacts::default()];
    for document in [document, Document::default()] {
        let Some(output) = start(&document) else {
            eprintln!(
                "SKIPPED: promtool is not there (Debian: apt-get install prometheus, or \
                 PROMTOOL=path)"
            );
            return;
        };
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
}

#[test]
fn without_a_daemon_the_metrics_say_that_it_is_down() {
    let exporter = Exporter::start();

    let (status, _, body) = exporter.ask("GET", "/metrics");

    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(body.contains("\nntp_up 0\n"), "{body}");
}

#[test]
fn the_exporter_is_healthy_without_a_daemon_but_not_ready() {
    let exporter = Exporter::start();

    assert_eq!(exporter.ask("GET", "/healthz").0, "HTTP/1.1 200 OK");
    let (status, _, body) = exporter.ask("GET", "/readyz");
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert!(
        body.starts_with("daemon unreachable: no-socket: "),
        "{body}"
    );
}

#[test]
fn readiness_is_synchronization_and_says_what_is_missing() {
    let ready = Exporter::start().with_daemon(&synchronized());
    assert_eq!(ready.ask("GET", "/readyz").0, "HTTP/1.1 200 OK");

    let mut document = Document::default();
    document.system.reasons = vec![SystemReason::NoSourceUsable { known: 2 }];
    let unready = Exporter::start().with_daemon(&document);
    let (status, _, body) = unready.ask("GET", "/readyz");
    assert_eq!(
        (status.as_str(), body.as_str()),
        (
            "HTTP/1.1 503 Service Unavailable",
            "not synchronized: no-source-usable\n"
        )
    );
}

#[test]
fn other_paths_and_methods_are_refused() {
    let exporter = Exporter::start();

    assert_eq!(exporter.ask("GET", "/").0, "HTTP/1.1 404 Not Found");
    let (status, headers, _) = exporter.ask("POST", "/metrics");
    assert_eq!(status, "HTTP/1.1 405 Method Not Allowed");
    assert!(headers.contains("allow: get, head"), "{headers}");
    assert_eq!(
        exporter.ask("HEAD", "/healthz"),
        (
            "HTTP/1.1 200 OK".into(),
            exporter.ask("HEAD", "/healthz").1,
            String::new()
        )
    );
}

#[test]
fn a_daemon_that_comes_later_is_found() {
    let exporter = Exporter::start();
    assert!(exporter.ask("GET", "/metrics").2.contains("\nntp_up 0\n"));

    let exporter = exporter.with_daemon(&synchronized());

    assert!(exporter.ask("GET", "/metrics").2.contains("\nntp_up 1\n"));
}

#[test]
fn silent_clients_do_not_hold_up_the_others() {
    let exporter = Exporter::start();
    let _silent: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(exporter.address).unwrap())
        .collect();

    assert_eq!(exporter.ask("GET", "/healthz").0, "HTTP/1.1 200 OK");
}

#[test]
fn the_exporter_ends_in_order_when_it_is_told_to() {
    for signal in ["-TERM", "-INT"] {
        let mut exporter = Exporter::start();

        assert_eq!(exporter.end(signal).code(), Some(0));
    }
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let output = Command::new(env!("CARGO_BIN_EXE_ntp-metrics-exporter"))
        .args(["-l", &address])
        .output()
        .unwrap();

    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(
        complaint.contains(&format!("cannot listen on {address}")),
        "{complaint}"
    );
    assert!(complaint.contains("metrics-exporter-listen"), "{complaint}");
}

#[test]
fn a_running_exporter_has_given_up_its_rights() {
    let exporter = Exporter::start().with_daemon(&Document::default());
    exporter.ask("GET", "/metrics");
    let tasks = std::fs::read_dir(format!("/proc/{}/task", exporter.process.id())).unwrap();

    for task in tasks {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name} in {status}")).trim()
        };
        let effective = u64::from_str_radix(line("CapEff:"), 16).unwrap();
        // CAP_DAC_OVERRIDE (capabilities(7)), if this is root.
        assert_eq!(effective & !(1 << 1), 0, "{effective:x}");
        assert_eq!(line("NoNewPrivs:"), "1");
        // A kernel without it is not an error; then there is no filter.
        if Path::new("/proc/sys/kernel/seccomp").exists() {
            assert_eq!(line("Seccomp:"), "2");
        }
    }
}
