//! Timestamps of the kernel.

use crate::{
    V4, V6, client, has_ipv6, has_stamps, is_between, now, receive_stamped, server, transmit_stamps,
};
use ntp_proto::time::NtpDuration;
use ntp_udp::{SendId, StampOrigin};
use std::collections::HashMap;
use std::time::Duration;

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
        assert!(
            is_between(stamp, before, after),
            "{id:?} left at {stamp:?}, not in {before:?}..{after:?}"
        );
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
