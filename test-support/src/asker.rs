//! Single exchanges, plain or with NTS, and how long they take.

use crate::NtsSession;
use ntp_proto::packet::{Header, KissCode, Stratum, Version};
use ntp_proto::time::{NtpTimestamp, PollInterval};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Asks one server, one request at a time.
#[derive(Debug)]
pub struct Asker {
    socket: UdpSocket,
    patience: Duration,
    asked: u64,
}

impl Asker {
    /// Asks `server`, and gives each reply up after `patience`.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new(server: SocketAddr, patience: Duration) -> io::Result<Self> {
        let any: SocketAddr = if server.is_ipv4() {
            ([0; 4], 0).into()
        } else {
            ([0; 16], 0).into()
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(patience))?;
        Ok(Self {
            socket,
            patience,
            asked: 0,
        })
    }

    /// A request that no other is like.
    fn header(&mut self) -> Header {
        self.asked += 1;
        Header::request(
            Version::V4,
            PollInterval::clamped(6),
            NtpTimestamp::from_bits(self.asked),
        )
    }

    /// The duration of a plain exchange; `None` without a reply that has the time.
    pub fn plain(&mut self) -> Option<Duration> {
        let header = self.header();
        self.exchange(&header.encode(), |reply| {
            Header::decode(reply)
                .ok()
                .filter(|reply| reply.origin == header.transmit)
        })
    }

    /// The duration of an exchange with NTS; `None` without an authentic reply that has the time.
    pub fn protected(&mut self, session: &mut NtsSession) -> Option<Duration> {
        let header = self.header();
        let (request, unique_id) = session.request(&header);
        self.exchange(&request, |reply| session.open(reply, &unique_id).ok())
    }

    fn exchange(
        &self,
        request: &[u8],
        mut read: impl FnMut(&[u8]) -> Option<Header>,
    ) -> Option<Duration> {
        let started = Instant::now();
        self.socket.send(request).ok()?;
        let mut room = [0; 1500];
        while started.elapsed() < self.patience {
            let length = self.socket.recv(&mut room).ok()?;
            let took = started.elapsed();
            if let Some(header) = read(room.split_at(length).0) {
                let is_kiss =
                    header.stratum == Stratum::UNSPECIFIED && header.kiss().is_some_and(is_refusal);
                return (!is_kiss).then_some(took);
            }
        }
        None
    }
}

const fn is_refusal(code: KissCode) -> bool {
    matches!(code, KissCode::Deny | KissCode::Rate | KissCode::Ntsn)
}
