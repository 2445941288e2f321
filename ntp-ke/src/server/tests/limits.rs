//! The limits on connections, descriptors and time.

use super::served::{Listen, PATIENCE, Served, end_of};
use crate::server::KePool;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

/// Until something that happens at once has happened, on a machine that is busy: long before
/// [`PATIENCE`], the deadline of these connections.
const AT_ONCE: Duration = Duration::from_secs(60);

/// The time after the deadline within which a connection must end, on a machine that is busy.
const TOLERANCE: Duration = Duration::from_secs(60);

/// The deadlines that are tried one after the other: a busy machine may need more than the first
/// for a handshake.
const DEADLINES: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(8),
    Duration::from_secs(32),
];

/// A client with another address of the loopback network.
async fn from(source: Ipv4Addr, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(server).await.unwrap()
}

#[tokio::test]
async fn beyond_the_total_a_connection_is_closed_at_once_and_counted() {
    let served = Served::with(|listen| listen.limits.total = 2);
    let first = served.tcp().await;
    let _second = served.tcp().await;
    served.until(|stats| stats.open == 2).await;
    assert!(end_of(&mut served.tcp().await).await < AT_ONCE);
    let stats = served.until(|stats| stats.over_limit_total == 1).await;
    assert_eq!(
        (stats.accepted, stats.over_limit_client, stats.open),
        (3, 0, 2)
    );

    drop(first);
    served.until(|stats| stats.open == 1).await;
    served.establish().await.unwrap();
}

#[tokio::test]
async fn beyond_its_own_limit_a_client_is_closed_at_once_and_others_are_not() {
    let served = Served::with(|listen| listen.limits.per_client = 1);
    let _first = from(Ipv4Addr::new(127, 0, 0, 2), served.address).await;
    served.until(|stats| stats.open == 1).await;
    let mut second = from(Ipv4Addr::new(127, 0, 0, 2), served.address).await;
    assert!(end_of(&mut second).await < AT_ONCE);
    served.until(|stats| stats.over_limit_client == 1).await;
    served.establish().await.unwrap();
}

#[tokio::test]
async fn an_ipv4_client_of_a_socket_for_both_families_counts_as_ipv4() {
    if tokio::net::TcpListener::bind("[::1]:0").await.is_err() {
        eprintln!("skipped: there is no IPv6");
        return;
    }
    let served = Served::with(|listen| {
        listen.at = "[::]:0".parse().unwrap();
        listen.limits.per_client = 1;
    });
    let port = served.address.port();
    // All mapped addresses are in one network of 64 bits, and yet these are two clients.
    let _first = from(
        Ipv4Addr::new(127, 0, 0, 2),
        (Ipv4Addr::LOCALHOST, port).into(),
    )
    .await;
    let _second = from(
        Ipv4Addr::new(127, 0, 0, 3),
        (Ipv4Addr::LOCALHOST, port).into(),
    )
    .await;
    let _third = TcpStream::connect(("::1", port)).await.unwrap();
    let stats = served.until(|stats| stats.open == 3).await;
    assert_eq!(stats.over_limit_client, 0);
    let mut again = from(
        Ipv4Addr::new(127, 0, 0, 3),
        (Ipv4Addr::LOCALHOST, port).into(),
    )
    .await;
    end_of(&mut again).await;
    let mut again = TcpStream::connect(("::1", port)).await.unwrap();
    end_of(&mut again).await;
    served.until(|stats| stats.over_limit_client == 2).await;
}

#[tokio::test]
async fn a_silent_client_is_cut_off_at_the_deadline() {
    let timeout = Duration::from_millis(400);
    let served = Served::with(|listen| listen.limits.timeout = timeout);
    // Before the server can have begun to count.
    let started = Instant::now();
    let mut stream = served.tcp().await;
    end_of(&mut stream).await;
    let lasted = started.elapsed();
    assert!(
        (timeout..timeout + TOLERANCE).contains(&lasted),
        "{lasted:?}"
    );
    served
        .until(|stats| stats.timed_out == 1 && stats.open == 0)
        .await;
}

#[tokio::test]
async fn octets_now_and_then_win_no_time() {
    let timeout = Duration::from_millis(400);
    let served = Served::with(|listen| listen.limits.timeout = timeout);
    let started = Instant::now();
    let mut stream = served.tcp().await;
    // The beginning of a long ClientHello.
    let mut octets = [22, 3, 1, 0x3F, 0, 1, 0, 0x3E, 0xFC]
        .into_iter()
        .chain(std::iter::repeat(3));
    while stream.write_all(&[octets.next().unwrap()]).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(started.elapsed() < timeout + TOLERANCE);
    }
    served
        .until(|stats| stats.timed_out == 1 && stats.open == 0)
        .await;
}

#[tokio::test]
async fn after_the_handshake_the_deadline_is_the_same() {
    for timeout in DEADLINES {
        let served = Served::with(|listen| listen.limits.timeout = timeout);
        let started = Instant::now();
        let Ok(mut stream) = served.tls_with(served.client_config()).await else {
            continue;
        };
        while stream.write_all(&[0x7F, 0, 0, 0]).await.is_ok() && stream.flush().await.is_ok() {
            // So seldom that the deadline comes before the limit of records.
            tokio::time::sleep(timeout / 30).await;
            assert!(started.elapsed() < timeout + TOLERANCE);
        }
        served
            .until(|stats| stats.timed_out == 1 && stats.open == 0)
            .await;
        return;
    }
    panic!("no deadline was late enough for a handshake");
}

#[tokio::test]
async fn a_client_that_does_not_go_after_its_answer_is_cut_off_and_still_counts_as_granted() {
    for timeout in DEADLINES {
        let served = Served::with(|listen| listen.limits.timeout = timeout);
        let Ok(mut stream) = served.tls_with(served.client_config()).await else {
            continue;
        };
        let request = [0x80, 1, 0, 2, 0, 0, 0x80, 4, 0, 2, 0, 15, 0x80, 0, 0, 0];
        if stream.write_all(&request).await.is_err() || stream.flush().await.is_err() {
            continue;
        }
        let stats = served
            .until(|stats| stats.granted == 1 || stats.timed_out == 1)
            .await;
        if stats.open == 0 {
            // The deadline has passed before we looked.
            continue;
        }
        let stats = served.until(|stats| stats.open == 0).await;
        assert_eq!((stats.granted, stats.timed_out), (1, 0));
        return;
    }
    panic!("no deadline was late enough for an answer");
}

#[tokio::test]
async fn two_hundred_idle_connections_keep_a_later_client_out_until_the_deadline_at_most() {
    // Long enough that all of them are there, on a busy machine.
    let timeout = Duration::from_secs(8);
    let served = Served::with(|listen| {
        listen.limits.total = 200;
        listen.limits.timeout = timeout;
    });
    let started = Instant::now();
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(served.tcp().await);
    }
    let all_there = started.elapsed();
    while served.establish().await.is_err() {
        assert!(
            started.elapsed() < all_there + timeout + TOLERANCE,
            "{:?}",
            served.stats()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let stats = served.until(|stats| stats.open == 0).await;
    // A client that was too late for its own handshake came back.
    assert!(stats.timed_out >= 200 && stats.granted == 1, "{stats:?}");
}

#[tokio::test]
async fn the_counters_add_up() {
    let served = Served::with(|listen| listen.limits.total = 3);
    served.establish().await.unwrap();
    drop(served.tcp().await);
    let mut garbage = served.tcp().await;
    garbage
        .write_all(b"garbage, that is no TLS at all")
        .await
        .unwrap();
    end_of(&mut garbage).await;
    // The server may take a moment longer to see that they are over than their clients do.
    served
        .until(|stats| stats.open == 0 && stats.accepted == 3)
        .await;
    let _idle = (served.tcp().await, served.tcp().await);
    let stats = served
        .until(|stats| stats.open == 2 && stats.accepted == 5)
        .await;
    let refused: u64 = stats.refused.iter().map(|(_, count)| count).sum();
    let over = [
        stats.granted,
        refused,
        stats.over_limit_total,
        stats.over_limit_client,
        stats.no_alpn,
    ];
    let ended = [stats.tls_failed, stats.closed_early, stats.timed_out];
    assert_eq!(
        stats.accepted,
        over.iter().chain(&ended).sum::<u64>() + stats.open,
        "{stats:?}"
    );
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_ends_and_gives_its_port_back() {
    let (told, hears) = std::sync::mpsc::channel();
    let served = Served::new();
    let (address, status) = (served.address, served.handle.status());
    let _open = served.tcp().await;
    served.handle.stop();
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(status.address(), address);

    let listener = Listen::at(address).bind(false).unwrap();
    let grant = std::sync::Arc::new(ntp_proto::nts::KeServerConfig {
        algorithms: ntp_proto::nts::AeadAlgorithm::ALL.to_vec(),
        server: None,
        port: None,
    });
    let pool = KePool::start(NonZeroUsize::MIN, move || told.send(()).unwrap()).unwrap();
    let handle = listener
        .start(&pool, served.certificates, served.keys, grant)
        .unwrap();
    drop(handle);
    let begun = Instant::now();
    while Listen::at(address).bind(false).is_err() {
        assert!(
            begun.elapsed() < PATIENCE,
            "a server whose handle is dropped ends"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        hears.try_recv().is_err(),
        "an end that was asked for is not reported"
    );
}

#[test]
fn a_port_that_is_taken_is_an_error_with_a_remedy() {
    let first = Listen::on_loopback().bind(false).unwrap();
    let text = Listen::at(first.address())
        .bind(false)
        .unwrap_err()
        .to_string();
    assert!(
        text.starts_with("cannot listen on TCP 127.0.0.1:") && text.contains("choose another port"),
        "{text}"
    );
}

#[test]
fn an_address_that_no_interface_has_yet_is_listened_at() {
    let listen = Listen::at((IpAddr::from([192, 0, 2, 1]), 0).into());
    let listener = listen.bind(false).unwrap();
    assert_eq!(listener.address().ip(), IpAddr::from([192, 0, 2, 1]));
}

#[test]
fn without_dual_stack_both_families_can_share_a_port() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: there is no IPv6");
        return;
    }
    let six = Listen::at("[::]:0".parse().unwrap()).bind(false).unwrap();
    let four = Listen::at((Ipv4Addr::UNSPECIFIED, six.address().port()).into());
    four.bind(false).unwrap();
}
