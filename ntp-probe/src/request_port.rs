//! One request, one socket, one random port (RFC 9109), and the timestamps of both ways.

use crate::ntp_failure::Rejection;
use ntp_os_clock::ClockReader;
use ntp_proto::association::Discard;
use ntp_proto::time::{LocalStamp, StampOrigin};
use ntp_udp::{BindOptions, Notice, SendId, Socket};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

/// Longer replies are cut off, and then fail to decode.
const BUFFER: usize = 1284;

/// The wait for a better reply after a datagram that anyone on the network could have sent.
const GRACE: Duration = Duration::from_millis(500);

/// The time after which a kernel has begun to timestamp received packets.
const WARM_UP: Duration = Duration::from_millis(5);

/// Keeps the kernel's receive timestamps on while the returned socket lives.
///
/// A kernel timestamps received packets only while some socket wants it, and begins a moment later,
/// so that the first of several exchanges would lose its timestamp.
pub(crate) async fn keep_stamping() -> Option<Socket> {
    let anywhere = [
        IpAddr::from(Ipv4Addr::UNSPECIFIED),
        Ipv6Addr::UNSPECIFIED.into(),
    ];
    let mut sockets = anywhere
        .iter()
        .filter_map(|any| Socket::bind(&BindOptions::client(SocketAddr::new(*any, 0))).ok());
    let socket = sockets.next()?;
    tokio::time::sleep(WARM_UP).await;
    Some(socket)
}

/// An accepted reply with its timestamps.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    pub(crate) content: T,
    /// T1: the departure of the request.
    pub(crate) sent: LocalStamp,
    /// T4: the arrival of the reply.
    pub(crate) received: LocalStamp,
    /// The address of ours that it was sent to.
    pub(crate) to: Option<IpAddr>,
}

/// The absence of a reply.
#[derive(Debug)]
pub(crate) enum NoReply {
    /// The request never left.
    NotSent(io::Error),
    /// The time was up.
    Silence {
        /// The error that the network reported (ICMP).
        unreachable: Option<io::Error>,
        /// The most informative datagram that came instead.
        rejection: Option<Rejection>,
    },
}

/// Sends `request` and waits until `judge` accepts a datagram, or the timeout expires.
pub(crate) async fn ask<T>(
    to: SocketAddr,
    request: &[u8],
    reader: &ClockReader,
    timeout: Duration,
    mut judge: impl FnMut(&[u8]) -> Result<T, Rejection>,
) -> Result<Reply<T>, NoReply> {
    let mut port = RequestPort::send(to, request, reader, timeout).map_err(NoReply::NotSent)?;
    let mut buffer = [0; BUFFER];
    loop {
        let Some(datagram) = port.next(&mut buffer).await else {
            return Err(port.into_no_reply());
        };
        let octets = buffer.get(..datagram.length).unwrap_or_default();
        let judged = if same_endpoint(datagram.from, to) {
            judge(octets)
        } else {
            Err(Rejection::of(Discard::WrongAddress))
        };
        match judged {
            Err(rejection) => port.record(rejection),
            Ok(content) => {
                // The kernel's transmit timestamp has come by now, or never will.
                port.drain_notices();
                return Ok(Reply {
                    content,
                    sent: port.sent,
                    received: datagram.received,
                    to: datagram.to,
                });
            }
        }
    }
}

struct Datagram {
    length: usize,
    from: SocketAddr,
    to: Option<IpAddr>,
    received: LocalStamp,
}

/// The socket of a request that waits for its reply.
struct RequestPort {
    socket: AsyncFd<Socket>,
    reader: ClockReader,
    id: SendId,
    /// Our own reading, until the kernel's timestamp comes.
    sent: LocalStamp,
    deadline: Instant,
    unreachable: Option<io::Error>,
    rejection: Option<Rejection>,
}

impl RequestPort {
    fn send(
        to: SocketAddr,
        request: &[u8],
        reader: &ClockReader,
        timeout: Duration,
    ) -> io::Result<Self> {
        let any: IpAddr = if to.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let options = BindOptions::client(SocketAddr::new(any, 0));
        let socket = Socket::bind(&options).map_err(|error| error.error)?;
        let sent = LocalStamp {
            at: reader.now(),
            origin: StampOrigin::Daemon,
        };
        let id = socket.send(request, to)?;
        let deadline = Instant::now() + timeout;
        let (reader, unreachable, rejection) = (reader.clone(), None, None);
        Ok(Self {
            socket: watched(socket)?,
            reader,
            id,
            sent,
            deadline,
            unreachable,
            rejection,
        })
    }

    /// The next datagram from any sender. `None` when the timeout expires.
    async fn next(&mut self, buffer: &mut [u8]) -> Option<Datagram> {
        loop {
            self.drain_notices();
            if let Ok(received) = self.socket.get_ref().receive(buffer) {
                return Some(Datagram {
                    length: received.length,
                    from: received.from,
                    to: received.destination.map(|destination| destination.address),
                    received: self.local(received.stamp),
                });
            }
            let ready = self.socket.ready(Interest::READABLE | Interest::ERROR);
            let mut ready = tokio::time::timeout_at(self.deadline, ready)
                .await
                .ok()?
                .ok()?;
            ready.clear_ready();
        }
    }

    fn drain_notices(&mut self) {
        while let Ok(Some(notice)) = self.socket.get_ref().notice() {
            match notice {
                Notice::Transmitted(stamp) if stamp.id == self.id => {
                    self.sent = self.local(Some(stamp.stamp));
                }
                Notice::Transmitted(_) => {}
                Notice::Unreachable(unreachable) => {
                    self.unreachable = Some(unreachable.error);
                    self.shorten_deadline();
                }
            }
        }
    }

    /// Remembers a datagram that was not accepted: preferably one whose sender has seen the
    /// request, which is more informative.
    fn record(&mut self, rejection: Rejection) {
        if rejection.is_close {
            self.shorten_deadline();
        }
        if self.rejection.is_none_or(|noted| !noted.is_close) {
            self.rejection = Some(rejection);
        }
    }

    fn shorten_deadline(&mut self) {
        self.deadline = self.deadline.min(Instant::now() + GRACE);
    }

    fn into_no_reply(self) -> NoReply {
        NoReply::Silence {
            unreachable: self.unreachable,
            rejection: self.rejection,
        }
    }

    /// The kernel's timestamp in our clock's time; our own reading where it is missing.
    fn local(&self, stamp: Option<ntp_udp::Stamp>) -> LocalStamp {
        match stamp {
            None => LocalStamp {
                at: self.reader.now(),
                origin: StampOrigin::Daemon,
            },
            Some(stamp) => LocalStamp {
                at: self.reader.from_realtime(stamp.at),
                origin: stamp.origin,
            },
        }
    }
}

#[expect(
    deprecated,
    reason = "the other constructor is unsafe for descriptors that change; a Socket keeps its own"
)]
fn watched(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    AsyncFd::with_interest(socket, Interest::READABLE | Interest::ERROR)
}

/// Addresses are compared without the scope and flow of IPv6, which differ between what we asked
/// for and what came.
fn same_endpoint(a: SocketAddr, b: SocketAddr) -> bool {
    a.ip().to_canonical() == b.ip().to_canonical() && a.port() == b.port()
}
