//! Another configuration while the daemon runs: what changes is applied as a whole or not at all,
//! and what does not change keeps its state.

use crate::{PROMPTLY, SOON};
use ntp_observe::Document;
use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;
use test_support::{
    Asker, CertificateFiles, Daemon, DaemonConfig, NtsAddresses, NtsLoopback, Running, binary,
    confined, folder, or_skip, source_at, until,
};

/// A server of stratum 1 by its own word, at a free port.
fn stratum_one() -> DaemonConfig {
    DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and_server("127.0.0.1:0")
        .and("[synchronization]\nlocal-stratum = 1\n")
}

fn client() -> DaemonConfig {
    DaemonConfig::with_virtual_clock(0.0, 0.0)
}

/// Sends SIGHUP and waits until that many reloads were applied.
fn hang_up(daemon: &mut Daemon, reloads: u64) -> Document {
    daemon.process().hang_up();
    daemon.wait_until("the configuration is reloaded", PROMPTLY, |state| {
        state.daemon.configuration.reloads == reloads
    })
}

#[test]
fn sources_come_and_go_and_those_that_stay_keep_their_state() {
    let mut first = or_skip!(Daemon::start(&stratum_one()));
    let mut second = or_skip!(Daemon::start(&stratum_one()));
    let stays = first.wait_until_serving(PROMPTLY)[0];
    let comes = second.wait_until_serving(PROMPTLY)[0];
    let mut daemon = or_skip!(Daemon::start(&client().and_source(stays)));
    let before = daemon.wait_until("the source is synchronized", SOON, |state| {
        state.system.synchronized && source_at(state, stays).packets.received >= 4
    });

    daemon.rewrite(&client().and_source(comes).and_source(stays));
    let after = hang_up(&mut daemon, 1);
    assert!(after.system.synchronized, "{after:#?}");
    let (old, new) = (source_at(&before, stays), source_at(&after, stays));
    assert_eq!(old.id, new.id, "it is the same association");
    assert!(new.packets.received >= old.packets.received);
    daemon.wait_until("the new source is used", SOON, |state| {
        let reached = |address| source_at(state, address).packets.received > 0;
        state.sources.len() == 2 && reached(comes) && reached(stays)
    });

    daemon.rewrite(&client().and_source(comes));
    let last = hang_up(&mut daemon, 2);
    assert_eq!(last.sources.len(), 1, "{:#?}", last.sources);
    assert!(last.system.synchronized);
    assert_eq!(last.system.step_count, before.system.step_count);
}

#[test]
fn listening_addresses_and_access_lists_change_and_counters_stay() {
    let text = |access: &str, more: &str| {
        client().and(&format!(
            "[synchronization]\nlocal-stratum = 1\n[[server]]\nlisten = \"127.0.0.1:0\"\n{access}\n{more}"
        ))
    };
    let mut daemon = or_skip!(Daemon::start(&text("", "")));
    let address = daemon.wait_until_serving(PROMPTLY)[0];
    let mut client = Asker::new(address, PROMPTLY).unwrap();
    assert!(client.plain().is_some());

    let closed = "allowlist = { filter = [\"192.0.2.0/24\"], action = \"ignore\" }";
    daemon.rewrite(&text(closed, "[[server]]\nlisten = \"127.0.0.2:0\"\n"));
    let state = hang_up(&mut daemon, 1);
    assert_eq!(state.servers.len(), 2, "{:#?}", state.servers);
    assert_eq!(state.servers[0].listen_address, address.to_string());
    assert_eq!(state.servers[0].answered, 1, "the counters go on");
    let mut hasty = Asker::new(address, Duration::from_millis(200)).unwrap();
    assert!(hasty.plain().is_none());
    daemon.wait_until("the request is ignored", PROMPTLY, |state| {
        state.servers[0].ignored == 1
    });

    daemon.rewrite(&text("", ""));
    let state = hang_up(&mut daemon, 2);
    assert_eq!(state.servers.len(), 1, "{:#?}", state.servers);
    assert!(client.plain().is_some());
}

#[test]
fn a_bad_file_leaves_all_in_force_and_the_status_says_so() {
    let mut daemon = or_skip!(Daemon::start(&stratum_one()));
    let address = daemon.wait_until_serving(PROMPTLY)[0];
    let mut client = Asker::new(address, PROMPTLY).unwrap();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let elsewhere = stratum_one()
        .and_source("127.0.0.1:9")
        .and_server(taken.local_addr().unwrap());
    for (config, cause) in [
        (stratum_one().and("[[sauce]]\n"), "sauce"),
        (elsewhere, "in use"),
    ] {
        daemon.rewrite(&config);
        daemon.process().hang_up();
        let state = daemon.wait_until("the reload is refused", PROMPTLY, |state| {
            let failure = state.daemon.configuration.failure.as_ref();
            failure.is_some_and(|failure| failure.error.contains(cause))
        });
        assert_eq!((state.servers.len(), state.sources.len()), (1, 0));
        assert_eq!(state.daemon.configuration.reloads, 0);
        assert!(client.plain().is_some());
        let socket = daemon.socket().display().to_string();
        let status = daemon.ctl(&["-s", &socket, "status"]);
        assert!(status.stdout.contains("was refused"), "{status}");
        assert!(
            daemon.process().output().contains("the one in force stays"),
            "{}",
            daemon.process().output()
        );
    }
    daemon.rewrite(&stratum_one());
    let state = hang_up(&mut daemon, 1);
    assert_eq!(state.daemon.configuration.failure, None);
}

#[test]
fn what_needs_a_restart_is_named_and_the_rest_applied() {
    let mut daemon = or_skip!(Daemon::start(&stratum_one()));
    let address = daemon.wait_until_serving(PROMPTLY)[0];
    let other_clock = DaemonConfig::with_clock_mode("none")
        .and_server("127.0.0.1:0")
        .and_source("127.0.0.1:9")
        .and("[synchronization]\nlocal-stratum = 1\n");
    daemon.rewrite(&other_clock);
    let state = hang_up(&mut daemon, 1);
    assert_eq!(state.daemon.configuration.restart_needed, ["[clock]"]);
    assert_eq!(state.sources.len(), 1);
    assert_eq!(state.servers[0].listen_address, address.to_string());
    let status = daemon.ctl(&["status"]);
    assert!(status.stdout.contains("restart"), "{status}");
}

#[test]
fn the_whole_folder_is_swapped_by_a_symbolic_link() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("v1")).unwrap();
    symlink("v1", at("..data")).unwrap();
    symlink("..data/ntp.toml", at("ntp.toml")).unwrap();
    let (first, second) = (at("v1"), at("v2"));
    let (link, next) = (at("..data"), at("..next"));
    let mut daemon = or_skip!(Daemon::start_again(folder, &stratum_one()));
    daemon.wait_until_serving(PROMPTLY);

    fs::create_dir(&second).unwrap();
    let text = fs::read_to_string(first.join("ntp.toml")).unwrap();
    let source = "[[source]]\nmode = \"server\"\naddress = \"127.0.0.1:9\"\n";
    fs::write(second.join("ntp.toml"), text + source).unwrap();
    symlink("v2", &next).unwrap();
    fs::rename(&next, &link).unwrap();
    fs::remove_dir_all(&first).unwrap();
    let state = hang_up(&mut daemon, 1);
    assert_eq!(state.sources.len(), 1);
}

/// The number of reloads of the test under load.
fn reloads() -> u64 {
    let asked = std::env::var("TRUECHIMER_RELOADS").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(200)
}

#[test]
fn reloads_under_load_lose_no_request_and_leave_nothing_behind() {
    let base = || {
        stratum_one().with_log_level("info").and(
            "[[source]]\nmode = \"server\"\naddress = \"127.0.0.1:9\"\n\
             [[server]]\nlisten = \"127.0.0.3:0\"\n",
        )
    };
    let other = || {
        stratum_one().with_log_level("warn").and(
            "[[source]]\nmode = \"server\"\naddress = \"127.0.0.2:9\"\n\
             [[server]]\nlisten = \"127.0.0.2:0\"\n",
        )
    };
    let mut daemon = or_skip!(Daemon::start(&base()));
    let address = daemon.wait_until_serving(PROMPTLY)[0];
    // The first rounds make the pools of threads and memory as large as they will be.
    for round in 1..=20 {
        daemon.rewrite(&if round % 2 == 0 { base() } else { other() });
        hang_up(&mut daemon, round);
    }
    let before = daemon.footprint();
    let mut command = or_skip!(confined(binary("ntp-load")));
    command.arg(address.to_string()).args([
        "--json",
        "--for",
        "120",
        "--patience",
        "60",
        "--verify-every",
        "1",
        "--rate",
        "1000",
        "--count",
        &(reloads() * 250).to_string(),
    ]);
    let mut load = Running::start("ntp-load", command);
    for round in 21..=20 + reloads() {
        daemon.rewrite(&if round % 2 == 0 { base() } else { other() });
        hang_up(&mut daemon, round);
    }
    assert!(load.wait(PROMPTLY * 4).success(), "{}", load.output());
    let text = load.output();
    let document: serde_json::Value =
        serde_json::from_str(&text[text.find('{').unwrap()..]).unwrap();
    let load = &document["load"];
    assert_eq!(load["answered"], load["sent"], "{document:#}");
    assert_eq!(load["lost"], 0, "{document:#}");
    let after = until(PROMPTLY, || {
        let now = daemon.footprint();
        (now.descriptors <= before.descriptors).then_some(now)
    });
    let after = after.unwrap_or_else(|| daemon.footprint());
    println!(
        "{} reloads and {} requests: {before:?}, then {after:?}",
        reloads(),
        load["sent"]
    );
    assert!(
        after.descriptors <= before.descriptors,
        "{before:?} {after:?}"
    );
    assert!(
        after.memory_kib < before.memory_kib + 2048,
        "{before:?} {after:?}"
    );
}

#[test]
fn nts_ke_servers_change_and_cookies_of_before_stay_valid() {
    let scene = NtsLoopback::new();
    let mut daemon = or_skip!(Daemon::start(&scene.server("")));
    let addresses = NtsAddresses::of(&mut daemon);
    let mut session = scene.client().session(addresses.keys).unwrap();
    let mut client = Asker::new(addresses.time, PROMPTLY).unwrap();
    assert!(client.protected(&mut session).is_some());

    // A second address comes, and the first one has another limit.
    let CertificateFiles { chain, key } = &scene.certificate;
    let second = format!(
        "concurrent-connections = 100\n[[nts-ke-server]]\nlisten = \"127.0.0.2:0\"\n\
         certificate-chain-path = \"{}\"\nprivate-key-path = \"{}\"\n",
        chain.display(),
        key.display()
    );
    daemon.rewrite(&scene.server(&second));
    hang_up(&mut daemon, 1);
    let state = daemon.wait_until("both serve keys", SOON, |state| {
        let limits: Vec<u64> = state
            .nts_ke_servers
            .iter()
            .filter(|server| server.start_error.is_none())
            .map(|server| server.connection_limit)
            .collect();
        limits == [100, 512]
    });
    assert_eq!(state.servers[0].listen_address, addresses.time.to_string());
    assert!(client.protected(&mut session).is_some());
    for server in &state.nts_ke_servers {
        let keys = server.listen_address.parse().unwrap();
        if server.listen_address.starts_with("127.0.0.1") {
            assert!(scene.client().session(keys).is_ok());
        }
    }

    // A certificate that cannot be used leaves the server as it was.
    let broken = second.replace(
        &format!("private-key-path = \"{}\"", key.display()),
        "private-key-path = \"/nonexistent/key.pem\"",
    );
    daemon.rewrite(&scene.server(&broken));
    hang_up(&mut daemon, 2);
    daemon.process().wait_for_line("stays as it was", PROMPTLY);
    let state = daemon.state().unwrap();
    assert_eq!(state.nts_ke_servers.len(), 2);
    assert!(
        state
            .nts_ke_servers
            .iter()
            .all(|server| server.start_error.is_none())
    );

    // The second one goes.
    daemon.rewrite(&scene.server(""));
    hang_up(&mut daemon, 3);
    daemon.wait_until("one is left", SOON, |state| {
        state.nts_ke_servers.len() == 1 && state.nts_ke_servers[0].connection_limit == 512
    });
    assert!(client.protected(&mut session).is_some());
}
