//! `ntp-ctl` gives orders to a running daemon, and waits for its clock.

use crate::{PROMPTLY, SOON};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;
use test_support::{Daemon, DaemonConfig, Ended, binary, or_skip, run};

/// A server of stratum 1 by its own word, without sources.
fn stratum_one() -> DaemonConfig {
    DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and_server("127.0.0.1:0")
        .and("[synchronization]\nlocal-stratum = 1\n")
}

/// The answer to `ntp-ctl` in JSON.
fn json(ended: &Ended) -> serde_json::Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended}"))
}

#[test]
fn a_reload_answers_when_the_configuration_is_in_force_or_why_it_is_not() {
    let mut daemon = or_skip!(Daemon::start(&stratum_one()));
    daemon.wait_until("it runs", PROMPTLY, |_| true);
    daemon.rewrite(&stratum_one().and_source("127.0.0.1:9"));
    let ended = daemon.ctl(&["reload"]);
    assert_eq!(ended.status.code(), Some(0), "{ended}");
    assert!(ended.stdout.contains("has been reloaded"), "{ended}");
    assert_eq!(daemon.state().unwrap().sources.len(), 1);

    let socket = daemon.socket().display().to_string();
    daemon.rewrite(&stratum_one().and("[[sauce]]\n"));
    let ended = daemon.ctl(&["-s", &socket, "reload"]);
    assert_eq!(ended.status.code(), Some(1), "{ended}");
    assert!(ended.stderr.contains("ntp.toml:"), "{ended}");
    assert!(ended.stderr.contains("the one in force stays"), "{ended}");
    let ended = daemon.ctl(&["-s", &socket, "--json", "reload"]);
    assert_eq!(json(&ended)["error"]["code"], "bad-configuration");
    assert_eq!(daemon.state().unwrap().sources.len(), 1);
}

#[test]
fn sources_come_and_go_by_order_and_the_clock_is_waited_for() {
    let mut server = or_skip!(Daemon::start(&stratum_one()));
    let address = server.wait_until_serving(PROMPTLY)[0].to_string();
    let mut daemon = or_skip!(Daemon::start(&stratum_one()));
    daemon.wait_until("it runs", PROMPTLY, |_| true);
    let waited = daemon.ctl(&["wait-sync", "--timeout", "1s"]);
    assert_eq!(waited.status.code(), Some(4), "{waited}");
    assert!(waited.stderr.contains("local-clock"), "{waited}");
    let nobody = daemon.ctl(&["burst"]);
    assert_eq!(nobody.status.code(), Some(1), "{nobody}");

    let added = daemon.ctl(&["sources", "add", &address]);
    assert_eq!(added.status.code(), Some(0), "{added}");
    assert!(added.stdout.contains("until the next reload"), "{added}");
    let again = daemon.ctl(&["--json", "sources", "add", &address]);
    assert_eq!(again.status.code(), Some(1), "{again}");
    assert_eq!(json(&again)["error"]["code"], "source-exists");
    let limit = format!("{}s", SOON.as_secs());
    let waited = daemon.ctl(&[
        "--json",
        "wait-sync",
        "--timeout",
        &limit,
        "--max-error",
        "500ms",
    ]);
    assert_eq!(waited.status.code(), Some(0), "{waited}");
    assert_eq!(json(&waited)["reached"], true);
    let asked = daemon.ctl(&["burst"]);
    assert!(asked.stdout.contains("1 server is asked"), "{asked}");
    let doubtful = daemon.ctl(&["step"]);
    assert_eq!(doubtful.status.code(), Some(1), "{doubtful}");
    assert!(doubtful.stderr.contains("--yes"), "{doubtful}");
    let steps = daemon.state().unwrap().system.step_count;
    let stepped = daemon.ctl(&["step", "--yes"]);
    assert_eq!(stepped.status.code(), Some(0), "{stepped}");
    daemon.wait_until("the ordered step is made", SOON, |state| {
        state.system.step_count == steps + 1
    });

    let gone = daemon.ctl(&["sources", "remove", &address]);
    assert_eq!(gone.status.code(), Some(0), "{gone}");
    assert!(daemon.state().unwrap().sources.is_empty());
    let missing = daemon.ctl(&["sources", "remove", &address]);
    assert!(missing.stderr.contains("is not a source"), "{missing}");
    let bad = daemon.ctl(&["sources", "set", "not a host"]);
    assert_eq!(bad.status.code(), Some(1), "{bad}");
    let set = daemon.ctl(&["sources", "set", &address, "127.0.0.1:9"]);
    assert_eq!(set.status.code(), Some(0), "{set}");
    assert_eq!(daemon.state().unwrap().sources.len(), 2);
    let reloaded = daemon.ctl(&["reload"]);
    assert_eq!(reloaded.status.code(), Some(0), "{reloaded}");
    assert!(daemon.state().unwrap().sources.is_empty());
}

#[test]
fn the_log_level_and_the_cookie_keys_change_by_order() {
    let keys = "[keyset]\nkey-rotation-interval = 86400\n";
    let mut daemon = or_skip!(Daemon::start(
        &stratum_one().with_log_level("warn").and(keys)
    ));
    daemon.wait_until("it runs", PROMPTLY, |_| true);
    let refused = daemon.ctl(&["--json", "keys", "rotate"]);
    assert_eq!(json(&refused)["error"]["code"], "no-keys");
    assert!(!daemon.process().output().contains("order through"));
    assert_eq!(daemon.ctl(&["log-level", "info"]).status.code(), Some(0));
    assert_eq!(daemon.ctl(&["burst"]).status.code(), Some(1));
    let output = daemon.process().output();
    assert!(
        output.contains("order through the control socket: burst"),
        "{output}"
    );
    assert!(output.contains("uid="), "{output}");
    assert_eq!(daemon.ctl(&["log-level", "loud"]).status.code(), Some(2));
}

#[test]
fn another_user_may_read_the_state_and_give_no_orders() {
    let mut daemon = or_skip!(Daemon::start(&stratum_one()));
    daemon.wait_until("it runs", PROMPTLY, |_| true);
    let control = daemon.socket().with_file_name("control.sock");
    let mode = fs::metadata(&control).unwrap().mode() & 0o777;
    assert!([0o600, 0o660].contains(&mode), "{mode:o}");
    let folder = daemon.socket().parent().unwrap().to_owned();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    if fs::metadata(&folder).unwrap().uid() != 0 {
        return;
    }
    let mut ctl = Command::new("setpriv");
    ctl.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(binary("ntp-ctl"))
        .arg("-s")
        .arg(daemon.socket())
        .arg("reload");
    let ended = run(ctl);
    assert_eq!(ended.status.code(), Some(6), "{ended}");
    assert!(ended.stderr.contains("sudo"), "{ended}");
}
