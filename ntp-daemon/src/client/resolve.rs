//! Looking names up in the background.

use ntp_proto::client::entry::SourceEntryId;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;

/// The limit for one look-up. The resolver of the system has its own time-outs; this one is for a
/// resolver that hangs.
const DEADLINE: Duration = Duration::from_secs(20);

/// The outcome of a look-up.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) entry: SourceEntryId,
    pub(crate) outcome: Result<Vec<SocketAddr>, String>,
}

/// Looks a host up in the background and sends the outcome to `results`. Each source has one
/// look-up in progress at most, as the client waits for the outcome.
pub(crate) fn start(
    entry: SourceEntryId,
    host: String,
    port: u16,
    results: mpsc::Sender<Resolved>,
) {
    tokio::spawn(async move {
        let outcome =
            match tokio::time::timeout(DEADLINE, tokio::net::lookup_host((host.as_str(), port)))
                .await
            {
                Ok(Ok(addresses)) => Ok(addresses.collect()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the resolver did not answer in time".to_owned()),
            };
        // The receiver is gone only when the daemon ends.
        let _ = results.send(Resolved { entry, outcome }).await;
    });
}
