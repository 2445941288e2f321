//! The one object that owns a clock.

use crate::error::ClockError;
use crate::interference::Interference;
use crate::precision;
use crate::reader::{self, ClockReader};
use crate::system::{self, SystemClock};
use crate::virtual_clock::{VirtualClock, VirtualSettings};
use ntp_proto::clock::ClockStatus;
use ntp_proto::time::{Frequency, NtpDuration, NtpTimestamp, Precision};
use std::fmt;

/// A clock and the right to steer it, as far as there is one.
#[derive(Debug)]
pub enum Clock {
    /// The system's clock.
    System(SystemClock),
    /// A clock of this process alone.
    Virtual(VirtualClock),
    /// The system's clock, measured and never steered.
    MeasureOnly(MeasuringClock),
}

/// The kind of clock that is steered; displayed as the configuration names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ClockKind {
    /// "system": the system's clock.
    System,
    /// "virtual": a clock of this process.
    Virtual,
    /// "none": no clock at all.
    None,
}

impl ClockKind {
    /// The stable lower-case word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Virtual => "virtual",
            Self::None => "none",
        }
    }
}

impl fmt::Display for ClockKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The system clock without steering, and the reason.
#[derive(Debug, Default)]
pub struct MeasuringClock {
    obstacle: Option<ClockError>,
}

impl MeasuringClock {
    /// The error that prevents steering; `None` if steering was not asked for.
    #[must_use]
    pub const fn obstacle(&self) -> Option<&ClockError> {
        self.obstacle.as_ref()
    }
}

impl Clock {
    /// The system's clock, which is not changed yet.
    ///
    /// # Errors
    /// If this process may not steer it.
    pub fn system() -> Result<Self, ClockError> {
        SystemClock::new().map(Self::System)
    }

    /// A virtual clock.
    ///
    /// # Errors
    /// If the settings make no sense, or the system has no raw clock.
    pub fn simulated(settings: VirtualSettings) -> Result<Self, ClockError> {
        VirtualClock::new(settings).map(Self::Virtual)
    }

    /// The system's clock, never steered.
    #[must_use]
    pub fn measuring() -> Self {
        Self::MeasureOnly(MeasuringClock::default())
    }

    /// The system's clock, steered if this process may; otherwise only measured, and
    /// [`Clock::obstacle`] has the reason. The caller must report it.
    #[must_use]
    pub fn auto() -> Self {
        Self::system().unwrap_or_else(|error| {
            Self::MeasureOnly(MeasuringClock {
                obstacle: Some(error),
            })
        })
    }

    /// The kind of clock that is steered.
    #[must_use]
    pub const fn kind(&self) -> ClockKind {
        match self {
            Self::System(_) => ClockKind::System,
            Self::Virtual(_) => ClockKind::Virtual,
            Self::MeasureOnly(_) => ClockKind::None,
        }
    }

    /// True if the clock can be steered; otherwise every steering call is refused.
    #[must_use]
    pub const fn steers(&self) -> bool {
        !matches!(self, Self::MeasureOnly(_))
    }

    /// The error that keeps [`Clock::auto`] from steering.
    #[must_use]
    pub const fn obstacle(&self) -> Option<&ClockError> {
        match self {
            Self::MeasureOnly(clock) => clock.obstacle(),
            Self::System(_) | Self::Virtual(_) => None,
        }
    }

    /// The virtual clock, if it is one.
    #[must_use]
    pub const fn as_virtual(&self) -> Option<&VirtualClock> {
        match self {
            Self::Virtual(clock) => Some(clock),
            Self::System(_) | Self::MeasureOnly(_) => None,
        }
    }

    /// The time shown.
    #[must_use]
    pub fn now(&self) -> NtpTimestamp {
        self.reader().now()
    }

    /// A reader for parts that need only the time.
    #[must_use]
    pub fn reader(&self) -> ClockReader {
        match self {
            Self::Virtual(clock) => clock.reader(),
            Self::System(_) | Self::MeasureOnly(_) => ClockReader::realtime(),
        }
    }

    /// The precision of the clock (RFC 5905 §7.3), measured now in a few microseconds (at worst
    /// some milliseconds).
    #[must_use]
    pub fn precision(&self) -> Precision {
        let reader = self.reader();
        precision::measured(|| reader.now())
    }

    /// Adds `by` to the clock. Afterwards [`Clock::set_status`] must follow: the kernel takes a
    /// clock that was stepped for unsynchronized.
    ///
    /// # Errors
    /// If the clock is only measured, or the kernel refuses.
    pub fn step(&mut self, by: NtpDuration) -> Result<(), ClockError> {
        match self {
            Self::System(clock) => clock.step(by),
            Self::Virtual(clock) => {
                clock.step(by);
                Ok(())
            }
            Self::MeasureOnly(_) => Err(ClockError::MeasuringOnly),
        }
    }

    /// The time shown, in Unix seconds, whatever era of NTP that is in. A virtual clock is within
    /// 68 years of `pivot`.
    #[must_use]
    pub fn unix_seconds(&self, pivot: i64) -> i64 {
        match self {
            Self::Virtual(clock) => clock.now().to_unix_near(pivot).0,
            Self::System(_) | Self::MeasureOnly(_) => reader::realtime_unix_seconds(),
        }
    }

    /// As [`Clock::step`], but in whole eras of NTP (2³² s, about 136 years) so that the clock ends
    /// up within 68 years of `pivot`, in Unix seconds: a packet holds no era, so that a clock of a
    /// wrong one can look right.
    ///
    /// # Errors
    /// As [`Clock::step`].
    pub fn step_near(&mut self, by: NtpDuration, pivot: i64) -> Result<(), ClockError> {
        match self {
            Self::System(clock) => clock.step_near(by, pivot),
            // Its time has no era.
            Self::Virtual(_) | Self::MeasureOnly(_) => self.step(by),
        }
    }

    /// From now on the clock runs faster by `frequency` than it would by itself. Returns the
    /// frequency that was applied, after rounding and within
    /// ±[`FREQUENCY_LIMIT`](crate::FREQUENCY_LIMIT).
    ///
    /// # Errors
    /// If the clock is only measured, `frequency` is not a number, or the kernel refuses.
    pub fn set_frequency(&mut self, frequency: Frequency) -> Result<Frequency, ClockError> {
        match self {
            Self::System(clock) => clock.set_frequency(frequency),
            Self::Virtual(clock) => clock.set_frequency(frequency),
            Self::MeasureOnly(_) => Err(ClockError::MeasuringOnly),
        }
    }

    /// The steering in force, by any program: for the system clock it is read from the kernel.
    ///
    /// # Errors
    /// If the kernel refuses the request, as it may in a sandbox.
    pub fn frequency(&self) -> Result<Frequency, ClockError> {
        match self {
            Self::Virtual(clock) => Ok(clock.frequency()),
            Self::System(clock) => clock.frequency(),
            Self::MeasureOnly(_) => system::applied_frequency(),
        }
    }

    /// True if the kernel calls the clock synchronized although this process has not steered it
    /// yet: an earlier run left it right.
    #[must_use]
    pub fn is_left_synchronized(&self) -> bool {
        matches!(self, Self::System(_)) && system::is_left_synchronized()
    }

    /// The part of [`Clock::frequency`] that can be the error of an oscillator, ±500 ppm at most;
    /// what is beyond that was left by a program that ended during a slew.
    ///
    /// # Errors
    /// If the kernel refuses the request, as it may in a sandbox.
    pub fn oscillator_frequency(&self) -> Result<Frequency, ClockError> {
        match self {
            Self::System(clock) => clock.oscillator_frequency(),
            // No other program had it before us.
            Self::Virtual(_) | Self::MeasureOnly(_) => self.frequency(),
        }
    }

    /// The interference of another program with the rate of the system clock since we last set or
    /// read it; reported once.
    ///
    /// # Errors
    /// If the kernel refuses the request, as it may in a sandbox.
    pub fn interference(&mut self) -> Result<Option<Interference>, ClockError> {
        match self {
            Self::System(clock) => clock.interference(),
            Self::Virtual(_) | Self::MeasureOnly(_) => Ok(None),
        }
    }

    /// Sets the kernel's status of the clock; a virtual clock records it.
    ///
    /// # Errors
    /// If the clock is only measured, or the kernel refuses.
    pub fn set_status(&mut self, status: &ClockStatus) -> Result<(), ClockError> {
        match self {
            Self::System(clock) => clock.set_status(status),
            Self::Virtual(clock) => {
                clock.set_status(status);
                Ok(())
            }
            Self::MeasureOnly(_) => Err(ClockError::MeasuringOnly),
        }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measuring_clock_refuses_to_be_steered_but_tells_the_time() {
        let mut clock = Clock::measuring();
        assert!(!clock.steers() && clock.obstacle().is_none());
        assert_eq!(clock.to_string(), "none");

        assert!(matches!(
            clock.step(NtpDuration::SECOND),
            Err(ClockError::MeasuringOnly)
        ));
        assert!(matches!(
            clock.set_frequency(Frequency::ZERO),
            Err(ClockError::MeasuringOnly)
        ));
        assert!(matches!(
            clock.set_status(&ClockStatus::UNSYNCHRONIZED),
            Err(ClockError::MeasuringOnly)
        ));
        assert!(!clock.now().is_unknown());
    }

    #[test]
    fn auto_measures_only_where_it_may_not_steer_and_says_why() {
        let clock = Clock::auto();
        match system::steering_permission() {
            Ok(()) => assert_eq!(clock.kind(), ClockKind::System),
            Err(_) => {
                assert_eq!(clock.kind(), ClockKind::None);
                assert!(clock.obstacle().is_some());
            }
        }
    }

    #[test]
    fn a_virtual_clock_is_steered_like_the_system_clock() {
        let mut clock = Clock::simulated(VirtualSettings::default()).unwrap();
        assert_eq!(clock.to_string(), "virtual");
        assert!(clock.steers());

        clock.step(NtpDuration::from_seconds(10.0)).unwrap();
        assert_eq!(
            clock.set_frequency(Frequency::new(1e-5)).unwrap(),
            Frequency::new(1e-5)
        );
        assert_eq!(clock.frequency().unwrap(), Frequency::new(1e-5));
        assert!((clock.as_virtual().unwrap().true_offset().to_f64() - 10.0).abs() < 1.0);
    }

    #[test]
    fn clocks_can_be_read_finer_than_a_millisecond() {
        for clock in [
            Clock::measuring(),
            Clock::simulated(VirtualSettings::default()).unwrap(),
        ] {
            let precision = clock.precision().log2();
            assert!((-32..=-10).contains(&precision), "{clock}: {precision}");
        }
    }
}
