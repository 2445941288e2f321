//! Servers that prove who they are, and then misbehave. Each costs bounded time and memory.

use super::peer::World;
use crate::client::{Failure, FailureReason, Stage};
use ntp_proto::StableWord;
use ntp_proto::nts::{KeError, KeErrorCode, MAX_KE_REPLY, RecordType};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const CRITICAL: u16 = 0x8000;

/// The longest that a refusal of what is already there may take, on a machine that is busy: well
/// before the deadline.
const SOON: Duration = Duration::from_secs(60);

fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
}

/// NTPv4 with AES-SIV-CMAC-256, without cookies and without an end.
fn start() -> Vec<u8> {
    [
        record(CRITICAL | 1, &[0, 0]),
        record(CRITICAL | 4, &[0, 15]),
    ]
    .concat()
}

fn end() -> Vec<u8> {
    record(CRITICAL, &[])
}

fn cookie() -> Vec<u8> {
    record(5, &[9; 100])
}

fn good_reply() -> Vec<u8> {
    [start(), cookie(), end()].concat()
}

async fn failure_of(message: Vec<u8>) -> Failure {
    let mut world = World::new().await;
    world.answer(message);
    let started = Instant::now();
    let failure = world.establish().await.unwrap_err();
    assert_eq!(failure.stage, Stage::Records, "{failure}");
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    failure
}

async fn assert_refused(message: Vec<u8>, error: KeError) {
    let failure = failure_of(message).await;
    assert_eq!(failure.reason, FailureReason::Records(error));
    assert_eq!(failure.word(), error.word());
}

#[tokio::test]
async fn no_cookies_are_refused() {
    assert_refused([start(), end()].concat(), KeError::NoCookies).await;
}

#[tokio::test]
async fn a_thousand_cookies_are_refused() {
    assert_refused(
        [start(), record(5, &[9; 16]).repeat(1000), end()].concat(),
        KeError::TooManyRecords,
    )
    .await;
}

#[tokio::test]
async fn forty_cookies_are_cut_to_eight() {
    let mut world = World::new().await;
    world.answer([start(), cookie().repeat(40), end()].concat());
    assert_eq!(world.establish().await.unwrap().reply.cookies.len(), 8);
}

#[tokio::test]
async fn cookies_of_no_length_are_refused() {
    let message = [start(), record(5, &[]), record(5, &[]), end()].concat();
    assert_refused(message, KeError::UnusableCookies { length: 0 }).await;
}

#[tokio::test]
async fn a_cookie_of_65_kib_is_refused() {
    let message = [start(), cookie(), record(5, &[7; 0xFFFF]), end()].concat();
    assert_refused(
        message,
        KeError::TooLong {
            limit: MAX_KE_REPLY,
        },
    )
    .await;
}

#[tokio::test]
async fn an_algorithm_that_was_not_offered_is_refused() {
    let message = [
        record(CRITICAL | 1, &[0, 0]),
        record(CRITICAL | 4, &[0, 99]),
        cookie(),
        end(),
    ]
    .concat();
    assert_refused(message, KeError::UnofferedAead(99)).await;
}

#[tokio::test]
async fn two_servers_are_refused() {
    let server = record(CRITICAL | 6, b"a.example");
    let message = [start(), cookie(), server.clone(), server, end()].concat();
    assert_refused(message, KeError::Duplicate(RecordType::SERVER)).await;
}

#[tokio::test]
async fn a_server_that_is_no_name_is_refused() {
    let message = [start(), cookie(), record(CRITICAL | 6, b"a\x1b[2Jb"), end()].concat();
    assert_refused(message, KeError::BadBody(RecordType::SERVER)).await;
}

#[tokio::test]
async fn an_unknown_critical_record_is_refused() {
    let message = [start(), cookie(), record(CRITICAL | 99, b"?"), end()].concat();
    assert_refused(message, KeError::UnknownCritical(RecordType::from_bits(99))).await;
}

#[tokio::test]
async fn a_message_without_an_end_is_refused() {
    assert_refused([start(), cookie()].concat(), KeError::Truncated).await;
    assert_refused(Vec::new(), KeError::Truncated).await;
}

#[tokio::test]
async fn an_error_record_is_told() {
    let message = [record(CRITICAL | 2, &[0, 2]), end()].concat();
    assert_refused(
        message.clone(),
        KeError::ErrorRecord(KeErrorCode::InternalServerError),
    )
    .await;
    assert!(
        failure_of(message)
            .await
            .to_string()
            .contains("internal server error")
    );
}

#[tokio::test]
async fn a_warning_record_is_told() {
    assert_refused(
        [record(CRITICAL | 3, &[0, 7]), end()].concat(),
        KeError::Warning(7),
    )
    .await;
}

#[tokio::test]
async fn ten_megabytes_are_given_up_after_64_kib() {
    let mut world = World::new().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let config = world.config();
    let count = Arc::clone(&sent);
    world.serve(config, move |mut stream| {
        let count = Arc::clone(&count);
        async move {
            let chunk = record(99, &[7; 1000]);
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            while count.load(Ordering::Relaxed) < 10_000_000
                && stream.write_all(&chunk).await.is_ok()
            {
                count.fetch_add(chunk.len(), Ordering::Relaxed);
            }
        }
    });
    let started = Instant::now();
    let failure = world.establish().await.unwrap_err();
    let expected = [
        KeError::TooManyRecords,
        KeError::TooLong {
            limit: MAX_KE_REPLY,
        },
    ];
    assert!(
        expected
            .iter()
            .any(|error| failure.reason == FailureReason::Records(*error)),
        "{failure}"
    );
    assert!(started.elapsed() < SOON);
    // Beyond what was read, the kernel's own buffers may have taken some.
    assert!(sent.load(Ordering::Relaxed) < 9_000_000, "{sent:?}");
}

#[tokio::test]
async fn a_reply_octet_by_octet_is_understood() {
    let mut world = World::new().await;
    let config = world.config();
    world.serve(config, |mut stream| async move {
        for octet in good_reply() {
            // Each in a record of TLS of its own.
            stream.write_all(&[octet]).await.unwrap();
            stream.flush().await.unwrap();
        }
        let mut room = [0; 1024];
        while let Ok(1..) = stream.read(&mut room).await {}
    });
    assert_eq!(world.establish().await.unwrap().reply.cookies.len(), 1);
}

#[tokio::test]
async fn a_server_that_closes_without_a_farewell_has_still_answered() {
    let mut world = World::new().await;
    let config = world.config();
    world.serve(config, |mut stream| async move {
        let mut room = [0; 1024];
        let _ = stream.read(&mut room).await;
        let _ = stream.write_all(&good_reply()).await;
        let _ = stream.flush().await;
        let (mut tcp, _) = stream.into_inner();
        let _ = tcp.shutdown().await;
        while let Ok(1..) = tcp.read(&mut room).await {}
    });
    assert_eq!(world.establish().await.unwrap().reply.cookies.len(), 1);
}

#[tokio::test]
async fn a_server_that_stays_after_its_answer_costs_no_time() {
    let mut world = World::new().await;
    let config = world.config();
    world.serve(config, |mut stream| async move {
        let _ = stream.write_all(&good_reply()).await;
        let _ = stream.flush().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
    assert!(world.establish().await.unwrap().took < SOON);
}

#[tokio::test]
async fn what_follows_the_answer_is_ignored() {
    let mut world = World::new().await;
    world.answer([good_reply(), vec![0xFF; 1000]].concat());
    assert_eq!(world.establish().await.unwrap().reply.cookies.len(), 1);
}
