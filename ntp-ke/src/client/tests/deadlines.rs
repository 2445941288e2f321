//! One deadline over everything.

use super::peer::World;
use crate::client::{Failure, Stage};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const PATIENCE: Duration = Duration::from_millis(500);

/// How much later than the deadline an answer may come on a machine that is busy.
const TOLERANCE: Duration = Duration::from_secs(3);

async fn timed_out(world: &World) -> Failure {
    let started = Instant::now();
    let failure = world.establish_within(PATIENCE).await.unwrap_err();
    let took = started.elapsed();
    assert_eq!(failure.word(), "timed-out", "{failure}");
    assert!(failure.to_string().contains("no answer within 0."), "{failure}");
    assert!((PATIENCE..PATIENCE + TOLERANCE).contains(&took), "{took:?}");
    failure
}

#[tokio::test]
async fn a_server_that_accepts_and_is_silent_is_given_up_at_the_deadline() {
    let mut world = World::new().await;
    world.serve_plainly(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    });
    assert_eq!(timed_out(&world).await.stage, Stage::Tls);
}

#[tokio::test]
async fn a_server_that_is_silent_after_the_handshake_is_given_up_at_the_deadline() {
    let mut world = World::new().await;
    let config = world.config();
    world.serve(config, |stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    });
    let failure = timed_out(&world).await;
    assert_eq!(failure.stage, Stage::Records);
    assert!(!failure.certificate.is_empty());
}

#[tokio::test]
async fn a_server_that_sends_an_octet_now_and_then_wins_no_time() {
    let mut world = World::new().await;
    let config = world.config();
    world.serve(config, |mut stream| async move {
        // An unknown record of 65 000 octets, which is allowed, a little at a time.
        let mut octet = [0, 99, 0xFD, 0xE8].into_iter().chain(std::iter::repeat(7));
        while stream.write_all(&[octet.next().unwrap()]).await.is_ok() && stream.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(timed_out(&world).await.stage, Stage::Records);
}

#[tokio::test]
async fn a_handshake_an_octet_at_a_time_wins_no_time() {
    let mut world = World::new().await;
    world.serve_plainly(|mut stream| async move {
        let mut room = [0; 4096];
        let _ = stream.read(&mut room).await;
        // The beginning of a handshake record.
        let mut octet = [22, 3, 3, 0x3F, 0xFF, 2, 0, 0x3F, 0].into_iter().chain(std::iter::repeat(0));
        while stream.write_all(&[octet.next().unwrap()]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(timed_out(&world).await.stage, Stage::Tls);
}

#[tokio::test]
async fn no_time_at_all_is_a_failure_and_no_panic() {
    let mut world = World::new().await;
    world.grant(super::peer::everything());
    assert_eq!(world.establish_within(Duration::ZERO).await.unwrap_err().word(), "timed-out");
    assert!(world.establish_within(Duration::MAX).await.is_ok());
}
