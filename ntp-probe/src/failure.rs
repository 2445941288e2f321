//! What has failed, and at which stage.

use ntp_ke::client::{Cause, CertificateFault};
use ntp_proto::StableWord;
use serde::{Serialize, Serializer};
use std::fmt;

/// What is being done, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// Reading whom to believe.
    Authorities,
    /// Any stage of key establishment. Plain NTP has its look-up only.
    Keys(ntp_ke::client::Stage),
    /// Asking for the time.
    Ntp,
}

impl Stage {
    /// The word by which the outside world knows it; it never changes.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Authorities => "authorities",
            Self::Keys(stage) => stage.word(),
            Self::Ntp => "ntp",
        }
    }

    /// Those of a measurement with NTS that come before this one.
    pub(crate) fn before(self) -> Vec<Self> {
        let keys = ntp_ke::client::Stage::ALL.into_iter().map(Self::Keys);
        std::iter::once(Self::Authorities)
            .chain(keys)
            .filter(|stage| *stage < self)
            .collect()
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorities => f.write_str("certificate authorities"),
            Self::Keys(stage) => stage.fmt(f),
            Self::Ntp => f.write_str("NTP over UDP"),
        }
    }
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Why there is no time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// What it is, in one word that never changes.
    pub code: &'static str,
    /// What was being done.
    pub stage: Stage,
    /// What is the matter, for people: one sentence without a capital letter and a full stop. Text
    /// of others in it is harmless.
    pub message: String,
    /// What to do about it, in the same form, if `message` does not say so itself.
    pub remedy: Option<String>,
}

impl Failure {
    /// Of key establishment, or of a look-up.
    pub(crate) fn of_keys(stage: ntp_ke::client::Stage, cause: &Cause) -> Self {
        let remedy = remedy(stage, cause).map(str::to_owned);
        // These can happen at any stage, and do not say at which.
        let anywhere = matches!(
            cause,
            Cause::TimedOut { .. } | Cause::Reset | Cause::Closed | Cause::Network(_)
        );
        let message = if anywhere {
            format!("{stage}: {cause}")
        } else {
            cause.to_string()
        };
        Self {
            code: cause.word(),
            stage: Stage::Keys(stage),
            message,
            remedy,
        }
    }

    /// Whether a certificate does not fit the reading of our clock: either may be at fault.
    #[must_use]
    pub fn is_about_dates(&self) -> bool {
        matches!(
            self.code,
            "certificate-not-yet-valid" | "certificate-expired"
        )
    }
}

/// What to do where the sentence does not say it.
const fn remedy(stage: ntp_ke::client::Stage, cause: &Cause) -> Option<&'static str> {
    use ntp_ke::client::Stage;
    match (stage, cause) {
        (
            _,
            Cause::Certificate(
                CertificateFault::NotYetValid { .. } | CertificateFault::Expired { .. },
            ),
        ) => Some(
            "compare this machine's clock with a watch: if it is wrong, set it; if it is right, tell the server's operator",
        ),
        (_, Cause::Certificate(CertificateFault::WrongName { .. })) => {
            Some("ask for the server by a name that is in its certificate")
        }
        (Stage::Dns | Stage::NtpAddress, Cause::TimedOut { .. }) => {
            Some("does DNS work on this machine?")
        }
        (Stage::Tcp, Cause::TimedOut { .. } | Cause::Unreachable(_)) => {
            Some("is the host right, and does every firewall on the way let this TCP port through?")
        }
        (_, Cause::TimedOut { .. }) => Some("try again with a longer time-out"),
        _ => None,
    }
}
