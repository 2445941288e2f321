//! One deadline over everything.

use super::peer::World;
use crate::client::{Failure, Stage};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The deadlines that are tried one after the other: a busy machine may need more than the first
/// for a handshake.
const DEADLINES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(8),
    Duration::from_secs(32),
];

/// The delay beyond the deadline that a busy machine may cause.
const TOLERANCE: Duration = Duration::from_secs(60);

/// The failure at the first deadline that lets a client come as far as `stage`.
async fn timed_out(world: &World, stage: Stage) -> Failure {
    for deadline in DEADLINES {
        let started = Instant::now();
        let failure = world.establish_within(deadline).await.unwrap_err();
        let took = started.elapsed();
        assert_eq!(failure.word(), "timed-out", "{failure}");
        assert!(
            failure.to_string().contains("no reply within "),
            "{failure}"
        );
        assert!((deadline..deadline + TOLERANCE).contains(&took), "{took:?}");
        if failure.stage == stage {
            return failure;
        }
    }
    panic!("no deadline was late enough for {stage:?}");
}

#[tokio::test]
async fn a_server_that_accepts_and_is_silent_is_given_up_at_the_deadline() {
    let mut world = World::new().await;
    world.serve_plainly(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    });
    timed_out(&world, Stage::Tls).await;
}

#[tokio::test]
async fn a_server_that_is_silent_after_the_handshake_is_given_up_at_the_deadline() {
    let mut world = World::new().await;
    let config = world.config();
    world.serve(config, |stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    });
    let failure = timed_out(&world, Stage::Records).await;
    assert!(!failure.certificate.is_empty());
}

#[tokio::test]
async fn a_server_that_sends_an_octet_now_and_then_wins_no_time() {
    let mut world = World::new().await;
    let config = world.config();
    world.serve(config, |mut stream| async move {
        // An unknown record of 65 000 octets, which is allowed, a little at a time.
        let mut octet = [0, 99, 0xFD, 0xE8].into_iter().chain(std::iter::repeat(7));
        while stream.write_all(&[octet.next().unwrap()]).await.is_ok()
            && stream.flush().await.is_ok()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    timed_out(&world, Stage::Records).await;
}

#[tokio::test]
async fn a_handshake_an_octet_at_a_time_wins_no_time() {
    let mut world = World::new().await;
    world.serve_plainly(|mut stream| async move {
        let mut room = [0; 4096];
        let _ = stream.read(&mut room).await;
        // The beginning of a handshake record.
        let mut octet = [22, 3, 3, 0x3F, 0xFF, 2, 0, 0x3F, 0]
            .into_iter()
            .chain(std::iter::repeat(0));
        while stream.write_all(&[octet.next().unwrap()]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    timed_out(&world, Stage::Tls).await;
}

#[tokio::test]
async fn no_time_at_all_is_a_failure_and_no_panic() {
    let mut world = World::new().await;
    world.grant(super::peer::everything());
    assert_eq!(
        world
            .establish_within(Duration::ZERO)
            .await
            .unwrap_err()
            .word(),
        "timed-out"
    );
    assert!(world.establish_within(Duration::MAX).await.is_ok());
}
