//! Fetching a document from the daemon's socket.

use crate::{DecodeError, Document, read_document};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The largest document that is read.
pub const MAX_DOCUMENT_BYTES: usize = 4 << 20;

/// The document could not be fetched. Every text contains the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No file exists at the path.
    #[error(
        "there is no socket at {path}: the daemon is not running, or its `[observability] \
         observation-path` is another one; start it (`ntp-daemon -c FILE`), or name its \
         configuration with -c, or the socket with -s"
    )]
    NoSocket {
        /// The path that was tried.
        path: PathBuf,
    },
    /// The permission to open the socket is missing.
    #[error(
        "no permission to open {path}: let this user into its directory, or widen the daemon's \
         `[observability] observation-permissions`"
    )]
    Permission {
        /// The path that was tried.
        path: PathBuf,
    },
    /// A socket exists, but no daemon listens on it.
    #[error(
        "no daemon listens at {path}: the one that made this socket has ended; start the daemon \
         again"
    )]
    Stale {
        /// The path that was tried.
        path: PathBuf,
    },
    /// The whole document did not come in time.
    #[error(
        "the daemon did not send its whole state through {path} within {seconds} s: it is busy or \
         stuck; try again, then look at its log",
        seconds = timeout.as_secs_f64()
    )]
    TimedOut {
        /// The path that was tried.
        path: PathBuf,
        /// The time limit.
        timeout: Duration,
    },
    /// The document exceeds [`MAX_DOCUMENT_BYTES`].
    #[error(
        "{path} sends more than {MAX_DOCUMENT_BYTES} bytes: is this the observation socket of an \
         ntp-daemon (`observation-path`)?"
    )]
    TooLarge {
        /// The path that was tried.
        path: PathBuf,
    },
    /// The text is not a document that this program reads.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Another error of the operating system.
    #[error("cannot read the daemon's state from {path}: {error}")]
    Io {
        /// The path that was tried.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
}

impl FetchError {
    /// The stable word of this error.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::NoSocket { .. } => "no-socket",
            Self::Permission { .. } => "no-permission",
            Self::Stale { .. } => "stale-socket",
            Self::TimedOut { .. } => "timed-out",
            Self::TooLarge { .. } => "too-large",
            Self::Decode(DecodeError::UnknownSchema { .. }) => "unknown-schema",
            Self::Decode(DecodeError::BadJson(_)) => "bad-json",
            Self::Io { .. } => "io-error",
        }
    }
}

/// Fetches the state of the daemon at `path` within about `timeout`.
///
/// # Errors
/// Every [`FetchError`]; its text is a sentence for the operator.
pub fn fetch(path: &Path, timeout: Duration) -> Result<Document, FetchError> {
    let deadline = Instant::now() + timeout;
    connect(path, timeout)
        .and_then(|stream| read_all(&stream, deadline))
        .map_err(|error| explain(error, path, timeout))
        .and_then(|text| Ok(read_document(&text)?))
}

/// Connects in a thread of its own, because `connect` waits without limit for a daemon that has
/// stopped accepting.
pub(crate) fn connect(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    let (done, outcome) = mpsc::sync_channel(1);
    let path = path.to_owned();
    std::thread::Builder::new()
        .name("connect".into())
        .spawn(move || {
            // Nobody receives after the time-out: then the connection is closed here.
            let _ = done.send(UnixStream::connect(path));
        })?;
    outcome
        .recv_timeout(timeout)
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn read_all(mut stream: &UnixStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(text),
            Ok(len) if text.len() + len > MAX_DOCUMENT_BYTES => {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok(len) => text.extend_from_slice(&chunk[..len]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn explain(error: io::Error, path: &Path, timeout: Duration) -> FetchError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FetchError::NoSocket { path },
        io::ErrorKind::PermissionDenied => FetchError::Permission { path },
        io::ErrorKind::ConnectionRefused => FetchError::Stale { path },
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            FetchError::TimedOut { path, timeout }
        }
        io::ErrorKind::FileTooLarge => FetchError::TooLarge { path },
        _ => FetchError::Io { path, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_document;
    use std::io::Write;
    use std::os::unix::net::UnixListener;
    use std::thread;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Fetches from a daemon that sends `text` and then closes.
    fn fetch_from(text: Vec<u8>) -> Result<Document, FetchError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("observe.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let daemon = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // A reader that has seen enough closes early.
            let _ = stream.write_all(&text);
        });
        let fetched = fetch(&path, PATIENCE);
        daemon.join().unwrap();
        fetched
    }

    #[test]
    fn a_document_arrives_whole_over_a_socket() {
        let mut document = Document::default();
        document.daemon.config_path = Some("x".repeat(300_000));

        assert_eq!(fetch_from(write_document(&document)).unwrap(), document);
    }

    #[test]
    fn an_endless_document_is_cut_off() {
        assert!(matches!(
            fetch_from(vec![b' '; MAX_DOCUMENT_BYTES + 1]),
            Err(FetchError::TooLarge { .. })
        ));
    }

    #[test]
    fn a_daemon_of_another_schema_is_refused() {
        assert!(matches!(
            fetch_from(br#"{"schema":7}"#.to_vec()),
            Err(FetchError::Decode(DecodeError::UnknownSchema { daemon: 7 }))
        ));
    }

    #[test]
    fn a_missing_socket_asks_whether_the_daemon_runs() {
        let folder = tempfile::tempdir().unwrap();

        let error = fetch(&folder.path().join("observe.sock"), PATIENCE).unwrap_err();

        assert!(matches!(error, FetchError::NoSocket { .. }), "{error:?}");
        assert!(
            error.to_string().contains("the daemon is not running"),
            "{error}"
        );
        assert!(error.to_string().contains("observation-path"), "{error}");
    }

    #[test]
    fn a_socket_left_behind_is_told_from_a_missing_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("observe.sock");
        drop(UnixListener::bind(&path).unwrap());

        assert!(matches!(
            fetch(&path, PATIENCE),
            Err(FetchError::Stale { .. })
        ));
    }

    #[test]
    fn a_silent_daemon_is_given_up_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("observe.sock");
        let _never_accepts = UnixListener::bind(&path).unwrap();

        let error = fetch(&path, Duration::from_millis(50)).unwrap_err();

        assert!(matches!(error, FetchError::TimedOut { .. }), "{error:?}");
        assert!(error.to_string().contains("within 0.05 s"), "{error}");
    }

    #[test]
    fn a_refused_permission_says_what_to_widen() {
        let error = explain(
            io::ErrorKind::PermissionDenied.into(),
            Path::new("/run/x"),
            PATIENCE,
        );

        assert!(
            error.to_string().contains("observation-permissions"),
            "{error}"
        );
    }
}
