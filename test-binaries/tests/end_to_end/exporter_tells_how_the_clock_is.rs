//! The metrics exporter and ntp-ctl beside a running daemon.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use test_binaries::harness::{Daemon, DaemonConfig, OddServer, Running, binary, confined, run, until};
use test_binaries::or_skip;

use crate::{PROMPTLY, SOON};

/// The status and the body of an answer.
fn http(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PROMPTLY)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split_whitespace().nth(1)?.parse().ok()?, body.to_owned()))
}

/// The value of a metric without labels.
fn metric(exposition: &str, name: &str) -> Option<f64> {
    let line = exposition.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn metrics_and_readiness_follow_the_daemon() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0).and_source(server.address());
    let mut daemon = or_skip!(Daemon::start(&config));
    let mut exporter = or_skip!(confined(binary("ntp-metrics-exporter")));
    exporter.arg("-c").arg(daemon.config_file()).args(["--listen", "127.0.0.1:0"]);
    let mut exporter = Running::start("ntp-metrics-exporter", exporter);
    let line = exporter.wait_for_line("address=127.0.0.1:", PROMPTLY);
    let address = line.split_once("address=").and_then(|(_, rest)| rest.split_whitespace().next()).expect("an address");

    let alive = until(PROMPTLY, || http(address, "/healthz").filter(|(status, _)| *status == 200));
    assert!(alive.is_some());
    daemon.wait_until_right(0.005, SOON);
    let (status, body) = http(address, "/readyz").expect("the exporter answers");
    assert_eq!(status, 200, "{body}");
    let (status, metrics) = http(address, "/metrics").expect("the exporter answers");
    assert_eq!(status, 200);
    assert!(
        metrics.contains("# TYPE ntp_system_steps_total counter"),
        "who asks for nothing else gets text: {metrics}"
    );
    assert_eq!(metric(&metrics, "ntp_system_leap_indicator"), Some(0.0), "{metrics}");
    assert_eq!(metric(&metrics, "ntp_synchronized"), Some(1.0), "{metrics}");
    assert!(metrics.contains("ntp_source_offset_seconds{"), "{metrics}");

    daemon.process().terminate(PROMPTLY);

    assert_eq!(http(address, "/readyz").expect("the exporter answers").0, 503);
    assert_eq!(http(address, "/metrics").expect("the exporter answers").0, 200, "an outage is told as a metric");
    assert_eq!(exporter.terminate(PROMPTLY).code(), Some(0));
}

#[test]
fn an_isolated_server_is_ready() {
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and_server("127.0.0.1:0")
        .and("[synchronization]\nlocal-stratum = 8\n");
    let mut daemon = or_skip!(Daemon::start(&config));
    daemon.wait_until_serving(SOON);
    let mut exporter = or_skip!(confined(binary("ntp-metrics-exporter")));
    exporter.arg("-c").arg(daemon.config_file()).args(["--listen", "127.0.0.1:0"]);
    let mut exporter = Running::start("ntp-metrics-exporter", exporter);
    let line = exporter.wait_for_line("address=127.0.0.1:", PROMPTLY);
    let address = line.split_once("address=").and_then(|(_, rest)| rest.split_whitespace().next()).expect("an address");

    let ready = until(PROMPTLY, || http(address, "/readyz")).expect("the exporter answers");

    assert_eq!(ready.0, 200, "{}", ready.1);
    assert!(ready.1.contains("serving this machine's own clock, as configured"), "{}", ready.1);
}

#[test]
fn ctl_tells_by_its_exit_code_how_the_clock_is() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0).and_source(server.address());
    let mut daemon = or_skip!(Daemon::start(&config));
    daemon.wait_until_right(0.005, SOON);
    let status = || {
        let mut ctl = confined(binary("ntp-ctl")).expect("the daemon was confined as well");
        ctl.arg("-c").arg(daemon.config_file()).args(["--json", "status"]);
        run(ctl)
    };

    let told = status();

    assert_eq!(told.status.code(), Some(0), "{told}");
    let told: Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!(told["schema"], 1);
    assert_eq!(told["system"]["synchronized"], true);
    assert_eq!(told["sources"][0]["address"], server.address().to_string());
    assert!(told["system"]["error_bound_s"].is_f64());
    daemon.process().terminate(PROMPTLY);
    let mut ctl = or_skip!(confined(binary("ntp-ctl")));
    ctl.arg("-c").arg(daemon.config_file()).args(["--json", "status"]);
    assert_eq!(run(ctl).status.code(), Some(3), "the daemon is gone");
}
