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
        // The core judges the addresses.
        let outcome = tokio::time::timeout(DEADLINE, ntp_ke::client::resolve(&host, port))
            .await
            .unwrap_or_else(|_| Err("the resolver did not answer in time".to_owned()));
        // The receiver is gone only when the daemon ends.
        let _ = results.send(Resolved { entry, outcome }).await;
    });
}
