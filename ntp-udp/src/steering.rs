//! The choice among several sockets at one port for each datagram.
//!
//! By itself the kernel takes a hash over both addresses and both ports. A client that uses a new
//! port for each request, as it should (RFC 9109), then meets another worker each time, none of
//! which knows how often it has asked. A small program in the kernel's filter language makes the
//! source address alone decide: the IPv4 address, or the first 64 bits of the IPv6 address. So each
//! client has one worker, and a flood from few addresses keeps few workers busy.

use std::ffi::c_int;

/// The kernel's constants for such programs (`linux/filter.h`, `linux/bpf_common.h`).
mod code {
    pub(super) const LOAD_WORD: u16 = 0x20;
    pub(super) const LOAD_BYTE: u16 = 0x30;
    pub(super) const MULTIPLY: u16 = 0x24;
    pub(super) const SHIFT_RIGHT: u16 = 0x74;
    pub(super) const MODULO: u16 = 0x94;
    pub(super) const XOR_INDEX: u16 = 0xac;
    pub(super) const TO_INDEX: u16 = 0x07;
    pub(super) const JUMP: u16 = 0x05;
    pub(super) const JUMP_IF_EQUAL: u16 = 0x15;
    pub(super) const RETURN: u16 = 0x16;
    /// Offsets from here on count from the start of the IP header.
    pub(super) const IP_HEADER: u32 = 0xfff0_0000;
}

/// 2³² divided by the golden ratio: spreads addresses that differ in few bits.
const SPREAD: u32 = 0x9e37_79b1;

/// The program for as many sockets as `sockets`, which must not be zero.
pub(crate) fn program(sockets: u32) -> [libc::sock_filter; 13] {
    use code::{
        IP_HEADER, JUMP, JUMP_IF_EQUAL, LOAD_BYTE, LOAD_WORD, MODULO, MULTIPLY, RETURN,
        SHIFT_RIGHT, TO_INDEX, XOR_INDEX,
    };
    let plain = |code, k| libc::sock_filter {
        code,
        jt: 0,
        jf: 0,
        k,
    };
    [
        // The version of IP.
        plain(LOAD_BYTE, IP_HEADER),
        plain(SHIFT_RIGHT, 4),
        libc::sock_filter {
            code: JUMP_IF_EQUAL,
            jt: 0,
            jf: 5,
            k: 6,
        },
        // The network and interface identifier's border is after 64 bits.
        plain(LOAD_WORD, IP_HEADER + 8),
        plain(TO_INDEX, 0),
        plain(LOAD_WORD, IP_HEADER + 12),
        plain(XOR_INDEX, 0),
        plain(JUMP, 1),
        plain(LOAD_WORD, IP_HEADER + 12),
        plain(MULTIPLY, SPREAD),
        // The upper bits of the product are the ones that are spread.
        plain(SHIFT_RIGHT, 16),
        plain(MODULO, sockets.max(1)),
        // The number of the socket, in the order in which they were bound.
        plain(RETURN, 0),
    ]
}

/// The option that attaches such a program (`asm-generic/socket.h`).
pub(crate) const ATTACH: c_int = libc::SO_ATTACH_REUSEPORT_CBPF;
