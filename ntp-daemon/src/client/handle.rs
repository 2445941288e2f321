//! The client task at work.

use super::command::ClientCommand;
use super::task::ClientTask;
use crate::lifecycle::{EndReports, Part, TaskHandle};
use crate::observe::DocumentRequest;
use tokio::sync::mpsc;

/// The limit of document requests, and of orders, that wait for the task.
const WAITING_REQUESTS: usize = 16;

/// The client task at work. If this is dropped, the task ends as after
/// [`shut_down`](Self::shut_down), and nothing waits for it.
pub(crate) struct ClientHandle {
    task: TaskHandle,
    requests: mpsc::Sender<DocumentRequest>,
    commands: mpsc::Sender<ClientCommand>,
}

impl ClientHandle {
    /// Starts the task.
    pub(crate) fn start(client: ClientTask, reports: &EndReports) -> Self {
        let (requests, receiver) = mpsc::channel(WAITING_REQUESTS);
        let (commands, orders) = mpsc::channel(WAITING_REQUESTS);
        Self {
            task: reports.spawn_stoppable(Part::Client, |stop| client.run(receiver, orders, stop)),
            requests,
            commands,
        }
    }

    /// The place to ask for documents.
    pub(crate) fn document_requests(&self) -> mpsc::Sender<DocumentRequest> {
        self.requests.clone()
    }

    /// The place for orders.
    pub(crate) fn commands(&self) -> mpsc::Sender<ClientCommand> {
        self.commands.clone()
    }

    /// Ends the task: it leaves the clock with its plain frequency, and the files written.
    pub(crate) async fn shut_down(self) {
        self.task.shut_down().await;
    }
}
