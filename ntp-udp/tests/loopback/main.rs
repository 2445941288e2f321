//! The promises of the sockets, tried over loopback.

mod addresses;
mod batches;
mod binding;
mod closed_ports;
mod timestamps;
mod waiting;

use ntp_proto::time::{NtpDuration, NtpTimestamp};
use ntp_udp::{
    BindError, BindOptions, KernelStamp, Notice, ReceiveBatch, Received, SendId, Socket,
};
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The wait for what has to come, on the busiest of machines.
const PATIENCE: Duration = Duration::from_secs(60);
/// The wait before concluding that nothing comes.
const SILENCE: Duration = Duration::from_millis(200);

const V4: &str = "127.0.0.1:0";
const V6: &str = "[::1]:0";

/// A blocking socket with a limit to its waits.
fn patient(options: &BindOptions) -> Result<Socket, BindError> {
    let socket = Socket::bind(&BindOptions {
        blocking: true,
        ..options.clone()
    })?;
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Ok(socket)
}

fn client(address: &str) -> Socket {
    patient(&BindOptions::client(address.parse().unwrap())).unwrap()
}

/// A server whose port no other test can happen to share.
fn server(address: &str) -> Socket {
    patient(&BindOptions {
        reuse_port: false,
        ..BindOptions::server(address.parse().unwrap())
    })
    .unwrap()
}

#[expect(
    clippy::print_stdout,
    reason = "the reader of a test run should see what was not tried"
)]
fn skipped(why: impl std::fmt::Display) {
    println!("skipped: {why}");
}

/// True if this machine has IPv6 on its loopback interface; says so if not.
fn has_ipv6() -> bool {
    match patient(&BindOptions::client(V6.parse().unwrap())) {
        Ok(_) => true,
        Err(error) => {
            skipped(error);
            false
        }
    }
}

/// True if the kernel of this machine takes timestamps at all; says so if not.
fn has_stamps() -> bool {
    let stamping = client(V4).stamping();
    let all = stamping.receive && stamping.transmit;
    if !all {
        skipped("the kernel takes no timestamps");
    }
    all
}

fn now() -> NtpTimestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    NtpTimestamp::from_unix(now.as_secs().try_into().unwrap(), now.subsec_nanos())
}

fn is_between(stamp: KernelStamp, earliest: NtpTimestamp, latest: NtpTimestamp) -> bool {
    // The nanoseconds of both readings were rounded to the wire's unit.
    let rounding = NtpDuration::from_nanos(2);
    stamp.at - earliest >= -rounding && latest - stamp.at >= -rounding
}

/// Sends until a datagram arrives with a timestamp: the kernel may take a moment to begin with
/// them.
fn receive_stamped(from: &Socket, to: &Socket) -> (Received, NtpTimestamp) {
    let start = Instant::now();
    loop {
        let sent = now();
        from.send(b"request", to.local_address()).unwrap();
        let received = to.receive(&mut [0; 64]).unwrap();
        if received.stamp.is_some() {
            return (received, sent);
        }
        assert!(start.elapsed() < PATIENCE, "the kernel takes no timestamps");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The next notice, which may take its time.
fn notice(socket: &Socket) -> Option<Notice> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(notice) = socket.notice().unwrap() {
            return Some(notice);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

/// The transmit timestamps of all of `ids`; none of another datagram may come.
fn transmit_stamps(socket: &Socket, ids: &[SendId]) -> HashMap<SendId, KernelStamp> {
    let mut stamps = HashMap::new();
    while stamps.len() < ids.len() {
        match notice(socket) {
            Some(Notice::Transmitted(transmitted)) => {
                assert!(
                    ids.contains(&transmitted.id),
                    "{:?} is not of ours",
                    transmitted.id
                );
                assert!(
                    stamps.insert(transmitted.id, transmitted.stamp).is_none(),
                    "a stamp came twice"
                );
            }
            other => panic!(
                "{other:?} in place of a stamp; {} of {} came",
                stamps.len(),
                ids.len()
            ),
        }
    }
    stamps
}

/// Receives until `count` datagrams came, and hands each to `each`.
fn drain(socket: &Socket, count: usize, mut each: impl FnMut(&[u8], Received)) {
    let mut batch = ReceiveBatch::new(64, 64);
    let mut came = 0;
    while came < count {
        came += socket.receive_batch(&mut batch).unwrap();
        assert_eq!(batch.iter().count(), batch.len());
        batch
            .iter()
            .for_each(|(bytes, received)| each(bytes, received));
    }
    assert_eq!(came, count);
}
