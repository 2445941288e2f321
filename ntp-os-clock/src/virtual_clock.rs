//! A software clock on top of the raw counter: no permission is needed to steer it, and only this
//! process sees it.

use crate::error::{ClockAttempt, ClockError};
use crate::kernel::FREQUENCY_LIMIT;
use crate::reader::{ClockReader, Pairing, raw_now};
use crate::sys::{KernelClock, read_clock};
use crate::timeline::Timeline;
use arc_swap::ArcSwap;
use ntp_proto::clock::ClockStatus;
use ntp_proto::time::{Frequency, NtpDuration, NtpTimestamp, Seconds};
use std::sync::Arc;

/// The initial error of a virtual clock.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct VirtualSettings {
    /// Its initial offset from the real clock; positive: ahead.
    pub offset: Seconds,
    /// Its rate against the raw counter while it is not steered; positive: fast. The owner cannot
    /// see it.
    pub frequency: Frequency,
}

/// A clock that exists in this process only, over CLOCK_MONOTONIC_RAW. It runs at (1 + own error) ·
/// (1 + steering), and stands still while the machine sleeps.
///
/// Its owner is one thread; [`ClockReader`]s follow every change. A reader that overlaps a change
/// of the rate may read up to (duration of the change · change of the rate) too much, far below a
/// nanosecond unless the owner is interrupted.
#[derive(Debug)]
pub struct VirtualClock {
    timeline: Arc<ArcSwap<Timeline>>,
    own_error: Frequency,
    steering: Frequency,
    status: ClockStatus,
}

impl VirtualClock {
    /// Starts a virtual clock.
    ///
    /// # Errors
    /// If the settings are not numbers or beyond ±68 years and ±10 %, or if the system has no
    /// CLOCK_MONOTONIC_RAW.
    pub fn new(settings: VirtualSettings) -> Result<Self, ClockError> {
        const LONGEST: f64 = 2_147_483_648.0;
        let own_error = settings.frequency;
        if !own_error.to_f64().is_finite() || own_error.abs() > FREQUENCY_LIMIT {
            return Err(ClockError::UnusableFrequency(own_error));
        }
        if !settings.offset.to_f64().is_finite() || settings.offset.to_f64().abs() > LONGEST {
            return Err(ClockError::UnusableOffset(settings.offset));
        }
        for clock in [KernelClock::MonotonicRaw, KernelClock::Realtime] {
            read_clock(clock)
                .map_err(|error| ClockError::from_os(ClockAttempt::Read(clock.name()), error))?;
        }
        let start = Pairing::now();
        let timeline = Timeline::starting(start.raw, start.real, own_error)
            .with_step(start.raw, NtpDuration::from(settings.offset));
        Ok(Self {
            timeline: Arc::new(ArcSwap::from_pointee(timeline)),
            own_error,
            steering: Frequency::ZERO,
            status: ClockStatus::UNSYNCHRONIZED,
        })
    }

    /// The time shown.
    #[must_use]
    pub fn now(&self) -> NtpTimestamp {
        self.reader().now()
    }

    /// A reader for other threads.
    #[must_use]
    pub fn reader(&self) -> ClockReader {
        ClockReader::of_timeline(Arc::clone(&self.timeline))
    }

    /// Adds `by` to the clock, at once and exactly.
    pub fn step(&mut self, by: NtpDuration) {
        let stepped = self.timeline.load().with_step(raw_now(), by);
        self.timeline.store(Arc::new(stepped));
    }

    /// Steers: from now on the clock runs faster by `frequency` than it would by itself. Returns
    /// what was applied, which is within ±10 % and otherwise exact.
    ///
    /// # Errors
    /// If `frequency` is not a number.
    pub fn set_frequency(&mut self, frequency: Frequency) -> Result<Frequency, ClockError> {
        if frequency.to_f64().is_nan() {
            return Err(ClockError::UnusableFrequency(frequency));
        }
        self.steering = frequency.limited(FREQUENCY_LIMIT);
        let (own, steering) = (self.own_error, self.steering);
        let gain = own + steering + steering * own.to_f64();
        let steered = self.timeline.load().with_gain(raw_now(), gain);
        self.timeline.store(Arc::new(steered));
        Ok(self.steering)
    }

    /// The steering applied now.
    #[must_use]
    pub const fn frequency(&self) -> Frequency {
        self.steering
    }

    /// Records the status.
    pub const fn set_status(&mut self, status: &ClockStatus) {
        self.status = *status;
    }

    /// The status last set.
    #[must_use]
    pub const fn status(&self) -> &ClockStatus {
        &self.status
    }

    /// The offset of the clock from CLOCK_REALTIME now; positive: ahead. For demonstrations and
    /// tests only: a clock that knew this would need no server.
    #[must_use]
    pub fn true_offset(&self) -> Seconds {
        let pairing = Pairing::now();
        Seconds::from(self.timeline.load().shown_at(pairing.raw) - pairing.real_time())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Far less than the offsets of these tests, and more than a busy machine may hold us up
    /// between two readings.
    const HELD_UP: f64 = 0.9;

    fn clock(offset: f64, frequency: f64) -> VirtualClock {
        let settings = VirtualSettings {
            offset: Seconds::new(offset),
            frequency: Frequency::new(frequency),
        };
        VirtualClock::new(settings).unwrap()
    }

    /// The clock's rate against the raw counter, from its own timeline, which does not depend on
    /// how busy the machine is.
    fn gain(clock: &VirtualClock) -> f64 {
        let timeline = clock.timeline.load();
        let (from, to) = (raw_now(), raw_now() + 1_000_000_000_000);
        let shown = (timeline.shown_at(to) - timeline.shown_at(from)).to_seconds();
        let raw = NtpDuration::from_nanos(to - from).to_seconds();
        shown / raw - 1.0
    }

    #[test]
    fn it_starts_where_the_settings_say() {
        for offset in [0.0, 3.5, -1000.25] {
            let away = clock(offset, 0.0).true_offset().to_f64();
            assert!(
                (away - offset).abs() < HELD_UP,
                "{away} instead of {offset}"
            );
        }
    }

    #[test]
    fn its_own_error_and_the_steering_multiply() {
        let mut clock = clock(0.0, 40e-6);
        assert!((gain(&clock) - 40e-6).abs() < 1e-11);

        let applied = clock.set_frequency(Frequency::new(-0.05)).unwrap();
        assert_eq!(applied, Frequency::new(-0.05));
        assert_eq!(clock.frequency(), applied);
        assert!((gain(&clock) - (1.000_04 * 0.95 - 1.0)).abs() < 1e-11);

        clock
            .set_frequency(Frequency::new(1.0 / 1.000_04 - 1.0))
            .unwrap();
        assert!(gain(&clock).abs() < 1e-11);
    }

    #[test]
    fn steering_beyond_ten_per_cent_is_limited_and_nonsense_refused() {
        let mut clock = clock(0.0, 0.0);
        assert_eq!(
            clock.set_frequency(Frequency::new(5.0)).unwrap(),
            FREQUENCY_LIMIT
        );
        assert!(matches!(
            clock.set_frequency(Frequency::new(f64::NAN)),
            Err(ClockError::UnusableFrequency(_))
        ));
        assert_eq!(clock.frequency(), FREQUENCY_LIMIT);
    }

    #[test]
    fn settings_that_are_no_numbers_are_refused() {
        let offset = VirtualSettings {
            offset: Seconds::new(f64::NAN),
            frequency: Frequency::ZERO,
        };
        assert!(matches!(
            VirtualClock::new(offset),
            Err(ClockError::UnusableOffset(_))
        ));
        let frequency = VirtualSettings {
            offset: Seconds::ZERO,
            frequency: Frequency::new(0.5),
        };
        assert!(matches!(
            VirtualClock::new(frequency),
            Err(ClockError::UnusableFrequency(_))
        ));
    }

    #[test]
    fn a_step_moves_it_and_its_readers() {
        let mut clock = clock(2.0, 0.0);
        let reader = clock.reader();
        clock.step(NtpDuration::from_seconds(-2.0));

        assert!(clock.true_offset().to_f64().abs() < HELD_UP);
        assert!((reader.now() - crate::reader::realtime_now()).abs() < NtpDuration::SECOND);
    }

    #[test]
    fn without_steps_it_never_goes_back() {
        let mut clock = clock(0.0, 100e-6);
        let reader = clock.reader();
        let mut last = reader.now();
        for round in 0..2000 {
            let rate = if round % 2 == 0 { 0.1 } else { -0.1 };
            clock.set_frequency(Frequency::new(rate)).unwrap();
            let now = reader.now();
            assert!(now - last >= NtpDuration::ZERO, "round {round}");
            last = now;
        }
    }

    #[test]
    fn a_stamp_of_the_real_clock_becomes_our_time() {
        let clock = clock(-5.0, 50e-6);
        let reader = clock.reader();
        // A busy machine may interrupt us between the readings; what matters is that they enclose.
        let before = reader.now();
        let stamp = crate::reader::realtime_now();
        let after = reader.now();

        let shown = reader.from_realtime(stamp);
        // Also between the two clocks that are paired; a stamp that was not converted would be 5 s
        // off.
        let slack = NtpDuration::from_seconds(HELD_UP);
        assert!(
            shown - before > -slack && after - shown > -slack,
            "{before:?} {shown:?} {after:?}"
        );
    }

    #[test]
    fn a_stamp_from_before_a_step_keeps_the_time_of_then() {
        let mut clock = clock(0.0, 0.0);
        let reader = clock.reader();
        let stamp = crate::reader::realtime_now();
        // Longer than the machine holds us up while two clocks are paired, so that the stamp is
        // surely before the step.
        std::thread::sleep(Duration::from_millis(20));
        clock.step(NtpDuration::from_seconds(100.0));

        assert!((reader.from_realtime(stamp) - stamp).abs() < NtpDuration::from_seconds(HELD_UP));
    }

    #[test]
    fn the_status_last_set_can_be_read() {
        let mut clock = clock(0.0, 0.0);
        assert!(!clock.status().synchronized);
        let status = ClockStatus {
            synchronized: true,
            tai_offset: Some(37),
            ..ClockStatus::UNSYNCHRONIZED
        };
        clock.set_status(&status);
        assert_eq!(*clock.status(), status);
    }
}
