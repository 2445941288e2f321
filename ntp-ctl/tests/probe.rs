//! The built program against servers of NTP and of NTS, without a daemon.

#[path = "../../ntp-probe/tests/servers/mod.rs"]
mod servers;

use ntp_proto::server::{AccessList, AccessPolicy, FilterAction, ServedState, ServerConfig};
use rcgen::{DnType, SanType, date_time_ymd};
use serde_json::Value;
use servers::{Authority, KeyService, TimeService, key_set, silent};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Command, Output};

fn ctl(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ntp-ctl"))
        .args(args)
        .env("COLUMNS", "400")
        .output()
        .unwrap()
}

/// One sample with plain NTP. The time-out is that of a busy machine; a server that never answers
/// costs it.
fn query(server: SocketAddr, more: &[&str]) -> Output {
    let server = server.to_string();
    ctl(&[
        &["query", &server, "--samples", "1", "--timeout", "5"],
        more,
    ]
    .concat())
}

/// One sample with NTS, believing `authority` alone.
fn nts(authority: &Authority, server: SocketAddr, more: &[&str]) -> Output {
    let (server, file) = (server.to_string(), authority.file().display().to_string());
    ctl(&[
        &[
            "nts",
            &server,
            "--samples",
            "1",
            "--timeout",
            "10",
            "--ca",
            &file,
            "--no-system-ca",
        ],
        more,
    ]
    .concat())
}

fn page(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Looks at the exit code, the beginning, and what else must be on the page.
fn claim(output: &Output, code: i32, beginning: &str, parts: &[&str]) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let page = page(output);
    assert!(page.starts_with(beginning), "{page}");
    for part in parts {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
}

fn with_nts() -> TimeService {
    TimeService {
        keys: Some(key_set(1)),
        ..TimeService::default()
    }
}

fn denying() -> ServerConfig {
    let no_one = Some(AccessList::default());
    let access = AccessPolicy {
        allow: no_one,
        allow_action: FilterAction::Deny,
        ..AccessPolicy::default()
    };
    ServerConfig {
        access,
        ..ServerConfig::default()
    }
}

#[test]
fn a_good_server_is_exit_code_zero_with_the_verdict_first() {
    let server = TimeService {
        ahead: 300.0,
        ..TimeService::default()
    }
    .start();

    let output = query(server, &[]);

    let verdict = format!("NTP works: by {server}, this machine's clock is 300 s behind (± ");
    claim(
        &output,
        0,
        &verdict,
        &[
            "stratum 1, reference GPS",
            "the kernel",
            "+300 s",
            "measured",
        ],
    );
}

#[test]
fn the_json_of_a_query_has_its_facts() {
    let report = json(&query(TimeService::default().start(), &["--json"]));

    assert_eq!(report["schema"], 1);
    for field in [
        "address",
        "offset_s",
        "delay_s",
        "jitter_s",
        "error_bound_s",
        "sent_by",
        "received_by",
    ] {
        assert!(
            report["measured"].get(field).is_some(),
            "{field} is missing in {report:#}"
        );
    }
    for field in [
        "version",
        "leap",
        "stratum",
        "reference_id",
        "root_delay_s",
        "root_dispersion_s",
        "precision_s",
    ] {
        assert!(
            !report["server"][field].is_null(),
            "{field} is missing in {report:#}"
        );
    }
    assert!(report["error"].is_null());
}

#[test]
fn a_closed_port_a_silent_server_a_kiss_and_a_lost_clock_are_exit_code_one() {
    let closed = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    claim(
        &query(closed, &[]),
        1,
        "NTP does NOT work: no reply",
        &["ICMP port unreachable", "What to do: does an NTP"],
    );

    claim(
        &query(silent(), &[]),
        1,
        "NTP does NOT work: no reply comes from 127.0.0.1",
        &["firewall", "no-reply"],
    );

    let kiss = TimeService {
        config: denying(),
        ..TimeService::default()
    }
    .start();
    claim(
        &query(kiss, &[]),
        1,
        "NTP does NOT work: ",
        &["kiss code DENY", "use another server"],
    );
    assert_eq!(
        json(&query(kiss, &["--json"]))["error"]["code"],
        "kiss-deny"
    );

    let lost = TimeService {
        state: ServedState::UNSYNCHRONIZED,
        ..TimeService::default()
    }
    .start();
    claim(
        &query(lost, &[]),
        1,
        "NTP does NOT work: ",
        &["its own clock is not synchronized", "stratum 16"],
    );
}

#[test]
fn authenticated_time_is_exit_code_zero_with_all_its_proofs() {
    let authority = Authority::new();
    let ntp = with_nts().start();
    let server = KeyService::new(&authority, ntp).start();

    let output = nts(&authority, server, &[]);

    let verdict = format!(
        "NTS works: time from {ntp} is authenticated with AES-128-GCM-SIV; this machine's clock is "
    );
    let port = format!("UDP port {}", ntp.port());
    let parts = [
        "1.3, X25519MLKEM768, TLS13_",
        "8 cookies of ",
        " octets; 1 new came with replies",
        "Authority of the tests",
        " (for pinned-keys)",
        " days left)",
        &port,
    ];
    claim(&output, 0, &verdict, &parts);
    assert!(!page(&output).contains("Warning"), "{output:?}");
}

#[test]
fn the_json_of_nts_has_its_facts_and_a_pin_of_its_own_key_fits() {
    let authority = Authority::new();
    let server = KeyService::new(&authority, with_nts().start()).start();

    let report = json(&nts(
        &authority,
        server,
        &["--json", "--aead", "AES-SIV-CMAC-256"],
    ));

    assert_eq!(
        (&report["schema"], &report["keys"]["aead"]),
        (&1.into(), &"AES-SIV-CMAC-256".into())
    );
    assert_eq!(
        report["stages"].as_array().unwrap().last(),
        Some(&"ntp".into())
    );
    assert!(
        report["measured"]["offset_s"].is_f64() && report["error"].is_null(),
        "{report:#}"
    );
    assert_eq!(
        (&report["keys"]["cookies"], &report["new_cookies"]),
        (&8.into(), &1.into())
    );

    let own = report["certificates"][0]["key_sha256"].as_str().unwrap();
    assert_eq!(
        nts(&authority, server, &["--pin", own]).status.code(),
        Some(0)
    );
    let other = "00".repeat(32);
    let refused = nts(&authority, server, &["--pin", &other, "--json"]);
    assert_eq!(
        (refused.status.code(), &json(&refused)["error"]["code"]),
        (Some(1), &"pinned-key-mismatch".into())
    );
}

#[test]
fn a_certificate_that_is_not_believed_is_shown_with_the_stage_that_failed() {
    let (authority, stranger) = (Authority::new(), Authority::named("Stranger"));
    let server = KeyService::new(&stranger, with_nts().start()).start();

    let output = nts(&authority, server, &[]);

    let worked =
        "Worked: certificate authorities, look-up of the name, TCP connection, TLS handshake.";
    let failed = "Failed: certificate (certificate-unknown-issuer).";
    claim(
        &output,
        1,
        "NTS does NOT work: no trusted authority",
        &[worked, failed, "issuer     CN=Stranger", "with --ca."],
    );
}

#[test]
fn a_certificate_for_another_name_is_refused_with_its_names() {
    let authority = Authority::new();
    let server = KeyService {
        certificate: |params| {
            params.subject_alt_names =
                vec![SanType::DnsName("elsewhere.example".try_into().unwrap())];
        },
        ..KeyService::new(&authority, with_nts().start())
    };

    let output = nts(&authority, server.start(), &[]);

    claim(
        &output,
        1,
        "NTS does NOT work: the certificate is not for 127.0.0.1: it is for elsewhere.example",
        &[],
    );
}

#[test]
fn a_certificate_outside_its_time_is_shown_beside_the_clock() {
    let authority = Authority::new();
    let server = KeyService {
        certificate: |params| {
            (params.not_before, params.not_after) =
                (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        },
        ..KeyService::new(&authority, with_nts().start())
    };

    let output = nts(&authority, server.start(), &[]);

    let dates = "2019-01-01T00:00:00Z to 2020-01-01T00:00:00Z (ended ";
    let parts = [
        "compare this machine's clock with a watch",
        "Clock        20",
        dates,
    ];
    claim(
        &output,
        1,
        "NTS does NOT work: the certificate expired at 2020-01-01 00:00:00 UTC",
        &parts,
    );
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of() {
    let authority = Authority::new();
    let server = KeyService {
        certificate: |params| params.not_after = (std::time::SystemTime::now() + SOON).into(),
        ..KeyService::new(&authority, with_nts().start())
    };

    claim(
        &nts(&authority, server.start(), &[]),
        0,
        "NTS works",
        &["Warning: the certificate expires in 4 days"],
    );
}

const SOON: std::time::Duration = std::time::Duration::from_secs(5 * 86_400 - 60);

#[test]
fn a_plain_server_does_not_pass_for_one_with_nts() {
    let authority = Authority::new();
    let behind_keys = KeyService::new(&authority, TimeService::default().start()).start();
    let parts = [
        "arrive without NTS authentication",
        "NTS key establishment, look-up of the NTP server.",
        "8 cookies",
    ];
    claim(
        &nts(&authority, behind_keys, &[]),
        1,
        "NTS does NOT work: keys were established, but",
        &parts,
    );

    // Its port takes no TCP.
    let plain = TimeService::default().start();
    let refused = nts(&authority, plain, &["--json"]);
    assert_eq!(
        (refused.status.code(), &json(&refused)["error"]["code"]),
        (Some(1), &"connection-refused".into())
    );

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = listener.local_addr().unwrap();
    claim(
        &nts(&authority, mute, &[]),
        1,
        "NTS does NOT work: TLS handshake: no reply within",
        &["Failed: TLS handshake (timed-out)."],
    );
}

#[test]
fn what_the_peer_says_cannot_harm_a_terminal() {
    let authority = Authority::named("Evil\u{1b}[2J\u{202e}");
    let server = KeyService {
        certificate: |params| {
            params
                .distinguished_name
                .push(DnType::CommonName, "\u{1b}]0;title\u{7}");
        },
        ..KeyService::new(&authority, with_nts().start())
    };
    let server = server.start();

    for more in [&[][..], &["--json"]] {
        let output = nts(&authority, server, more);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!page(&output).contains(harmful), "{output:?}");
    }
}

#[test]
fn a_file_of_authorities_that_is_not_there_is_named() {
    let output = ctl(&["nts", "127.0.0.1", "--ca", "/nowhere/ca.pem"]);

    claim(
        &output,
        1,
        "NTS does NOT work: cannot read the certificate authorities in /nowhere/ca.pem",
        &[],
    );
}

#[test]
fn mistakes_on_the_command_line_are_exit_code_two() {
    for args in [
        &["query"][..],
        &["query", "a b"],
        &["query", "host", "-4", "-6"],
        &["nts", "host", "--pin", "1"],
    ] {
        let output = ctl(args);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{output:?}"
        );
    }
}
