//! Errors of clocks.

use ntp_proto::time::{Frequency, NtpDuration, Seconds};
use std::{fmt, io};

/// The operation that the kernel refused.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ClockAttempt {
    /// Reading the clock of this name (as in clock_gettime(2)).
    Read(&'static str),
    /// Reading frequency and status of the system clock.
    ReadState,
    /// Asking whether we may steer the system clock.
    AskPermission,
    /// Turning off the kernel's own phase-locked loop and a pending `adjtime` of another program.
    TakeOver,
    /// Stepping the system clock by this span.
    Step(NtpDuration),
    /// Making the system clock run faster by this rate.
    SetFrequency(Frequency),
    /// Setting the kernel's status of the clock.
    SetStatus,
}

impl fmt::Display for ClockAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(clock) => write!(f, "read the clock {clock}"),
            Self::ReadState => f.write_str("read frequency and status of the system clock"),
            Self::AskPermission => f.write_str("steer the system clock"),
            Self::TakeOver => f.write_str("turn off the kernel's own steering of the system clock"),
            Self::Step(by) => write!(f, "step the system clock by {:+.9} s", by.to_seconds()),
            Self::SetFrequency(rate) => {
                write!(
                    f,
                    "set the frequency of the system clock to {:+.6} ppm",
                    rate.to_f64() * 1e6
                )
            }
            Self::SetStatus => f.write_str("set the status of the system clock"),
        }
    }
}

/// An error of a clock. The step, rate or status that was asked for has not been applied.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// The process lacks the right to steer the system clock.
    #[error(
        "not permitted to {attempt}: grant CAP_SYS_TIME (run as root, or `setcap cap_sys_time+ep` on the program, \
         in a container `--cap-add SYS_TIME`), or set mode = \"virtual\" or mode = \"none\" in [clock]"
    )]
    NotPermitted {
        /// The operation.
        attempt: ClockAttempt,
    },
    /// The kernel refused for another reason.
    #[error("could not {attempt}: {source}")]
    Refused {
        /// The operation.
        attempt: ClockAttempt,
        /// The kernel's answer.
        source: io::Error,
    },
    /// This clock is only measured.
    #[error("the clock is only measured, not steered")]
    MeasuringOnly,
    /// The frequency is not a number, or for a virtual clock's own error, too large.
    #[error("{:+} ppm is no usable frequency of a clock (limit: ±100000 ppm)", .0.to_f64() * 1e6)]
    UnusableFrequency(Frequency),
    /// The initial offset of a virtual clock is not a number, or beyond ±68 years.
    #[error("{} s is no usable offset of a virtual clock (limit: ±68 years)", .0.to_f64())]
    UnusableOffset(Seconds),
}

impl ClockError {
    /// Classifies the kernel's answer to an operation.
    pub(crate) fn from_os(attempt: ClockAttempt, source: io::Error) -> Self {
        // A sandbox may answer EACCES where the kernel says EPERM.
        if source.kind() == io::ErrorKind::PermissionDenied {
            Self::NotPermitted { attempt }
        } else {
            Self::Refused { attempt, source }
        }
    }

    /// True if a permission is missing, which only the operator can grant.
    #[must_use]
    pub const fn is_missing_permission(&self) -> bool {
        matches!(self, Self::NotPermitted { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_names_every_way_out() {
        let refusal = io::Error::from_raw_os_error(libc::EPERM);
        let error = ClockError::from_os(ClockAttempt::Step(NtpDuration::SECOND), refusal);

        assert!(error.is_missing_permission());
        let text = error.to_string();
        for word in [
            "step the system clock by +1.0",
            "CAP_SYS_TIME",
            "setcap",
            "--cap-add SYS_TIME",
            "virtual",
            "none",
        ] {
            assert!(text.contains(word), "{word:?} is missing in {text:?}");
        }
    }

    #[test]
    fn any_other_refusal_tells_the_attempt_and_the_answer() {
        let refusal = io::Error::from_raw_os_error(libc::EINVAL);
        let text = ClockError::from_os(ClockAttempt::SetFrequency(Frequency::new(2e-6)), refusal)
            .to_string();

        assert!(
            text.contains("+2.000000 ppm") && text.contains("Invalid argument"),
            "{text}"
        );
    }
}
