//! Our server under a short load: every request is answered, and every reply is what it has to be.
//! `bench/server` measures its speed.

use crate::PROMPTLY;
use serde_json::Value;
use std::net::SocketAddr;
use test_support::{Authority, Daemon, DaemonConfig, Skip, binary, confined, folder, or_skip, run};

/// Runs ntp-load, and returns its document.
fn load(target: SocketAddr, arguments: &[&str]) -> Result<Value, Skip> {
    let mut command = confined(binary("ntp-load"))?;
    command
        .arg(target.to_string())
        .args([
            "--json",
            "--for",
            "120",
            "--patience",
            "60",
            "--verify-every",
            "1",
        ])
        .args(arguments);
    let ended = run(command);
    assert!(ended.status.success(), "{ended}");
    Ok(serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended}")))
}

/// A server of stratum 1 by its own word.
fn server(more: &str) -> Result<(Daemon, SocketAddr), Skip> {
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and_server("127.0.0.1:0")
        .and(&format!("[synchronization]\nlocal-stratum = 1\n{more}"));
    let mut daemon = Daemon::start(&config)?;
    let address = daemon.wait_until_serving(PROMPTLY)[0];
    Ok((daemon, address))
}

/// Everything that was sent has come back as it should.
fn assert_all_good(document: &Value, count: u64) {
    let load = &document["load"];
    assert_eq!(document["schema"], 2);
    assert!(load["sent"].as_u64() >= Some(count), "{document:#}");
    assert_eq!(load["answered"], load["sent"], "{document:#}");
    assert_eq!(load["lost"], 0, "{document:#}");
    let others = load["others"]
        .as_object()
        .expect("other replies by their kinds");
    assert!(others.values().all(|count| *count == 0), "{document:#}");
}

#[test]
fn every_reply_to_a_plain_load_is_good() {
    let (daemon, address) = or_skip!(server(""));
    let process = daemon
        .state()
        .expect("the daemon shows its state")
        .daemon
        .pid
        .to_string();
    let arguments = [
        "--count",
        "5000",
        "--window",
        "32",
        "--from",
        "127.1.0.0/16",
        "--pid",
        &process,
        "--probes",
        "200",
    ];
    let document = or_skip!(load(address, &arguments));

    assert_all_good(&document, 5000);
    assert!(
        document["load"]["server_cpu_per_answer_us"].as_f64() > Some(0.0),
        "{document:#}"
    );
    assert!(
        document["load"]["latency_us"]["p50"].as_f64() > Some(0.0),
        "{document:#}"
    );
}

#[test]
fn a_load_by_the_clock_keeps_its_rate() {
    let (_daemon, address) = or_skip!(server(""));
    let document = or_skip!(load(address, &["--count", "500", "--rate", "1000"]));

    assert_all_good(&document, 500);
    let (took, skipped) = (
        &document["load"]["duration_s"],
        &document["load"]["skipped"],
    );
    // Requests that a busy machine made the generator skip take their time all the same. It may
    // always take longer.
    let planned = 0.5 + skipped.as_f64().unwrap() / 1000.0;
    assert!(took.as_f64().unwrap() > planned - 0.3, "{document:#}");
}

#[test]
fn every_reply_to_a_load_with_nts_is_authentic() {
    let folder = folder();
    let authority = Authority::new(folder.path());
    let certificate = authority.sign("server", &["localhost"]);
    let section = format!(
        "\n[[nts-ke-server]]\nlisten = \"127.0.0.1:0\"\ncertificate-chain-path = \"{}\"\nprivate-key-path = \"{}\"\n",
        certificate.chain.display(),
        certificate.key.display()
    );
    let (daemon, address) = or_skip!(server(&section));
    let ke = daemon
        .state()
        .expect("the daemon shows its state")
        .nts_ke_servers[0]
        .listen_address
        .clone();
    let file = authority.file().display().to_string();
    for aead in ["15", "30"] {
        let establishment = [
            "--ke",
            &ke,
            "--ke-name",
            "localhost",
            "--ca",
            &file,
            "--aead",
            aead,
        ];
        let arguments = [
            ["--count", "2000", "--window", "32", "--cookies", "1024"].as_slice(),
            &establishment,
        ]
        .concat();
        let document = or_skip!(load(address, &arguments));

        assert_all_good(&document, 2000);
        assert_eq!(
            document["load"]["authenticated"], document["load"]["sent"],
            "{document:#}"
        );
    }
    let document = or_skip!(load(
        address,
        &[
            "--count",
            "5",
            "--ke-only",
            "--ke",
            &ke,
            "--ke-name",
            "localhost",
            "--ca",
            &file
        ]
    ));
    assert_eq!(document["handshakes"]["established"], 5, "{document:#}");
    assert_eq!(document["handshakes"]["failed"], 0, "{document:#}");
}

#[test]
fn a_load_on_others_is_refused() {
    let mut command = or_skip!(confined(binary("ntp-load")));
    command.args(["203.0.114.1:123", "--for", "1", "--count", "1"]);
    let ended = run(command);

    assert!(!ended.status.success(), "{ended}");
    assert!(ended.stderr.contains("--i-own-this-network"), "{ended}");
}
