//! A measurement with plain NTP.

use crate::exchanges::{Exchanges, exchange_with};
use crate::facts::{Measured, SCHEMA, Sample, ServerFacts};
use crate::failure::Failure;
use crate::options::Options;
use ntp_config::HostPort;
use ntp_ke::client::{FailureReason, Stage, in_turns, look_up};
use ntp_observe::Date;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use std::net::SocketAddr;
use std::time::SystemTime;

/// The report of a measurement with plain NTP.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct QueryReport {
    /// The version of the report, [`SCHEMA`].
    pub schema: u32,
    /// The NTP server with the port.
    pub target: String,
    /// Our clock at the beginning.
    pub clock: Date,
    /// The addresses of the name, in the order in which they are tried.
    pub addresses: Vec<String>,
    /// The server's claims about itself, if it has answered.
    pub server: Option<ServerFacts>,
    /// All requests, in order.
    pub samples: Vec<Sample>,
    /// The measurement, or the failure. In JSON one of `measured` and `error` is set, and the other
    /// is `null`.
    #[serde(flatten, serialize_with = "measured_or_error")]
    pub outcome: Result<Measured, Failure>,
}

/// Measures the NTP server `target` in several exchanges.
pub async fn query(target: &HostPort, options: &Options) -> QueryReport {
    let clock = Date::from(SystemTime::now());
    let (addresses, exchanges) = match resolve(target, options).await {
        Ok(addresses) => {
            let exchanges = exchange_with(&addresses, None, options).await;
            (addresses, Ok(exchanges))
        }
        Err(failure) => (Vec::new(), Err(failure)),
    };
    let outcome = exchanges
        .as_ref()
        .map_err(Clone::clone)
        .and_then(Exchanges::verdict);
    let (server, samples) = exchanges.map_or((None, Vec::new()), |all| (all.server, all.samples));
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

async fn resolve(target: &HostPort, options: &Options) -> Result<Vec<SocketAddr>, Failure> {
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
