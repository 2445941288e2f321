//! One request, one socket, one random port (RFC 9109): sends it and carries back what comes in.

use ntp_os_clock::ClockReader;
use ntp_proto::clock::{Stamp, StampOrigin};
use ntp_proto::source::{SourceId, Transmit, TransmitToken};
use ntp_udp::{BindOptions, Notice, SendId, Socket};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Longer replies are cut off and then fail to decode.
const BUFFER: usize = 1280;

/// What came in for a request.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// The request left.
    Transmitted(TransmitToken, Stamp),
    /// A datagram came.
    Datagram { source: SourceId, from: SocketAddr, to: Option<IpAddr>, received: Stamp, bytes: Box<[u8]> },
    /// The network says that nobody listens there.
    Unreachable(SourceId),
}

/// A request that could not be sent.
#[derive(Debug)]
pub(crate) struct SendFailure {
    pub(crate) token: TransmitToken,
    pub(crate) os_error: i32,
}

/// Sends a request and starts to listen for its reply until `lifetime` has passed.
///
/// # Errors
/// Nothing was sent.
pub(crate) fn launch(
    transmit: Transmit,
    bytes: &[u8],
    lifetime: Duration,
    outlet: &mpsc::Sender<Inbound>,
    reader: &ClockReader,
) -> Result<AbortHandle, SendFailure> {
    let Transmit { source, to, token, .. } = transmit;
    let sent = open(to).and_then(|socket| {
        let fallback = Stamp { at: reader.now(), origin: StampOrigin::Daemon };
        let id = socket.send(bytes, to)?;
        Ok((watched(socket)?, id, fallback))
    });
    match sent {
        Err(error) => Err(SendFailure { token, os_error: error.raw_os_error().unwrap_or(0) }),
        Ok((socket, id, fallback)) => {
            let pump = Pump {
                source,
                socket,
                reader: reader.clone(),
                outlet: outlet.clone(),
                waiting: Some(Waiting { token, id, fallback }),
            };
            Ok(tokio::spawn(tokio::time::timeout(lifetime, pump.run())).abort_handle())
        }
    }
}

#[expect(deprecated, reason = "the other constructor is unsafe for descriptors that change; a Socket keeps its own")]
fn watched(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    AsyncFd::with_interest(socket, Interest::READABLE | Interest::ERROR)
}

fn open(to: SocketAddr) -> io::Result<Socket> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    Socket::bind(&BindOptions::client(SocketAddr::new(any, 0))).map_err(|error| error.error)
}

/// A token that waits for the kernel's transmit timestamp.
struct Waiting {
    token: TransmitToken,
    id: SendId,
    /// When we called the system, in case that the kernel does not tell.
    fallback: Stamp,
}

struct Pump {
    source: SourceId,
    socket: AsyncFd<Socket>,
    reader: ClockReader,
    outlet: mpsc::Sender<Inbound>,
    waiting: Option<Waiting>,
}

impl Pump {
    /// Runs until the client has what it wants and aborts it, or its time is over.
    async fn run(mut self) -> Option<()> {
        // On short ways, the timestamp is there before anybody waits for it.
        self.drain_notices().await?;
        let mut buffer = [0; BUFFER];
        loop {
            let mut ready = self.socket.ready(Interest::READABLE | Interest::ERROR).await.ok()?;
            ready.clear_ready();
            self.drain_notices().await?;
            while let Ok(received) = self.socket.get_ref().receive(&mut buffer) {
                self.redeem_by_fallback().await?;
                let datagram = Inbound::Datagram {
                    source: self.source,
                    from: received.from,
                    to: received.destination.map(|destination| destination.address),
                    received: self.local(received.stamp),
                    bytes: buffer.get(..received.length)?.into(),
                };
                self.outlet.send(datagram).await.ok()?;
            }
        }
    }

    async fn drain_notices(&mut self) -> Option<()> {
        while let Ok(Some(notice)) = self.socket.get_ref().notice() {
            let message = match notice {
                Notice::Unreachable(_) => Inbound::Unreachable(self.source),
                Notice::Transmitted(stamp) => {
                    let Some(waiting) = self.waiting.take_if(|waiting| waiting.id == stamp.id) else { continue };
                    Inbound::Transmitted(waiting.token, self.local(Some(stamp.stamp)))
                }
            };
            self.outlet.send(message).await.ok()?;
        }
        Some(())
    }

    /// A reply is here and the kernel has not told when the request left: it will not any more.
    async fn redeem_by_fallback(&mut self) -> Option<()> {
        match self.waiting.take() {
            Some(Waiting { token, fallback, .. }) => self.outlet.send(Inbound::Transmitted(token, fallback)).await.ok(),
            None => Some(()),
        }
    }

    /// A timestamp of the kernel in the time of our clock; our own reading where it is missing.
    fn local(&self, stamp: Option<ntp_udp::Stamp>) -> Stamp {
        match stamp {
            None => Stamp { at: self.reader.now(), origin: StampOrigin::Daemon },
            Some(stamp) => Stamp { at: self.reader.from_realtime(stamp.at), origin: stamp.origin },
        }
    }
}
