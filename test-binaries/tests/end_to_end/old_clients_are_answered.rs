//! Clients of old versions and peers get the time from our server, byte for byte as they know it.

use crate::{PROMPTLY, SOON};
use ntp_proto::packet::{Header, LeapIndicator, Mode, Version};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use test_support::{Daemon, DaemonConfig, or_skip, until};

/// A server with a virtual clock, and more lines for its `[[server]]`.
fn config(more: &str) -> DaemonConfig {
    DaemonConfig::with_virtual_clock(0.25, 0.0)
        .and("[synchronization]\nlocal-stratum = 10\n")
        .and_server("127.0.0.1:0")
        .and(more)
}

/// The reply to a request that is a first octet, 39 zeros and a transmit timestamp.
fn ask(address: SocketAddr, first: u8) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .expect("a timeout above 0");
    let mut request = [0; 48];
    request[0] = first;
    request[40..].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    socket
        .send_to(&request, address)
        .expect("loopback takes it");
    let mut reply = [0; 512];
    socket
        .recv(&mut reply)
        .ok()
        .map(|length| reply[..length].to_vec())
}

fn header(reply: &[u8]) -> Header {
    assert_eq!(reply.len(), 48, "no longer than the request");
    Header::decode(reply).expect("48 octets are a header")
}

#[test]
fn versions_1_to_4_modes_3_and_1_and_version_1_without_a_mode_are_answered_in_their_own_form() {
    let mut daemon = or_skip!(Daemon::start(&config("")));
    let [address] = daemon.wait_until_serving(PROMPTLY)[..] else {
        panic!("one address")
    };
    for version in 1..=4_u8 {
        for (mode, reply_mode) in [
            (3, Mode::Server),
            (1, Mode::SymmetricPassive),
            (0, Mode::Server),
        ] {
            if mode == 0 && version != 1 {
                continue;
            }
            let reply = until(PROMPTLY, || ask(address, version << 3 | mode));
            let header = header(&reply.unwrap_or_else(|| panic!("version {version}, mode {mode}")));
            assert_eq!(
                (header.version, header.mode),
                (Version::from_bits(version), reply_mode)
            );
            assert_eq!(header.origin.to_bits(), 0x0102_0304_0506_0708);
            assert_eq!(
                (header.leap, header.stratum.to_bits()),
                (LeapIndicator::NoWarning, 10)
            );
        }
    }
    for (version, mode) in [
        (2, 0),
        (3, 0),
        (4, 0),
        (1, 2),
        (4, 2),
        (1, 4),
        (2, 4),
        (0, 3),
        (5, 3),
        (4, 6),
        (4, 7),
    ] {
        assert_eq!(
            ask(address, version << 3 | mode),
            None,
            "version {version}, mode {mode}"
        );
    }
}

#[test]
fn accept_ntp_versions_narrows_it() {
    let mut daemon = or_skip!(Daemon::start(&config("accept-ntp-versions = [3, 4]\n")));
    let [address] = daemon.wait_until_serving(PROMPTLY)[..] else {
        panic!("one address")
    };
    let answered = until(PROMPTLY, || ask(address, 3 << 3 | 3));
    assert!(answered.is_some() && ask(address, 4 << 3 | 1).is_some());
    for first in [1 << 3, 1 << 3 | 3, 2 << 3 | 3, 2 << 3 | 1] {
        assert_eq!(ask(address, first), None, "{first:#o}");
    }
}

/// A server that follows another one and does not steer its clock.
fn relay(source: SocketAddr, clock: &str) -> DaemonConfig {
    DaemonConfig::with_clock_mode("none")
        .and_source(source)
        .and_server("127.0.0.1:0")
        .and(clock)
}

#[test]
fn a_clock_that_another_program_keeps_is_served_with_its_measured_error() {
    // The source's clock is 0.25 s ahead of the machine's, and that is the error of a server of the
    // latter.
    let primary = DaemonConfig::with_virtual_clock(0.25, 0.0)
        .and("[synchronization]\nlocal-stratum = 1\n")
        .and_server("127.0.0.1:0");
    let mut primary = or_skip!(Daemon::start(&primary));
    let [source] = primary.wait_until_serving(PROMPTLY)[..] else {
        panic!("one address")
    };
    let mut relay = or_skip!(Daemon::start(&relay(source, "")));
    let [address] = relay.wait_until_serving(PROMPTLY)[..] else {
        panic!("one address")
    };

    let served = until(SOON, || {
        let header = header(&ask(address, 4 << 3 | 3)?);
        (header.stratum.to_bits() == 2).then_some(header)
    });

    let served = served.unwrap_or_else(|| panic!("never served: {}", relay.process().output()));
    let dispersion = served.root_dispersion.to_seconds().to_f64();
    assert!(
        (0.25..0.4).contains(&dispersion),
        "{dispersion} s contain the offset"
    );
    assert_eq!(served.leap, LeapIndicator::NoWarning);
    assert_eq!(served.reference_id.as_ipv4().to_string(), "127.0.0.1");
    let state = relay.state().expect("its state can be had");
    assert_eq!(state.system.stratum, 2, "the state says the same");
}

#[test]
fn a_local_reference_was_set_just_now_and_claims_an_error() {
    let mut daemon = or_skip!(Daemon::start(&config("")));
    let [address] = daemon.wait_until_serving(PROMPTLY)[..] else {
        panic!("one address")
    };
    let header = header(&until(PROMPTLY, || ask(address, 4 << 3 | 3)).expect("a reply"));
    let age = (header.transmit - header.reference_time).to_seconds();
    assert!((0.0..=65.0).contains(&age), "{age} s");
    assert!(
        header.root_dispersion.to_seconds().to_f64() >= 0.5,
        "nothing is known of its error"
    );
}
