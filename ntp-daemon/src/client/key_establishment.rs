//! NTS key establishment for sources, in the background.

use crate::digits::span;
use ntp_config::{HostPort, SourceKind, Trust};
use ntp_ke::client::{CertificateTime, Connector, Failure, establish};
use ntp_proto::client::entry::{EstablishFailure, SourceEntryId};
use ntp_proto::nts::{KeReason, KeStage, NtsGrant, Validity};
use std::time::Duration;
use tokio::sync::mpsc;

/// The limit for one establishment, from the look-up to the last record. Key establishment is far
/// rarer than polls, and a slow network must not look like a dead one.
const DEADLINE: Duration = Duration::from_secs(16);

/// The time as far as it is known, for the judgment of certificates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    /// The time by our clock, in Unix seconds.
    pub(crate) now: i64,
    /// Our clock as it would be had neither the last known time nor sources without NTS moved it,
    /// in Unix seconds.
    pub(crate) unmoved: i64,
    /// If the clock has never been right: the latest time that has certainly passed, in Unix
    /// seconds.
    pub(crate) since: Option<i64>,
}

impl Time {
    fn of_certificates(self) -> CertificateTime {
        let unix = |seconds: i64| u64::try_from(seconds).unwrap_or(0);
        match self.since {
            Some(since) => CertificateTime::Since(unix(since)),
            None => CertificateTime::At(unix(self.now)),
        }
    }

    /// True if a certificate was accepted only because the time is not known. If the step that
    /// moved the clock was wrong, the clock before it may have been right.
    fn is_provisional(self, validity: Validity) -> bool {
        self.since.is_some() && !validity.contains(self.now) && !validity.contains(self.unmoved)
    }
}

/// The outcome of an establishment.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) entry: SourceEntryId,
    pub(crate) outcome: Result<NtsGrant, EstablishFailure>,
}

/// Establishes keys with the NTS-KE server of a source, and sends the outcome to `results`. Each
/// source has one establishment in progress at most, as the client waits for the outcome.
pub(crate) fn start(
    entry: SourceEntryId,
    kind: &SourceKind,
    time: Time,
    results: mpsc::Sender<Established>,
) {
    let SourceKind::Nts { address, trust } = kind.clone() else {
        return;
    };
    tokio::spawn(async move {
        let outcome = ask(&address, trust, time).await;
        // The receiver is gone only when the daemon ends.
        let _ = results.send(Established { entry, outcome }).await;
    });
}

async fn ask(address: &HostPort, trust: Trust, time: Time) -> Result<NtsGrant, EstablishFailure> {
    // Made each time, so that files of authorities that have changed are seen.
    let connector = tokio::task::spawn_blocking(move || Connector::new(&trust)).await;
    let not_ready = |message: String| EstablishFailure {
        stage: KeStage::Certificate,
        reason: KeReason::NoAuthorities,
        message,
    };
    let connector = connector.map_err(|error| not_ready(error.to_string()))?;
    let connector = connector.map_err(|error| not_ready(error.to_string()))?;
    let established = establish(address, &connector, time.of_certificates(), DEADLINE)
        .await
        .map_err(failure)?;
    let validity = established.validity;
    tracing::debug!(
        server = %address, peer = %established.peer, ntp = %established.ntp_server,
        key_exchange = %established.tls.key_exchange, cipher_suite = %established.tls.cipher_suite,
        took = %span(established.took), "NTS keys established"
    );
    Ok(NtsGrant {
        addresses: established.addresses,
        keys: established.keys,
        cookies: established.reply.cookies,
        validity,
        provisional: time.is_provisional(validity),
        age: Duration::ZERO,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped over")]
fn failure(failure: Failure) -> EstablishFailure {
    EstablishFailure {
        stage: failure.stage,
        reason: failure.reason.kind(),
        message: failure.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_counts_in_full_if_the_clock_as_it_was_before_any_assumption_vouches_for_it() {
        let validity = Validity {
            not_before: 1000,
            not_after: 2000,
        };
        let provisional = |now, unmoved, since| {
            Time {
                now,
                unmoved,
                since,
            }
            .is_provisional(validity)
        };
        assert!(
            !provisional(5000, 1500, Some(500)),
            "the last known time was wrong, and the clock was right"
        );
        assert!(!provisional(1500, 0, Some(500)));
        assert!(provisional(5000, 0, Some(500)));
        assert!(!provisional(5000, 0, None), "judged strictly");
    }
}
