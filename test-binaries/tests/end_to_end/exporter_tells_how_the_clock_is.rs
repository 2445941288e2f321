//! The metrics exporter and ntp-ctl beside a running daemon.

use crate::{PROMPTLY, SOON};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use test_support::{
    Daemon, DaemonConfig, OddServer, Running, Skip, binary, confined, or_skip, until,
};

/// The status and the body of an answer.
fn http(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PROMPTLY)).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((
        head.split_whitespace().nth(1)?.parse().ok()?,
        body.to_owned(),
    ))
}

/// An exporter of this daemon's state, and the address at which it listens.
fn exporter(daemon: &Daemon) -> Result<(Running, String), Skip> {
    let mut exporter = confined(binary("ntp-metrics-exporter"))?;
    exporter
        .arg("-c")
        .arg(daemon.config_file())
        .args(["--listen", "127.0.0.1:0"]);
    let mut exporter = Running::start("ntp-metrics-exporter", exporter);
    let line = exporter.wait_for_line("address=127.0.0.1:", PROMPTLY);
    let (_, rest) = line.split_once("address=").expect("it was waited for");
    let address = rest
        .split_whitespace()
        .next()
        .expect("an address")
        .to_owned();
    Ok((exporter, address))
}

/// The value of a metric without labels.
fn metric(exposition: &str, name: &str) -> Option<f64> {
    let line = exposition
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn metrics_and_readiness_follow_the_daemon() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0).and_source(server.address());
    let mut daemon = or_skip!(Daemon::start(&config));
    let (mut exporter, address) = or_skip!(exporter(&daemon));

    let alive = until(PROMPTLY, || {
        http(&address, "/healthz").filter(|(status, _)| *status == 200)
    });
    assert!(alive.is_some());
    daemon.wait_until_right(0.005, SOON);
    let (status, body) = http(&address, "/readyz").expect("the exporter answers");
    assert_eq!(status, 200, "{body}");
    let (status, metrics) = http(&address, "/metrics").expect("the exporter answers");
    assert_eq!(status, 200);
    assert!(
        metrics.contains("# TYPE ntp_system_steps_total counter"),
        "who asks for nothing else gets text: {metrics}"
    );
    assert_eq!(
        metric(&metrics, "ntp_system_leap_indicator"),
        Some(0.0),
        "{metrics}"
    );
    assert_eq!(metric(&metrics, "ntp_synchronized"), Some(1.0), "{metrics}");
    assert!(metrics.contains("ntp_source_offset_seconds{"), "{metrics}");

    daemon.process().terminate(PROMPTLY);

    assert_eq!(
        http(&address, "/readyz").expect("the exporter answers").0,
        503
    );
    assert_eq!(
        http(&address, "/metrics").expect("the exporter answers").0,
        200,
        "an outage is reported as a metric"
    );
    assert_eq!(exporter.terminate(PROMPTLY).code(), Some(0));
}

#[test]
fn an_isolated_server_is_ready() {
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and_server("127.0.0.1:0")
        .and("[synchronization]\nlocal-stratum = 8\n");
    let mut daemon = or_skip!(Daemon::start(&config));
    daemon.wait_until_serving(SOON);
    let (_exporter, address) = or_skip!(exporter(&daemon));

    let ready = until(PROMPTLY, || http(&address, "/readyz")).expect("the exporter answers");

    assert_eq!(ready.0, 200, "{}", ready.1);
    assert!(
        ready
            .1
            .contains("serving this machine's own clock, as configured"),
        "{}",
        ready.1
    );
}

#[test]
fn ctl_tells_by_its_exit_code_how_the_clock_is() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0).and_source(server.address());
    let mut daemon = or_skip!(Daemon::start(&config));
    daemon.wait_until_right(0.005, SOON);

    let ended = daemon.ctl(&["--json", "status"]);

    assert_eq!(ended.status.code(), Some(0), "{ended}");
    let document: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(document["schema"], 2);
    assert_eq!(document["system"]["synchronized"], true);
    assert_eq!(
        document["sources"][0]["address"],
        server.address().to_string()
    );
    assert!(document["system"]["error_bound_s"].is_f64());
    daemon.process().terminate(PROMPTLY);
    assert_eq!(
        daemon.ctl(&["--json", "status"]).status.code(),
        Some(3),
        "the daemon is gone"
    );
}
