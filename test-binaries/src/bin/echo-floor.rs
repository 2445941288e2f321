//! The least cost of an NTP server: it receives batches with kernel receive timestamps, swaps the
//! fields, reads the clock, and sends batches. It checks nothing else, and so is the floor that
//! real servers are measured against.
#![forbid(unsafe_code)]

use clap::Parser;
use ntp_os_clock::{Clock, ClockReader};
use ntp_proto::time::NtpTimestamp;
use ntp_udp::{BindOptions, MAX_BATCH, ReceiveBatch, Received, SendBatch, Socket};
use std::error::Error;
use std::io;
use std::time::{Duration, Instant};
use test_binaries::{Announcer, ServerOptions};

/// The longest datagram that is sent back whole, in octets.
const LONGEST: usize = 1280;
/// The time of one wait for requests, after which the end of the run is checked.
const PATIENCE: Duration = Duration::from_millis(250);
/// Version 4, mode 4 (server), no warning; stratum 1, poll 2⁶ s, precision 2⁻²⁰ s.
const FIRST_WORD: [u8; 4] = [0x24, 1, 6, 0xEC];

/// Send every datagram back as an NTP reply, at the least possible cost: the floor for measurements
/// of servers.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    server: ServerOptions,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let options = BindOptions {
        reuse_port: false,
        ..BindOptions::server(args.server.listen)
    };
    let socket = Socket::bind(&options).map_err(|error| error.to_string())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Announcer::listening(socket.local_address());
    let clock = Clock::measuring().reader();
    let end = args.server.end();
    let (mut requests, mut replies) = (
        ReceiveBatch::new(MAX_BATCH, LONGEST),
        SendBatch::new(MAX_BATCH, LONGEST),
    );
    while end.is_none_or(|end| Instant::now() < end) {
        match socket.receive_batch(&mut requests) {
            Ok(_) => {}
            Err(error)
                if [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted]
                    .contains(&error.kind()) =>
            {
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        replies.clear();
        for (octets, received) in requests.iter() {
            let from = received
                .destination
                .and_then(|destination| destination.reply_source());
            // A batch of replies is never longer than the batch of their requests.
            let _ = replies.push(received.from, from, |room| {
                echo(octets, &received, &clock, room)
            });
        }
        let _ = socket.send_batch(&mut replies);
    }
    Ok(())
}

/// Writes the reply into `room` and returns its length; 0 for what is not an NTP packet.
fn echo(octets: &[u8], received: &Received, clock: &ClockReader, room: &mut [u8]) -> usize {
    let Some(room) = room.get_mut(..octets.len()) else {
        return 0;
    };
    room.copy_from_slice(octets);
    let Some(header) = room.first_chunk_mut::<48>() else {
        return 0;
    };
    let arrived = received.stamp.map_or_else(|| clock.now(), |stamp| stamp.at);
    // The request's transmit timestamp becomes the origin.
    header.copy_within(40..48, 24);
    header[..4].copy_from_slice(&FIRST_WORD);
    header[12..16].copy_from_slice(b"ECHO");
    put(header, 16, arrived);
    put(header, 32, arrived);
    put(header, 40, clock.now());
    octets.len()
}

fn put(header: &mut [u8; 48], at: usize, stamp: NtpTimestamp) {
    header[at..at + 8].copy_from_slice(&stamp.to_bits().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntp_proto::packet::{Header, Mode, Stratum, Version};
    use ntp_proto::time::PollInterval;
    use ntp_udp::KernelStamp;

    #[test]
    fn an_echo_is_a_reply_to_its_request() {
        let origin = NtpTimestamp::from_bits(42);
        let arrived = NtpTimestamp::from_bits(0xEC00_0000_0000_0000);
        let request = Header::request(Version::V4, PollInterval::clamped(6), origin).encode();
        let from = "192.0.2.1:123".parse().unwrap();
        let stamp = Some(KernelStamp::kernel(arrived));
        let received = Received {
            length: 48,
            from,
            destination: None,
            stamp,
            truncated: false,
        };
        let mut room = [0; LONGEST];
        let length = echo(&request, &received, &Clock::measuring().reader(), &mut room);
        let reply = Header::decode(&room[..length]).unwrap();

        assert_eq!(
            (reply.mode, reply.version, reply.stratum),
            (Mode::Server, Version::V4, Stratum::PRIMARY)
        );
        assert_eq!((reply.origin, reply.receive), (origin, arrived));
        assert!(!reply.transmit.is_unknown());
    }
}
