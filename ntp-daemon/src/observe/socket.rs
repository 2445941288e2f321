//! The Unix socket that hands the document to every program that connects. It never reads.

use crate::lifecycle::{EndReports, Part, TaskHandle};
use ntp_observe::{Document, write_document};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// A request for a document to the client task, which answers into the channel.
pub(crate) type DocumentRequest = oneshot::Sender<Document>;

/// The limit of simultaneous readers; more wait their turn.
const READERS: usize = 16;
/// The time for one reader.
const DEADLINE: Duration = Duration::from_secs(2);

/// The file of a socket, which is removed on drop.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A socket that listens and needs a runtime to accept connections. Its file is removed on drop.
#[derive(Debug)]
pub(crate) struct BoundSocket {
    socket: net::UnixListener,
    file: SocketFile,
}

/// A listening socket, whose file is removed on drop.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UnixListener,
    _file: SocketFile,
}

impl Listener {
    /// Listens at `path` with these permission bits. A socket left there by a daemon that has ended
    /// is replaced.
    ///
    /// # Errors
    /// If another daemon listens there, the path is not a socket, or the folder cannot be written.
    pub(crate) fn bind(path: &Path, permissions: u32) -> io::Result<Self> {
        BoundSocket::bind(path, permissions, (None, None))?.listen()
    }

    /// The next connection.
    ///
    /// # Errors
    /// Those of the system, such as a lack of descriptors.
    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.socket.accept().await?.0)
    }
}

impl BoundSocket {
    /// As [`Listener::bind`], without a runtime, for an owner and a group instead of those of this
    /// process.
    ///
    /// # Errors
    /// As [`Listener::bind`], and if the socket cannot be given to them.
    pub(crate) fn bind(
        path: &Path,
        permissions: u32,
        owner: (Option<u32>, Option<u32>),
    ) -> io::Result<Self> {
        clear(path)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        // Made in a folder that is closed to others, and moved into place with its final mode: at
        // no time can another user open it who should not.
        let private = folder.join(format!(".observe.{}", std::process::id()));
        let _ = fs::remove_dir_all(&private);
        fs::create_dir(&private)?;
        let outcome = Self::bind_within(&private, path, permissions, owner);
        let _ = fs::remove_dir_all(&private);
        outcome
    }

    /// Continues within the runtime.
    ///
    /// # Errors
    /// Those of the system, such as a lack of descriptors.
    pub(crate) fn listen(self) -> io::Result<Listener> {
        self.socket.set_nonblocking(true)?;
        Ok(Listener {
            socket: UnixListener::from_std(self.socket)?,
            _file: self.file,
        })
    }

    fn bind_within(
        private: &Path,
        path: &Path,
        permissions: u32,
        (user, group): (Option<u32>, Option<u32>),
    ) -> io::Result<Self> {
        fs::set_permissions(private, Permissions::from_mode(0o700))?;
        let hidden = private.join("s");
        let socket = net::UnixListener::bind(&hidden)?;
        if user.is_some() || group.is_some() {
            chown(&hidden, user, group)?;
        }
        fs::set_permissions(&hidden, Permissions::from_mode(permissions))?;
        fs::rename(&hidden, path)?;
        Ok(Self {
            socket,
            file: SocketFile(path.to_owned()),
        })
    }
}

/// Removes a socket at which no daemon listens any more.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file that is not a socket is in the way",
        )),
        Ok(_) => match net::UnixStream::connect(path) {
            Ok(_) => Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another daemon listens there",
            )),
            Err(_) => fs::remove_file(path),
        },
    }
}

/// Starts to hand out documents, which the client task provides at `requests`.
pub(crate) fn start(
    listener: Listener,
    requests: mpsc::Sender<DocumentRequest>,
    reports: &EndReports,
) -> TaskHandle {
    reports.spawn(Part::ObservationSocket, serve(listener, requests))
}

async fn serve(listener: Listener, requests: mpsc::Sender<DocumentRequest>) {
    let seats = Arc::new(Semaphore::new(READERS));
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok(reader) => {
                let requests = requests.clone();
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(DEADLINE, answer(reader, &requests)).await;
                    drop(seat);
                });
            }
            // Out of descriptors, most likely: wait for some to come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn answer(
    mut reader: UnixStream,
    requests: &mpsc::Sender<DocumentRequest>,
) -> io::Result<()> {
    let (request, document) = oneshot::channel();
    let requested = requests.send(request).await;
    if let (Ok(()), Ok(document)) = (requested, document.await) {
        reader.write_all(&write_document(&document)).await?;
        reader.shutdown().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_is_shut_down_is_removed_and_can_be_replaced() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("observe");
            let (reports, mut ends) = EndReports::new();
            let (requests, _documents) = mpsc::channel(1);
            for _ in 0..2 {
                let listener = Listener::bind(&path, 0o600).unwrap();
                let running = start(listener, requests.clone(), &reports);
                assert!(UnixStream::connect(&path).await.is_ok());
                assert!(
                    Listener::bind(&path, 0o600).is_err(),
                    "another daemon listens there"
                );
                running.shut_down().await;
                assert!(!path.exists());
            }
            assert!(ends.try_recv().is_err());
        });
    }
}
