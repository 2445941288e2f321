//! The address that was asked, and the one that answers.

use crate::{PATIENCE, V4, V6, client, has_ipv6, server};
use ntp_udp::{BindOptions, ReceiveBatch, SendBatch, Socket};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

#[test]
fn a_reply_leaves_from_the_address_that_was_asked() {
    let (client, server) = (client("127.0.0.1:0"), server("0.0.0.0:0"));
    let asked = SocketAddr::new("127.0.0.2".parse().unwrap(), server.local_address().port());

    client.send(b"request", asked).unwrap();
    let request = server.receive(&mut [0; 64]).unwrap();
    let destination = request
        .destination
        .expect("a wildcard socket knows the destination");
    assert_eq!(destination.address, asked.ip());
    assert_ne!(destination.interface, 0);
    server
        .send_from(b"reply", request.from, destination.reply_source())
        .unwrap();

    assert_eq!(client.receive(&mut [0; 64]).unwrap().from, asked);
}

#[test]
fn a_wildcard_socket_for_ipv6_knows_the_destination_and_leaves_ipv4_alone() {
    if !has_ipv6() {
        return;
    }
    let (client, server) = (client(V6), server("[::]:0"));
    let port = server.local_address().port();
    let v4 = Socket::bind(&BindOptions {
        reuse_port: false,
        ..BindOptions::server(SocketAddr::from(([0; 4], port)))
    });
    assert!(
        v4.is_ok()
            || v4.is_err_and(
                |error| error.error.kind() == ErrorKind::AddrInUse && port_was_taken(port)
            )
    );

    client
        .send(b"request", SocketAddr::new("::1".parse().unwrap(), port))
        .unwrap();
    let request = server.receive(&mut [0; 64]).unwrap();
    let destination = request
        .destination
        .expect("a wildcard socket knows the destination");
    assert_eq!(
        destination.address,
        "::1".parse::<std::net::IpAddr>().unwrap()
    );

    server
        .send_from(b"reply", request.from, destination.reply_source())
        .unwrap();
    assert_eq!(
        client.receive(&mut [0; 64]).unwrap().from.ip(),
        destination.address
    );
}

/// True if another program holds the IPv4 port, so that it was not our IPv6 socket that was in the
/// way.
fn port_was_taken(port: u16) -> bool {
    std::fs::read_to_string("/proc/net/udp")
        .is_ok_and(|table| table.contains(&format!(":{port:04X} ")))
}

#[test]
fn a_socket_bound_to_one_address_tells_no_destination() {
    let (client, server) = (client(V4), server(V4));
    client.send(b"request", server.local_address()).unwrap();
    assert_eq!(server.receive(&mut [0; 64]).unwrap().destination, None);
}

#[test]
fn a_dual_stack_socket_answers_ipv4_from_the_address_asked() {
    let any = "[::]:0".parse().unwrap();
    let Ok(server) = Socket::bind(&BindOptions {
        dual_stack: true,
        ..BindOptions::server(any)
    }) else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let client = Socket::bind(&BindOptions {
        blocking: true,
        ..BindOptions::client("127.0.0.1:0".parse().unwrap())
    })
    .unwrap();
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
        let from = request
            .destination
            .and_then(|destination| destination.reply_source());
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
