//! A timer that can be waited for together with sockets.

use crate::monotonic::monotonic_now;
use crate::sys::{self, KernelClock};
use ntp_proto::time::MonoTime;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

/// A descriptor that becomes readable at a time that was set, and stays so until the next one is
/// set: it need not be read.
///
/// If the kernel supports it, a time that passes during a suspend is due as soon as the machine
/// resumes.
#[derive(Debug)]
pub struct Timer(OwnedFd);

impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// Those of `timerfd_create`.
    pub fn new() -> io::Result<Self> {
        let opened = sys::open_timer(KernelClock::Boottime)
            .or_else(|_| sys::open_timer(KernelClock::Monotonic));
        opened.map(Self)
    }

    /// Sets the time, in place of the one before. One that has passed is due at once.
    ///
    /// # Errors
    /// Those of `timerfd_settime`.
    pub fn set(&self, due: MonoTime) -> io::Result<()> {
        // Zero would mean never.
        let rest = due.since(monotonic_now()).max(Duration::from_nanos(1));
        sys::set_timer(self.0.as_fd(), rest.as_secs(), rest.subsec_nanos())
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{ErrorKind, Read};

    /// True if the timer has expired; reading clears that.
    fn has_gone_off(timer: &Timer) -> bool {
        let mut file = File::from(timer.0.try_clone().unwrap());
        match file.read(&mut [0; 8]) {
            Ok(length) => length == 8,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn wait(timer: &Timer) {
        while !has_gone_off(timer) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_timer_goes_off_when_its_time_has_come_and_not_before() {
        let timer = Timer::new().unwrap();
        assert!(!has_gone_off(&timer), "it is not set");
        let due = monotonic_now() + Duration::from_millis(30);
        timer.set(due).unwrap();
        wait(&timer);
        assert!(monotonic_now() >= due);
    }

    #[test]
    fn the_last_time_set_holds() {
        let timer = Timer::new().unwrap();
        let due = monotonic_now() + Duration::from_millis(30);
        timer
            .set(monotonic_now() + Duration::from_secs(3600))
            .unwrap();
        timer.set(due).unwrap();
        wait(&timer);

        timer.set(MonoTime::ZERO).unwrap();
        timer
            .set(monotonic_now() + Duration::from_secs(3600))
            .unwrap();
        assert!(!has_gone_off(&timer), "what was set before is forgotten");
    }

    #[test]
    fn a_time_that_has_passed_is_due_at_once() {
        let timer = Timer::new().unwrap();
        let began = monotonic_now();
        for past in [MonoTime::ZERO, began] {
            timer.set(past).unwrap();
            wait(&timer);
        }
        assert!(monotonic_now().since(began) < Duration::from_secs(60));
    }

    #[test]
    fn a_time_beyond_all_bounds_is_taken() {
        let timer = Timer::new().unwrap();
        timer.set(MonoTime::from_epoch(Duration::MAX)).unwrap();
        assert!(!has_gone_off(&timer));
    }
}
