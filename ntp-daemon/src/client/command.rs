//! Changes that other parts order from the client task.

use super::network;
use crate::context::DaemonContext;
use crate::daemon::source_entry;
use crate::reload::NumberedSources;
use ntp_proto::client::{Client, ClientChange};
use ntp_proto::clock::{ClockConfig, NotSteered};
use ntp_proto::time::{Now, Seconds};
use tokio::sync::oneshot;

/// The configuration of the client task, as far as it can change.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    /// All sources.
    pub(crate) sources: NumberedSources,
    /// The thresholds of selection and discipline.
    pub(crate) clock: ClockConfig,
    /// See [`DaemonContext::warn_on_jump`].
    pub(crate) warn_on_jump: bool,
}

/// An order to the client task, which answers when it has been carried out.
#[derive(Debug)]
pub(crate) enum ClientCommand {
    /// Continue with these settings, and with the listening addresses of the status.
    Configure(Box<ClientSettings>, oneshot::Sender<()>),
    /// Ask all servers several times now; the answer is the number of servers.
    Burst(oneshot::Sender<usize>),
    /// Step the clock by the next measurement; the answer is the offset as far as it is known.
    Step(oneshot::Sender<Result<Option<Seconds>, NotSteered>>),
}

impl ClientCommand {
    /// Carries the order out.
    pub(super) fn apply(self, client: &mut Client, context: &mut DaemonContext, now: Now) {
        match self {
            Self::Configure(settings, done) => {
                let entries = settings.sources.iter();
                let change = ClientChange {
                    entries: entries
                        .map(|(id, entry)| (id, source_entry(entry)))
                        .collect(),
                    clock: settings.clock,
                };
                context.sources = settings.sources;
                context.warn_on_jump = settings.warn_on_jump;
                client.handle_own_servers(network::own_servers(&context.servers.load()));
                client.handle_config(now, change);
                // The part that asked may have gone.
                let _ = done.send(());
            }
            Self::Step(answer) => {
                let _ = answer.send(client.handle_step_order(now));
            }
            Self::Burst(asked) => {
                let _ = asked.send(client.handle_burst(now.mono));
            }
        }
    }
}
