//! A measurement with NTS: key establishment, then authenticated NTP.

use crate::exchanges::{Exchanges, exchange_with};
use crate::facts::{Measured, SCHEMA, Sample, ServerFacts, unix_now};
use crate::failure::{Failure, Stage};
use crate::key_facts::{Certificate, KeyFacts};
use crate::ntp_failure::NtpFailure;
use crate::options::Options;
use crate::query::measured_or_error;
use ntp_config::{HostPort, Trust};
use ntp_ke::client::{CertificateTime, Connector, Established, TrustError, establish};
use ntp_observe::Date;
use ntp_os_clock::monotonic_now;
use ntp_proto::nts::{NtsGrant, NtsSession};
use serde::Serialize;
use std::time::{Duration, SystemTime};

/// The report of a measurement with NTS, up to the stage that failed.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct NtsReport {
    /// The version of the report, [`SCHEMA`].
    pub schema: u32,
    /// The NTS-KE server with the port.
    pub target: String,
    /// Our clock at the beginning: the time against which certificates were checked.
    pub clock: Date,
    /// The stages that succeeded, in order.
    pub stages: Vec<Stage>,
    /// The certificate chain of the server, its own certificate first, trusted or not.
    pub certificates: Vec<Certificate>,
    /// The result of key establishment, if it succeeded.
    pub keys: Option<KeyFacts>,
    /// The NTP server's claims about itself, if an authenticated reply has come.
    pub server: Option<ServerFacts>,
    /// All requests, in order.
    pub samples: Vec<Sample>,
    /// The number of new cookies in the replies.
    pub new_cookies: usize,
    /// True if the server exports the keys of AES-128-GCM-SIV as RFC 8915 demands without
    /// announcing it, so that the first request failed.
    pub exporter_untold: bool,
    /// The measurement, or the failure. In JSON one of `measured` and `error` is set, and the other
    /// is `null`.
    #[serde(flatten, serialize_with = "measured_or_error")]
    pub outcome: Result<Measured, Failure>,
}

/// Performs NTS-KE with `target`, then exchanges authenticated packets with the NTP server that it
/// names. Certificates are checked against the system clock.
pub async fn nts(target: &HostPort, trust: &Trust, options: &Options) -> NtsReport {
    let clock = Date::from(SystemTime::now());
    let connector = match Connector::new(trust) {
        Ok(connector) => connector.over(options.family),
        Err(error) => return failed(target, clock, &[], no_authorities(&error)),
    };
    let time = CertificateTime::At(u64::try_from(unix_now()).unwrap_or(0));
    match establish(target, &connector, time, options.timeout * 2).await {
        Ok(established) => ask(target, clock, &established, options).await,
        Err(failure) => {
            let certificates = Certificate::all(&failure.certificate);
            failed(
                target,
                clock,
                &certificates,
                Failure::of_keys(failure.stage, &failure.reason),
            )
        }
    }
}

fn no_authorities(error: &TrustError) -> Failure {
    Failure {
        code: "no-authorities",
        stage: Stage::Authorities,
        message: error.to_string(),
        remedy: None,
    }
}

/// The report of a failed key establishment.
fn failed(
    target: &HostPort,
    clock: Date,
    certificates: &[Certificate],
    failure: Failure,
) -> NtsReport {
    NtsReport {
        schema: SCHEMA,
        target: target.to_string(),
        clock,
        stages: failure.stage.before(),
        certificates: certificates.to_vec(),
        keys: None,
        server: None,
        samples: Vec::new(),
        new_cookies: 0,
        exporter_untold: false,
        outcome: Err(failure),
    }
}

async fn ask(
    target: &HostPort,
    clock: Date,
    established: &Established,
    options: &Options,
) -> NtsReport {
    let session = Some(session(established));
    let mut exchanges = exchange_with(&established.addresses, session, options).await;
    if let Err((NtpFailure::Silence, _)) = exchanges.outcome {
        find_lost_packets(&mut exchanges, options).await;
    }
    let outcome = exchanges.verdict();
    let mut stages = Stage::Ntp.before();
    stages.extend(outcome.is_ok().then_some(Stage::Ntp));
    NtsReport {
        schema: SCHEMA,
        target: target.to_string(),
        clock,
        stages,
        certificates: Certificate::all(&established.certificate),
        keys: Some(KeyFacts::new(established, &target.host)),
        server: exchanges.server,
        new_cookies: exchanges
            .samples
            .iter()
            .filter_map(|sample| sample.new_cookies)
            .sum(),
        samples: exchanges.samples,
        exporter_untold: exchanges.has_switched_keys,
        outcome,
    }
}

/// The NTS session with the keys and cookies of key establishment. The certificate was checked
/// against our clock, so nothing about it is provisional.
fn session(established: &Established) -> NtsSession {
    let granted = NtsGrant {
        addresses: established.addresses.clone(),
        keys: established.keys.clone(),
        cookies: established.reply.cookies.clone(),
        validity: established.validity,
        provisional: false,
        age: Duration::ZERO,
    };
    NtsSession::new(granted, monotonic_now())
}

/// After silence, a plain request to the same address shows whether the server is down, or only
/// packets longer than a plain one are dropped. Nothing else in its reply is trusted.
async fn find_lost_packets(silent: &mut Exchanges, options: &Options) {
    let Err((failure, at)) = &mut silent.outcome else {
        return;
    };
    let once = Options {
        samples: 1,
        ..*options
    };
    let plain = exchange_with(&[*at], None, &once).await;
    let plain_answers = matches!(plain.outcome, Ok(_) | Err((NtpFailure::NoTime(..), _)));
    *failure = NtpFailure::NtsSilence { plain_answers };
}
