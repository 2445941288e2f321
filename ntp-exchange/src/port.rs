//! The port of one request: hands over its input, with the time of each datagram.

use ntp_os_clock::ClockReader;
use ntp_proto::association::{AssociationId, TransmitToken};
use ntp_proto::time::{LocalStamp, StampOrigin};
use ntp_udp::{Notice, SendId, Socket};
use std::net::{IpAddr, SocketAddr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Longer replies are cut off and then fail to decode.
const BUFFER: usize = 1280;

/// The input for a request.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// The request has left, at this time.
    Transmitted(TransmitToken, LocalStamp),
    /// A datagram has arrived.
    Datagram {
        source: AssociationId,
        from: SocketAddr,
        to: Option<IpAddr>,
        received: LocalStamp,
        bytes: Box<[u8]>,
    },
    /// The network reports that the request did not arrive, with the operating system's error
    /// number.
    Unreachable(AssociationId, i32),
}

/// A request that waits for the kernel's transmit timestamp.
pub(crate) struct Unstamped {
    pub(crate) token: TransmitToken,
    pub(crate) id: SendId,
    /// The time at which the request was handed to the kernel, in case it reports none.
    pub(crate) fallback: LocalStamp,
}

/// Reads one port.
pub(crate) struct RequestPort {
    source: AssociationId,
    socket: AsyncFd<Socket>,
    reader: ClockReader,
    waiting: Option<Unstamped>,
    /// A datagram that is handed over after its request's timestamp.
    held: Option<Inbound>,
    unread: Unread,
}

/// The queues of the socket that may contain something.
#[derive(Clone, Copy)]
struct Unread {
    errors: bool,
    datagrams: bool,
}

impl RequestPort {
    pub(crate) const fn new(
        source: AssociationId,
        socket: AsyncFd<Socket>,
        reader: ClockReader,
        waiting: Option<Unstamped>,
    ) -> Self {
        Self {
            source,
            socket,
            reader,
            waiting,
            held: None,
            unread: Unread {
                errors: false,
                datagrams: false,
            },
        }
    }

    /// Waits for input.
    pub(crate) async fn next(mut self) -> Option<(Inbound, Self)> {
        loop {
            if let Some(inbound) = self.take() {
                return Some((inbound, self));
            }
            let mut ready = self
                .socket
                .ready(Interest::READABLE | Interest::ERROR)
                .await
                .ok()?;
            // A timestamp that we wait for comes first.
            self.unread = Unread {
                errors: ready.ready().is_error() || self.waiting.is_some(),
                datagrams: true,
            };
            ready.clear_ready();
        }
    }

    /// The next input that is there already.
    fn take(&mut self) -> Option<Inbound> {
        let Self {
            source,
            socket,
            reader,
            waiting,
            held,
            unread,
        } = self;
        if held.is_some() {
            return held.take();
        }
        if unread.errors {
            let reported = read_error_queue(socket.get_ref(), *source, waiting, reader);
            if reported.is_some() {
                return reported;
            }
            unread.errors = false;
        }
        if unread.datagrams {
            let datagram = received(socket.get_ref(), *source, reader);
            unread.datagrams = datagram.is_some();
            // If a reply is here and the kernel has not reported when the request left, it never
            // will.
            return match waiting.take_if(|_| datagram.is_some()) {
                Some(Unstamped {
                    token, fallback, ..
                }) => {
                    *held = datagram;
                    Some(Inbound::Transmitted(token, fallback))
                }
                None => datagram,
            };
        }
        None
    }
}

/// The next report of the socket's error queue.
pub(crate) fn read_error_queue(
    socket: &Socket,
    source: AssociationId,
    waiting: &mut Option<Unstamped>,
    reader: &ClockReader,
) -> Option<Inbound> {
    while let Ok(Some(notice)) = socket.notice() {
        match notice {
            Notice::Unreachable(unreachable) => {
                return Some(Inbound::Unreachable(
                    source,
                    unreachable.error.raw_os_error().unwrap_or(0),
                ));
            }
            Notice::Transmitted(stamp) => {
                if let Some(Unstamped { token, .. }) =
                    waiting.take_if(|waiting| waiting.id == stamp.id)
                {
                    return Some(Inbound::Transmitted(
                        token,
                        local(Some(stamp.stamp), reader),
                    ));
                }
            }
        }
    }
    None
}

/// The next datagram.
fn received(socket: &Socket, source: AssociationId, reader: &ClockReader) -> Option<Inbound> {
    let mut buffer = [0; BUFFER];
    let received = socket.receive(&mut buffer).ok()?;
    Some(Inbound::Datagram {
        source,
        from: received.from,
        to: received.destination.map(|destination| destination.address),
        received: local(received.stamp, reader),
        bytes: buffer.get(..received.length)?.into(),
    })
}

/// A kernel timestamp in the time of our clock; our own reading where it is missing.
fn local(stamp: Option<ntp_udp::Stamp>, reader: &ClockReader) -> LocalStamp {
    match stamp {
        None => LocalStamp {
            at: reader.now(),
            origin: StampOrigin::Daemon,
        },
        Some(stamp) => LocalStamp {
            at: reader.from_realtime(stamp.at),
            origin: stamp.origin,
        },
    }
}
