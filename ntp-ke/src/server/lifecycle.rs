//! The start and the end of threads: errors of a start, the shutdown of the accepting thread, and
//! the supervision of all threads.

use socket2::SockRef;
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, io};

/// The reason for which a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum KeStartError {
    /// The system gives no thread, no descriptor or no event queue.
    #[error(
        "the operating system gives it no thread, descriptor or event queue: {0}; raise the limits \
         of the service (TasksMax=, LimitNOFILE=)"
    )]
    System(#[from] io::Error),
    /// The system gives no random numbers.
    #[error("the operating system gives no random numbers: {0}")]
    Random(String),
}

/// The listening socket, with the request to stop listening.
#[derive(Debug)]
pub(super) struct ShutdownSignal {
    listener: TcpListener,
    shared: bool,
    requested: AtomicBool,
}

/// The longest wait at a shared socket, which a shutdown leaves as it is.
const SHARED_WAIT: Duration = Duration::from_millis(250);

impl ShutdownSignal {
    /// For a socket that may be `shared` with others.
    pub(super) const fn new(listener: TcpListener, shared: bool) -> Self {
        Self {
            listener,
            shared,
            requested: AtomicBool::new(false),
        }
    }

    pub(super) const fn listener(&self) -> &TcpListener {
        &self.listener
    }

    /// The longest time for which a thread may wait at the socket, of the `span` that it wants to.
    pub(super) fn wait(&self, span: Duration) -> Duration {
        if self.shared {
            span.min(SHARED_WAIT)
        } else {
            span
        }
    }

    /// Requests the shutdown and wakes a thread that waits at a socket of our own. No connection is
    /// accepted from then on.
    pub(super) fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        if !self.shared {
            // It fails only where it has been done already.
            let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
        }
    }

    pub(super) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }
}

/// Starts supervised threads: a function of the caller runs on each of them when it ends.
#[derive(Clone)]
pub(super) struct Supervisor(Arc<dyn Fn() + Send + Sync>);

impl Supervisor {
    pub(super) fn new(on_end: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(on_end))
    }

    /// The same for one server, whose end is not reported once its shutdown was requested: it may
    /// be replaced while others go on.
    pub(super) fn until(&self, shutdown: Arc<ShutdownSignal>) -> Self {
        let report = Arc::clone(&self.0);
        Self::new(move || {
            if !shutdown.is_requested() {
                report();
            }
        })
    }

    /// Starts a thread, whose end is reported after a return and after a panic. Linux shows at
    /// most 15 characters of its name.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn spawn(
        &self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        std::thread::Builder::new()
            .name(name.into())
            .spawn(self.supervised(work))
    }

    /// The work of one thread, with the report of its end.
    fn supervised(&self, work: impl FnOnce() + Send + 'static) -> impl FnOnce() + Send + 'static {
        let supervisor = self.clone();
        move || {
            // Made on the thread: one that could not be started has no end to report.
            let _report = ReportEnd(supervisor);
            work();
        }
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Supervisor")
    }
}

/// Reports the end of its thread when it is dropped, so that a panic is reported as well.
struct ReportEnd(Supervisor);

impl Drop for ReportEnd {
    fn drop(&mut self) {
        (self.0.0)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    #[test]
    fn a_thread_that_returns_and_one_that_panics_are_both_reported() {
        let (sender, reports) = channel();
        let sender = Mutex::new(sender);
        let supervisor = Supervisor::new(move || sender.lock().unwrap().send(()).unwrap());
        assert!(supervisor.spawn("returns", || ()).unwrap().join().is_ok());
        assert_eq!(reports.try_iter().count(), 1);
        assert!(
            supervisor
                .spawn("panics", || panic!("as the test wants it"))
                .unwrap()
                .join()
                .is_err()
        );
        assert_eq!(reports.try_iter().count(), 1);
    }

    #[test]
    fn a_server_that_is_asked_to_end_is_not_reported() {
        let (sender, reports) = channel();
        let sender = Mutex::new(sender);
        let supervisor = Supervisor::new(move || sender.lock().unwrap().send(()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shutdown = Arc::new(ShutdownSignal::new(listener, false));
        let server = supervisor.until(Arc::clone(&shutdown));
        assert!(server.spawn("ends", || ()).unwrap().join().is_ok());
        assert_eq!(reports.try_iter().count(), 1);
        shutdown.request();
        assert!(server.spawn("ends", || ()).unwrap().join().is_ok());
        assert_eq!(reports.try_iter().count(), 0);
    }

    #[test]
    fn a_thread_that_could_not_be_started_is_not_reported() {
        let (sender, reports) = channel();
        let sender = Mutex::new(sender);
        let supervisor = Supervisor::new(move || sender.lock().unwrap().send(()).unwrap());
        drop(supervisor.supervised(|| ()));
        assert_eq!(reports.try_iter().count(), 0);
    }

    #[test]
    fn a_shared_socket_still_listens_after_the_shutdown() {
        for shared in [true, false] {
            let owner = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = owner.local_addr().unwrap();
            let signal = ShutdownSignal::new(owner.try_clone().unwrap(), shared);
            signal.request();
            drop(signal);
            assert_eq!(TcpStream::connect(address).is_ok(), shared);
        }
    }
}
