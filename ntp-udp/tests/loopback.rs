//! What the sockets promise, tried over loopback.

use ntp_proto::time::{NtpDuration, NtpTimestamp};
use ntp_udp::{
    BindError, BindOptions, BindStep, Notice, ReceiveBatch, Received, SendBatch, SendId, Socket, SourceAddress, Stamp,
    StampOrigin,
};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long to wait for what has to come, on the busiest of machines.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before concluding that nothing comes.
const SILENCE: Duration = Duration::from_millis(200);

const V4: &str = "127.0.0.1:0";
const V6: &str = "[::1]:0";

/// A blocking socket that does not wait for ever.
fn patient(options: &BindOptions) -> Result<Socket, BindError> {
    let socket = Socket::bind(&BindOptions { blocking: true, ..options.clone() })?;
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Ok(socket)
}

fn client(address: &str) -> Socket {
    patient(&BindOptions::client(address.parse().unwrap())).unwrap()
}

/// A server whose port no other test can happen to share.
fn server(address: &str) -> Socket {
    patient(&BindOptions { reuse_port: false, ..BindOptions::server(address.parse().unwrap()) }).unwrap()
}

#[expect(clippy::print_stdout, reason = "the reader of a test run should see what was not tried")]
fn skipped(why: impl std::fmt::Display) {
    println!("skipped: {why}");
}

/// Whether this machine has IPv6 on its loopback interface; says so if not.
fn has_ipv6() -> bool {
    match patient(&BindOptions::client(V6.parse().unwrap())) {
        Ok(_) => true,
        Err(error) => {
            skipped(error);
            false
        }
    }
}

/// Whether the kernel of this machine takes timestamps at all; says so if not.
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

fn is_between(stamp: Stamp, earliest: NtpTimestamp, latest: NtpTimestamp) -> bool {
    // The nanoseconds of both readings were rounded to the wire's unit.
    let rounding = NtpDuration::from_nanos(2);
    stamp.at - earliest >= -rounding && latest - stamp.at >= -rounding
}

/// Sends until a datagram arrives with a timestamp: the kernel may take a moment to begin with them.
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
fn transmit_stamps(socket: &Socket, ids: &[SendId]) -> HashMap<SendId, Stamp> {
    let mut stamps = HashMap::new();
    while stamps.len() < ids.len() {
        match notice(socket) {
            Some(Notice::Transmitted(transmitted)) => {
                assert!(ids.contains(&transmitted.id), "{:?} is not of ours", transmitted.id);
                assert!(stamps.insert(transmitted.id, transmitted.stamp).is_none(), "a stamp came twice");
            }
            other => panic!("{other:?} in place of a stamp; {} of {} came", stamps.len(), ids.len()),
        }
    }
    stamps
}

fn round_trip(address: &str) {
    let (client, server) = (client(address), server(address));
    assert!(client.stamping().receive && client.stamping().transmit);
    assert!(server.stamping().receive && !server.stamping().transmit);

    let (request, sent) = receive_stamped(&client, &server);
    let stamp = request.stamp.unwrap();
    assert_eq!(stamp.origin, StampOrigin::Kernel);
    assert!(is_between(stamp, sent, now()), "{stamp:?}");
    assert_eq!((request.length, request.truncated), (7, false));
    assert_eq!(request.from, client.local_address());

    server.send(b"reply", request.from).unwrap();
    let mut buffer = [0; 64];
    let reply = client.receive(&mut buffer).unwrap();
    assert_eq!(&buffer[..reply.length], b"reply");
    assert_eq!(reply.from, server.local_address());
}

#[test]
fn a_round_trip_over_ipv4_has_kernel_timestamps() {
    if !has_stamps() {
        return;
    }
    round_trip(V4);
}

#[test]
fn a_round_trip_over_ipv6_has_kernel_timestamps() {
    if has_ipv6() && has_stamps() {
        round_trip(V6);
    }
}

#[test]
fn each_transmit_timestamp_belongs_to_its_datagram() {
    if !has_stamps() {
        return;
    }
    let (client, server) = (client(V4), server(V4));
    let mut spans = HashMap::new();
    for _ in 0..5 {
        let before = now();
        let id = client.send(b"request", server.local_address()).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        spans.insert(id, (before, now()));
    }
    let ids: Vec<SendId> = spans.keys().copied().collect();

    for (id, stamp) in transmit_stamps(&client, &ids) {
        let (before, after) = spans[&id];
        assert_eq!(stamp.origin, StampOrigin::Kernel);
        assert!(is_between(stamp, before, after), "{id:?} left at {stamp:?}, not in {before:?}..{after:?}");
    }
    assert!(client.notice().unwrap().is_none());
}

#[test]
fn transmit_timestamps_still_match_after_a_failed_send() {
    if !has_stamps() {
        return;
    }
    let (client, server) = (client(V4), server(V4));
    let to = server.local_address();
    let nowhere = "127.0.0.1:0".parse().unwrap();
    for _ in 0..3 {
        let early = client.send(b"early", to).unwrap();
        assert!(client.send(b"no port", nowhere).is_err());
        assert!(client.send(&[0; 70_000], to).is_err());
        let before = now();
        let late = client.send(b"late", to).unwrap();
        assert_ne!(early, late);

        let stamps = transmit_stamps(&client, &[early, late]);
        assert!(is_between(stamps[&late], before, now()));
        assert!(before - stamps[&early].at >= NtpDuration::ZERO);
    }
}

#[test]
fn a_reply_leaves_from_the_address_that_was_asked() {
    let (client, server) = (client("127.0.0.1:0"), server("0.0.0.0:0"));
    let asked = SocketAddr::new("127.0.0.2".parse().unwrap(), server.local_address().port());

    client.send(b"request", asked).unwrap();
    let request = server.receive(&mut [0; 64]).unwrap();
    let destination = request.destination.expect("a wildcard socket knows the destination");
    assert_eq!(destination.address, asked.ip());
    assert_ne!(destination.interface, 0);
    server.send_from(b"reply", request.from, destination.reply_source()).unwrap();

    assert_eq!(client.receive(&mut [0; 64]).unwrap().from, asked);
}

#[test]
fn a_wildcard_socket_for_ipv6_knows_the_destination_and_leaves_ipv4_alone() {
    if !has_ipv6() {
        return;
    }
    let (client, server) = (client(V6), server("[::]:0"));
    let port = server.local_address().port();
    let v4 = Socket::bind(&BindOptions { reuse_port: false, ..BindOptions::server(SocketAddr::from(([0; 4], port))) });
    assert!(v4.is_ok() || v4.is_err_and(|error| error.error.kind() == ErrorKind::AddrInUse && port_was_taken(port)));

    client.send(b"request", SocketAddr::new("::1".parse().unwrap(), port)).unwrap();
    let request = server.receive(&mut [0; 64]).unwrap();
    let destination = request.destination.expect("a wildcard socket knows the destination");
    assert_eq!(destination.address, "::1".parse::<std::net::IpAddr>().unwrap());

    server.send_from(b"reply", request.from, destination.reply_source()).unwrap();
    assert_eq!(client.receive(&mut [0; 64]).unwrap().from.ip(), destination.address);
}

/// Whether somebody else holds the IPv4 port, so that it was not our IPv6 socket that was in the way.
fn port_was_taken(port: u16) -> bool {
    std::fs::read_to_string("/proc/net/udp").is_ok_and(|table| table.contains(&format!(":{port:04X} ")))
}

#[test]
fn a_socket_bound_to_one_address_tells_no_destination() {
    let (client, server) = (client(V4), server(V4));
    client.send(b"request", server.local_address()).unwrap();
    assert_eq!(server.receive(&mut [0; 64]).unwrap().destination, None);
}

#[test]
fn a_datagram_longer_than_the_buffer_is_flagged() {
    let (client, server) = (client(V4), server(V4));
    client.send(&[1; 100], server.local_address()).unwrap();
    client.send(&[2; 48], server.local_address()).unwrap();

    let cut = server.receive(&mut [0; 48]).unwrap();
    assert_eq!((cut.length, cut.truncated), (48, true));
    let whole = server.receive(&mut [0; 48]).unwrap();
    assert_eq!((whole.length, whole.truncated), (48, false));
}

#[test]
fn an_empty_datagram_arrives() {
    let (client, server) = (client(V4), server(V4));
    client.send(&[], server.local_address()).unwrap();
    let empty = server.receive(&mut [0; 48]).unwrap();
    assert_eq!((empty.length, empty.truncated), (0, false));
}

/// Receives until `count` datagrams came, and hands each to `each`.
fn drain(socket: &Socket, count: usize, mut each: impl FnMut(&[u8], Received)) {
    let mut batch = ReceiveBatch::new(64, 64);
    let mut came = 0;
    while came < count {
        came += socket.receive_batch(&mut batch).unwrap();
        assert_eq!(batch.iter().count(), batch.len());
        batch.iter().for_each(|(bytes, received)| each(bytes, received));
    }
    assert_eq!(came, count);
}

fn batch_round_trip(client_address: &str, server_address: &str) {
    let (client, server) = (client(client_address), server(server_address));
    let to = SocketAddr::new(client.local_address().ip(), server.local_address().port());
    receive_stamped(&client, &self::server(client_address));

    let mut requests = SendBatch::new(64, 64);
    for number in 0..64_u8 {
        let length = usize::from(number) + 1;
        requests
            .push(to, None, |room| {
                room[..length].fill(number);
                length
            })
            .unwrap();
    }
    assert!(requests.push(to, None, |_| unreachable!()).is_err());
    let report = client.send_batch(&mut requests);
    assert_eq!((report.sent, report.failed), (64, 0));

    let mut replies = SendBatch::new(64, 64);
    drain(&server, 64, |bytes, received| {
        assert!(received.stamp.is_some());
        assert_eq!(bytes.len(), usize::from(bytes[0]) + 1);
        let from = received.destination.unwrap().reply_source();
        replies
            .push(received.from, from, |room| {
                room[..bytes.len()].copy_from_slice(bytes);
                bytes.len()
            })
            .unwrap();
    });
    let report = server.send_batch(&mut replies);
    assert_eq!((report.sent, report.failed), (64, 0));

    let mut seen = Vec::new();
    drain(&client, 64, |bytes, received| {
        assert_eq!(received.from, to);
        seen.push(bytes[0]);
    });
    seen.sort_unstable();
    assert_eq!(seen, (0..64).collect::<Vec<u8>>());

    let ids: Vec<SendId> = requests.sent_ids().map(Option::unwrap).collect();
    // The socket's earlier sends have stamps of their own.
    let mut missing = ids.len();
    while missing > 0 {
        match notice(&client) {
            Some(Notice::Transmitted(transmitted)) => missing -= usize::from(ids.contains(&transmitted.id)),
            other => panic!("{other:?} with {missing} stamps missing"),
        }
    }
}

#[test]
fn a_batch_of_64_makes_the_round_trip_over_ipv4() {
    if !has_stamps() {
        return;
    }
    batch_round_trip(V4, "0.0.0.0:0");
}

#[test]
fn a_batch_of_64_makes_the_round_trip_over_ipv6() {
    if has_ipv6() && has_stamps() {
        batch_round_trip(V6, "[::]:0");
    }
}

#[test]
fn a_failing_datagram_does_not_hold_up_its_batch() {
    if !has_stamps() {
        return;
    }
    let (client, server) = (client(V4), server(V4));
    let to = server.local_address();
    let nowhere = "127.0.0.1:0".parse().unwrap();
    let mut batch = SendBatch::new(8, 70_000);
    let plain = |room: &mut [u8]| {
        room[..48].fill(1);
        48
    };
    batch.push(to, None, plain).unwrap();
    batch.push(nowhere, None, plain).unwrap();
    batch.push(to, None, plain).unwrap();
    batch.push(to, None, |room| room.len()).unwrap();
    batch.push(nowhere, None, plain).unwrap();
    batch.push(to, Some(SourceAddress { address: "192.0.2.1".parse().unwrap(), interface: 0 }), plain).unwrap();
    batch.push(to, None, plain).unwrap();

    let report = client.send_batch(&mut batch);

    assert_eq!((report.sent, report.failed), (3, 4));
    assert_eq!(report.error.unwrap().kind(), ErrorKind::InvalidInput);
    let sent: Vec<bool> = batch.sent_ids().map(|id| id.is_some()).collect();
    assert_eq!(sent, [true, false, true, false, false, false, true]);
    drain(&server, 3, |bytes, _| assert_eq!(bytes.len(), 48));
    let ids: Vec<SendId> = batch.sent_ids().flatten().collect();
    transmit_stamps(&client, &ids);
}

#[test]
fn a_batch_can_be_used_again() {
    let (client, server) = (client(V4), server(V4));
    let mut batch = SendBatch::new(2, 8);
    for round in 0..3_u8 {
        batch.clear();
        for _ in 0..2 {
            batch
                .push(server.local_address(), None, |room| {
                    room[0] = round;
                    1
                })
                .unwrap();
        }
        assert_eq!(client.send_batch(&mut batch).sent, 2);
        drain(&server, 2, |bytes, _| assert_eq!(bytes, [round]));
    }
}

#[test]
fn a_port_in_use_is_said_to_be() {
    let first = BindOptions { reuse_port: false, ..BindOptions::server(V4.parse().unwrap()) };
    let socket = Socket::bind(&first).unwrap();
    let again = BindOptions { address: socket.local_address(), ..first };

    let text = Socket::bind(&again).unwrap_err().to_string();

    assert!(text.contains(&socket.local_address().to_string()), "{text}");
    assert!(text.contains("is in use: another time daemon"), "{text}");
}

#[test]
fn workers_share_a_port() {
    let first = Socket::bind(&BindOptions::server(V4.parse().unwrap())).unwrap();
    let second = Socket::bind(&BindOptions::server(first.local_address())).unwrap();
    assert_eq!(first.local_address(), second.local_address());
}

#[test]
fn an_interface_that_is_not_there_is_said_to_be() {
    // The kernel would cut the second to 15 bytes and take the last for "any interface".
    for name in ["no-such-if0", "lo-and-then-something-longer", "lo\0", ""] {
        let interface = Some(name.to_owned());
        let error = Socket::bind(&BindOptions { interface, ..BindOptions::client(V4.parse().unwrap()) }).unwrap_err();
        assert_eq!(error.step, BindStep::Interface);
        assert!(error.to_string().contains(&format!("on {name:?}")), "{error}");
    }
}

#[test]
fn a_socket_can_be_tied_to_an_interface() {
    let options = BindOptions { interface: Some("lo".to_owned()), ..BindOptions::server("0.0.0.0:0".parse().unwrap()) };
    let server = match patient(&options) {
        Ok(server) => server,
        Err(error) => return skipped(error),
    };
    let client = client(V4);
    client.send(b"request", SocketAddr::new(client.local_address().ip(), server.local_address().port())).unwrap();
    assert_eq!(server.receive(&mut [0; 64]).unwrap().from, client.local_address());
}

/// A port on loopback on which nobody answers us: it is taken, so that no other test can open it, but by a socket that
/// is connected elsewhere.
fn closed_port(address: &str) -> (UdpSocket, SocketAddr) {
    let holder = UdpSocket::bind(address).unwrap();
    let closed = holder.local_addr().unwrap();
    holder.connect(SocketAddr::new(closed.ip(), 9)).unwrap();
    (holder, closed)
}

fn survives_a_closed_port(address: &str) {
    let (client, (_holder, closed)) = (client(address), closed_port(address));
    let server = server(address);
    for _ in 0..4 {
        client.send(b"request", closed).unwrap();
    }
    let mut batch = SendBatch::new(4, 8);
    for to in [closed, server.local_address(), closed, server.local_address()] {
        batch.push(to, None, |_| 8).unwrap();
    }
    assert_eq!(client.send_batch(&mut batch).sent, 4);

    drain(&server, 2, |_, received| assert_eq!(received.from, client.local_address()));
    server.send(b"reply", client.local_address()).unwrap();
    assert_eq!(client.receive(&mut [0; 64]).unwrap().from, server.local_address());

    let mut refusals = 0;
    while refusals < 6 {
        match notice(&client).expect("each refusal is told") {
            Notice::Transmitted(_) => {}
            Notice::Unreachable(unreachable) => {
                assert_eq!(unreachable.destination, closed);
                assert_eq!(unreachable.error.kind(), ErrorKind::ConnectionRefused);
                refusals += 1;
            }
        }
    }
}

#[test]
fn a_closed_port_is_told_and_breaks_nothing_over_ipv4() {
    survives_a_closed_port(V4);
}

#[test]
fn a_closed_port_is_told_and_breaks_nothing_over_ipv6() {
    if has_ipv6() {
        survives_a_closed_port(V6);
    }
}

#[test]
fn a_server_hears_nothing_of_closed_ports() {
    let (server, (_holder, closed)) = (server(V4), closed_port(V4));
    server.set_read_timeout(Some(SILENCE)).unwrap();
    server.send(b"reply", closed).unwrap();
    server.send(b"reply", closed).unwrap();
    assert_eq!(server.receive(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(server.notice().unwrap().is_none());
}

#[test]
fn a_receive_waits_no_longer_than_its_time_out() {
    let server = server(V4);
    for timeout in [Duration::from_millis(20), Duration::from_nanos(1), Duration::ZERO] {
        server.set_read_timeout(Some(timeout)).unwrap();
        let mut batch = ReceiveBatch::new(4, 64);
        assert_eq!(server.receive_batch(&mut batch).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(batch.is_empty());
    }
}

#[test]
fn a_non_blocking_socket_does_not_wait() {
    let socket = Socket::bind(&BindOptions::client(V4.parse().unwrap())).unwrap();
    assert_eq!(socket.receive(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(socket.notice().unwrap().is_none());
}

#[test]
fn the_granted_receive_buffer_is_told() {
    let mut options = BindOptions::server(V4.parse().unwrap());
    options.receive_buffer = Some(16 << 10);
    let small = patient(&options).unwrap().granted_receive_buffer().unwrap();
    options.receive_buffer = Some(128 << 10);
    let large = patient(&options).unwrap().granted_receive_buffer().unwrap();
    assert!(16 << 10 <= small && small < large, "{small} {large}");
}

#[test]
fn a_dual_stack_socket_answers_ipv4_from_the_address_asked() {
    let any = "[::]:0".parse().unwrap();
    let Ok(server) = Socket::bind(&BindOptions { dual_stack: true, ..BindOptions::server(any) }) else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let client =
        Socket::bind(&BindOptions { blocking: true, ..BindOptions::client("127.0.0.1:0".parse().unwrap()) }).unwrap();
    let asked = SocketAddr::from(([127, 0, 0, 2], server.local_address().port()));
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut requests, mut replies) = (ReceiveBatch::new(4, 64), SendBatch::new(4, 64));
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    // The kernel switches timestamps on a moment after the first socket has asked for them.
    let stamped = (0..100).any(|_| {
        client.send(b"request", asked).unwrap();
        server.receive_batch(&mut requests).unwrap();
        let stamped = requests.iter().all(|(_, request)| request.stamp.is_some());
        std::thread::sleep(Duration::from_millis(if stamped { 0 } else { 10 }));
        stamped
    });
    assert!(stamped || cfg!(not(target_os = "linux")));
    for (bytes, request) in requests.iter() {
        let from = request.destination.and_then(|destination| destination.reply_source());
        replies
            .push(request.from, from, |room| {
                room[..bytes.len()].copy_from_slice(bytes);
                bytes.len()
            })
            .unwrap();
    }
    assert_eq!(server.send_batch(&mut replies).sent, 1);
    let reply = client.receive(&mut [0; 64]).unwrap();
    assert_eq!(reply.from, asked);
}

/// Two sockets at one port, and how many datagrams of one client each of them gets.
fn shares(count: u32, client: impl Fn(u16) -> SocketAddr) -> Vec<Vec<usize>> {
    let first = Socket::bind(&BindOptions::server("127.0.0.1:0".parse().unwrap())).unwrap();
    let address = first.local_address();
    let sockets: Vec<Socket> = std::iter::once(first)
        .chain((1..count).map(|_| Socket::bind(&BindOptions::server(address)).unwrap()))
        .collect();
    sockets[0].steer_by_source(count).unwrap();
    (0..20)
        .map(|number| {
            for _ in 0..10 {
                let socket = UdpSocket::bind(client(number)).unwrap();
                socket.send_to(b"request", address).unwrap();
            }
            let drain = |socket: &Socket| {
                socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                std::iter::from_fn(|| socket.receive(&mut [0; 16]).ok()).count()
            };
            sockets.iter().map(drain).collect()
        })
        .collect()
}

#[test]
fn a_client_meets_the_same_worker_from_whatever_port_and_clients_are_spread() {
    let per_client = shares(4, |number| SocketAddr::from(([127, 0, 3, number as u8 + 1], 0)));
    for shares in &per_client {
        assert_eq!(shares.iter().filter(|share| **share == 10).count(), 1, "{shares:?}");
    }
    let busy = (0..4).filter(|worker| per_client.iter().any(|shares| shares[*worker] > 0)).count();
    assert!(busy >= 3, "twenty clients at four workers: {per_client:?}");
}

#[test]
fn whoever_waits_can_be_woken_for_good() {
    let socket = std::sync::Arc::new(Socket::bind(&BindOptions::server("127.0.0.1:0".parse().unwrap())).unwrap());
    let waiting = std::sync::Arc::clone(&socket);
    let thread = std::thread::spawn(move || {
        let mut batch = ReceiveBatch::new(4, 64);
        waiting.receive_batch(&mut batch).map(|_| batch.iter().count())
    });
    std::thread::sleep(Duration::from_millis(50));
    socket.stop_receiving();
    let outcome = thread.join().unwrap();
    assert!(matches!(outcome, Ok(0) | Err(_)), "{outcome:?}");
}
