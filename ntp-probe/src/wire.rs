//! One request, one socket, one random port (RFC 9109), and the timestamps of both ways.

use crate::trouble::Doubt;
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

/// How long a better reply is waited for, when something has come that anybody could have sent.
const GRACE: Duration = Duration::from_millis(500);

/// How long a kernel may take until it stamps what comes in.
const WARM_UP: Duration = Duration::from_millis(5);

/// A kernel stamps what comes in only while some socket wants it, and begins a moment later.
/// Whoever holds this during several exchanges need not lose the timestamp of the first, which may
/// be the only one.
pub(crate) async fn stamping() -> Option<Socket> {
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

/// A reply that is believed, and what is measured by it.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    pub(crate) content: T,
    /// T1: the request left.
    pub(crate) sent: LocalStamp,
    /// T4: the reply came.
    pub(crate) received: LocalStamp,
    /// Which address of ours it was sent to.
    pub(crate) to: Option<IpAddr>,
}

/// Why there is no reply.
#[derive(Debug)]
pub(crate) enum NoReply {
    /// The request never left.
    NotSent(io::Error),
    /// The time was up.
    Silence {
        /// What the network says, as far as it says anything.
        unreachable: Option<io::Error>,
        /// What came instead.
        doubt: Option<Doubt>,
    },
}

/// Sends `request` and waits until `judge` believes what comes, or the time is up.
pub(crate) async fn ask<T>(
    to: SocketAddr,
    request: &[u8],
    reader: &ClockReader,
    timeout: Duration,
    mut judge: impl FnMut(&[u8]) -> Result<T, Doubt>,
) -> Result<Reply<T>, NoReply> {
    let mut waiting = Waiting::send(to, request, reader, timeout).map_err(NoReply::NotSent)?;
    let mut buffer = [0; BUFFER];
    loop {
        let Some(datagram) = waiting.next(&mut buffer).await else {
            return Err(waiting.give_up());
        };
        let octets = buffer.get(..datagram.length).unwrap_or_default();
        let judged = if same_endpoint(datagram.from, to) {
            judge(octets)
        } else {
            Err(Doubt::of(Discard::WrongAddress))
        };
        match judged {
            Err(doubt) => waiting.note(doubt),
            Ok(content) => {
                // The kernel's transmit timestamp has come by now, or will not any more.
                waiting.drain_notices();
                return Ok(Reply {
                    content,
                    sent: waiting.sent,
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

/// A request on its way.
struct Waiting {
    socket: AsyncFd<Socket>,
    reader: ClockReader,
    id: SendId,
    /// Our own reading, until the kernel tells better.
    sent: LocalStamp,
    deadline: Instant,
    unreachable: Option<io::Error>,
    doubt: Option<Doubt>,
}

impl Waiting {
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
        let (reader, unreachable, doubt) = (reader.clone(), None, None);
        Ok(Self {
            socket: watched(socket)?,
            reader,
            id,
            sent,
            deadline,
            unreachable,
            doubt,
        })
    }

    /// The next datagram, whoever has sent it. `None` if the time is up.
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
                    self.hurry();
                }
            }
        }
    }

    /// Something came that is not believed. What only somebody can have sent who has seen the
    /// request tells most.
    fn note(&mut self, doubt: Doubt) {
        if doubt.is_close {
            self.hurry();
        }
        if self.doubt.is_none_or(|noted| !noted.is_close) {
            self.doubt = Some(doubt);
        }
    }

    fn hurry(&mut self) {
        self.deadline = self.deadline.min(Instant::now() + GRACE);
    }

    fn give_up(self) -> NoReply {
        NoReply::Silence {
            unreachable: self.unreachable,
            doubt: self.doubt,
        }
    }

    /// A timestamp of the kernel in the time of our clock; our own reading where it is missing.
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
