//! Handshakes and accepting do not wait for each other, and all addresses share the threads.

use super::served::{Listen, PATIENCE, Served, end_of};
use crate::server::KePool;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// Until something that happens at once has happened, on a machine that is busy: long before
/// [`PATIENCE`], the deadline of these connections.
const AT_ONCE: Duration = Duration::from_secs(60);

/// The first half of a long ClientHello.
const HALF_A_HELLO: [u8; 9] = [22, 3, 1, 0x3F, 0, 1, 0, 0x3E, 0xFC];

#[tokio::test]
async fn with_every_thread_at_work_clients_are_accepted_and_turned_away_at_once() {
    let served = Served::with(|listen| listen.limits.total = 3);
    let held_up = served.pool.hold_up();
    let started = Instant::now();
    let mut guests = Vec::new();
    for open in 1..=3 {
        guests.push(served.tcp().await);
        served
            .until(|stats| stats.accepted == open && stats.open == open)
            .await;
    }
    let mut one_too_many = served.tcp().await;
    end_of(&mut one_too_many).await;
    let stats = served.until(|stats| stats.over_limit_total == 1).await;
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    assert_eq!(
        (stats.open, stats.tls_failed, stats.closed_early),
        (3, 0, 0),
        "no thread can have looked at them"
    );

    drop(held_up);
    drop(guests);
    let stats = served.until(|stats| stats.open == 0).await;
    assert_eq!(stats.closed_early, 3);
    served.establish().await.unwrap();
}

#[tokio::test]
async fn clients_that_stall_in_their_handshakes_keep_nobody_waiting() {
    let served = Served::new();
    let mut stalled = Vec::new();
    for _ in 0..64 {
        let mut stream = served.tcp().await;
        stream.write_all(&HALF_A_HELLO).await.unwrap();
        stalled.push(stream);
    }
    served.until(|stats| stats.open == 64).await;
    let started = Instant::now();
    served.establish().await.unwrap();
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
}

#[tokio::test]
async fn where_others_take_all_processors_the_thread_in_reserve_goes_on() {
    let served = Served::new();
    let mut held_up = served.pool.hold_up();
    held_up.pop();
    // A starved worker is recognized only by an unanswered probe.
    let in_vain = [served.tcp().await, served.tcp().await];
    let started = Instant::now();
    until(|| served.pool.avoided() == 2).await;
    for _ in 0..3 {
        served.establish().await.unwrap();
    }
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    drop((held_up, in_vain));
    let stats = served.until(|stats| stats.open == 0).await;
    assert_eq!((stats.granted, stats.closed_early), (3, 2));
}

#[tokio::test]
async fn two_addresses_share_two_threads_evenly() {
    let first = Served::new();
    let listener = Listen::on_loopback().bind(false).unwrap();
    let second = listener.address();
    let grant = Arc::new(ntp_proto::nts::KeServerConfig {
        algorithms: ntp_proto::nts::AeadAlgorithm::ALL.to_vec(),
        server: None,
        port: None,
    });
    let handle = listener
        .start(
            &first.pool,
            Arc::clone(&first.certificates),
            Arc::clone(&first.keys),
            grant,
        )
        .unwrap();

    let one = first.tcp().await;
    first.until(|stats| stats.open == 1).await;
    let other = TcpStream::connect(second).await.unwrap();
    until(|| handle.status().stats().open == 1).await;
    until(|| first.pool.open() == [1, 1, 0]).await;

    // Both threads are idle, but for a connection that says nothing.
    first.establish().await.unwrap();
    first.establish_at(second).await.unwrap();
    until(|| (first.stats().granted, handle.status().stats().granted) == (1, 1)).await;

    drop((one, other));
    until(|| first.pool.open() == [0, 0, 0]).await;
    handle.stop();
    first
        .establish()
        .await
        .expect("the end of one address is not that of the other");
}

#[tokio::test]
async fn a_server_without_its_pool_serves_nobody_and_still_ends() {
    let Served {
        handle,
        pool,
        address,
        ..
    } = Served::new();
    let mut open = TcpStream::connect(address).await.unwrap();
    until(|| handle.status().stats().open == 1).await;
    pool.stop();
    end_of(&mut open).await;
    let mut late = TcpStream::connect(address).await.unwrap();
    end_of(&mut late).await;
    until(|| handle.status().stats().accepted == 2 && handle.status().stats().open == 0).await;
    handle.stop();
}

#[test]
fn the_end_of_each_thread_of_a_pool_is_told() {
    let (told, hears) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let pool = KePool::start(NonZeroUsize::new(3).unwrap(), move || {
        told.lock().unwrap().send(()).unwrap();
    })
    .unwrap();
    assert!(hears.try_recv().is_err());
    pool.stop();
    assert_eq!(hears.try_iter().count(), 4, "three and the one in reserve");
}

async fn until(reached: impl Fn() -> bool) {
    let started = Instant::now();
    while !reached() {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
