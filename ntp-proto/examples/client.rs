//! A client in one thread that measures a server for half a minute and steers nothing:
//! `cargo run -p ntp-proto --example client -- 127.0.0.1:1123`.
//!
//! A real driver takes timestamps from the kernel, waits for several replies at once, looks names
//! up and carries out clock actions; `ntp-daemon` does.
#![expect(clippy::print_stdout, reason = "it is for people to look at")]

use ntp_proto::association::{Accepted, AssociationConfig, Datagram, Transmit};
use ntp_proto::client::entry::{SourceEntryConfig, SourceEntryKind};
use ntp_proto::client::{Client, ClientConfig};
use ntp_proto::clock::InitialClock;
use ntp_proto::nts::{MAX_PROTECTED_REPLY, MAX_PROTECTED_REQUEST};
use ntp_proto::time::{
    Frequency, LocalStamp, MonoTime, Now, NtpTimestamp, Precision, Seconds, StampOrigin,
};
use std::error::Error;
use std::fs::File;
use std::io::Read as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const RUN: Duration = Duration::from_secs(30);

/// Both clocks of this machine.
struct Clocks {
    start: Instant,
}

impl Clocks {
    fn now(&self) -> Result<Now, Box<dyn Error>> {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let seconds = i64::try_from(unix.as_secs())?;
        Ok(Now {
            mono: MonoTime::from_epoch(self.start.elapsed()),
            local: NtpTimestamp::from_unix(seconds, unix.subsec_nanos()),
        })
    }

    fn stamp(&self) -> Result<LocalStamp, Box<dyn Error>> {
        Ok(LocalStamp {
            at: self.now()?.local,
            origin: StampOrigin::Daemon,
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1);
    let server: SocketAddr = argument.as_deref().unwrap_or("127.0.0.1:1123").parse()?;
    let clocks = Clocks {
        start: Instant::now(),
    };
    let mut client = new_client(server, seed()?, clocks.now()?);
    while clocks.start.elapsed() < RUN {
        // It steers nothing, so what remains is the status for the operating system.
        while client.poll_action().is_some() {}
        while let Some(event) = client.poll_event() {
            println!("{event:?}");
        }
        let mut buffer = [0; MAX_PROTECTED_REQUEST];
        while let Some(transmit) = client.poll_transmit(clocks.now()?, &mut buffer) {
            let octets = buffer.get(..transmit.length).unwrap_or_default();
            exchange(&mut client, &clocks, transmit, octets)?;
        }
        if let Some(due) = client.poll_timeout(clocks.now()?) {
            std::thread::sleep(due.since(clocks.now()?.mono).min(RUN));
        }
        client.handle_timeout(clocks.now()?);
    }
    Ok(())
}

fn new_client(server: SocketAddr, seed: [u8; 32], now: Now) -> Client {
    let entry = SourceEntryConfig {
        host: server.ip().to_string(),
        port: server.port(),
        kind: SourceEntryKind::Server,
        association: AssociationConfig::default(),
    };
    let config = ClientConfig {
        entries: vec![entry],
        ..ClientConfig::default()
    };
    let initial = InitialClock {
        steers: false,
        applied: Frequency::ZERO,
        frequency: None,
        assumed_step: Seconds::ZERO,
        accumulated: None,
        precision: Precision::from_log2(-20),
        left_synchronized: false,
    };
    Client::new(config, &initial, seed, now)
}

/// Sends one request from a fresh port and waits for its reply.
fn exchange(
    client: &mut Client,
    clocks: &Clocks,
    transmit: Transmit,
    octets: &[u8],
) -> Result<(), Box<dyn Error>> {
    let socket = match transmit.to {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
    };
    let stamp = clocks.stamp()?;
    socket.send_to(octets, transmit.to)?;
    let outcome = client.handle_transmitted(clocks.now()?, transmit.token, stamp);
    debug_assert_eq!(outcome, Ok(None), "no reply has been handed over yet");
    let mut buffer = [0; MAX_PROTECTED_REPLY];
    loop {
        let left = transmit.expires.since(clocks.now()?.mono);
        if left.is_zero() {
            return Ok(());
        }
        socket.set_read_timeout(Some(left))?;
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            return Ok(());
        };
        let datagram = Datagram {
            from,
            to: None,
            received: clocks.stamp()?,
            bytes: buffer.get(..length).unwrap_or_default(),
        };
        let now = clocks.now()?;
        match client.handle_datagram(now, transmit.association, &datagram) {
            Ok(Accepted::Measured) => return report(client, now),
            Ok(Accepted::Parked) => {}
            Err(discard) => println!("a datagram from {from} is discarded: {discard:?}"),
        }
    }
}

fn report(client: &Client, now: Now) -> Result<(), Box<dyn Error>> {
    for member in client.members() {
        let (offset, filtered) = client.opinion_of(member, now).ok_or("no measurement")?;
        println!(
            "{}: offset {:+.6} s, root distance {:.6} s",
            member.association().address(),
            offset.to_f64(),
            client.distance_of(member, now, filtered).to_f64()
        );
    }
    Ok(())
}

/// Unpredictable octets.
fn seed() -> Result<[u8; 32], Box<dyn Error>> {
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}
