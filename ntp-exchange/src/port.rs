//! The port of one request: hands over its input, with the time of each datagram.

use ntp_os_clock::ClockReader;
use ntp_proto::association::{AssociationId, Transmit, TransmitToken};
use ntp_proto::time::{LocalStamp, StampOrigin};
use ntp_udp::{BindOptions, KernelStamp, Notice, SendId, Socket};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Longer replies are cut off and then fail to decode.
const BUFFER: usize = 1284;

/// The input for a request.
#[derive(Debug)]
pub enum Inbound {
    /// The request has left, at this time by our clock.
    Transmitted(TransmitToken, LocalStamp),
    /// A datagram has arrived.
    Datagram {
        /// The association that made the request.
        source: AssociationId,
        /// The sender.
        from: SocketAddr,
        /// Our address that it was sent to, where known.
        to: Option<IpAddr>,
        /// The receive timestamp, by our clock.
        received: LocalStamp,
        /// The octets of the datagram.
        bytes: Box<[u8]>,
    },
    /// The network reports that the request did not arrive, with the operating system's error
    /// number.
    Unreachable(AssociationId, i32),
}

/// A request that could not be sent.
#[derive(Debug)]
pub struct SendFailure {
    /// To be redeemed with
    /// [`handle_send_failed`](ntp_proto::association::Association::handle_send_failed).
    pub token: TransmitToken,
    /// The error of the operating system.
    pub error: io::Error,
}

impl SendFailure {
    /// The operating system's error number; 0 if there is none.
    #[must_use]
    pub fn os_error(&self) -> i32 {
        self.error.raw_os_error().unwrap_or(0)
    }
}

/// A request that waits for the kernel's transmit timestamp.
#[derive(Debug)]
struct Unstamped {
    token: TransmitToken,
    id: SendId,
    /// The time at which the request was handed to the kernel, in case it reports none.
    fallback: LocalStamp,
}

/// The port of one request that waits for its reply.
#[derive(Debug)]
pub struct RequestPort {
    source: AssociationId,
    socket: AsyncFd<Socket>,
    reader: ClockReader,
    waiting: Option<Unstamped>,
    /// A datagram that is handed over after its request's timestamp.
    held: Option<Inbound>,
    unread: Unread,
}

/// The queues of the socket that may contain something.
#[derive(Clone, Copy, Debug)]
struct Unread {
    errors: bool,
    datagrams: bool,
}

impl RequestPort {
    /// Sends the `bytes` of a request from a fresh port. Returns what is known already, most often
    /// the transmit timestamp. `reader` gives the time of datagrams for which the kernel gives
    /// none. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// If nothing was sent.
    pub fn send(
        transmit: Transmit,
        bytes: &[u8],
        reader: &ClockReader,
    ) -> Result<(Self, Option<Inbound>), SendFailure> {
        let Transmit {
            association: source,
            to,
            token,
            ..
        } = transmit;
        let sent = open(to).and_then(|socket| {
            let fallback = LocalStamp {
                at: reader.now(),
                origin: StampOrigin::Daemon,
            };
            let id = socket.get_ref().send(bytes, to)?;
            Ok((socket, id, fallback))
        });
        let (socket, id, fallback) = match sent {
            Ok(sent) => sent,
            Err(error) => return Err(SendFailure { token, error }),
        };
        let mut waiting = Some(Unstamped {
            token,
            id,
            fallback,
        });
        // Mostly the timestamp is there as soon as the request has left. Read before the runtime
        // looks at the socket, it causes no wake-up.
        let reported = read_error_queue(socket.get_ref(), source, &mut waiting, reader);
        let port = Self {
            source,
            socket,
            reader: reader.clone(),
            waiting,
            held: None,
            unread: Unread {
                errors: false,
                datagrams: false,
            },
        };
        Ok((port, reported))
    }

    /// Waits for input, and returns it with the port; `None` if the port is of no use any more. A
    /// dropped future closes the port.
    pub async fn next(mut self) -> Option<(Inbound, Self)> {
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

/// A socket at a random port, in the family of `to`.
fn open(to: SocketAddr) -> io::Result<AsyncFd<Socket>> {
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    Socket::bind(&BindOptions::client(SocketAddr::new(any, 0)))
        .map_err(|error| error.error)
        .and_then(watched)
}

#[expect(
    deprecated,
    reason = "the other constructor is unsafe for descriptors that change; a Socket keeps its own"
)]
fn watched(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    AsyncFd::with_interest(socket, Interest::READABLE | Interest::ERROR)
}

/// The next report of the socket's error queue.
fn read_error_queue(
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
fn local(stamp: Option<KernelStamp>, reader: &ClockReader) -> LocalStamp {
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
