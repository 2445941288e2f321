//! Attacks on our NTS-KE server, which clients that only want the time do not notice.

use crate::{PROMPTLY, SOON};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use test_support::loopback::{connect_from, member};
use test_support::{
    Asker, Daemon, Footprint, HandshakeFlood, NtsAddresses, NtsLoopback, or_skip, until,
};

/// The limits of connections of the server, in total and to each address.
const LIMIT: usize = 200;
const PER_ADDRESS: u32 = 4;

/// The number of those that send nothing: more than are allowed.
const IDLE: u32 = 320;

/// The number of those that send an octet each second.
const SLOW: u32 = 8;

/// The deadline of a connection: long enough to open all others on a busy machine.
const DEADLINE: Duration = Duration::from_secs(10);

/// The limit of memory that a round of the attack may add once the same round has been seen before,
/// in KiB.
const GROWTH_KIB: u64 = 1024;

/// The limit of memory that the first round may take, in KiB: some 40 KiB for each connection that
/// is allowed.
const FIRST_GROWTH_KIB: u64 = 8192;

/// The limit for any reply, on a machine whose processors are all busy: well before a client would
/// ask again.
const REPLY: Duration = Duration::from_secs(60);

/// The number of handshakes that make a flood.
const HANDSHAKES: u32 = 400;

/// The number of requests of each kind.
const ASKED: u32 = 60;

/// Connections that stay open until the test ends them.
struct Siege {
    idle: Vec<TcpStream>,
    stop: Arc<AtomicBool>,
    slow: Option<std::thread::JoinHandle<()>>,
}

impl Siege {
    /// The slow ones come first, so that they are within the limit.
    fn lay(server: SocketAddr) -> Self {
        let slow: Vec<_> = (0..SLOW)
            .filter_map(|number| connect_from(member(number), server).ok())
            .collect();
        assert_eq!(slow.len(), SLOW as usize);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let slow = std::thread::spawn(move || octet_by_octet(slow, &stopped));
        let from = |number| member(SLOW + number / PER_ADDRESS);
        let idle = (0..IDLE)
            .filter_map(|number| connect_from(from(number), server).ok())
            .collect();
        Self {
            idle,
            stop,
            slow: Some(slow),
        }
    }

    /// The number of idle ones that the server has not closed.
    fn standing(&self) -> usize {
        let open = |mut stream: &TcpStream| {
            let _ = stream.set_nonblocking(true);
            matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
        };
        self.idle.iter().filter(|stream| open(stream)).count()
    }
}

impl Drop for Siege {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.slow.take().map(std::thread::JoinHandle::join);
    }
}

/// The start of a record of TLS that announces 512 octets.
fn octet_by_octet(mut streams: Vec<TcpStream>, stop: &AtomicBool) {
    let octets = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    for octet in octets.iter().chain(std::iter::repeat(&0)) {
        for stream in &mut streams {
            // Those that have been closed stay so.
            let _ = stream.write(&[*octet]);
        }
        let second = Instant::now() + Duration::from_secs(1);
        while Instant::now() < second {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
    }
}

/// One siege of a server: what others see of it while it lasts and afterwards.
fn endure_a_siege(daemon: &mut Daemon, scene: &NtsLoopback, addresses: NtsAddresses) {
    let NtsAddresses { time, keys } = addresses;
    let client = scene.client();
    let mut session = client.session(keys).unwrap();
    let mut asker = Asker::new(time, REPLY).unwrap();
    let quiet = daemon.wait_until("no connection is open", PROMPTLY, |state| {
        state.nts_ke_servers[0].open_connections == 0
    });
    let timed_out = |state: &ntp_observe::Document| {
        state.nts_ke_servers[0]
            .refused
            .get("timed-out")
            .copied()
            .unwrap_or_default()
    };

    let siege = Siege::lay(keys);
    let laid = Instant::now();
    daemon.wait_until("the limit is reached", DEADLINE, |state| {
        state.nts_ke_servers[0].open_connections as usize == LIMIT
    });
    let allowed = LIMIT - SLOW as usize;
    let left = until(DEADLINE / 4, || {
        Some(siege.standing()).filter(|standing| *standing <= allowed)
    });
    assert!(
        left.is_some(),
        "{} are there, and {allowed} are allowed",
        siege.standing()
    );

    let (mut asked, mut plain, mut protected) = (0, 0, 0);
    while asked < ASKED || laid.elapsed() < DEADLINE * 3 / 4 {
        plain += u32::from(asker.plain().is_some());
        protected += u32::from(asker.protected(&mut session).is_some());
        asked += 1;
        sleep(Duration::from_millis(50));
    }
    assert!(
        plain == asked && protected == asked,
        "{asked} asked: {plain} plain, {protected} protected"
    );

    // A client that is turned away comes back; what matters is when it has its keys.
    while client.session(keys).is_err() {
        assert!(
            laid.elapsed() < DEADLINE + PROMPTLY,
            "no client gets keys any more"
        );
        sleep(Duration::from_millis(20));
    }
    let state = daemon.wait_until("all have been cut off", PROMPTLY, |state| {
        state.nts_ke_servers[0].open_connections == 0
    });
    assert_eq!(
        timed_out(&state) - timed_out(&quiet),
        LIMIT as u64,
        "{:?}",
        state.nts_ke_servers[0]
    );
}

/// Memory and descriptors once all connections are gone.
fn at_rest(daemon: &Daemon, descriptors: usize) -> Footprint {
    let settled = until(PROMPTLY, || {
        Some(daemon.footprint()).filter(|now| now.descriptors <= descriptors)
    });
    settled.unwrap_or_else(|| {
        panic!(
            "{} descriptors were open before, and now {:?}",
            descriptors,
            daemon.footprint()
        )
    })
}

#[test]
fn idle_and_slow_connections_take_neither_time_nor_keys_from_others_for_long() {
    let scene = NtsLoopback::new();
    let config = scene.server(&format!(
        "concurrent-connections = {LIMIT}\nconnections-per-client = {PER_ADDRESS}\nkey-exchange-timeout-ms = {}\n",
        DEADLINE.as_millis()
    ));
    let mut daemon = or_skip!(Daemon::start(&config.with_log_level("info")));
    let addresses = NtsAddresses::of(&mut daemon);
    let _ = scene.client().session(addresses.keys).unwrap();
    daemon.wait_until("no connection is open", PROMPTLY, |state| {
        state.nts_ke_servers[0].open_connections == 0
    });
    let before = daemon.footprint();
    let log = daemon.process().output();

    endure_a_siege(&mut daemon, &scene, addresses);
    let once = at_rest(&daemon, before.descriptors);
    endure_a_siege(&mut daemon, &scene, addresses);
    let twice = at_rest(&daemon, before.descriptors);

    assert!(
        once.memory_kib < before.memory_kib + FIRST_GROWTH_KIB,
        "{before:?}, then {once:?}"
    );
    assert!(
        twice.memory_kib < once.memory_kib + GROWTH_KIB,
        "{before:?}, then {once:?}, then {twice:?}"
    );
    assert_eq!(
        daemon.process().output(),
        log,
        "clients must not be able to write into the log"
    );
}

#[test]
fn a_flood_of_handshakes_costs_no_reply() {
    let scene = NtsLoopback::new();
    let mut daemon = or_skip!(Daemon::start(&scene.server("").with_log_level("info")));
    let NtsAddresses { time, keys } = NtsAddresses::of(&mut daemon);
    let mut session = scene.client().session(keys).unwrap();
    let mut asker = Asker::new(time, REPLY).unwrap();
    let before = daemon.footprint();

    let flood = HandshakeFlood::start(keys, 4);
    // The rate depends on the machine and is not judged here; `bench/ke-flood` measures it.
    let mut asked = 0;
    while asked < ASKED || flood.answered() < HANDSHAKES {
        let replies = [asker.plain(), asker.protected(&mut session)];
        assert!(
            replies.iter().all(Option::is_some),
            "{replies:?} after {asked}, with {} handshakes",
            flood.answered()
        );
        asked += 1;
        sleep(Duration::from_millis(2));
    }
    let flooded = flood.stop();

    assert!(
        flooded.answered >= HANDSHAKES,
        "that was no flood: {flooded:?}"
    );
    let settled = until(SOON, || {
        Some(daemon.footprint().descriptors).filter(|now| *now <= before.descriptors)
    });
    assert!(
        settled.is_some(),
        "{before:?}, then {:?}",
        daemon.footprint()
    );
    assert!(
        scene.client().session(keys).is_ok(),
        "keys are to be had again"
    );
}
