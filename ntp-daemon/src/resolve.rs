//! Looking names up, without ever holding anything else up.

use ntp_proto::client::entry::SourceEntryId;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;

/// The resolver of the system has its own time-outs; this one is for when it hangs.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a look-up has brought.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) group: SourceEntryId,
    pub(crate) outcome: Result<Vec<SocketAddr>, String>,
}

/// Looks a host up in the background and reports to `results`. Each entry has one look-up on its
/// way at most, as the client waits for the result before it asks again.
pub(crate) fn start(
    group: SourceEntryId,
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
        let _ = results.send(Resolved { group, outcome }).await;
    });
}
