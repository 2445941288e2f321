//! Changes of a clock that its owner did not order: another program set it, or the machine was
//! suspended.

use crate::clock::Clock;
use crate::reader::realtime_now;
use crate::sys::{self, KernelClock, read_clock};
use ntp_proto::clock::{Continuity, Disturbance, MachineTime};
use ntp_proto::time::{MonoTime, NtpDuration, NtpTimestamp};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

/// The limit of attempts to read the clocks without an interruption in between.
const ATTEMPTS: usize = 5;
/// Readings further apart than this, in nanoseconds, say nothing about a small step.
const WIDEST: i64 = 100_000;

/// Compares a [`Clock`] with the clock of timers, and with what its owner has ordered.
#[derive(Debug)]
pub struct ClockMonitor {
    continuity: Option<Continuity>,
    /// A virtual clock is not set by others; it only stands still in a suspend.
    is_virtual: bool,
}

impl ClockMonitor {
    /// Watches a clock from now on.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        let is_virtual = clock.as_virtual().is_some();
        Self {
            continuity: read(is_virtual).map(Continuity::new),
            is_virtual,
        }
    }

    /// The owner has added `step` to the clock.
    pub fn handle_step(&mut self, step: NtpDuration) {
        if let Some(continuity) = self.continuity.as_mut().filter(|_| !self.is_virtual) {
            continuity.handle_step(step);
        }
    }

    /// The change since the last call that was not ordered, if there was one. It is reported once.
    /// Costs some hundred nanoseconds.
    pub fn check(&mut self, clock: &Clock) -> Option<Disturbance> {
        let now = read(self.is_virtual)?;
        let disturbance = self
            .continuity
            .get_or_insert(Continuity::new(now))
            .check(now)?;
        let before = if self.is_virtual {
            clock.now()
        } else {
            disturbance.before
        };
        Some(Disturbance {
            before,
            ..disturbance
        })
    }
}

/// The clocks at one instant; `None` if they cannot be read close enough together.
fn read(is_virtual: bool) -> Option<MachineTime> {
    (0..ATTEMPTS).find_map(|_| read_once(is_virtual).ok().flatten())
}

fn read_once(is_virtual: bool) -> io::Result<Option<MachineTime>> {
    let first = read_clock(KernelClock::Monotonic)?;
    // A system without such a clock has no suspends either.
    let boot = read_clock(KernelClock::Boottime).or_else(|_| read_clock(KernelClock::Monotonic))?;
    let local = if is_virtual {
        NtpTimestamp::from_unix(0, 0) + NtpDuration::from_nanos(boot)
    } else {
        realtime_now()
    };
    let last = read_clock(KernelClock::Monotonic)?;
    let awake = first + (last - first) / 2;
    let span = |nanos: i64| Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
    Ok((last - first <= WIDEST).then(|| MachineTime {
        local,
        boot: MonoTime::from_epoch(span(boot)),
        suspended: span(boot - awake),
    }))
}

/// A descriptor that becomes readable when the system's clock is set by any program, and when the
/// machine resumes from a suspend. It costs nothing until then.
#[derive(Debug)]
pub struct ClockSetNotice(File);

impl ClockSetNotice {
    /// A descriptor that notices changes from now on.
    ///
    /// # Errors
    /// Those of `timerfd_create` and `timerfd_settime`.
    pub fn new() -> io::Result<Self> {
        let timer = sys::open_timer(KernelClock::Realtime)?;
        sys::cancel_when_set(timer.as_fd())?;
        Ok(Self(File::from(timer)))
    }

    /// Acknowledges a notice, and waits for the next one.
    ///
    /// # Errors
    /// Those of `timerfd_settime`.
    pub fn rearm(&self) -> io::Result<()> {
        // The error of a canceled timer is the notice itself.
        let _ = (&self.0).read(&mut [0; 8]);
        sys::cancel_when_set(self.0.as_fd())
    }
}

impl AsFd for ClockSetNotice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for ClockSetNotice {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::virtual_clock::VirtualSettings;
    use ntp_proto::time::{Frequency, Seconds};

    #[test]
    fn an_undisturbed_clock_is_not_reported() {
        let settings = VirtualSettings {
            offset: Seconds::new(-5.0),
            frequency: Frequency::new(0.05),
        };
        for mut clock in [Clock::measuring(), Clock::simulated(settings).unwrap()] {
            let mut monitor = ClockMonitor::new(&clock);
            if clock.steers() {
                clock.step(NtpDuration::SECOND).unwrap();
                monitor.handle_step(NtpDuration::SECOND);
            }
            for _ in 0..100 {
                assert_eq!(monitor.check(&clock), None, "{clock}");
            }
        }
    }

    #[test]
    fn a_step_that_was_not_made_is_missed() {
        // The test does not set the clock of this machine: the owner claims a step that has not
        // happened.
        let clock = Clock::measuring();
        let mut monitor = ClockMonitor::new(&clock);
        monitor.handle_step(NtpDuration::SECOND);
        let found = (0..1000).find_map(|_| monitor.check(&clock)).unwrap();
        assert!(
            (found.step + NtpDuration::SECOND).abs() < NtpDuration::from_nanos(1_000_000),
            "{found:?}"
        );
        assert_eq!(monitor.check(&clock), None);
    }

    #[test]
    fn a_notice_is_silent_while_nothing_happens_and_can_be_armed_again() {
        let notice = ClockSetNotice::new().unwrap();
        let error = (&notice.0).read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        notice.rearm().unwrap();
        notice.rearm().unwrap();
    }
}
