//! The Unix socket that hands the document to whoever connects. It never reads.

use crate::client::task::Question;
use ntp_observe::write_document;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Readers at the same time; more wait their turn.
const READERS: usize = 16;
/// The time for one reader.
const DEADLINE: Duration = Duration::from_secs(2);

/// A socket that is removed when its owner goes.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Listener {
    /// Listens at `path` with these permission bits. A socket left there by a daemon that has ended
    /// is replaced.
    ///
    /// # Errors
    /// If another daemon listens there, something else lies there, or the folder cannot be written.
    pub(crate) fn bind(path: &Path, permissions: u32) -> io::Result<Self> {
        clear(path)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        // Made in a folder that nobody else can enter and moved into place with its final mode: at
        // no time can it be opened by somebody who should not.
        let private = folder.join(format!(".observe.{}", std::process::id()));
        let _ = fs::remove_dir_all(&private);
        fs::create_dir(&private)?;
        let outcome = Self::bind_within(&private, path, permissions);
        let _ = fs::remove_dir_all(&private);
        outcome
    }

    fn bind_within(private: &Path, path: &Path, permissions: u32) -> io::Result<Self> {
        fs::set_permissions(private, Permissions::from_mode(0o700))?;
        let hidden = private.join("s");
        let socket = UnixListener::bind(&hidden)?;
        fs::set_permissions(&hidden, Permissions::from_mode(permissions))?;
        fs::rename(&hidden, path)?;
        Ok(Self {
            socket,
            path: path.to_owned(),
        })
    }
}

/// Removes a socket that nobody listens at any more.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "something that is not a socket lies there",
        )),
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another daemon listens there",
            )),
            Err(_) => fs::remove_file(path),
        },
    }
}

/// Hands out documents for ever.
pub(crate) async fn serve(listener: Listener, questions: mpsc::Sender<Question>) {
    let seats = Arc::new(Semaphore::new(READERS));
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else {
            return;
        };
        match listener.socket.accept().await {
            Ok((reader, _)) => {
                let questions = questions.clone();
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(DEADLINE, answer(reader, &questions)).await;
                    drop(seat);
                });
            }
            // Out of descriptors, most likely: wait for some to come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn answer(mut reader: UnixStream, questions: &mpsc::Sender<Question>) -> io::Result<()> {
    let (ask, answer) = oneshot::channel();
    let asked = questions.send(ask).await;
    if let (Ok(()), Ok(document)) = (asked, answer.await) {
        reader.write_all(&write_document(&document)).await?;
        reader.shutdown().await?;
    }
    Ok(())
}
