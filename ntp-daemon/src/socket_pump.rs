//! One port of a request: carries back what comes in, with the time at which it did.

use ntp_os_clock::ClockReader;
use ntp_proto::association::{AssociationId, TransmitToken};
use ntp_proto::time::{LocalStamp, StampOrigin};
use ntp_udp::{Notice, SendId, Socket};
use std::net::{IpAddr, SocketAddr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Longer replies are cut off and then fail to decode.
const BUFFER: usize = 1280;

/// What came in for a request.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// The request left.
    Transmitted(TransmitToken, LocalStamp),
    /// A datagram came.
    Datagram {
        source: AssociationId,
        from: SocketAddr,
        to: Option<IpAddr>,
        received: LocalStamp,
        bytes: Box<[u8]>,
    },
    /// The network says that the request did not arrive, with the operating system's error number
    /// for the reason.
    Unreachable(AssociationId, i32),
}

/// A token that waits for the kernel's transmit timestamp.
pub(crate) struct Waiting {
    pub(crate) token: TransmitToken,
    pub(crate) id: SendId,
    /// When we called the system, in case that the kernel does not tell.
    pub(crate) fallback: LocalStamp,
}

/// Takes in what comes at one port.
pub(crate) struct Pump {
    source: AssociationId,
    socket: AsyncFd<Socket>,
    reader: ClockReader,
    waiting: Option<Waiting>,
    /// What came in and has to let something else pass.
    held: Option<Inbound>,
    /// Whether there may be something in the error queue, and in the queue of datagrams.
    unread: (bool, bool),
}

impl Pump {
    pub(crate) const fn new(
        source: AssociationId,
        socket: AsyncFd<Socket>,
        reader: ClockReader,
        waiting: Option<Waiting>,
    ) -> Self {
        Self {
            source,
            socket,
            reader,
            waiting,
            held: None,
            unread: (false, false),
        }
    }

    /// Waits for something to come in.
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
            self.unread = (ready.ready().is_error() || self.waiting.is_some(), true);
            ready.clear_ready();
        }
    }

    /// What has come in.
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
        if unread.0 {
            let told = noticed(socket.get_ref(), *source, waiting, reader);
            if told.is_some() {
                return told;
            }
            unread.0 = false;
        }
        if unread.1 {
            let datagram = received(socket.get_ref(), *source, reader);
            unread.1 = datagram.is_some();
            // If the kernel has not told when the request left and a reply is here, it will not
            // tell any more.
            return match waiting.take_if(|_| datagram.is_some()) {
                Some(Waiting {
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

/// What the error queue tells us.
pub(crate) fn noticed(
    socket: &Socket,
    source: AssociationId,
    waiting: &mut Option<Waiting>,
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
                if let Some(Waiting { token, .. }) =
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

/// A timestamp of the kernel in the time of our clock; our own reading where it is missing.
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
