//! The Unix socket that takes one order per connection.

use crate::lifecycle::{EndReports, Part, TaskHandle};
use crate::observe::{BoundSocket, Listener};
use ntp_observe::{
    CONTROL_SCHEMA, ControlCommand, ControlReply, ControlRequest, MAX_CONTROL_BYTES,
};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// The group whose members may give orders, where it exists.
const GROUP: &str = "truechimer";
/// The limit of simultaneous connections; more wait their turn.
const CONNECTIONS: usize = 8;
/// The time to send a request.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
/// The time to carry an order out and take the reply.
const REPLY_DEADLINE: Duration = Duration::from_secs(60);

/// An order, and the place for the answer.
pub(crate) type Order = (ControlCommand, oneshot::Sender<ControlReply>);

/// Binds the socket: for root, the `owner` or this user, and the group `truechimer`, where it
/// exists. The kernel decides who may connect.
///
/// # Errors
/// If another daemon listens there, or the folder cannot be written.
pub(crate) fn bind(path: &Path, owner: Option<u32>) -> io::Result<BoundSocket> {
    let Some(group) = group_id(GROUP) else {
        return BoundSocket::bind(path, 0o600, (owner, None));
    };
    match BoundSocket::bind(path, 0o660, (owner, Some(group))) {
        // Only root and members may give a file to a group.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            BoundSocket::bind(path, 0o600, (None, None))
        }
        outcome => outcome,
    }
}

/// The number of a group in /etc/group.
fn group_id(name: &str) -> Option<u32> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    number_of(name, &groups)
}

fn number_of(name: &str, groups: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name))
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    })
}

/// Starts to take orders, which go to `orders`.
pub(crate) fn start(
    listener: Listener,
    orders: mpsc::Sender<Order>,
    reports: &EndReports,
) -> TaskHandle {
    reports.spawn(Part::ControlSocket, serve(listener, orders))
}

async fn serve(listener: Listener, orders: mpsc::Sender<Order>) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok(stream) => {
                let orders = orders.clone();
                tokio::spawn(async move {
                    // A peer that has gone needs no answer.
                    let _ = converse(stream, &orders).await;
                    drop(seat);
                });
            }
            // Out of descriptors, most likely: wait for some to come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Reads one request, has it carried out, and answers.
async fn converse(stream: UnixStream, orders: &mpsc::Sender<Order>) -> io::Result<()> {
    // An order without credentials is refused.
    let peer = stream.peer_cred()?;
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let limit = MAX_CONTROL_BYTES as u64;
    let mut limited = (&mut stream).take(limit);
    let read = limited.read_until(b'\n', &mut line);
    tokio::time::timeout(REQUEST_DEADLINE, read).await??;
    let reply = match parse(&line) {
        Ok(command) => {
            tracing::info!(
                uid = peer.uid(),
                pid = peer.pid(),
                "order through the control socket: {}",
                command.word()
            );
            let (answer, reply) = oneshot::channel();
            let sent = orders.send((command, answer)).await;
            let reply = match sent {
                Ok(()) => tokio::time::timeout(REPLY_DEADLINE, reply).await?.ok(),
                Err(_) => None,
            };
            reply.unwrap_or_else(|| ControlReply::refused("ending", "the daemon is ending"))
        }
        Err(reply) => *reply,
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    stream.write_all(&text).await?;
    stream.shutdown().await
}

/// The order in a request, or the reply that refuses it.
fn parse(line: &[u8]) -> Result<ControlCommand, Box<ControlReply>> {
    let request: ControlRequest = serde_json::from_slice(line).map_err(|error| {
        let message = format!(
            "this daemon does not understand the request ({error}); use the ntp-ctl of the same \
             release"
        );
        Box::new(ControlReply::refused("bad-request", message))
    })?;
    if request.schema == CONTROL_SCHEMA {
        return Ok(request.command);
    }
    let message = format!(
        "this daemon takes requests of schema {CONTROL_SCHEMA}, not {}; use the ntp-ctl of the \
         same release",
        request.schema
    );
    Err(Box::new(ControlReply::refused("unknown-schema", message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_found_by_its_whole_name() {
        let groups = "root:x:0:\ntruechimers:x:7:\ntruechimer:x:123:alice\n";
        assert_eq!(number_of("truechimer", groups), Some(123));
        assert_eq!(number_of("truechime", groups), None);
    }

    #[test]
    fn a_request_that_is_not_understood_is_refused_with_the_reason() {
        let code = |line: &str| {
            let reply = parse(line.as_bytes()).unwrap_err();
            reply.error.unwrap().code
        };
        assert_eq!(code("{"), "bad-request");
        assert_eq!(code(r#"{"schema":1,"command":"explode"}"#), "bad-request");
        assert_eq!(code(r#"{"schema":9,"command":"reload"}"#), "unknown-schema");
        assert_eq!(
            parse(br#"{"schema":1,"command":"reload"}"#).unwrap(),
            ControlCommand::Reload
        );
    }
}
