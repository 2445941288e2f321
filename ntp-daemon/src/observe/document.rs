//! The document: the state of all parts at one instant.

use super::dates::date;
use super::{clock, nts, sources, system};
use crate::context::DaemonContext;
use crate::server::ServerStatus;
use ntp_observe::{DaemonFacts, Date, Document};
use ntp_os_clock::Clock;
use ntp_proto::client::Client;
use ntp_proto::time::{Now, NtpDuration};

/// The state of all parts at `now`.
pub(crate) fn document(
    client: &Client,
    clock: &Clock,
    context: &DaemonContext,
    now: Now,
) -> Document {
    let sources = sources::facts(client, context, now);
    Document {
        daemon: DaemonFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: started(context, now),
            uptime_s: now.mono.since(context.started).as_secs_f64(),
            config_path: context
                .config_path
                .as_ref()
                .map(|path| path.display().to_string()),
            sandbox: context.sandbox.clone(),
            configuration: (**context.configuration.load()).clone(),
        },
        clock: clock::facts(clock, context, now),
        system: system::facts(client, clock, context, now, sources.len()),
        sources,
        servers: context
            .servers
            .load()
            .iter()
            .map(ServerStatus::facts)
            .collect(),
        nts_ke_servers: context
            .ke_servers
            .load()
            .iter()
            .map(nts::ke_server)
            .collect(),
        keyset: context.keys.as_ref().map(|keys| nts::keyset(&keys.load())),
        ..Document::default()
    }
}

/// The start, by our clock as it goes now.
fn started(context: &DaemonContext, now: Now) -> Date {
    date(now.local - NtpDuration::from(now.mono.since(context.started)))
}
