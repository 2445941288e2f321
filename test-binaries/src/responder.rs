//! A small NTP server: it reads requests, and a function makes the replies, at once or delayed.

use crate::{Announcer, Request, ServerOptions};
use ntp_os_clock::{Clock, ClockReader};
use ntp_proto::time::NtpTimestamp;
use ntp_udp::{BindOptions, Socket, SourceAddress};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The largest request that is read whole.
const LARGEST_REQUEST: usize = 2048;

/// The limit of delayed replies; more are dropped.
const MOST_WAITING: usize = 1024;

/// One datagram to send back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The delay before it is sent.
    pub after: Duration,
    /// The datagram.
    pub octets: Vec<u8>,
    /// True if it comes from another port than the one that was asked.
    pub elsewhere: bool,
}

impl Outgoing {
    /// A datagram that is sent at once.
    #[must_use]
    pub fn now(octets: impl Into<Vec<u8>>) -> Self {
        Self {
            after: Duration::ZERO,
            octets: octets.into(),
            elsewhere: false,
        }
    }
}

/// A reply that is held back.
#[derive(Debug)]
struct Waiting {
    due: Instant,
    to: SocketAddr,
    from: Option<SourceAddress>,
    octets: Vec<u8>,
}

/// A server that listens.
#[derive(Debug)]
pub struct Responder {
    socket: Socket,
    options: ServerOptions,
    clock: ClockReader,
    waiting: VecDeque<Waiting>,
}

impl Responder {
    /// Listens where `options` say, and announces the address.
    ///
    /// # Errors
    /// If the address cannot be bound; in words, with the remedy.
    pub fn start(options: ServerOptions) -> Result<Self, String> {
        let socket = Socket::bind(&BindOptions {
            reuse_port: false,
            ..BindOptions::server(options.listen)
        });
        let responder = Self {
            socket: socket.map_err(|error| error.to_string())?,
            options,
            clock: Clock::measuring().reader(),
            waiting: VecDeque::new(),
        };
        Announcer::listening(responder.socket.local_address());
        Ok(responder)
    }

    /// Serves for the time that the options say. `answer` gets each request, and a clock for its
    /// reply.
    ///
    /// # Errors
    /// Those of receiving; a reply that cannot be sent is lost, as on any network.
    pub fn serve(
        &mut self,
        mut answer: impl FnMut(&Request, &ClockReader) -> Vec<Outgoing>,
    ) -> io::Result<()> {
        let end = self.options.end();
        let mut buffer = [0; LARGEST_REQUEST];
        while end.is_none_or(|end| Instant::now() < end) {
            self.send_what_is_due();
            let next = [end, self.waiting.front().map(|waiting| waiting.due)]
                .into_iter()
                .flatten()
                .min();
            self.socket.set_read_timeout(
                next.map(|next| next.saturating_duration_since(Instant::now())),
            )?;
            let received = match self.socket.receive(&mut buffer) {
                Ok(received) => received,
                Err(error)
                    if [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted]
                        .contains(&error.kind()) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let arrived: NtpTimestamp = received
                .stamp
                .map_or_else(|| self.clock.now(), |stamp| stamp.at);
            let octets = buffer.get(..received.length).unwrap_or_default();
            let Some(request) = Request::read(octets, received.from, arrived) else {
                continue;
            };
            let from = received
                .destination
                .and_then(|destination| destination.reply_source());
            for outgoing in answer(&request, &self.clock) {
                self.send_or_hold(outgoing, received.from, from);
            }
        }
        Ok(())
    }

    fn send_or_hold(&mut self, outgoing: Outgoing, to: SocketAddr, from: Option<SourceAddress>) {
        let Outgoing {
            after,
            octets,
            elsewhere,
        } = outgoing;
        if elsewhere {
            let other = SocketAddr::new(self.socket.local_address().ip(), 0);
            let _ = std::net::UdpSocket::bind(other).and_then(|socket| socket.send_to(&octets, to));
        } else if after.is_zero() {
            let _ = self.socket.send_from(&octets, to, from);
        } else if self.waiting.len() < MOST_WAITING {
            let due = Instant::now() + after;
            let place = self.waiting.partition_point(|waiting| waiting.due <= due);
            self.waiting.insert(
                place,
                Waiting {
                    due,
                    to,
                    from,
                    octets,
                },
            );
        }
    }

    fn send_what_is_due(&mut self) {
        let now = Instant::now();
        let due = self.waiting.partition_point(|waiting| waiting.due <= now);
        for waiting in self.waiting.drain(..due) {
            let _ = self
                .socket
                .send_from(&waiting.octets, waiting.to, waiting.from);
        }
    }
}
