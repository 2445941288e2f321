//! Datagrams of all lengths, alone and in batches.

use crate::{
    V4, V6, client, drain, has_ipv6, has_stamps, notice, receive_stamped, server, transmit_stamps,
};
use ntp_udp::{Notice, SendBatch, SendId, SourceAddress};
use std::io::ErrorKind;
use std::net::SocketAddr;

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
            Some(Notice::Transmitted(transmitted)) => {
                missing -= usize::from(ids.contains(&transmitted.id));
            }
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
    batch
        .push(
            to,
            Some(SourceAddress {
                address: "192.0.2.1".parse().unwrap(),
                interface: 0,
            }),
            plain,
        )
        .unwrap();
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
