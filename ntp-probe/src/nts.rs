//! A measurement with NTS: key establishment, then authenticated NTP.

use crate::SCHEMA;
use crate::facts::{Measured, Sample, ServerFacts, unix_now};
use crate::failure::{Failure, Stage};
use crate::key_facts::{Certificate, KeyFacts};
use crate::manner::Manner;
use crate::options::Options;
use crate::query::measured_or_error;
use crate::series::{Series, series};
use crate::trouble::Trouble;
use ntp_config::{HostPort, Trust};
use ntp_ke::client::{CertificateTime, Connector, Established, TrustError, establish};
use ntp_observe::Date;
use serde::Serialize;
use std::time::SystemTime;

/// What asking with NTS has told, up to where it failed.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct NtsReport {
    /// The version of the report, [`SCHEMA`].
    pub schema: u32,
    /// Who was asked for keys, with the port.
    pub target: String,
    /// What our clock showed at the beginning: the time at which certificates were judged.
    pub clock: Date,
    /// The stages that have worked, in order.
    pub stages: Vec<Stage>,
    /// What the server has presented, its own certificate first, whether it was believed or not.
    pub certificates: Vec<Certificate>,
    /// What key establishment has brought, if it has worked.
    pub keys: Option<KeyFacts>,
    /// What the NTP server says about itself, if its authentic reply has come.
    pub server: Option<ServerFacts>,
    /// All requests, in order.
    pub samples: Vec<Sample>,
    /// How many new cookies the replies have brought.
    pub new_cookies: usize,
    /// Whether the server exports the keys of AES-128-GCM-SIV as RFC 8915 demands, without having
    /// said so, so that the first request was in vain.
    pub exporter_untold: bool,
    /// What was measured; or why nothing was. In JSON either is `measured` or `error`, and the
    /// other one is `null`.
    #[serde(flatten, serialize_with = "measured_or_error")]
    pub outcome: Result<Measured, Failure>,
}

/// Asks `target` for keys and then, with them, the NTP server that it names for the time.
/// Certificates are judged by the system's clock.
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

/// The report of an establishment that came to nothing.
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
    let mut manner = Manner::nts(established);
    let mut series = series(&established.addresses, &mut manner, options).await;
    if let Err((Trouble::Silence, _)) = series.outcome {
        say_what_gets_lost(&mut series, options).await;
    }
    let outcome = series.verdict();
    let mut stages = Stage::Ntp.before();
    stages.extend(outcome.is_ok().then_some(Stage::Ntp));
    NtsReport {
        schema: SCHEMA,
        target: target.to_string(),
        clock,
        stages,
        certificates: Certificate::all(&established.certificate),
        keys: Some(KeyFacts::new(established, &target.host)),
        server: series.server,
        new_cookies: series
            .samples
            .iter()
            .filter_map(|sample| sample.new_cookies)
            .sum(),
        samples: series.samples,
        exporter_untold: manner.has_switched_keys(),
        outcome,
    }
}

/// Nothing has come back. A plain request to the same address tells whether it is the server, or
/// only what is longer than a plain packet; its reply is believed in nothing else.
async fn say_what_gets_lost(silent: &mut Series, options: &Options) {
    let Err((trouble, at)) = &mut silent.outcome else {
        return;
    };
    let once = Options {
        samples: 1,
        ..*options
    };
    let plain = series(&[*at], &mut Manner::Plain, &once).await;
    let plain_answers = matches!(plain.outcome, Ok(_) | Err((Trouble::Useless(..), _)));
    *trouble = Trouble::NtsSilence { plain_answers };
}
