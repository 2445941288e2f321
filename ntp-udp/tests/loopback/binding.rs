//! Ports, interfaces and buffers of a socket.

use crate::{V4, client, patient, skipped};
use ntp_udp::{BindOptions, BindStep, Socket};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

#[test]
fn a_port_in_use_is_said_to_be() {
    let first = BindOptions {
        reuse_port: false,
        ..BindOptions::server(V4.parse().unwrap())
    };
    let socket = Socket::bind(&first).unwrap();
    let again = BindOptions {
        address: socket.local_address(),
        ..first
    };

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
        let error = Socket::bind(&BindOptions {
            interface,
            ..BindOptions::client(V4.parse().unwrap())
        })
        .unwrap_err();
        assert_eq!(error.step, BindStep::Interface);
        assert!(
            error.to_string().contains(&format!("on {name:?}")),
            "{error}"
        );
    }
}

#[test]
fn a_socket_can_be_tied_to_an_interface() {
    let options = BindOptions {
        interface: Some("lo".to_owned()),
        ..BindOptions::server("0.0.0.0:0".parse().unwrap())
    };
    let server = match patient(&options) {
        Ok(server) => server,
        Err(error) => return skipped(error),
    };
    let client = client(V4);
    client
        .send(
            b"request",
            SocketAddr::new(client.local_address().ip(), server.local_address().port()),
        )
        .unwrap();
    assert_eq!(
        server.receive(&mut [0; 64]).unwrap().from,
        client.local_address()
    );
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
                socket
                    .set_read_timeout(Some(Duration::from_millis(1)))
                    .unwrap();
                std::iter::from_fn(|| socket.receive(&mut [0; 16]).ok()).count()
            };
            sockets.iter().map(drain).collect()
        })
        .collect()
}

#[test]
fn a_client_meets_the_same_worker_from_whatever_port_and_clients_are_spread() {
    let per_client = shares(4, |number| {
        SocketAddr::from(([127, 0, 3, number as u8 + 1], 0))
    });
    for shares in &per_client {
        assert_eq!(
            shares.iter().filter(|share| **share == 10).count(),
            1,
            "{shares:?}"
        );
    }
    let busy = (0..4)
        .filter(|worker| per_client.iter().any(|shares| shares[*worker] > 0))
        .count();
    assert!(busy >= 3, "twenty clients at four workers: {per_client:?}");
}
