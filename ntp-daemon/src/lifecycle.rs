//! Starting and ending the parts of the daemon one by one.
//!
//! Each part that runs has a handle with `shut_down`. No part should end by itself: one that does,
//! by a return or a panic, is reported to the daemon as a [`PartEnd`]. A part that ends because its
//! handle asked for it is not reported, so that it can be replaced by another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, io};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// The kinds of parts that run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// The task that owns the associations and the clock.
    Client,
    /// The worker threads of one listening address.
    Server,
    /// The NTS-KE servers, with the threads that run their handshakes.
    NtsKeServer,
    /// The task that rotates the cookie keys.
    CookieKeys,
    /// The task that reads the file of leap seconds.
    LeapSeconds,
    /// The socket that hands out the document.
    ObservationSocket,
    /// The task that reports to the service manager.
    Notifier,
    /// The socket that takes orders.
    ControlSocket,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "the client task",
            Self::Server => "a server thread",
            Self::NtsKeServer => "an NTS-KE server thread",
            Self::CookieKeys => "the task that rotates the NTS cookie keys",
            Self::LeapSeconds => "the task that reads the leap seconds",
            Self::ObservationSocket => "the observation socket",
            Self::Notifier => "the task that reports to the service manager",
            Self::ControlSocket => "the control socket",
        })
    }
}

/// The end of a part that was not asked to end.
#[derive(Debug)]
pub(crate) struct PartEnd {
    /// The part that has ended.
    pub(crate) part: Part,
    /// The error that ended it, if there was one.
    pub(crate) error: Option<io::Error>,
}

impl fmt::Display for PartEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "{} has ended: {error}", self.part),
            None => write!(f, "{} has ended unexpectedly", self.part),
        }
    }
}

/// Starts tasks and watches parts; their ends arrive at the receiver of [`EndReports::new`].
#[derive(Clone, Debug)]
pub(crate) struct EndReports(mpsc::UnboundedSender<PartEnd>);

impl EndReports {
    /// The reports, and the place where they arrive.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<PartEnd>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// A watch over a part that is about to start.
    pub(crate) fn watch(&self, part: Part) -> EndWatch {
        EndWatch {
            part,
            reports: self.0.clone(),
            expected: Arc::default(),
        }
    }

    /// Starts a task that may be dropped at any of its `await`s: that is how it is shut down.
    pub(crate) fn spawn(
        &self,
        part: Part,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> TaskHandle {
        self.spawn_stoppable(part, async |mut stop: StopSignal| {
            tokio::select! {
                biased;
                _ = &mut stop => {}
                () = task => {}
            }
        })
    }

    /// Starts a task that ends in its own way when its [`StopSignal`] resolves.
    pub(crate) fn spawn_stoppable<T>(
        &self,
        part: Part,
        task: impl FnOnce(StopSignal) -> T,
    ) -> TaskHandle
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let watch = self.watch(part);
        let guard = watch.guard();
        let (stop, signal) = oneshot::channel();
        let task = task(signal);
        let task = tokio::spawn(async move {
            let _guard = guard;
            task.await;
        });
        TaskHandle {
            watch,
            stop: Some(stop),
            task,
        }
    }
}

/// Resolves when a task is to end.
pub(crate) type StopSignal = oneshot::Receiver<()>;

/// A task that runs. If this is dropped, the task ends, and nothing waits for it.
#[derive(Debug)]
pub(crate) struct TaskHandle {
    watch: EndWatch,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl TaskHandle {
    /// Asks the task to end and waits until it has.
    pub(crate) async fn shut_down(mut self) {
        self.watch.expect_end();
        drop(self.stop.take());
        // A panic was reported when it happened.
        let _ = (&mut self.task).await;
    }
}

impl Drop for TaskHandle {
    fn drop(&mut self) {
        self.watch.expect_end();
    }
}

/// Reports the end of one part, unless that is expected.
#[derive(Clone, Debug)]
pub(crate) struct EndWatch {
    part: Part,
    reports: mpsc::UnboundedSender<PartEnd>,
    expected: Arc<AtomicBool>,
}

impl EndWatch {
    /// From now on the part is being shut down.
    pub(crate) fn expect_end(&self) {
        self.expected.store(true, Ordering::SeqCst);
    }

    /// The part has ended.
    pub(crate) fn report(&self, error: Option<io::Error>) {
        if !self.expected.load(Ordering::SeqCst) {
            // The receiver is gone only when the daemon ends.
            let _ = self.reports.send(PartEnd {
                part: self.part,
                error,
            });
        }
    }

    /// Reports the end when it is dropped, so that a panic is reported as well.
    pub(crate) fn guard(&self) -> EndGuard {
        EndGuard {
            watch: self.clone(),
            error: None,
        }
    }
}

/// Lives as long as a task or thread of a part, and reports its end.
#[derive(Debug)]
pub(crate) struct EndGuard {
    watch: EndWatch,
    error: Option<io::Error>,
}

impl EndGuard {
    /// Reports the end together with its error, if there is one.
    pub(crate) fn end(mut self, outcome: io::Result<()>) {
        self.error = outcome.err();
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.watch.report(self.error.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_runtime(test: impl AsyncFnOnce()) {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(test());
    }

    #[test]
    fn a_task_that_returns_and_one_that_panics_are_both_reported() {
        with_runtime(async || {
            let (reports, mut ends) = EndReports::new();
            let _returns = reports.spawn(Part::Client, async {});
            assert_eq!(ends.recv().await.unwrap().part, Part::Client);
            let _panics = reports.spawn(Part::CookieKeys, async {
                panic!("as the test requires");
            });
            assert_eq!(ends.recv().await.unwrap().part, Part::CookieKeys);
        });
    }

    #[test]
    fn a_part_that_is_shut_down_or_dropped_is_not_reported_and_can_be_replaced() {
        with_runtime(async || {
            let (reports, mut ends) = EndReports::new();
            let first = reports.spawn(Part::Client, std::future::pending());
            let second = reports.spawn_stoppable(Part::Client, async |stop: StopSignal| {
                let _ = stop.await;
            });
            drop(first);
            second.shut_down().await;
            let third = reports.spawn(Part::Client, async {});
            assert_eq!(ends.recv().await.unwrap().part, Part::Client);
            third.shut_down().await;
            assert!(ends.try_recv().is_err(), "one report only");
        });
    }

    #[test]
    fn a_thread_reports_its_error() {
        let (reports, mut ends) = EndReports::new();
        let guard = reports.watch(Part::Server).guard();
        guard.end(Err(io::Error::other("no such socket")));
        let end = ends.try_recv().unwrap();
        assert_eq!(end.to_string(), "a server thread has ended: no such socket");
    }
}
