//! Connections: limits, timeouts and the end.

use crate::answer::answer;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, info, warn};

/// Connections served at a time; others wait in the listener's queue.
const MOST_CONNECTIONS: u32 = 100;

/// The time limit for the head of a request.
const HEADER_TIME: Duration = Duration::from_secs(5);

/// The time limit of a connection. One request is answered per connection.
const CONNECTION_TIME: Duration = Duration::from_secs(10);

/// The time limit for open connections after the signal to end.
const FAREWELL_TIME: Duration = Duration::from_secs(3);

/// The pause after a failed `accept`, mostly for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until SIGTERM or SIGINT, and then lets the open connections finish.
///
/// # Errors
/// When the signals cannot be waited for, or the listener has no address.
pub(crate) async fn serve(listener: TcpListener, socket: PathBuf) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // SIGHUP must not end the exporter, which has nothing to re-read.
    let _hang_up = signal(SignalKind::hangup())?;
    info!(address = %listener.local_addr()?, socket = %socket.display(), "listening");
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS as usize));
    tokio::select! {
        () = accept(&listener, &places, Arc::new(socket)) => {}
        () = either(&mut terminate, &mut interrupt) => {}
    }
    drop(listener);
    info!("ending");
    // All permits are free when the last connection has ended; after the limit it is cut off.
    let _ = tokio::time::timeout(FAREWELL_TIME, places.acquire_many(MOST_CONNECTIONS)).await;
    Ok(())
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>, socket: Arc<PathBuf>) {
    loop {
        let place = Arc::clone(places)
            .acquire_owned()
            .await
            .expect("invariant: the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, Arc::clone(&socket), place));
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection with one request; holds its permit until the end.
async fn converse(stream: TcpStream, socket: Arc<PathBuf>, place: OwnedSemaphorePermit) {
    let service = service_fn(|request: Request<Incoming>| {
        let socket = Arc::clone(&socket);
        async move { Ok::<_, Infallible>(answer(&request, &socket).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIME, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a connection failed"),
        Err(_) => debug!("a connection took too long"),
    }
    drop(place);
}
