//! A server in one thread: `cargo run -p ntp-proto --example server -- 127.0.0.1:1123`. It serves
//! the system's clock as it is, at stratum 10.
//!
//! A real driver takes receive timestamps from the kernel, answers in batches and reloads its
//! settings; `ntp-daemon` does.

use ntp_proto::packet::{LeapIndicator, Stratum};
use ntp_proto::server::{
    MAX_REQUEST_LENGTH, Request, ServedState, Server, ServerConfig, Snapshots, Verdict,
};
use ntp_proto::time::{MonoTime, NtpTimestamp, Seconds};
use std::error::Error;
use std::fs::File;
use std::io::Read as _;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let socket = UdpSocket::bind(address.as_deref().unwrap_or("127.0.0.1:1123"))?;
    let start = Instant::now();
    let mut server = Server::new(Arc::new(ServerConfig::default()), seed()?);
    let state = ServedState {
        leap: LeapIndicator::NoWarning,
        stratum: Stratum::from_bits(10),
        root_dispersion: Seconds::new(0.1),
        is_own_reference: true,
        ..ServedState::UNSYNCHRONIZED
    };
    let snapshots = Snapshots {
        state: &state,
        keys: None,
    };
    // Longer than any request, so that nothing that was cut off looks whole.
    let mut octets = [0; MAX_REQUEST_LENGTH + 4];
    let mut reply = [0; MAX_REQUEST_LENGTH];
    loop {
        let (length, from) = socket.recv_from(&mut octets)?;
        let request = Request {
            octets: octets.get(..length).unwrap_or_default(),
            from,
            receive: clock()?,
            now: MonoTime::from_epoch(start.elapsed()),
        };
        if let Verdict::Reply(pending) = server.handle_request(request, snapshots) {
            let length = pending.emit(clock()?, &mut reply)?;
            socket.send_to(reply.get(..length).unwrap_or_default(), from)?;
        }
    }
}

fn clock() -> Result<NtpTimestamp, Box<dyn Error>> {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let seconds = i64::try_from(unix.as_secs())?;
    Ok(NtpTimestamp::from_unix(seconds, unix.subsec_nanos()))
}

/// Unpredictable octets.
fn seed() -> Result<[u8; 32], Box<dyn Error>> {
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}
