//! The state of the clock that the server puts into its replies.

use crate::packet::{LeapIndicator, ReferenceId, Stratum};
use crate::time::{Frequency, NtpDuration, NtpTimestamp, Precision, Seconds};

/// The few numbers of the system state that replies are made of: a snapshot, good until the next
/// one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ServedState {
    /// The leap second warning, or that we are not synchronized.
    pub leap: LeapIndicator,
    /// Our stratum.
    pub stratum: Stratum,
    /// The precision of our clock.
    pub precision: Precision,
    /// The round-trip delay to our reference clock.
    pub root_delay: Seconds,
    /// The error that our clock may have had at the time `at`, half of the root delay aside.
    pub root_dispersion: Seconds,
    /// The growth of the root dispersion without a further measurement: PHI (RFC 5905 §7.2) and the
    /// uncertainty of our frequency.
    pub dispersion_rate: Frequency,
    /// The time by our clock at which `root_dispersion` holds.
    pub at: NtpTimestamp,
    /// The source of our time.
    pub reference_id: ReferenceId,
    /// The time at which our clock was last set or corrected, by our clock.
    pub reference_time: NtpTimestamp,
    /// True if our clock is its own reference; `reference_time` does not count then.
    pub is_own_reference: bool,
}

impl ServedState {
    /// Not synchronized: leap indicator 3, stratum 16, and the largest dispersion of RFC 5905
    /// (MAXDISP, 16 s), so that a client takes none of our time, whichever of the three it looks
    /// at.
    pub const UNSYNCHRONIZED: Self = Self {
        leap: LeapIndicator::Unsynchronized,
        stratum: Stratum::UNSYNCHRONIZED,
        precision: Precision::from_log2(-20),
        root_delay: Seconds::ZERO,
        root_dispersion: Seconds::new(16.0),
        dispersion_rate: Frequency::ZERO,
        at: NtpTimestamp::UNKNOWN,
        reference_id: ReferenceId::INIT,
        reference_time: NtpTimestamp::UNKNOWN,
        is_own_reference: false,
    };

    /// The time at which our clock was last set or corrected, for a reply at a time by our clock.
    /// One that is its own reference counts as set every 64 s: classic clients refuse a server that
    /// was last set a day ago (RFC 5905 MAXAGE).
    #[must_use]
    pub fn reference_time_at(&self, now: NtpTimestamp) -> NtpTimestamp {
        const WITHIN_64_SECONDS: u64 = (1 << 38) - 1;
        if !self.is_own_reference {
            return self.reference_time;
        }
        // Never zero, which would mean "unknown", at the turn of an era.
        NtpTimestamp::from_bits((now.to_bits() & !WITHIN_64_SECONDS).max(1))
    }

    /// The root dispersion at another time by our clock. It never shrinks: before `at` it is what
    /// it is at `at`.
    #[must_use]
    pub fn root_dispersion_at(&self, now: NtpTimestamp) -> Seconds {
        let elapsed = (now - self.at).max(NtpDuration::ZERO);
        self.root_dispersion + self.dispersion_rate * Seconds::from(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_dispersion_grows_with_time_and_never_shrinks() {
        let at = NtpTimestamp::from_unix(2_085_978_495, 0);
        let state = ServedState {
            root_dispersion: Seconds::new(0.010),
            dispersion_rate: Frequency::new(15e-6),
            at,
            ..ServedState::UNSYNCHRONIZED
        };
        let after = |seconds| {
            state
                .root_dispersion_at(at + NtpDuration::from_seconds(seconds))
                .to_f64()
        };
        assert_eq!(after(0.0), 0.010);
        assert_eq!(after(-100.0), 0.010);
        // 1000 s at 15 ppm are 15 ms, across the era boundary of 2036.
        assert!((after(1000.0) - 0.025).abs() < 1e-9);
    }
}
