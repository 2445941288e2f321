//! The kernel's reports about sent datagrams, from the socket's error queue.

use crate::control::{ControlData, ExtendedError};
use crate::stamp::KernelStamp;
use crate::sys::Envelope;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// The point in a datagram's way at which it is handed to the driver (`linux/errqueue.h`).
const SCM_TSTAMP_SND: u32 = 0;

/// The limit of notices kept over restarts of the kernel's count, for a caller that does not fetch
/// them.
const MAX_KEPT: usize = 256;

/// The number of a sent datagram of a socket, which its transmit timestamp carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SendId(u32);

/// The transmit timestamp of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransmitStamp {
    /// The datagram, as [`crate::Socket::send`] named it.
    pub id: SendId,
    /// The time at which it was handed to the network card.
    pub stamp: KernelStamp,
}

/// A datagram could not be delivered, according to an ICMP message.
///
/// Such a message can be forged: it is good for showing an operator why there are no replies, and
/// for nothing else.
#[derive(Debug)]
pub struct Unreachable {
    /// The destination of the datagram.
    pub destination: SocketAddr,
    /// The reported error, for example `ECONNREFUSED` for a closed port.
    pub error: io::Error,
}

/// One entry of a socket's error queue.
#[derive(Debug)]
pub enum Notice {
    /// A datagram left.
    Transmitted(TransmitStamp),
    /// A datagram was not delivered; informative only.
    Unreachable(Unreachable),
}

/// Gives out [`SendId`]s and finds them in the kernel's reports.
///
/// Since Linux 6.13 we give the kernel the number of each datagram. Before, the kernel counts the
/// datagrams of a socket from 0; and whether a failed send takes a number depends on where in the
/// kernel it fails. So after a failure the kernel's count is put back to 0, and `base` remembers
/// which of our numbers that 0 stands for.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    next: AtomicU32,
    base: AtomicU32,
    naming: AtomicU8,
    /// The entries of the error queue when the count was put back, in terms of the old count.
    kept: Mutex<VecDeque<Notice>>,
}

/// The party that numbers the datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// No send has succeeded yet.
    Untried,
    /// We do: the kernel accepts our numbers.
    Ours,
    /// The kernel does, as it accepts none.
    Kernels,
}

impl Numbering {
    /// The number of the next datagram.
    pub(crate) fn take(&self) -> SendId {
        SendId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The party that numbers the datagrams.
    pub(crate) fn naming(&self) -> Naming {
        match self.naming.load(Ordering::Relaxed) {
            0 => Naming::Untried,
            1 => Naming::Ours,
            _ => Naming::Kernels,
        }
    }

    /// Records the party that numbers the datagrams, as a send has shown.
    pub(crate) fn learn(&self, naming: Naming) {
        self.naming.store(naming as u8, Ordering::Relaxed);
    }

    /// The kernel counts from 0 again; `left` was in the error queue before that.
    pub(crate) fn restarted(&self, left: impl Iterator<Item = Notice>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(left);
        let surplus = kept.len().saturating_sub(MAX_KEPT);
        kept.drain(..surplus);
        drop(kept);
        self.base
            .store(self.next.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The oldest notice from before a restart.
    pub(crate) fn kept(&self) -> Option<Notice> {
        // Only old kernels ever take this path.
        if self.naming() == Naming::Ours {
            return None;
        }
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    /// Our number for the kernel's, unless it is left over from before the last restart.
    fn resolve(&self, kernel: u32) -> Option<SendId> {
        if self.naming() == Naming::Ours {
            return Some(SendId(kernel));
        }
        let base = self.base.load(Ordering::Relaxed);
        let since = self.next.load(Ordering::Relaxed).wrapping_sub(base);
        (kernel < since).then(|| SendId(base.wrapping_add(kernel)))
    }
}

impl SendId {
    /// The number as the kernel gets it.
    pub(crate) const fn to_bits(self) -> u32 {
        self.0
    }
}

/// The notice in an entry of the error queue, if it is of a known kind.
pub(crate) fn interpret(envelope: &Envelope, numbering: &Numbering) -> Option<Notice> {
    let (mut time, mut error) = (None, None);
    for data in envelope.control_data() {
        match data {
            ControlData::Time(stamp) => time = Some(stamp),
            ControlData::Error(entry) => error = Some(entry),
            ControlData::Arrival(_) => {}
        }
    }
    match error? {
        ExtendedError {
            origin: libc::SO_EE_ORIGIN_TIMESTAMPING,
            info: SCM_TSTAMP_SND,
            data,
            ..
        } => {
            let id = numbering.resolve(data)?;
            Some(Notice::Transmitted(TransmitStamp {
                id,
                stamp: KernelStamp::kernel(time?),
            }))
        }
        ExtendedError {
            origin: libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6,
            error,
            ..
        } => {
            let error = io::Error::from_raw_os_error(i32::try_from(error).ok()?);
            Some(Notice::Unreachable(Unreachable {
                destination: envelope.address()?,
                error,
            }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_was_not_given_out_since_the_restart_is_refused() {
        let numbering = Numbering::default();
        let first = numbering.take();
        assert_eq!(numbering.resolve(0), Some(first));
        assert_eq!(numbering.resolve(1), None);

        numbering.restarted(std::iter::empty());
        assert_eq!(numbering.resolve(0), None);
        let second = numbering.take();
        assert_eq!(numbering.resolve(0), Some(second));
        assert_ne!(first, second);
    }

    #[test]
    fn notices_that_are_not_fetched_do_not_pile_up() {
        let numbering = Numbering::default();
        let refusal = || Unreachable {
            destination: SocketAddr::from(([192, 0, 2, 1], 123)),
            error: io::ErrorKind::ConnectionRefused.into(),
        };
        for _ in 0..MAX_KEPT {
            numbering.restarted((0..10).map(|_| Notice::Unreachable(refusal())));
        }
        assert_eq!(std::iter::from_fn(|| numbering.kept()).count(), MAX_KEPT);
    }

    #[test]
    fn numbers_wrap() {
        let numbering = Numbering {
            next: u32::MAX.into(),
            base: u32::MAX.into(),
            ..Numbering::default()
        };
        let (last, first) = (numbering.take(), numbering.take());
        assert_eq!((last, first), (SendId(u32::MAX), SendId(0)));
        assert_eq!(numbering.resolve(1), Some(first));
    }
}
