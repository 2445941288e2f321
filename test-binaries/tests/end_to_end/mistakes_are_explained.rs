//! Mistakes of new users: each message says what happened and what to do.

use crate::{PROMPTLY, SOON};
use ntp_observe::SourceReason;
use std::net::UdpSocket;
use test_support::{Daemon, DaemonConfig, OddServer, binary, confined, folder, or_skip, run};

#[test]
fn a_port_in_use_is_ended_with_what_may_use_it() {
    let occupier = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = occupier.local_addr().unwrap();
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0).and_server(address);
    let mut daemon = or_skip!(Daemon::start(&config));

    let status = daemon.process().wait(PROMPTLY);

    assert!(!status.success());
    let log = daemon.process().output();
    assert!(
        log.contains("in use") && log.contains(&address.port().to_string()),
        "{log}"
    );
}

#[test]
fn a_misspelled_key_is_shown_with_its_line_and_a_better_one() {
    let folder = folder();
    let file = folder.path().join("ntp.toml");
    std::fs::write(
        &file,
        "[[source]]\nmode = \"server\"\nadress = \"192.0.2.1\"\n",
    )
    .unwrap();
    for program in ["ntp-daemon", "ntp-ctl"] {
        let mut command = or_skip!(confined(binary(program)));
        command.arg("-c").arg(&file).arg(if program == "ntp-ctl" {
            "validate"
        } else {
            "--check"
        });

        let ended = run(command);

        assert!(
            ended.status.code().is_some_and(|code| code != 0),
            "{program}: {ended}"
        );
        let text = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            text.contains("ntp.toml:3") && text.contains("`address`"),
            "{program}: {ended}"
        );
    }
}

#[test]
fn a_missing_file_is_named() {
    let mut command = or_skip!(confined(binary("ntp-daemon")));
    command.args(["-c", "/nowhere/ntp.toml"]);

    let ended = run(command);

    assert!(!ended.status.success());
    assert!(ended.stderr.contains("/nowhere/ntp.toml"), "{ended}");
}

#[test]
fn a_name_without_an_address_is_ended_and_tried_again() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0)
        .and("[[source]]\nmode = \"server\"\naddress = \"no-such-host.invalid\"\n")
        .and_source(server.address());
    let mut daemon = or_skip!(Daemon::start(&config));

    let state = daemon.wait_until("the name is reported as unknown", SOON, |state| {
        state
            .sources
            .iter()
            .any(|source| matches!(source.reason, SourceReason::NameNotResolved { .. }))
    });

    let unknown = state
        .sources
        .iter()
        .find(|source| source.name.contains("no-such-host"))
        .expect("it is listed");
    let SourceReason::NameNotResolved { retry_in_s, .. } = unknown.reason else {
        panic!("{:?}", unknown.reason)
    };
    assert!(retry_in_s.is_some(), "it is tried again");
    daemon.wait_until_right(0.005, SOON);
}
