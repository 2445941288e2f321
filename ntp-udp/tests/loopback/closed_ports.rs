//! Requests and replies to closed ports.

use crate::{SILENCE, V4, V6, client, drain, has_ipv6, notice, server};
use ntp_udp::{Notice, SendBatch};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};

/// A port on loopback without a server: it is taken, so that no other test can open it, but by a
/// socket that is connected elsewhere.
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
    for to in [
        closed,
        server.local_address(),
        closed,
        server.local_address(),
    ] {
        batch.push(to, None, |_| 8).unwrap();
    }
    assert_eq!(client.send_batch(&mut batch).sent, 4);

    drain(&server, 2, |_, received| {
        assert_eq!(received.from, client.local_address());
    });
    server.send(b"reply", client.local_address()).unwrap();
    assert_eq!(
        client.receive(&mut [0; 64]).unwrap().from,
        server.local_address()
    );

    let mut refusals = 0;
    while refusals < 6 {
        match notice(&client).expect("each refusal is reported") {
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
    assert_eq!(
        server.receive(&mut [0; 8]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert!(server.notice().unwrap().is_none());
}
