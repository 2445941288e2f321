//! Reading a clock from any thread.

use crate::sys::{KernelClock, read_clock};
use crate::timeline::Timeline;
use arc_swap::ArcSwap;
use ntp_proto::time::NtpTimestamp;
use std::sync::Arc;

/// The number of paired readings of which the most certain one is used.
const PAIRINGS: usize = 3;

/// Reads the time of a [`Clock`](crate::Clock): cheap to clone, lock-free, for use in every thread.
/// It follows every step and rate that the owner sets.
#[derive(Clone, Debug)]
pub struct ClockReader(Timescale);

#[derive(Clone, Debug)]
enum Timescale {
    Realtime,
    Virtual(Arc<ArcSwap<Timeline>>),
}

impl ClockReader {
    /// A reader of the system clock.
    pub(crate) const fn realtime() -> Self {
        Self(Timescale::Realtime)
    }

    /// A reader of a virtual clock.
    pub(crate) const fn of_timeline(timeline: Arc<ArcSwap<Timeline>>) -> Self {
        Self(Timescale::Virtual(timeline))
    }

    /// The time that our clock shows.
    ///
    /// # Panics
    /// If the system has lost its clock.
    #[must_use]
    pub fn now(&self) -> NtpTimestamp {
        match &self.0 {
            Timescale::Realtime => realtime_now(),
            Timescale::Virtual(timeline) => virtual_now(timeline),
        }
    }

    /// The reading of our clock at an instant that the kernel stamped with CLOCK_REALTIME, at most
    /// some seconds ago: a packet's timestamp. For the system clock that is the stamp itself.
    ///
    /// # Panics
    /// If the system has lost its clock.
    #[must_use]
    pub fn from_realtime(&self, stamp: NtpTimestamp) -> NtpTimestamp {
        match &self.0 {
            Timescale::Realtime => stamp,
            Timescale::Virtual(timeline) => {
                let pairing = Pairing::now();
                timeline.load().shown_at(pairing.raw_at(stamp))
            }
        }
    }
}

/// The system clock.
pub(crate) fn realtime_now() -> NtpTimestamp {
    from_unix_nanos(
        read_clock(KernelClock::Realtime).expect("invariant: the system has a real-time clock"),
    )
}

/// The system clock in whole Unix seconds.
pub(crate) fn realtime_unix_seconds() -> i64 {
    read_clock(KernelClock::Realtime)
        .expect("invariant: the system has a real-time clock")
        .div_euclid(1_000_000_000)
}

/// The raw counter, in nanoseconds. It exists, or the virtual clock could not have been made.
pub(crate) fn raw_now() -> i64 {
    read_clock(KernelClock::MonotonicRaw)
        .expect("invariant: the raw clock was there when the virtual clock began")
}

/// A timestamp from nanoseconds of Unix time.
fn from_unix_nanos(nanos: i64) -> NtpTimestamp {
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of 10⁹")]
    let rest = nanos.rem_euclid(1_000_000_000) as u32;
    NtpTimestamp::from_unix(nanos.div_euclid(1_000_000_000), rest)
}

fn virtual_now(timeline: &ArcSwap<Timeline>) -> NtpTimestamp {
    loop {
        let before = timeline.load();
        let raw = raw_now();
        // A change between the two loads could make us read on where the clock no longer goes, and
        // then jump back.
        if Arc::ptr_eq(&before, &timeline.load()) {
            return before.shown_at(raw);
        }
    }
}

/// The raw counter and CLOCK_REALTIME at one instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairing {
    /// Nanoseconds of the raw counter.
    pub(crate) raw: i64,
    /// Nanoseconds of Unix time.
    pub(crate) real: i64,
    /// The duration of both readings, in nanoseconds: the instant lies somewhere in it.
    width: i64,
}

impl Pairing {
    /// The most certain one of a few pairings.
    pub(crate) fn now() -> Self {
        let first = Self::once();
        (1..PAIRINGS)
            .map(|_| Self::once())
            .fold(first, |best, other| {
                if other.width < best.width {
                    other
                } else {
                    best
                }
            })
    }

    fn once() -> Self {
        let before = raw_now();
        let real =
            read_clock(KernelClock::Realtime).expect("invariant: the system has a real-time clock");
        let width = raw_now() - before;
        Self {
            raw: before + width / 2,
            real,
            width,
        }
    }

    /// The raw counter when CLOCK_REALTIME showed `stamp`.
    fn raw_at(&self, stamp: NtpTimestamp) -> i64 {
        self.raw
            .saturating_sub((self.real_time() - stamp).to_nanos())
    }

    /// The real time of the pairing.
    pub(crate) fn real_time(&self) -> NtpTimestamp {
        from_unix_nanos(self.real)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_as_old_on_the_raw_counter_as_on_the_real_clock() {
        let pairing = Pairing {
            raw: 10_000_000_000,
            real: 1_795_248_000_500_000_000,
            width: 80,
        };
        for age in [0, 1_000, 3_000_000_000, -2_000] {
            let stamp = from_unix_nanos(pairing.real - age);
            assert!(
                (pairing.raw_at(stamp) - (pairing.raw - age)).abs() <= 1,
                "for an age of {age} ns"
            );
        }
    }

    #[test]
    fn the_system_clock_needs_no_conversion() {
        let stamp = NtpTimestamp::from_bits(0x1234_5678_9abc_def0);
        assert_eq!(ClockReader::realtime().from_realtime(stamp), stamp);
    }

    #[test]
    fn a_reader_can_go_to_any_thread() {
        fn needs<T: Clone + Send + Sync + 'static>() {}
        needs::<ClockReader>();
    }
}
