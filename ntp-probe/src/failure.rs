//! A failed measurement: the stage, the cause and the remedy.

use ntp_ke::client::{CertificateReason, FailureReason};
use ntp_observe::NtsKeReason;
use ntp_proto::StableWord as _;
use serde::{Serialize, Serializer};
use std::fmt;

/// The stages of a measurement, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// Reading the certificate authorities.
    Authorities,
    /// A stage of NTS-KE. A measurement with plain NTP has only the look-up of these.
    Keys(ntp_ke::client::Stage),
    /// The exchange of NTP packets.
    Ntp,
}

impl Stage {
    /// The stable word of the stage, for JSON and scripts.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Authorities => "authorities",
            Self::Keys(stage) => stage.word(),
            Self::Ntp => "ntp",
        }
    }

    /// The stages before this one in a measurement with NTS.
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

/// The failure of a measurement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// The stable word of the cause.
    pub code: &'static str,
    /// The stage that failed.
    pub stage: Stage,
    /// The cause for people: one sentence without a capital letter and a full stop. Text from the
    /// network in it is sanitized.
    pub message: String,
    /// The remedy, in the same form, unless `message` contains it.
    pub remedy: Option<String>,
}

impl Failure {
    /// A failure of NTS-KE, or of a look-up.
    pub(crate) fn of_keys(stage: ntp_ke::client::Stage, reason: &FailureReason) -> Self {
        let remedy = remedy(stage, reason).map(str::to_owned);
        // These can happen at any stage, and their sentence does not name it.
        let anywhere = matches!(
            reason,
            FailureReason::TimedOut { .. }
                | FailureReason::Reset
                | FailureReason::Closed
                | FailureReason::Network(_)
        );
        let message = if anywhere {
            format!("{stage}: {reason}")
        } else {
            reason.to_string()
        };
        Self {
            code: reason.word(),
            stage: Stage::Keys(stage),
            message,
            remedy,
        }
    }

    /// True if a certificate is not valid at our clock's time: either may be at fault.
    #[must_use]
    pub fn is_about_dates(&self) -> bool {
        matches!(
            NtsKeReason::from(self.code),
            NtsKeReason::CertificateNotYetValid | NtsKeReason::CertificateExpired
        )
    }
}

/// The remedy where the sentence does not contain it.
const fn remedy(stage: ntp_ke::client::Stage, reason: &FailureReason) -> Option<&'static str> {
    use ntp_ke::client::Stage;
    match (stage, reason) {
        (
            _,
            FailureReason::Certificate(
                CertificateReason::NotYetValid { .. } | CertificateReason::Expired { .. },
            ),
        ) => Some(
            "compare this machine's clock with a watch: if it is wrong, set it; if it is right, \
             inform the server's operator",
        ),
        (_, FailureReason::Certificate(CertificateReason::WrongName { .. })) => {
            Some("use a name of the server that is in its certificate")
        }
        (Stage::Dns | Stage::NtpAddress, FailureReason::TimedOut { .. }) => {
            Some("does DNS work on this machine (`getent hosts` with the name)?")
        }
        (Stage::Tcp, FailureReason::TimedOut { .. } | FailureReason::Unreachable(_)) => Some(
            "is the host right, and does every firewall on the path let this TCP port through?",
        ),
        (_, FailureReason::TimedOut { .. }) => Some("try again with a longer --timeout"),
        _ => None,
    }
}
