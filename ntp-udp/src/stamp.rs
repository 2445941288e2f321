//! Timestamps with their origin.

pub use ntp_proto::time::StampOrigin;

use ntp_proto::time::NtpTimestamp;

/// The kernel's timestamp of a packet, by the clock that took it; `ntp_proto::time::LocalStamp` is
/// one by our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelStamp {
    /// The time that the clock of `origin` showed.
    pub at: NtpTimestamp,
    /// The clock: the system's or that of the network card.
    pub origin: StampOrigin,
}

impl KernelStamp {
    /// A stamp that the kernel took from the system clock.
    #[must_use]
    pub const fn kernel(at: NtpTimestamp) -> Self {
        Self {
            at,
            origin: StampOrigin::Kernel,
        }
    }
}

/// Counts of the timestamps that the kernel delivered and of those it did not; the owner of a
/// socket keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StampCounters {
    /// Timestamps that the kernel took.
    pub kernel: u64,
    /// Timestamps that the network card took.
    pub hardware: u64,
    /// Datagrams without a timestamp, for which the daemon read its own clock.
    pub missing: u64,
}

impl StampCounters {
    /// Counts the stamp of one datagram, or its absence.
    pub const fn record(&mut self, stamp: Option<KernelStamp>) {
        let counter = match stamp {
            Some(KernelStamp {
                origin: StampOrigin::Kernel,
                ..
            }) => &mut self.kernel,
            Some(KernelStamp {
                origin: StampOrigin::Hardware,
                ..
            }) => &mut self.hardware,
            Some(KernelStamp {
                origin: StampOrigin::Daemon,
                ..
            })
            | None => &mut self.missing,
        };
        *counter = counter.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_without_a_stamp_counts_as_missing() {
        let mut counters = StampCounters::default();

        counters.record(Some(KernelStamp::kernel(NtpTimestamp::UNKNOWN)));
        counters.record(None);
        counters.record(None);

        assert_eq!(
            counters,
            StampCounters {
                kernel: 1,
                hardware: 0,
                missing: 2
            }
        );
    }
}
