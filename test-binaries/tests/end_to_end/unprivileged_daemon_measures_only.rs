//! The daemon without the right to set the machine's clock.

use crate::{PROMPTLY, SOON};
use ntp_observe::{ClockMode, SteeringObstacle};
use test_support::{Daemon, DaemonConfig, OddServer, or_skip};

#[test]
fn without_the_right_the_clock_is_only_measured_and_everybody_is_told() {
    let server = or_skip!(OddServer::behaving("honest", &["--offset", "0.3"]));
    let config = DaemonConfig::with_clock_mode("auto").and_source(server.address());
    let mut daemon = or_skip!(Daemon::start(&config));

    let state = daemon.wait_until("it measures", SOON, |state| {
        state.sources[0].offset_s.is_some()
    });

    assert_eq!(state.clock.requested, ClockMode::Auto);
    assert!(!state.clock.steering);
    assert!(
        matches!(
            state.clock.obstacle,
            Some(SteeringObstacle::NotPermitted { .. })
        ),
        "{:?}",
        state.clock
    );
    assert!(
        state.sources[0]
            .offset_s
            .is_some_and(|offset| (offset - 0.3).abs() < 0.2)
    );
    assert!(
        !state.system.synchronized,
        "a clock that is not steered is not called synchronized"
    );
    let log = daemon.process().output();
    assert!(
        log.contains("CAP_SYS_TIME") && log.contains("WARN"),
        "the log says so: {log}"
    );
    let page = daemon.ctl(&["status"]);
    assert_eq!(page.status.code(), Some(4), "{page}");
    assert!(page.stdout.contains("CAP_SYS_TIME"), "{page}");
}

#[test]
fn the_system_clock_cannot_be_demanded_without_the_right() {
    let config = DaemonConfig::with_clock_mode("system").and_source("127.0.0.1:9");
    let mut daemon = or_skip!(Daemon::start(&config));

    let status = daemon.process().wait(PROMPTLY);

    assert!(!status.success());
    let log = daemon.process().output();
    assert!(
        log.contains("CAP_SYS_TIME"),
        "it says what is missing: {log}"
    );
}

#[test]
fn a_daemon_that_is_asked_to_end_ends_well() {
    let server = or_skip!(OddServer::behaving("honest", &[]));
    let config = DaemonConfig::with_virtual_clock(0.2, 0.0).and_source(server.address());
    let mut daemon = or_skip!(Daemon::start(&config));
    daemon.wait_until_right(0.005, SOON);

    let status = daemon.process().terminate(PROMPTLY);

    assert_eq!(status.code(), Some(0));
    let state = std::fs::read_to_string(daemon.storage().join("state")).expect("its state is kept");
    assert!(state.contains("last_known_unix_s"), "{state}");
}
