//! The calls into the C library, each behind a safe function; no policy.

use crate::address::RawAddress;
use crate::control::{ControlBuffer, ControlData, RawMessage};
use std::ffi::{CStr, c_int, c_uint, c_void};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::{io, ptr};

/// The most datagrams that one system call receives or sends.
pub const MAX_BATCH: usize = 64;

/// Gives a datagram its number for the transmit timestamp (`asm-generic/socket.h`, since Linux
/// 6.13).
const SCM_TS_OPT_ID: c_int = 81;

/// One datagram except its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Envelope {
    name: RawAddress,
    name_length: usize,
    control: ControlBuffer,
    control_length: usize,
    /// The control messages without the number of the datagram, which comes last.
    unnumbered_length: usize,
    flags: c_int,
    /// The number of bytes that were received or are to be sent.
    pub(crate) length: usize,
}

impl Envelope {
    /// Nothing received and nothing to send.
    pub(crate) const EMPTY: Self = Self {
        name: RawAddress::EMPTY,
        name_length: 0,
        control: ControlBuffer::EMPTY,
        control_length: 0,
        unnumbered_length: 0,
        flags: 0,
        length: 0,
    };

    /// Addresses the datagram, without any control message.
    pub(crate) fn address_to(&mut self, to: SocketAddr, length: usize) {
        (self.name, self.name_length) = RawAddress::encode(to);
        self.control_length = 0;
        self.unnumbered_length = 0;
        self.length = length;
    }

    /// Adds a control message for it to leave with.
    pub(crate) fn add_control(&mut self, message: (c_int, c_int), payload: &[u8]) {
        self.unnumbered_length = self.control.write(self.unnumbered_length, message, payload);
        self.control_length = self.unnumbered_length;
    }

    /// Has the kernel call the datagram by this number in its transmit timestamp, or by one of its
    /// own.
    pub(crate) fn set_number(&mut self, number: Option<u32>) {
        self.control_length = number.map_or(self.unnumbered_length, |number| {
            let message = (libc::SOL_SOCKET, SCM_TS_OPT_ID);
            self.control
                .write(self.unnumbered_length, message, &number.to_ne_bytes())
        });
    }

    /// The source of a received datagram, or the destination of one in the error queue.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.name.decode(self.name_length)
    }

    /// The content of its control messages.
    pub(crate) fn control_data(&self) -> impl Iterator<Item = ControlData> {
        self.control
            .messages(self.control_length)
            .filter_map(|message: RawMessage<'_>| message.data())
    }

    /// True if the datagram was longer than the buffer.
    pub(crate) const fn is_truncated(&self) -> bool {
        self.flags & libc::MSG_TRUNC != 0
    }

    /// Takes over the kernel's data about a received datagram.
    fn note(&mut self, header: &libc::msghdr, length: usize) {
        self.name_length = header.msg_namelen as usize;
        // Its type differs between C libraries.
        #[allow(clippy::unnecessary_cast)]
        let control_length = header.msg_controllen as usize;
        self.control_length = control_length;
        self.flags = header.msg_flags;
        self.length = length;
    }

    /// A header for receiving, which points at this envelope and at `vector`.
    fn header_in(&mut self, vector: &mut libc::iovec) -> libc::msghdr {
        let mut header = empty_header();
        header.msg_name = self.name.as_mut_ptr().cast();
        header.msg_namelen = RawAddress::CAPACITY as libc::socklen_t;
        header.msg_iov = vector;
        header.msg_iovlen = 1;
        header.msg_control = self.control.as_mut_ptr().cast();
        header.msg_controllen = ControlBuffer::CAPACITY as _;
        header
    }

    /// A header for sending, which points at this envelope and at `vector`; the kernel only reads
    /// through it.
    fn header_out(&self, vector: &mut libc::iovec) -> libc::msghdr {
        let mut header = empty_header();
        header.msg_name = self.name.as_ptr().cast_mut().cast();
        header.msg_namelen = self.name_length as libc::socklen_t;
        header.msg_iov = vector;
        header.msg_iovlen = 1;
        if self.control_length > 0 {
            header.msg_control = self.control.as_ptr().cast_mut().cast();
            header.msg_controllen = self.control_length as _;
        }
        header
    }
}

/// A header that points at nothing.
fn empty_header() -> libc::msghdr {
    // SAFETY: `msghdr` consists of integers and raw pointers (and, in some C libraries, padding),
    // for all of which zero bytes are a valid value.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// Room for the headers of a batch; only those in use are ever written.
const fn headers() -> [MaybeUninit<libc::mmsghdr>; MAX_BATCH] {
    [const { MaybeUninit::uninit() }; MAX_BATCH]
}

/// Room for the vectors of a batch; only those in use are ever written.
const fn vectors() -> [MaybeUninit<libc::iovec>; MAX_BATCH] {
    [const { MaybeUninit::uninit() }; MAX_BATCH]
}

/// A vector of one buffer to receive into.
const fn vector_in(data: &mut [u8]) -> libc::iovec {
    libc::iovec {
        iov_base: data.as_mut_ptr().cast(),
        iov_len: data.len(),
    }
}

/// A vector of one buffer to send from; the kernel only reads through it.
const fn vector_out(data: &[u8]) -> libc::iovec {
    libc::iovec {
        iov_base: data.as_ptr().cast_mut().cast(),
        iov_len: data.len(),
    }
}

/// The number that a call returned, or the error that it left in `errno`.
fn checked(status: isize) -> io::Result<usize> {
    usize::try_from(status).map_err(|_| io::Error::last_os_error())
}

/// Repeats a call that a signal interrupted.
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Receives one datagram, or with `MSG_ERRQUEUE` one entry of the error queue.
pub(crate) fn receive(
    fd: BorrowedFd<'_>,
    data: &mut [u8],
    envelope: &mut Envelope,
    flags: c_int,
) -> io::Result<()> {
    let mut vector = vector_in(data);
    let mut header = envelope.header_in(&mut vector);
    let length = uninterrupted(|| {
        // SAFETY: `BorrowedFd` keeps the descriptor open. The header points at the vector, at
        // `data` and at the two buffers of `envelope`, all borrowed exclusively by this function
        // and given with their true sizes.
        checked(unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags) })
    })?;
    envelope.note(&header, length);
    Ok(())
}

/// Receives up to [`MAX_BATCH`] datagrams, one per envelope and per `size` bytes of `data`, and
/// waits only for the first.
pub(crate) fn receive_many(
    fd: BorrowedFd<'_>,
    data: &mut [u8],
    size: usize,
    envelopes: &mut [Envelope],
) -> io::Result<usize> {
    let (mut headers, mut vectors) = (headers(), vectors());
    let mut room = 0;
    let slots = headers.iter_mut().zip(&mut vectors);
    for ((header, vector), (buffer, envelope)) in
        slots.zip(data.chunks_exact_mut(size).zip(envelopes.iter_mut()))
    {
        let vector = vector.write(vector_in(buffer));
        header.write(libc::mmsghdr {
            msg_hdr: envelope.header_in(vector),
            msg_len: 0,
        });
        room += 1;
    }
    let count = uninterrupted(|| {
        // SAFETY: `BorrowedFd` keeps the descriptor open. The first `room` headers have been
        // written and point at vectors, parts of `data` and envelopes, each one's own, all borrowed
        // exclusively by this function and given with their true sizes. Without a time-out the
        // kernel reads no `timespec`.
        let status = unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                headers.as_mut_ptr().cast(),
                room,
                libc::MSG_WAITFORONE as _,
                ptr::null_mut::<libc::timespec>(),
            )
        };
        checked(status as isize)
    })?;
    for (header, envelope) in headers.iter().zip(envelopes).take(count) {
        // SAFETY: the kernel filled `count` headers, no more than the first `room`, which were all
        // written above.
        let header = unsafe { header.assume_init_ref() };
        envelope.note(&header.msg_hdr, header.msg_len as usize);
    }
    Ok(count)
}

/// Sends one datagram, the first `envelope.length` bytes of `data`. Does not repeat what a signal
/// interrupted.
pub(crate) fn send(fd: BorrowedFd<'_>, data: &[u8], envelope: &Envelope) -> io::Result<()> {
    let mut vector = vector_out(data.get(..envelope.length).unwrap_or(data));
    let header = envelope.header_out(&mut vector);
    // SAFETY: `BorrowedFd` keeps the descriptor open. The header points at the vector, at `data`
    // and at the filled parts of the two buffers of `envelope`, which live through the call and
    // which the kernel only reads.
    let status = unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL) };
    checked(status).map(|_| ())
}

/// Sends up to [`MAX_BATCH`] datagrams, one per envelope and per `size` bytes of `data`, and
/// returns the number sent before the first that failed; an error is that of the first. Does not
/// repeat what a signal interrupted.
pub(crate) fn send_many(
    fd: BorrowedFd<'_>,
    data: &[u8],
    size: usize,
    envelopes: &[Envelope],
) -> io::Result<usize> {
    let (mut headers, mut vectors) = (headers(), vectors());
    let mut filled = 0;
    let slots = headers.iter_mut().zip(&mut vectors);
    for ((header, vector), (buffer, envelope)) in slots.zip(data.chunks_exact(size).zip(envelopes))
    {
        let vector = vector.write(vector_out(buffer.get(..envelope.length).unwrap_or(buffer)));
        header.write(libc::mmsghdr {
            msg_hdr: envelope.header_out(vector),
            msg_len: 0,
        });
        filled += 1;
    }
    // SAFETY: `BorrowedFd` keeps the descriptor open. The first `filled` headers have been written
    // and point at vectors, parts of `data` and envelopes, which live through the call; of these
    // the kernel writes only `msg_len` in the headers, which this function owns.
    let status = unsafe {
        libc::sendmmsg(
            fd.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            filled,
            libc::MSG_NOSIGNAL as _,
        )
    };
    checked(status as isize)
}

/// Opens a datagram socket of an address family, closed on `exec`.
pub(crate) fn open(family: c_int, blocking: bool) -> io::Result<OwnedFd> {
    let nonblocking = if blocking { 0 } else { libc::SOCK_NONBLOCK };
    // SAFETY: `socket` takes three integers and touches no memory of ours.
    let fd = unsafe {
        libc::socket(
            family,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | nonblocking,
            0,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` has just been opened by us, and no other code knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Binds a socket to an address.
pub(crate) fn bind(fd: BorrowedFd<'_>, address: SocketAddr) -> io::Result<()> {
    let (raw, length) = RawAddress::encode(address);
    // SAFETY: `BorrowedFd` keeps the descriptor open, and the kernel reads `length` bytes from
    // `raw`, which has as many.
    let status = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            raw.as_ptr().cast(),
            length as libc::socklen_t,
        )
    };
    checked(status as isize).map(|_| ())
}

/// The address that a socket is bound to.
pub(crate) fn local_address(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    let mut raw = RawAddress::EMPTY;
    let mut length = RawAddress::CAPACITY as libc::socklen_t;
    // SAFETY: `BorrowedFd` keeps the descriptor open, and the kernel writes at most `length` bytes,
    // the true size, to `raw` and the length to `length`; both live through the call.
    let status =
        unsafe { libc::getsockname(fd.as_raw_fd(), raw.as_mut_ptr().cast(), &raw mut length) };
    checked(status as isize)?;
    raw.decode(length as usize)
        .ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// Sets an option to `length` bytes at `value`.
fn set_bytes(fd: BorrowedFd<'_>, level: c_int, name: c_int, value: &[u8]) -> io::Result<()> {
    let length = value.len() as libc::socklen_t;
    // SAFETY: `BorrowedFd` keeps the descriptor open, and the kernel reads exactly `length` bytes
    // from `value`, which lives through the call.
    let status = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            value.as_ptr().cast::<c_void>(),
            length,
        )
    };
    checked(status as isize).map(|_| ())
}

/// Sets an option that is an integer.
pub(crate) fn set_option(
    fd: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: c_int,
) -> io::Result<()> {
    set_bytes(fd, level, name, &value.to_ne_bytes())
}

/// Sets an option that is a text.
pub(crate) fn set_text_option(
    fd: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: &str,
) -> io::Result<()> {
    set_bytes(fd, level, name, value.as_bytes())
}

/// Sets the limit of a blocking receive, in seconds and microseconds; both zero mean no limit.
pub(crate) fn set_receive_timeout(fd: BorrowedFd<'_>, seconds: u64, micros: u32) -> io::Result<()> {
    let value = libc::timeval {
        tv_sec: libc::time_t::try_from(seconds).unwrap_or(libc::time_t::MAX),
        tv_usec: libc::suseconds_t::from(micros.cast_signed()),
    };
    let length = size_of::<libc::timeval>() as libc::socklen_t;
    // SAFETY: `BorrowedFd` keeps the descriptor open, and the kernel reads exactly the size of a
    // `timeval` from `value`, which lives through the call.
    let status = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const value).cast(),
            length,
        )
    };
    checked(status as isize).map(|_| ())
}

/// Has a program choose among the sockets that share a port.
pub(crate) fn attach_program(
    fd: BorrowedFd<'_>,
    name: c_int,
    program: &mut [libc::sock_filter],
) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let value = libc::sock_fprog {
        len: length,
        filter: program.as_mut_ptr(),
    };
    let size = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: `BorrowedFd` keeps the descriptor open, and the kernel reads the size of a
    // `sock_fprog` from `value` and `length` instructions from `program`, both of which live
    // through the call.
    let status = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            name,
            (&raw const value).cast::<c_void>(),
            size,
        )
    };
    checked(status as isize).map(|_| ())
}

/// Ends all receiving. On an unconnected socket the kernel says that it is not connected, and does
/// it all the same.
pub(crate) fn stop_receiving(fd: BorrowedFd<'_>) {
    // SAFETY: `BorrowedFd` keeps the descriptor open, and the call takes no pointer.
    let _ = unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_RD) };
}

/// Reads an option that is an integer.
pub(crate) fn option(fd: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<c_int> {
    let mut value: c_int = 0;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `BorrowedFd` keeps the descriptor open, and the kernel writes at most `length` bytes,
    // the size of `value`, to `value` and the length to `length`; both live through the call.
    let status = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    checked(status as isize).map(|_| value)
}

/// The index of the interface of a name, if there is one.
pub(crate) fn interface_index(name: &CStr) -> Option<c_uint> {
    // SAFETY: `name` ends with a zero byte and lives through the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// Opens a socket at which the kernel reports changes of links, addresses and routes (`groups`, a
/// set of `RTMGRP_` bits), non-blocking and closed on `exec`.
pub(crate) fn open_route_notices(groups: u32) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: `socket` takes three integers and touches no memory of ours.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` has just been opened by us, and no other code knows it.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: `sockaddr_nl` consists of integers, for which zero bytes are a valid value.
    let mut address: libc::sockaddr_nl = unsafe { MaybeUninit::zeroed().assume_init() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address.nl_groups = groups;
    let length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
    // SAFETY: `owned` is open, and the kernel reads `length` bytes, its true size, from `address`,
    // which lives through the call.
    let status = unsafe { libc::bind(owned.as_raw_fd(), (&raw const address).cast(), length) };
    checked(status as isize).map(|_| owned)
}

/// Receives one datagram without its address; the rest of one that is longer than `data` is lost.
pub(crate) fn receive_plain(fd: BorrowedFd<'_>, data: &mut [u8]) -> io::Result<usize> {
    uninterrupted(|| {
        // SAFETY: `BorrowedFd` keeps the descriptor open, and the kernel writes at most
        // `data.len()` bytes to `data`, which is borrowed exclusively.
        checked(unsafe { libc::recv(fd.as_raw_fd(), data.as_mut_ptr().cast(), data.len(), 0) })
    })
}

/// The addresses of all interfaces, of both families.
pub(crate) fn interface_addresses() -> io::Result<Vec<IpAddr>> {
    let mut list: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: the library writes one pointer to `list`, which lives through the call.
    checked(unsafe { libc::getifaddrs(&raw mut list) } as isize)?;
    let mut found = Vec::new();
    let mut next = list.cast_const();
    // SAFETY: `next` is null or points at an entry of the list, which is neither changed nor freed
    // before the end of the loop.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        // SAFETY: the address of an entry is null or points at a socket address that lives as long
        // as the list.
        match unsafe { entry.ifa_addr.as_ref() }.map(|address| i32::from(address.sa_family)) {
            Some(libc::AF_INET) => {
                // SAFETY: an address of this family is a `sockaddr_in`; it is read without any
                // demand on its alignment.
                let v4 = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned() };
                found.push(IpAddr::from(v4.sin_addr.s_addr.to_ne_bytes()));
            }
            Some(libc::AF_INET6) => {
                // SAFETY: an address of this family is a `sockaddr_in6`; it is read without any
                // demand on its alignment.
                let v6 = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in6>().read_unaligned() };
                found.push(IpAddr::from(v6.sin6_addr.s6_addr));
            }
            _ => {}
        }
    }
    // SAFETY: `list` came from `getifaddrs` and is not used after this.
    unsafe { libc::freeifaddrs(list) };
    Ok(found)
}
