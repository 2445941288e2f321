//! Changes of the machine's network, as the kernel reports them (rtnetlink(7)): links, addresses
//! and routes that come up.

use crate::sys;
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// All changes of links, of addresses and of routes, of both families (`RTMGRP_` of
/// `linux/rtnetlink.h`).
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// Length of the header of a message, `struct nlmsghdr`, and the unit to which messages are padded,
/// in octets.
const HEADER: usize = 16;
const PADDING: usize = 4;
/// Types of messages: a link, an address or a route is new or has changed, and a link is gone.
const NEW_LINK: u16 = 16;
const DELETED_LINK: u16 = 17;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
/// The flag of a link that carries packets (`IFF_RUNNING`).
const RUNNING: u32 = 0x40;
/// The longest datagram that is read whole; messages come in pages.
const BUFFER: usize = 8192;
/// The limit of datagrams that are read at once.
const MOST_AT_ONCE: usize = 256;

/// The addresses of all interfaces.
///
/// # Errors
/// Those of `getifaddrs`, as in a sandbox.
pub fn interface_addresses() -> io::Result<Vec<IpAddr>> {
    sys::interface_addresses()
}

/// A non-blocking socket that becomes readable when the network changes.
#[derive(Debug)]
pub struct NetworkWatch {
    fd: OwnedFd,
    running: BTreeSet<u32>,
}

impl NetworkWatch {
    /// Opens the socket; no right is needed.
    ///
    /// # Errors
    /// Those of `socket` and `bind`, as in a sandbox that forbids this family.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            fd: sys::open_route_notices(GROUPS)?,
            running: BTreeSet::new(),
        })
    }

    /// Reads all that the kernel has reported. Returns whether a link, an address or a route has
    /// come up; one that goes away, or only changes its counters, does not count.
    ///
    /// # Errors
    /// Those of `recv`, except that there is nothing more.
    pub fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; BUFFER];
        let mut news = false;
        for _ in 0..MOST_AT_ONCE {
            match sys::receive_plain(self.fd.as_fd(), &mut buffer) {
                Ok(length) => news |= self.note(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // More has happened than the kernel could hold.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => news = true,
                Err(error) => return Err(error),
            }
        }
        Ok(news)
    }

    fn note(&mut self, mut octets: &[u8]) -> bool {
        let mut news = false;
        while let Some((kind, content, rest)) = message(octets) {
            news |= match kind {
                NEW_LINK => self.note_link(content),
                DELETED_LINK => {
                    if let Some((index, _)) = link(content) {
                        self.running.remove(&index);
                    }
                    false
                }
                NEW_ADDRESS | NEW_ROUTE => true,
                _ => false,
            };
            octets = rest;
        }
        news
    }

    fn note_link(&mut self, content: &[u8]) -> bool {
        let Some((index, flags)) = link(content) else {
            return false;
        };
        if flags & RUNNING == 0 {
            self.running.remove(&index);
            return false;
        }
        self.running.insert(index)
    }
}

impl AsFd for NetworkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for NetworkWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// The first of some messages: its type, its content, and the other messages.
fn message(octets: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(u32::from_ne_bytes(*octets.first_chunk()?)).ok()?;
    let kind = u16::from_ne_bytes(*octets.get(4..)?.first_chunk()?);
    let content = octets.get(HEADER..length)?;
    let rest = octets
        .get(length.next_multiple_of(PADDING)..)
        .unwrap_or_default();
    Some((kind, content, rest))
}

/// Index and flags of a link, from its `struct ifinfomsg`.
fn link(content: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from_ne_bytes(*content.get(at..)?.first_chunk()?));
    Some((number(4)?, number(8)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch() -> Option<NetworkWatch> {
        let watch = NetworkWatch::open();
        if let Err(error) = &watch {
            println!("skipped: this system reports nothing of its network: {error}");
        }
        watch.ok()
    }

    fn message(kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + content.len()).unwrap();
        let mut octets = length.to_ne_bytes().to_vec();
        octets.extend(kind.to_ne_bytes());
        octets.extend([0; 10]);
        octets.extend(content);
        octets.resize(octets.len().next_multiple_of(PADDING), 0);
        octets
    }

    fn link_message(index: u32, flags: u32) -> Vec<u8> {
        let numbers = [0, index, flags, 0].map(u32::to_ne_bytes);
        message(NEW_LINK, numbers.as_flattened())
    }

    #[test]
    fn a_link_is_news_when_it_begins_to_carry_packets_and_not_when_it_goes_on_or_ends() {
        let Some(mut watch) = watch() else { return };
        assert!(!watch.note(&link_message(3, 0x1)));
        assert!(watch.note(&link_message(3, 0x1 | RUNNING)));
        assert!(!watch.note(&link_message(3, 0x1 | RUNNING)));
        assert!(!watch.note(&link_message(3, 0x1)));
        assert!(watch.note(&link_message(3, 0x1 | RUNNING)));
    }

    #[test]
    fn a_new_address_or_route_behind_other_messages_is_news() {
        let Some(mut watch) = watch() else { return };
        for kind in [NEW_ADDRESS, NEW_ROUTE] {
            assert!(
                watch.note(
                    &[
                        link_message(3, 0),
                        message(99, &[1, 2, 3]),
                        message(kind, &[0; 12])
                    ]
                    .concat()
                )
            );
        }
        assert!(
            !watch.note(&[message(21, &[0; 8]), message(25, &[0; 12])].concat()),
            "what is gone"
        );
    }

    #[test]
    fn messages_that_are_cut_off_or_make_no_sense_are_passed_over() {
        let Some(mut watch) = watch() else { return };
        let whole = link_message(3, RUNNING);
        for length in 0..whole.len() {
            assert!(!watch.note(&whole[..length]), "{length}");
        }
        assert!(!watch.note(&[0; 64]));
        assert!(!watch.note(&[0xff; 64]));
    }

    #[test]
    fn this_machine_has_a_loopback_address() {
        match interface_addresses() {
            Ok(addresses) => assert!(addresses.iter().any(IpAddr::is_loopback), "{addresses:?}"),
            Err(error) => println!("skipped: this system does not list its addresses: {error}"),
        }
    }
}
