//! The end of a wait for a datagram.

use crate::{V4, server};
use ntp_udp::{BindOptions, ReceiveBatch, Socket};
use std::io::ErrorKind;
use std::time::Duration;

#[test]
fn a_receive_waits_no_longer_than_its_time_out() {
    let server = server(V4);
    for timeout in [
        Duration::from_millis(20),
        Duration::from_nanos(1),
        Duration::ZERO,
    ] {
        server.set_read_timeout(Some(timeout)).unwrap();
        let mut batch = ReceiveBatch::new(4, 64);
        assert_eq!(
            server.receive_batch(&mut batch).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        assert!(batch.is_empty());
    }
}

#[test]
fn a_non_blocking_socket_does_not_wait() {
    let socket = Socket::bind(&BindOptions::client(V4.parse().unwrap())).unwrap();
    assert_eq!(
        socket.receive(&mut [0; 8]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert!(socket.notice().unwrap().is_none());
}

#[test]
fn a_waiting_receive_can_be_woken_for_good() {
    let socket = std::sync::Arc::new(
        Socket::bind(&BindOptions::server("127.0.0.1:0".parse().unwrap())).unwrap(),
    );
    let waiting = std::sync::Arc::clone(&socket);
    let thread = std::thread::spawn(move || {
        let mut batch = ReceiveBatch::new(4, 64);
        waiting
            .receive_batch(&mut batch)
            .map(|_| batch.iter().count())
    });
    std::thread::sleep(Duration::from_millis(50));
    socket.stop_receiving();
    let outcome = thread.join().unwrap();
    assert!(matches!(outcome, Ok(0) | Err(_)), "{outcome:?}");
}
