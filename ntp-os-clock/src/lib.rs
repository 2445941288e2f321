//! Reading and steering the system clock, and a virtual clock with the same interface.
//!
//! * [`Clock`] is the one object that owns a clock and may steer it: the system clock, a virtual
//!   clock that runs in this process only, or the system clock measured and never steered.
//! * [`ClockReader`] serves all other parts: cloneable, lock-free, and able to convert the kernel's
//!   packet timestamps to our clock's time.
//! * [`monotonic_now`] is the time of timers, and [`Timer`] is one; [`suspended_time`] reveals a
//!   suspend.
//! * [`yield_to_all`] sets the scheduling policy of a thread. It has nothing to do with clocks; it
//!   is here because this crate may make system calls that need unsafe code.
//!
//! Signs are those of [`ntp_proto::time`]: a positive step moves our clock into the future, a
//! positive frequency makes it run faster. Every call goes through libc's `clock_gettime`,
//! `clock_adjtime` and `timerfd_settime`, so that a preloaded simulator or fault injector sees all
//! of them. Only `src/sys.rs` contains unsafe code.
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)
)]

mod clock;
mod error;
mod interference;
mod kernel;
mod monitor;
mod monotonic;
mod precision;
mod priority;
mod reader;
mod request;
#[allow(unsafe_code, reason = "this is the one file that talks to the kernel")]
mod sys;
mod system;
mod timeline;
mod timer;
mod virtual_clock;

pub use clock::{Clock, ClockKind, MeasuringClock};
pub use error::{ClockAttempt, ClockError};
pub use interference::Interference;
pub use kernel::FREQUENCY_LIMIT;
pub use monitor::{ClockMonitor, ClockSetNotice};
pub use monotonic::{monotonic_now, suspended_time};
pub use ntp_proto::clock::ClockStatus;
pub use priority::yield_to_all;
pub use reader::ClockReader;
pub use system::{SystemClock, steering_permission};
pub use timer::Timer;
pub use virtual_clock::{VirtualClock, VirtualSettings};
