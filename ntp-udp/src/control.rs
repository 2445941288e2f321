//! Control messages (`cmsg(3)`) by safe code over bytes: a word of length, level, kind, payload,
//! padded to words.

use ntp_proto::time::NtpTimestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Size and alignment of a machine word, to which the kernel pads control messages.
const WORD: usize = size_of::<usize>();
/// Carries the timestamps of a datagram; the option and its message share one number
/// (`SCM_TIMESTAMPING`).
const SCM_TIMESTAMPING: i32 = libc::SO_TIMESTAMPING;
/// Length of the header of a control message: a word and two integers.
const HEADER: usize = WORD + 8;

/// Room for the control messages of one datagram: timestamps, packet information and one extended
/// error take less.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct ControlBuffer {
    bytes: [u8; Self::CAPACITY],
}

impl ControlBuffer {
    /// Room in bytes.
    pub(crate) const CAPACITY: usize = 256;

    /// A buffer without messages.
    pub(crate) const EMPTY: Self = Self {
        bytes: [0; Self::CAPACITY],
    };

    /// The messages in the first `length` bytes.
    pub(crate) fn messages(&self, length: usize) -> ControlMessages<'_> {
        ControlMessages(self.bytes.get(..length).unwrap_or(&self.bytes))
    }

    /// Writes one message behind the first `at` bytes; returns the place of the next one.
    pub(crate) fn write(
        &mut self,
        mut at: usize,
        (level, kind): (i32, i32),
        payload: &[u8],
    ) -> usize {
        let end = at + (HEADER + payload.len()).next_multiple_of(WORD);
        let length = HEADER + payload.len();
        let fields: [&[u8]; 4] = [
            &length.to_ne_bytes(),
            &level.to_ne_bytes(),
            &kind.to_ne_bytes(),
            payload,
        ];
        for field in fields {
            let room = self.bytes.get_mut(at..at + field.len());
            room.expect("invariant: packet information and a number fit")
                .copy_from_slice(field);
            at += field.len();
        }
        end
    }

    /// The place that the kernel writes to.
    pub(crate) const fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr()
    }

    /// The place that the kernel reads from.
    pub(crate) const fn as_ptr(&self) -> *const u8 {
        self.bytes.as_ptr()
    }
}

/// One control message as the kernel wrote it.
pub(crate) struct RawMessage<'a> {
    level: i32,
    kind: i32,
    payload: &'a [u8],
}

/// The control messages in a buffer, one after the other; a truncated one ends the iteration.
pub(crate) struct ControlMessages<'a>(&'a [u8]);

impl<'a> Iterator for ControlMessages<'a> {
    type Item = RawMessage<'a>;

    fn next(&mut self) -> Option<RawMessage<'a>> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (level, rest) = rest.split_first_chunk()?;
        let kind = rest.first_chunk()?;
        let length = usize::from_ne_bytes(*length);
        let payload = self.0.get(HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(WORD)..).unwrap_or(&[]);
        Some(RawMessage {
            level: i32::from_ne_bytes(*level),
            kind: i32::from_ne_bytes(*kind),
            payload,
        })
    }
}

/// The content of a control message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ControlData {
    /// The software timestamp of a datagram, read from the system clock.
    Time(NtpTimestamp),
    /// The address at which a datagram arrived.
    Arrival(Arrival),
    /// An entry of the error queue.
    Error(ExtendedError),
}

/// The address at which a datagram arrived (`in_pktinfo`, `in6_pktinfo`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The destination address in the header of the datagram.
    pub(crate) address: IpAddr,
    /// Our address from which a reply should be sent.
    pub(crate) local: IpAddr,
    /// The index of the interface.
    pub(crate) interface: u32,
}

/// An entry of the error queue (`sock_extended_err`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ExtendedError {
    /// The error number, `ENOMSG` for timestamps.
    pub(crate) error: u32,
    /// The origin of the entry (`SO_EE_ORIGIN_…`).
    pub(crate) origin: u8,
    /// For timestamps the point in the datagram's way, 0 being "handed to the driver".
    pub(crate) info: u32,
    /// For timestamps the number of the datagram.
    pub(crate) data: u32,
}

impl RawMessage<'_> {
    /// The content of the message, if it is complete and of a known kind.
    pub(crate) fn data(&self) -> Option<ControlData> {
        match (self.level, self.kind) {
            (libc::SOL_SOCKET, SCM_TIMESTAMPING) => {
                software_time(self.payload).map(ControlData::Time)
            }
            (libc::SOL_IP, libc::IP_PKTINFO) => arrival_v4(self.payload).map(ControlData::Arrival),
            (libc::SOL_IPV6, libc::IPV6_PKTINFO) => {
                arrival_v6(self.payload).map(ControlData::Arrival)
            }
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR) => {
                extended_error(self.payload).map(ControlData::Error)
            }
            _ => None,
        }
    }
}

/// The first of the three times in an `scm_timestamping`, if it is set; the third is for hardware.
///
/// Each is two integers, seconds and nanoseconds, whose width differs between architectures.
fn software_time(payload: &[u8]) -> Option<NtpTimestamp> {
    let time = payload.get(..payload.len() / 3)?;
    let (seconds, nanos) = if let Some((seconds, nanos)) =
        time.split_first_chunk::<8>().filter(|_| time.len() == 16)
    {
        (
            i64::from_ne_bytes(*seconds),
            i64::from_ne_bytes(*nanos.first_chunk()?),
        )
    } else {
        let (seconds, nanos) = time.split_first_chunk()?;
        (
            i32::from_ne_bytes(*seconds).into(),
            i32::from_ne_bytes(*nanos.first_chunk()?).into(),
        )
    };
    let nanos = u32::try_from(nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)?;
    ((seconds, nanos) != (0, 0)).then(|| NtpTimestamp::from_unix(seconds, nanos))
}

/// From `in_pktinfo`: interface, our own address for the reply, destination.
fn arrival_v4(payload: &[u8]) -> Option<Arrival> {
    let (interface, rest) = payload.split_first_chunk()?;
    let (local, rest) = rest.split_first_chunk::<4>()?;
    let address = rest.first_chunk::<4>()?;
    Some(Arrival {
        address: IpAddr::V4(Ipv4Addr::from(*address)),
        local: IpAddr::V4(Ipv4Addr::from(*local)),
        interface: u32::from_ne_bytes(*interface),
    })
}

/// From `in6_pktinfo`: destination, interface.
fn arrival_v6(payload: &[u8]) -> Option<Arrival> {
    let (address, rest) = payload.split_first_chunk::<16>()?;
    let address = IpAddr::V6(Ipv6Addr::from(*address));
    Some(Arrival {
        address,
        local: address,
        interface: u32::from_ne_bytes(*rest.first_chunk()?),
    })
}

/// From `sock_extended_err`: error, origin, type, code, padding, info, data.
fn extended_error(payload: &[u8]) -> Option<ExtendedError> {
    let (error, rest) = payload.split_first_chunk()?;
    let ([origin, _kind, _code, _padding], rest) = rest.split_first_chunk()?;
    let (info, rest) = rest.split_first_chunk()?;
    Some(ExtendedError {
        error: u32::from_ne_bytes(*error),
        origin: *origin,
        info: u32::from_ne_bytes(*info),
        data: u32::from_ne_bytes(*rest.first_chunk()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_message_is_read_back() {
        let mut buffer = ControlBuffer::EMPTY;
        let payload = [7, 0, 0, 0, 127, 0, 0, 2, 224, 0, 1, 1];

        let length = buffer.write(0, (libc::SOL_IP, libc::IP_PKTINFO), &payload);
        let read: Vec<_> = buffer
            .messages(length)
            .filter_map(|message| message.data())
            .collect();

        let arrival = Arrival {
            address: Ipv4Addr::new(224, 0, 1, 1).into(),
            local: Ipv4Addr::new(127, 0, 0, 2).into(),
            interface: u32::from_ne_bytes([7, 0, 0, 0]),
        };
        assert_eq!(read, [ControlData::Arrival(arrival)]);
    }

    #[test]
    fn a_message_with_a_wrong_length_ends_the_iteration() {
        for lie in [0, HEADER - 1, HEADER + 13, usize::MAX] {
            let mut buffer = ControlBuffer::EMPTY;
            let length = HEADER + 12;
            buffer.write(0, (libc::SOL_IP, libc::IP_PKTINFO), &[1; 12]);
            buffer.bytes[..WORD].copy_from_slice(&lie.to_ne_bytes());
            assert_eq!(buffer.messages(length).count(), 0, "length {lie}");
        }
    }

    #[test]
    fn a_truncated_message_has_no_content() {
        for (level, kind, whole) in [
            (libc::SOL_IP, libc::IP_PKTINFO, 12),
            (libc::SOL_IPV6, libc::IPV6_PKTINFO, 20),
            (libc::SOL_IP, libc::IP_RECVERR, 16),
        ] {
            let payload = vec![1; whole];
            assert!(
                RawMessage {
                    level,
                    kind,
                    payload: &payload
                }
                .data()
                .is_some()
            );
            for cut in 0..whole {
                assert!(
                    RawMessage {
                        level,
                        kind,
                        payload: &payload[..cut]
                    }
                    .data()
                    .is_none()
                );
            }
        }
    }

    #[test]
    fn a_time_is_read_in_both_widths_and_zero_is_none() {
        let wide = [1_700_000_000_i64, 5].map(i64::to_ne_bytes).concat();
        let narrow = [1_700_000_000_i32, 5].map(i32::to_ne_bytes).concat();
        let expected = Some(NtpTimestamp::from_unix(1_700_000_000, 5));

        assert_eq!(software_time(&[wide, vec![0; 32]].concat()), expected);
        assert_eq!(software_time(&[narrow, vec![0; 16]].concat()), expected);
        assert_eq!(software_time(&[0; 48]), None);
        assert_eq!(software_time(&[]), None);
    }
}
