//! Points and spans of time, each with a type of its own.
//!
//! Wire types ([`NtpTimestamp`], [`NtpDuration`], [`NtpShort`]) are integers with `from_bits` and
//! `to_bits`; estimators calculate in [`Seconds`] and [`Frequency`]; timers run on [`MonoTime`].
//! Nothing in this crate reads a clock.
//!
//! Signs, once and for all: an *offset* is `server − client`, so a positive offset means that our
//! clock is behind. A positive [`Frequency`] means that a clock gains time.

mod duration;
mod mono;
mod poll;
mod precision;
mod seconds;
mod short;
mod stamp;
mod timestamp;

pub use duration::NtpDuration;
pub use mono::{MonoTime, Now};
pub use poll::{PollInterval, PollLimits};
pub use precision::Precision;
pub use seconds::{Frequency, Seconds};
pub use short::NtpShort;
pub use stamp::{LocalStamp, StampOrigin};
pub use timestamp::{NtpTimestamp, UNIX_EPOCH_IN_NTP_SECONDS};
