//! A measurement with plain NTP.

use crate::SCHEMA;
use crate::facts::{Measured, Sample, ServerFacts};
use crate::failure::Failure;
use crate::manner::Manner;
use crate::options::Options;
use crate::series::{Series, series};
use ntp_config::HostPort;
use ntp_ke::client::{FailureReason, Stage, in_turns, look_up};
use ntp_observe::Date;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use std::net::SocketAddr;
use std::time::SystemTime;

/// What asking with plain NTP has told.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct QueryReport {
    /// The version of the report, [`SCHEMA`].
    pub schema: u32,
    /// Who was asked for, with the port.
    pub target: String,
    /// What our clock showed at the beginning.
    pub clock: Date,
    /// The addresses of the name, in the order in which they are tried.
    pub addresses: Vec<String>,
    /// What the server says about itself, if it has answered.
    pub server: Option<ServerFacts>,
    /// All requests, in order.
    pub samples: Vec<Sample>,
    /// What was measured; or why nothing was. In JSON either is `measured` or `error`, and the
    /// other one is `null`.
    #[serde(flatten, serialize_with = "measured_or_error")]
    pub outcome: Result<Measured, Failure>,
}

/// Asks the NTP server `target` for the time, in several exchanges.
pub async fn query(target: &HostPort, options: &Options) -> QueryReport {
    let clock = Date::from(SystemTime::now());
    let (addresses, series) = match found(target, options).await {
        Ok(addresses) => {
            let series = series(&addresses, &mut Manner::Plain, options).await;
            (addresses, Ok(series))
        }
        Err(failure) => (Vec::new(), Err(failure)),
    };
    let outcome = series
        .as_ref()
        .map_err(Clone::clone)
        .and_then(Series::verdict);
    let (server, samples) =
        series.map_or((None, Vec::new()), |series| (series.server, series.samples));
    let addresses = addresses.iter().map(ToString::to_string).collect();
    QueryReport {
        schema: SCHEMA,
        target: target.to_string(),
        clock,
        addresses,
        server,
        samples,
        outcome,
    }
}

async fn found(target: &HostPort, options: &Options) -> Result<Vec<SocketAddr>, Failure> {
    let looked_up = look_up(&target.host, target.port, options.family);
    let found = tokio::time::timeout(options.timeout, looked_up).await;
    let found = found.unwrap_or(Err(FailureReason::TimedOut {
        after: options.timeout,
    }));
    found
        .map(|addresses| in_turns(&addresses))
        .map_err(|reason| Failure::of_keys(Stage::Dns, &reason))
}

/// One of `measured` and `error`, and `null` for the other.
pub(crate) fn measured_or_error<S: Serializer>(
    outcome: &Result<Measured, Failure>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("measured", &outcome.as_ref().ok())?;
    map.serialize_entry("error", &outcome.as_ref().err())?;
    map.end()
}
