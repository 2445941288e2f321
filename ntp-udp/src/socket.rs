//! The socket: opening it, its options, and one datagram at a time.

use crate::bind::{BindError, BindOptions, BindStep};
use crate::datagram::{Received, SourceAddress, address};
use crate::notice::{Naming, Notice, Numbering, SendId, interpret};
use crate::steering;
use crate::sys::{self, Envelope};
use std::ffi::{CString, c_int};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// The limit of repetitions of a call that an ICMP error ended in place of its own outcome.
///
/// The kernel hands such an error to the next call, whatever that is. One repetition is enough
/// unless more errors arrive meanwhile, which an attacker may forge at any rate.
const REPETITIONS: usize = 8;

/// The limit of entries of the error queue that one call skips, so that a flood of them cannot hold
/// the caller.
const MAX_PASSED_OVER: usize = 64;

/// The timestamps that the kernel agreed to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamping {
    /// True for receive timestamps.
    pub receive: bool,
    /// True for transmit timestamps.
    pub transmit: bool,
}

/// A bound, unconnected UDP socket of one address family.
///
/// It may be shared between threads. Only with transmit timestamps must sends not overlap, or on
/// kernels before 6.13 the numbers of two datagrams that leave at the same time may be exchanged.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    local: SocketAddr,
    stamping: Stamping,
    report_unreachable: bool,
    /// Another program may hold the same socket, which must stay as it is for that.
    pub(crate) shared: bool,
    pub(crate) numbering: Numbering,
}

impl Socket {
    /// Opens a socket.
    ///
    /// # Errors
    ///
    /// If the socket cannot be bound; with the remedy. A kernel that offers no timestamps or less
    /// room than asked for is no error: see [`Self::stamping`] and
    /// [`Self::granted_receive_buffer`].
    pub fn bind(options: &BindOptions) -> Result<Self, BindError> {
        let refused = |step| {
            move |error| BindError {
                step,
                address: options.address,
                interface: options.interface.clone(),
                error,
            }
        };
        let v6 = options.address.is_ipv6();
        let family = if v6 { libc::AF_INET6 } else { libc::AF_INET };
        let owned = sys::open(family, options.blocking).map_err(refused(BindStep::Open))?;
        let fd = owned.as_fd();

        configure(fd, options).map_err(refused(BindStep::Configure))?;
        if let Some(interface) = &options.interface {
            bind_to_interface(fd, interface).map_err(refused(BindStep::Interface))?;
        }
        if let Some(bytes) = options.receive_buffer {
            ask_for_receive_buffer(fd, bytes);
        }
        // Before binding, so that the first datagram already has its timestamp.
        let stamping = ask_for_stamps(fd, options.transmit_stamps);
        sys::bind(fd, scoped(options)).map_err(refused(BindStep::Bind))?;
        let local = sys::local_address(fd).map_err(refused(BindStep::Bind))?;
        Ok(Self::from_bound(owned, local, stamping, options))
    }

    /// A socket that is bound and configured.
    pub(crate) fn from_bound(
        fd: OwnedFd,
        local: SocketAddr,
        stamping: Stamping,
        options: &BindOptions,
    ) -> Self {
        Self {
            fd,
            local,
            stamping,
            report_unreachable: options.report_unreachable,
            shared: false,
            numbering: Numbering::default(),
        }
    }

    /// The address and port that the socket is bound to.
    #[must_use]
    pub const fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// The timestamps that the kernel agreed to take. Even then single ones may be missing.
    #[must_use]
    pub const fn stamping(&self) -> Stamping {
        self.stamping
    }

    /// The receive buffer that the kernel granted, in bytes of its own bookkeeping: about twice the
    /// datagrams' own size.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    pub fn granted_receive_buffer(&self) -> io::Result<usize> {
        let bytes = sys::option(self.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUF)?;
        Ok(usize::try_from(bytes).unwrap_or(0))
    }

    /// Sets the time after which a receive on a blocking socket ends with
    /// [`io::ErrorKind::WouldBlock`]; `None` means no limit. Rounded up to a whole microsecond, and
    /// at least one.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        let (seconds, micros) = timeout.map_or((0, 0), |timeout| {
            let rounded = timeout
                .max(Duration::from_nanos(1))
                .saturating_add(Duration::from_nanos(999));
            (rounded.as_secs(), rounded.subsec_micros())
        });
        sys::set_receive_timeout(self.as_fd(), seconds, micros)
    }

    /// Of `sockets` sockets that share this one's port, has the source address of a datagram choose
    /// the one that gets it: the IPv4 address, or the first 64 bits of the IPv6 address. It holds
    /// for all of them, as soon as all are bound.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`; then the kernel chooses by addresses and ports, which is only less
    /// even.
    pub fn steer_by_source(&self, sockets: u32) -> io::Result<()> {
        sys::attach_program(
            self.as_fd(),
            steering::ATTACH,
            &mut steering::program(sockets),
        )
    }

    /// Wakes all threads that wait in a receive, and ends every later receive at once, without a
    /// datagram. Can be called from any thread. An [adopted](Self::adopt) socket would be of no use
    /// to its owner afterwards: there, each receive ends soon by itself.
    pub fn stop_receiving(&self) {
        if !self.shared {
            sys::stop_receiving(self.as_fd());
        }
    }

    /// Receives one datagram; the part that does not fit into `buffer` is lost, which
    /// [`Received::truncated`] shows.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is none (yet); ICMP errors are never reported here.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut envelope = Envelope::EMPTY;
        self.received(|| sys::receive(self.as_fd(), buffer, &mut envelope, 0))?;
        Received::read(&envelope).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Sends one datagram. Its transmit timestamp, if the kernel takes one, comes by
    /// [`Self::notice`].
    ///
    /// # Errors
    ///
    /// Those of `sendmsg`; the datagram was not sent, and the socket remains usable.
    pub fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<SendId> {
        self.send_from(bytes, to, None)
    }

    /// Like [`Self::send`], but leaves from `from` if the socket is bound to a wildcard address.
    ///
    /// # Errors
    ///
    /// Those of `sendmsg`; the datagram was not sent, and the socket remains usable.
    pub fn send_from(
        &self,
        bytes: &[u8],
        to: SocketAddr,
        from: Option<SourceAddress>,
    ) -> io::Result<SendId> {
        let mut envelope = Envelope::EMPTY;
        address(&mut envelope, bytes.len(), to, from);
        self.past_icmp(|| {
            self.numbered(|ours| {
                // A datagram that the kernel counts takes its number only once it is sent.
                let id = ours.then(|| self.numbering.take());
                envelope.set_number(id.map(SendId::to_bits));
                sys::send(self.as_fd(), bytes, &envelope)?;
                Ok(id.unwrap_or_else(|| self.numbering.take()))
            })
        })
    }

    /// The oldest known entry of the error queue. Never waits.
    ///
    /// When it returns `None`, the queue is empty, or so many unknown entries were skipped that the
    /// caller should do its other work first. While it is not empty, `poll` reports `POLLERR`. The
    /// entries take room from received datagrams, so it has to be emptied regularly.
    ///
    /// # Errors
    ///
    /// Those of `recvmsg`, apart from an empty queue.
    pub fn notice(&self) -> io::Result<Option<Notice>> {
        match self.numbering.kept() {
            Some(kept) => Ok(Some(kept)),
            None => self.queued_notice(),
        }
    }

    /// The oldest entry of the error queue proper.
    fn queued_notice(&self) -> io::Result<Option<Notice>> {
        for _ in 0..MAX_PASSED_OVER {
            let mut envelope = Envelope::EMPTY;
            match sys::receive(
                self.as_fd(),
                &mut [],
                &mut envelope,
                libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT,
            ) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            let notice = interpret(&envelope, &self.numbering);
            if notice.is_some() {
                return Ok(notice);
            }
        }
        Ok(None)
    }

    /// True if datagrams need numbers.
    pub(crate) const fn takes_transmit_stamps(&self) -> bool {
        self.stamping.transmit
    }

    /// Sends by `call`, whose argument is true if it is to number the datagrams for the kernel, and
    /// keeps the numbering in step in every case.
    pub(crate) fn numbered<T>(&self, mut call: impl FnMut(bool) -> io::Result<T>) -> io::Result<T> {
        loop {
            let naming = self.numbering.naming();
            let ours = self.stamping.transmit && naming != Naming::Kernels;
            let error = match call(ours) {
                Ok(sent) => {
                    if ours && naming == Naming::Untried {
                        self.numbering.learn(Naming::Ours);
                    }
                    return Ok(sent);
                }
                Err(error) => error,
            };
            if error.kind() == io::ErrorKind::Interrupted {
                self.restart_numbering();
            } else if ours
                && naming == Naming::Untried
                && error.raw_os_error() == Some(libc::EINVAL)
            {
                // Either the kernel knows no numbers of ours, or something else is wrong with the
                // datagram.
                self.restart_numbering();
                let sent = call(false)?;
                self.numbering.learn(Naming::Kernels);
                return Ok(sent);
            } else {
                self.restart_numbering();
                return Err(error);
            }
        }
    }

    /// Puts the kernel's count of datagrams back to 0 after a failed send, see [`Numbering`].
    pub(crate) fn restart_numbering(&self) {
        if !self.stamping.transmit || self.numbering.naming() == Naming::Ours {
            return;
        }
        // Without new timestamps in between, the entries of the error queue can be distinguished
        // from later ones.
        ask_for_stamps(self.as_fd(), false);
        let left: Vec<Notice> = std::iter::from_fn(|| self.queued_notice().ok()?)
            .take(MAX_PASSED_OVER)
            .collect();
        ask_for_stamps(self.as_fd(), true);
        self.numbering.restarted(left.into_iter());
    }

    /// Receives by `call`, unless ICMP errors arrive faster than they can be skipped.
    pub(crate) fn received<T>(&self, call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let outcome = self.past_icmp(call);
        let is_icmp = self.report_unreachable && outcome.as_ref().is_err_and(is_from_icmp);
        if is_icmp {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            outcome
        }
    }

    /// Repeats a call that an ICMP error, which is about an earlier datagram, ended in place of its
    /// own outcome.
    pub(crate) fn past_icmp<T>(&self, mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let repetitions = if self.report_unreachable {
            REPETITIONS
        } else {
            0
        };
        for _ in 0..repetitions {
            match call() {
                Err(error) if is_from_icmp(&error) => {}
                outcome => return outcome,
            }
        }
        call()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Sets the options that the socket needs.
fn configure(fd: BorrowedFd<'_>, options: &BindOptions) -> io::Result<()> {
    let v6 = options.address.is_ipv6();
    let on = |level, name| sys::set_option(fd, level, name, 1);
    if v6 {
        sys::set_option(
            fd,
            libc::SOL_IPV6,
            libc::IPV6_V6ONLY,
            i32::from(!options.dual_stack),
        )?;
    }
    if options.freely {
        if v6 {
            on(libc::SOL_IPV6, libc::IPV6_FREEBIND)?;
        } else {
            on(libc::SOL_IP, libc::IP_FREEBIND)?;
        }
    }
    if options.reuse_port {
        on(libc::SOL_SOCKET, libc::SO_REUSEPORT)?;
    }
    report_destinations(fd, options.address)?;
    if options.report_unreachable {
        // For information only, so that it does not matter if the kernel refuses.
        let _ = if v6 {
            on(libc::SOL_IPV6, libc::IPV6_RECVERR)
        } else {
            on(libc::SOL_IP, libc::IP_RECVERR)
        };
    }
    Ok(())
}

/// Has each datagram come with its destination, where that is not the socket's address.
pub(crate) fn report_destinations(fd: BorrowedFd<'_>, local: SocketAddr) -> io::Result<()> {
    if !local.ip().is_unspecified() {
        return Ok(());
    }
    let (level, name) = if local.is_ipv6() {
        (libc::SOL_IPV6, libc::IPV6_RECVPKTINFO)
    } else {
        (libc::SOL_IP, libc::IP_PKTINFO)
    };
    sys::set_option(fd, level, name, 1)
}

/// Ties a socket to an interface by name.
fn bind_to_interface(fd: BorrowedFd<'_>, interface: &str) -> io::Result<()> {
    // The kernel would cut a name that is too long, and take an empty one for "any interface".
    if interface.is_empty() || interface.len() >= libc::IFNAMSIZ || interface.contains('\0') {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    sys::set_text_option(fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, interface)
}

/// Asks for room past the administrator's limit, for which we may lack the right, and else for as
/// much as it allows.
pub(crate) fn ask_for_receive_buffer(fd: BorrowedFd<'_>, bytes: usize) {
    let bytes = c_int::try_from(bytes).unwrap_or(c_int::MAX);
    if sys::set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes).is_err() {
        // What was granted can be asked for; less than wished is no reason not to serve.
        let _ = sys::set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes);
    }
}

/// Asks for as many of the timestamps as the kernel offers.
pub(crate) fn ask_for_stamps(fd: BorrowedFd<'_>, transmit: bool) -> Stamping {
    let receive = libc::SOF_TIMESTAMPING_SOFTWARE | libc::SOF_TIMESTAMPING_RX_SOFTWARE;
    let both = receive
        | libc::SOF_TIMESTAMPING_TX_SOFTWARE
        | libc::SOF_TIMESTAMPING_OPT_ID
        | libc::SOF_TIMESTAMPING_OPT_TSONLY;
    let granted = |flags: u32| {
        sys::set_option(
            fd,
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPING,
            flags.cast_signed(),
        )
        .is_ok()
    };
    if transmit && granted(both) {
        return Stamping {
            receive: true,
            transmit: true,
        };
    }
    Stamping {
        receive: granted(receive),
        transmit: false,
    }
}

/// The address to bind to, with the interface as scope where a link-local address lacks one.
fn scoped(options: &BindOptions) -> SocketAddr {
    let mut address = options.address;
    if let (SocketAddr::V6(v6), Some(interface)) = (&mut address, &options.interface)
        && v6.ip().is_unicast_link_local()
        && v6.scope_id() == 0
        && let Some(index) = CString::new(interface.as_str())
            .ok()
            .and_then(|name| sys::interface_index(&name))
    {
        v6.set_scope_id(index);
    }
    address
}

/// True if the kernel may have made an error of an ICMP message.
fn is_from_icmp(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNREFUSED
                | libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::ENOPROTOOPT
                | libc::EOPNOTSUPP
                | libc::EMSGSIZE
                | libc::EPROTO
                | libc::EACCES
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SendBatch, StampCounters};
    use std::collections::HashSet;
    use std::time::Instant;

    /// A client on a kernel before 6.13, as far as the numbering is concerned.
    fn old_client() -> Socket {
        let client = Socket::bind(&BindOptions::client("127.0.0.1:0".parse().unwrap())).unwrap();
        client.numbering.learn(Naming::Kernels);
        client
    }

    /// True if the kernel of this machine takes transmit timestamps; prints a line if not.
    fn stamps_transmits(client: &Socket) -> bool {
        if !client.stamping().transmit {
            println!("skipped: the kernel takes no transmit timestamps");
        }
        client.stamping().transmit
    }

    /// Waits until each of `ids` has its transmit timestamp; none may have two, and there must be
    /// no others.
    fn expect_stamps(client: &Socket, ids: &[SendId]) {
        let (start, mut left): (_, HashSet<SendId>) =
            (Instant::now(), ids.iter().copied().collect());
        while !left.is_empty() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "{left:?} got no timestamp"
            );
            match client.notice().unwrap() {
                Some(Notice::Transmitted(transmitted)) => {
                    assert!(left.remove(&transmitted.id), "{transmitted:?}");
                }
                Some(Notice::Unreachable(_)) => {}
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    #[test]
    fn where_the_kernel_counts_a_failed_send_does_not_shift_the_count() {
        let (client, server) = (old_client(), old_client());
        if !stamps_transmits(&client) {
            return;
        }
        let to = server.local_address();
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(client.send(b"before", to).unwrap());
            client
                .send(b"no port", "127.0.0.1:0".parse().unwrap())
                .unwrap_err();
            client.send(&[0; 70_000], to).unwrap_err();
            ids.push(client.send(b"after", to).unwrap());
        }
        expect_stamps(&client, &ids);
        assert_eq!(client.numbering.naming(), Naming::Kernels);
    }

    #[test]
    fn where_the_kernel_counts_a_failing_datagram_does_not_shift_the_count_of_its_batch() {
        let (client, server) = (old_client(), old_client());
        if !stamps_transmits(&client) {
            return;
        }
        let mut batch = SendBatch::new(5, 8);
        for port in [
            server.local_address().port(),
            0,
            9,
            0,
            server.local_address().port(),
        ] {
            batch
                .push(SocketAddr::from(([127, 0, 0, 1], port)), None, |_| 8)
                .unwrap();
        }
        for _ in 0..3 {
            let report = client.send_batch(&mut batch);
            assert_eq!((report.sent, report.failed), (3, 2));
            let ids: Vec<SendId> = batch.sent_ids().flatten().collect();
            assert_eq!(ids.len(), 3);
            expect_stamps(&client, &ids);
        }
    }

    #[test]
    fn a_timestamp_that_the_kernel_does_not_take_is_missing_and_counted() {
        let server = Socket::bind(&BindOptions::server("127.0.0.1:0".parse().unwrap())).unwrap();
        sys::set_option(server.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPING, 0).unwrap();
        server.send(b"request", server.local_address()).unwrap();

        let mut counters = StampCounters::default();
        counters.record(server.receive(&mut [0; 64]).unwrap().stamp);

        assert_eq!(
            counters,
            StampCounters {
                missing: 1,
                ..StampCounters::default()
            }
        );
    }

    #[test]
    fn a_first_send_that_fails_teaches_nothing_about_the_kernel() {
        let client = Socket::bind(&BindOptions::client("127.0.0.1:0".parse().unwrap())).unwrap();
        if !stamps_transmits(&client) {
            return;
        }
        let nowhere = "127.0.0.1:0".parse().unwrap();
        client.send(b"no port", nowhere).unwrap_err();
        assert_eq!(client.numbering.naming(), Naming::Untried);

        let ids = [(); 2].map(|()| client.send(b"request", client.local_address()).unwrap());
        expect_stamps(&client, &ids);
        assert_ne!(client.numbering.naming(), Naming::Untried);
    }
}
