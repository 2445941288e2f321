//! Servers of NTP.

use ntp_proto::nts::KeySet;
use ntp_proto::packet::{LeapIndicator, ReferenceId, Stratum};
use ntp_proto::server::{Request, ServedState, Server, ServerConfig, Snapshots, Verdict};
use ntp_proto::time::{Frequency, MonoTime, NtpDuration, NtpTimestamp, Precision, Seconds};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A server of NTP that serves until the process ends.
pub(crate) struct TimeService {
    pub(crate) config: ServerConfig,
    pub(crate) state: ServedState,
    /// With these it does NTS.
    pub(crate) keys: Option<Arc<KeySet>>,
    /// How far its clock is ahead of ours, in seconds.
    pub(crate) ahead: f64,
    /// Longer requests get lost on the way.
    pub(crate) longest_request: usize,
    /// Changes each reply on its way back.
    pub(crate) alter: fn(&mut Vec<u8>),
}

impl Default for TimeService {
    fn default() -> Self {
        Self {
            config: ServerConfig::default(),
            state: ServedState {
                leap: LeapIndicator::NoWarning,
                stratum: Stratum::PRIMARY,
                precision: Precision::from_log2(-24),
                root_delay: Seconds::ZERO,
                root_dispersion: Seconds::new(0.001),
                dispersion_rate: Frequency::ZERO,
                at: NtpTimestamp::UNKNOWN,
                reference_id: ReferenceId::from_letters(*b"GPS\0"),
                reference_time: now(),
                is_own_reference: false,
            },
            keys: None,
            ahead: 0.0,
            longest_request: usize::MAX,
            alter: |_| (),
        }
    }
}

impl TimeService {
    pub(crate) fn start(self) -> SocketAddr {
        let mut server = Server::new(Arc::new(self.config), [3; 32]);
        let began = Instant::now();
        odd(move |octets, from| {
            if octets.len() > self.longest_request {
                return Vec::new();
            }
            let clock = || now() + NtpDuration::from_seconds(self.ahead);
            let request = Request {
                octets,
                from,
                receive: clock(),
                now: MonoTime::from_epoch(began.elapsed()),
            };
            let snapshots = Snapshots {
                state: &self.state,
                keys: self.keys.as_deref(),
            };
            let Verdict::Reply(reply) = server.handle_request(request, snapshots) else {
                return Vec::new();
            };
            let mut octets = vec![0; 1280];
            let length = reply.emit(clock(), &mut octets).unwrap();
            octets.truncate(length);
            (self.alter)(&mut octets);
            vec![octets]
        })
    }
}

/// A server that answers each datagram with those that `answer` makes of it.
pub(crate) fn odd(
    mut answer: impl FnMut(&[u8], SocketAddr) -> Vec<Vec<u8>> + Send + 'static,
) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            for reply in answer(&buffer[..length], from) {
                socket.send_to(&reply, from).unwrap();
            }
        }
    });
    address
}

/// A port that takes everything and never answers.
pub(crate) fn silent() -> SocketAddr {
    odd(|_, _| Vec::new())
}

/// What another server answers to a request.
pub(crate) fn answered_by(server: SocketAddr, request: &[u8]) -> Vec<u8> {
    let relay = UdpSocket::bind("127.0.0.1:0").unwrap();
    relay.send_to(request, server).unwrap();
    let mut reply = vec![0; 2048];
    let (length, _) = relay.recv_from(&mut reply).unwrap();
    reply.truncate(length);
    reply
}

fn now() -> NtpTimestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    NtpTimestamp::from_unix(since.as_secs().try_into().unwrap(), since.subsec_nanos())
}
