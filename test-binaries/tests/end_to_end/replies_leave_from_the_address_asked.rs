//! A machine with several addresses.

use crate::PROMPTLY;
use ntp_proto::packet::{Header, Mode, Version};
use ntp_proto::time::{NtpTimestamp, PollInterval};
use std::net::{SocketAddr, UdpSocket};
use test_support::{Daemon, DaemonConfig, or_skip};

#[test]
fn a_reply_leaves_from_the_address_that_was_asked() {
    let config = DaemonConfig::with_virtual_clock(0.0, 0.0)
        .and("[synchronization]\nlocal-stratum = 1\n")
        .and_server("0.0.0.0:0");
    let mut daemon = or_skip!(Daemon::start(&config));
    let asked = SocketAddr::from((
        [127, 0, 0, 2],
        daemon.wait_until_serving(PROMPTLY)[0].port(),
    ));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PROMPTLY)).unwrap();
    let request = Header::request(
        Version::V4,
        PollInterval::MIN,
        NtpTimestamp::from_bits(0x1234_5678_9abc_def0),
    );

    client.send_to(&request.encode(), asked).unwrap();

    let mut reply = [0; 100];
    let (length, from) = client.recv_from(&mut reply).expect("a reply comes");
    assert_eq!(from, asked);
    let reply = Header::decode(&reply[..length]).unwrap();
    assert_eq!((reply.mode, reply.origin), (Mode::Server, request.transmit));
}
