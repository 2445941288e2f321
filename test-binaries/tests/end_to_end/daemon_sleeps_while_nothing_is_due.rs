//! A daemon that has nothing to do does not wake up: neither by a tick nor on the way through a
//! long sleep.

use crate::{PROMPTLY, SOON};
use std::thread::sleep;
use std::time::Duration;
use test_support::{Daemon, DaemonConfig, OddServer, or_skip, wake_ups};

/// For what the daemon does after a question about its state to be over.
const CALM: Duration = Duration::from_secs(1);

/// The wake-ups that a request may cause: to send, for the reply, and on a busy machine for the
/// transmit timestamp. A tick would come far more often than that.
const FOR_EACH_REQUEST: u64 = 3;

/// The wake-ups that the system may cause by itself.
const UNEXPLAINED: u64 = 2;

#[test]
fn a_client_wakes_up_to_ask_and_for_the_reply_and_not_in_between() {
    // So late that the daemon has gone to sleep.
    let server = or_skip!(OddServer::behaving("late", &["--delay", "0.05"]));
    let source = format!(
        "[[source]]\nmode = \"server\"\naddress = \"{}\"\nburst = 1\npoll-interval-limits = {{ min = 4, max = 4 }}\n",
        server.address()
    );
    let mut daemon = or_skip!(Daemon::start(
        &DaemonConfig::with_clock_mode("none").and(&source)
    ));
    let before = daemon.wait_until("two replies", SOON, |state| {
        state.sources[0].packets.valid >= 2
    });
    sleep(CALM);

    let woken = wake_ups(daemon.process().id());
    sleep(Duration::from_secs(34));
    let woken = wake_ups(daemon.process().id()) - woken;

    let after = daemon.state().expect("the daemon still runs");
    let asked = after.sources[0].packets.sent - before.sources[0].packets.sent;
    assert!(asked >= 2, "it goes on asking: {:#?}", after.sources[0]);
    assert!(
        woken <= FOR_EACH_REQUEST * asked + UNEXPLAINED,
        "woken {woken} times for {asked} requests"
    );
}

#[test]
fn a_server_without_clients_sleeps() {
    let config = DaemonConfig::with_clock_mode("none").and_server("127.0.0.1:0");
    let mut daemon = or_skip!(Daemon::start(
        &config.and("[synchronization]\nlocal-stratum = 8")
    ));
    daemon.wait_until_serving(PROMPTLY);
    sleep(CALM);

    let woken = wake_ups(daemon.process().id());
    sleep(Duration::from_secs(20));
    let woken = wake_ups(daemon.process().id()) - woken;

    assert!(woken <= UNEXPLAINED, "woken {woken} times");
}
