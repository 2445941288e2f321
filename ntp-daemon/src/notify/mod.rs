//! The service manager: readiness, status, watchdog and the end (sd_notify(3)).
//!
//! Without `NOTIFY_SOCKET` none of this does anything.

mod progress;
mod words;

use crate::observe::DocumentRequest;
use crate::server::ServerStatuses;
use ntp_observe::Document;
use progress::Progress;
use sd_notify::NotifyState;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The interval between two looks at the state while the clock is not synchronized.
const SOON: Duration = Duration::from_secs(2);
/// The same while it is.
const SELDOM: Duration = Duration::from_secs(30);
/// The longest time that the client task may take for a document.
const PATIENCE: Duration = Duration::from_secs(5);

/// All sockets are bound, and all parts run.
pub(crate) fn ready() {
    send(&[NotifyState::Ready]);
}

/// A reload has begun; [`ready`] ends it.
pub(crate) fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        send(&[NotifyState::Reloading, now]);
    }
}

/// The daemon has been asked to end.
pub(crate) fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// A service manager that does not listen is no reason to end.
fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager cannot be reached: {error}");
    }
}

/// Reports the status in words, and that the daemon makes progress.
pub(crate) struct Notifier {
    requests: mpsc::Sender<DocumentRequest>,
    progress: Progress,
    /// The time within which the service manager wants to hear from us.
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Watches the workers of all listening addresses, now and later; `None` if no service manager
    /// listens.
    pub(crate) fn new(
        requests: mpsc::Sender<DocumentRequest>,
        servers: ServerStatuses,
    ) -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        Some(Self {
            requests,
            progress: Progress::new(servers),
            watchdog: sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()),
        })
    }

    /// Reports for as long as the daemon runs.
    pub(crate) async fn run(mut self) {
        let mut said = String::new();
        loop {
            let document = self.document().await;
            let stuck = self.progress.stuck_workers();
            match &document {
                Some(document) => {
                    let words = words::status(document);
                    if words != said {
                        send(&[NotifyState::Status(&words)]);
                        said = words;
                    }
                    if self.watchdog.is_some() && stuck == 0 {
                        send(&[NotifyState::Watchdog]);
                    }
                }
                None => tracing::error!(
                    "the client task has not answered for {} s; the service manager will restart the daemon if \
                     WatchdogSec= is set",
                    PATIENCE.as_secs()
                ),
            }
            if stuck > 0 {
                tracing::error!(
                    "{stuck} server threads are stuck in one batch of requests; the service manager will restart the \
                     daemon if WatchdogSec= is set"
                );
            }
            tokio::time::sleep(self.pause(document.as_ref())).await;
        }
    }

    /// A document from the client task, which proves that it runs.
    async fn document(&self) -> Option<Document> {
        let (request, document) = oneshot::channel();
        let answered = async {
            self.requests.send(request).await.ok()?;
            document.await.ok()
        };
        tokio::time::timeout(PATIENCE, answered).await.ok()?
    }

    fn pause(&self, document: Option<&Document>) -> Duration {
        let settled = document.is_some_and(|document| document.system.is_healthy());
        let pause = if settled { SELDOM } else { SOON };
        self.watchdog.map_or(pause, |limit| pause.min(limit / 2))
    }
}
