//! A thread that writes files, so that a slow disk holds nothing else up.
//!
//! Making a file durable may take seconds. The thread that ends slews must not wait for that: at
//! 9 %, a slew that lasts three seconds too long is off by a quarter of a second. Of each file only
//! the latest content matters; it replaces content that has not been written yet, so that nothing
//! queues up.

use super::file;
use crate::simulated_time::is_simulated;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// The content that a file is to have.
struct Content {
    mode: u32,
    octets: Zeroizing<Vec<u8>>,
    /// The end of the warning if it cannot be written.
    otherwise: &'static str,
}

#[derive(Default)]
struct Waiting {
    files: BTreeMap<PathBuf, Content>,
    /// True if nothing more will come.
    closed: bool,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next file to write; `None` once all are written and nothing more will come.
    fn next(&self) -> Option<(PathBuf, Content)> {
        let mut waiting = self.waiting();
        loop {
            if let Some(next) = waiting.files.pop_first() {
                return Some(next);
            }
            if waiting.closed {
                return None;
            }
            waiting = self
                .news
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A function that writes a file; tests put a slow disk in its place.
type Write = fn(&Path, u32, &[u8]) -> io::Result<()>;

/// The handle of the thread. If this is dropped, the thread writes its queue and nothing waits for
/// it; see [`Writer::finish`].
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// Closed when the thread has ended; `None` where there is no thread and everything is written
    /// at once.
    ended: Option<mpsc::Receiver<()>>,
    write: Write,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start() -> Self {
        Self::with(file::replace)
    }

    fn with(write: Write) -> Self {
        let shared = Arc::new(Shared::default());
        let (end, ended) = mpsc::channel::<()>();
        let of_thread = Arc::clone(&shared);
        let started = std::thread::Builder::new()
            .name("files".into())
            .spawn(move || {
                // Dropped at the end, whatever that is.
                let _end = end;
                write_all(&of_thread, write);
            });
        let ended = started.map(|_| ended).inspect_err(|error| {
            tracing::warn!("cannot start the thread that writes files ({error}); a slow disk will hold up the clock");
        });
        Self {
            shared,
            ended: ended.ok(),
            write,
        }
    }

    /// Replaces a file soon, as [`file::replace`] does. Content for the same file that has not been
    /// written yet is dropped. The first failure of a file is logged, with `otherwise` at the end
    /// of the message.
    pub(crate) fn replace(&self, path: &Path, mode: u32, octets: Vec<u8>, otherwise: &'static str) {
        let content = Content {
            mode,
            octets: Zeroizing::new(octets),
            otherwise,
        };
        if self.ended.is_none() {
            if let Err(error) = (self.write)(path, content.mode, &content.octets) {
                log_failure(path, &error, otherwise);
            }
            return;
        }
        self.shared.waiting().files.insert(path.to_owned(), content);
        self.shared.news.notify_one();
    }

    /// Waits until everything is written, at most for `patience`. Under
    /// [simulated time](crate::simulated_time) a limit would mean nothing, and there is none.
    pub(crate) fn finish(self, patience: Duration) {
        self.shared.waiting().closed = true;
        self.shared.news.notify_one();
        let Some(ended) = &self.ended else { return };
        let outcome = if is_simulated() {
            ended.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            ended.recv_timeout(patience)
        };
        if matches!(outcome, Err(RecvTimeoutError::Timeout)) {
            tracing::error!(
                "the last state of the clock could not be written within {} s; the files from before are still there",
                patience.as_secs()
            );
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.waiting().closed = true;
        self.shared.news.notify_one();
    }
}

fn write_all(shared: &Shared, write: Write) {
    // The files that could not be written the last time.
    let mut failed: BTreeMap<PathBuf, ()> = BTreeMap::new();
    while let Some((path, content)) = shared.next() {
        match write(&path, content.mode, &content.octets) {
            Ok(()) => drop(failed.remove(&path)),
            Err(error) => {
                if failed.insert(path.clone(), ()).is_none() {
                    log_failure(&path, &error, content.otherwise);
                }
            }
        }
    }
}

fn log_failure(path: &Path, error: &io::Error, otherwise: &str) {
    tracing::warn!("cannot write {}: {error}; {otherwise}", path.display());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::sync::Barrier;

    const OTHERWISE: &str = "the file from before is still there";
    const PATIENCE: Duration = Duration::from_secs(120);

    #[test]
    fn queued_content_is_in_the_file_when_the_writer_has_finished() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let writer = Writer::start();
        for number in 0..100 {
            writer.replace(
                &one,
                file::PUBLIC,
                format!("{number}").into_bytes(),
                OTHERWISE,
            );
        }
        writer.replace(&other, file::SECRET, b"secret".to_vec(), OTHERWISE);
        writer.finish(PATIENCE);
        assert_eq!(fs::read(one).unwrap(), b"99");
        assert_eq!(fs::read(other).unwrap(), b"secret");
    }

    /// The slow disk and the test meet here, at the beginning and at the end of its first write.
    static MEETING: Barrier = Barrier::new(2);

    /// A disk that is slow until the test says so.
    fn slow(path: &Path, mode: u32, octets: &[u8]) -> io::Result<()> {
        if octets == b"first" {
            MEETING.wait();
            MEETING.wait();
        }
        file::replace(path, mode, octets)
    }

    #[test]
    fn replacing_a_file_does_not_wait_for_the_disk_and_only_the_latest_content_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let writer = Writer::with(slow);
        writer.replace(&path, file::PUBLIC, b"first".to_vec(), OTHERWISE);
        MEETING.wait();
        // The disk is at work, and will be until these calls have returned.
        for content in ["second", "third", "last"] {
            writer.replace(&path, file::PUBLIC, content.as_bytes().to_vec(), OTHERWISE);
        }
        assert_eq!(writer.shared.waiting().files.len(), 1, "nothing queues up");
        MEETING.wait();
        writer.finish(PATIENCE);
        assert_eq!(fs::read(path).unwrap(), b"last");
    }

    fn never(_: &Path, _: u32, _: &[u8]) -> io::Result<()> {
        std::thread::sleep(Duration::from_secs(3600));
        Ok(())
    }

    #[test]
    fn a_disk_that_never_answers_does_not_keep_the_daemon_from_ending() {
        let writer = Writer::with(never);
        writer.replace(Path::new("/nowhere"), file::PUBLIC, Vec::new(), OTHERWISE);
        writer.finish(Duration::from_millis(50));
    }
}
