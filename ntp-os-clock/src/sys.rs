//! The calls to the kernel, all through libc's symbols.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A clock of the kernel that we read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KernelClock {
    /// The system's time of day, which we may steer.
    Realtime,
    /// The hardware counter as it runs by itself, never steered.
    MonotonicRaw,
    /// Time since boot without suspends.
    Monotonic,
    /// Time since boot with suspends.
    Boottime,
}

impl KernelClock {
    /// The name as the manual page clock_gettime(2) has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Realtime => "CLOCK_REALTIME",
            Self::MonotonicRaw => "CLOCK_MONOTONIC_RAW",
            Self::Monotonic => "CLOCK_MONOTONIC",
            Self::Boottime => "CLOCK_BOOTTIME",
        }
    }

    const fn id(self) -> libc::clockid_t {
        match self {
            Self::Realtime => libc::CLOCK_REALTIME,
            Self::MonotonicRaw => libc::CLOCK_MONOTONIC_RAW,
            Self::Monotonic => libc::CLOCK_MONOTONIC,
            Self::Boottime => libc::CLOCK_BOOTTIME,
        }
    }
}

/// The time on a clock, in nanoseconds since its epoch. The kernel itself keeps every clock within
/// 63 bits of them.
pub(crate) fn read_clock(clock: KernelClock) -> io::Result<i64> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes one `timespec` to the address, which is that of a live, exclusively
    // borrowed one.
    let status = unsafe { libc::clock_gettime(clock.id(), &raw mut time) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    #[allow(
        clippy::unnecessary_cast,
        reason = "these fields are narrower on 32-bit machines"
    )]
    let (seconds, nanos) = (time.tv_sec as i64, time.tv_nsec as i64);
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// A request that reads the state of the system clock and changes nothing.
pub(crate) fn reading_request() -> libc::timex {
    // SAFETY: `timex` is a C structure of integers (padding included), for which all bits zero are
    // a value.
    unsafe { std::mem::zeroed() }
}

/// Does to the system clock what `request.modes` asks for, and fills the other fields with the
/// state afterwards.
pub(crate) fn adjust_realtime(request: &mut libc::timex) -> io::Result<()> {
    // SAFETY: the kernel reads and writes one `timex` at the address, which comes from an exclusive
    // reference.
    let state = unsafe { libc::clock_adjtime(libc::CLOCK_REALTIME, &raw mut *request) };
    // Any other value is the state of the leap second, not a failure.
    if state == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// USER_HZ: how many ticks per second the interface of `timex` counts, whatever the kernel does
/// inside.
pub(crate) fn user_hz() -> libc::c_long {
    // SAFETY: `sysconf` takes a plain number and touches no memory of ours.
    let hz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    // Every architecture but one has always had 100; a simulator that does not know it answers
    // -1.
    if hz > 0 { hz } else { 100 }
}

/// A timer by a clock, as a descriptor that does not block; it is not set yet.
pub(crate) fn open_timer(clock: KernelClock) -> io::Result<OwnedFd> {
    // SAFETY: the call takes plain numbers and touches no memory of ours.
    let fd = unsafe { libc::timerfd_create(clock.id(), libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened this descriptor for us, and no other code knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets a timer to go off once, `seconds` and `nanos` from now by its clock. Both zero would unset
/// it.
pub(crate) fn set_timer(timer: BorrowedFd<'_>, seconds: u64, nanos: u32) -> io::Result<()> {
    let rest = libc::timespec {
        tv_sec: libc::time_t::try_from(seconds).unwrap_or(libc::time_t::MAX),
        // Below 10⁹, which every `c_long` can hold.
        tv_nsec: nanos as libc::c_long,
    };
    let once = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let setting = libc::itimerspec {
        it_interval: once,
        it_value: rest,
    };
    // SAFETY: `BorrowedFd` keeps the descriptor open, the kernel reads one `itimerspec` from
    // `setting`, which lives through the call, and writes none where the address for the old
    // setting is null.
    let status = unsafe {
        libc::timerfd_settime(
            timer.as_raw_fd(),
            0,
            &raw const setting,
            std::ptr::null_mut(),
        )
    };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Makes a timer by CLOCK_REALTIME readable as soon as that clock is set, or the machine resumes
/// from a suspend.
pub(crate) fn cancel_when_set(timer: BorrowedFd<'_>) -> io::Result<()> {
    let never = libc::timespec {
        tv_sec: libc::time_t::MAX,
        tv_nsec: 0,
    };
    let once = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let setting = libc::itimerspec {
        it_interval: once,
        it_value: never,
    };
    let flags = libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET;
    // SAFETY: `BorrowedFd` keeps the descriptor open, the kernel reads one `itimerspec` from
    // `setting`, which lives through the call, and writes none where the address for the old
    // setting is null.
    let status = unsafe {
        libc::timerfd_settime(
            timer.as_raw_fd(),
            flags,
            &raw const setting,
            std::ptr::null_mut(),
        )
    };
    let error = io::Error::last_os_error();
    // The timer is set even if the kernel says that the one before was canceled meanwhile.
    if status == 0 || error.raw_os_error() == Some(libc::ECANCELED) {
        Ok(())
    } else {
        Err(error)
    }
}

/// Gives the calling thread the policy SCHED_IDLE. The system call itself is made, as musl has a
/// function of that name which does nothing.
pub(crate) fn run_when_idle() -> io::Result<()> {
    // SAFETY: a `sched_param` is a C structure of integers (padding included), for which all bits
    // zero are a value.
    let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel reads one `sched_param` at the address, which is that of a live one; 0 is
    // the calling thread.
    let status = unsafe {
        libc::syscall(
            libc::SYS_sched_setscheduler,
            0,
            libc::SCHED_IDLE,
            &raw const parameters,
        )
    };
    if status == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
