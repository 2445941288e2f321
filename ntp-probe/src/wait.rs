//! The wait for the reply to one request, and what came instead.

use crate::ntp_failure::{NtpFailure, Rejection};
use std::io;
use std::time::Duration;
use tokio::time::Instant;

/// The wait for a better reply after a datagram that anyone on the network could have sent.
const GRACE: Duration = Duration::from_millis(500);

/// The wait for the reply to one request.
#[derive(Debug)]
pub(crate) struct Wait {
    deadline: Instant,
    /// The error that the network reported (ICMP), an operating system error number.
    unreachable: Option<i32>,
    /// The most informative datagram that came instead.
    rejection: Option<Rejection>,
}

impl Wait {
    /// Waits for `timeout` from now.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            deadline: Instant::now() + timeout,
            unreachable: None,
            rejection: None,
        }
    }

    pub(crate) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The network reports that the request did not arrive, which may be forged.
    pub(crate) fn handle_unreachable(&mut self, os_error: i32) {
        self.unreachable = Some(os_error);
        self.shorten();
    }

    /// Remembers a datagram that was not accepted: preferably one whose sender has seen the
    /// request, which is more informative.
    pub(crate) fn record(&mut self, rejection: Rejection) {
        if rejection.is_close {
            self.shorten();
        }
        if self.rejection.is_none_or(|noted| !noted.is_close) {
            self.rejection = Some(rejection);
        }
    }

    fn shorten(&mut self) {
        self.deadline = self.deadline.min(Instant::now() + GRACE);
    }

    /// The failure, now that no reply has come.
    pub(crate) fn into_failure(self) -> NtpFailure {
        match (self.rejection, self.unreachable) {
            (Some(rejection), _) => NtpFailure::NotTheReply(rejection),
            (None, None) => NtpFailure::Silence,
            (None, Some(os_error)) => {
                let error = io::Error::from_raw_os_error(os_error);
                match error.kind() {
                    io::ErrorKind::ConnectionRefused => NtpFailure::PortUnreachable,
                    _ => NtpFailure::Unreachable(error.to_string()),
                }
            }
        }
    }
}
