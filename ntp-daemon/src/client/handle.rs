//! The client task at work.

use super::task::ClientTask;
use crate::lifecycle::{EndReports, Part, TaskHandle};
use crate::observe::DocumentRequest;
use tokio::sync::mpsc;

/// The limit of document requests that wait for the task.
const WAITING_REQUESTS: usize = 16;

/// The client task at work. If this is dropped, the task ends as after
/// [`shut_down`](Self::shut_down), and nothing waits for it.
pub(crate) struct ClientHandle {
    task: TaskHandle,
    requests: mpsc::Sender<DocumentRequest>,
}

impl ClientHandle {
    /// Starts the task.
    pub(crate) fn start(client: ClientTask, reports: &EndReports) -> Self {
        let (requests, receiver) = mpsc::channel(WAITING_REQUESTS);
        Self {
            task: reports.spawn_stoppable(Part::Client, |stop| client.run(receiver, stop)),
            requests,
        }
    }

    /// The place to ask for documents.
    pub(crate) fn document_requests(&self) -> mpsc::Sender<DocumentRequest> {
        self.requests.clone()
    }

    /// Ends the task: it leaves the clock with its plain frequency, and the files written.
    pub(crate) async fn shut_down(self) {
        self.task.shut_down().await;
    }
}
