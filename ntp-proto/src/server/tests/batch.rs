//! Requests that come together get what they would get one by one.

use super::nts::Bench;
use super::*;
use crate::nts::AeadAlgorithm;

/// Of every sort that there is, more than one batch takes.
fn of_every_sort(client: &mut Bench) -> Vec<Vec<u8>> {
    let mut requests = Vec::new();
    for round in 0..5 {
        client.fill();
        let good = client.request().0;
        let (mut forged, mut bad_cookie, mut malformed) =
            (good.clone(), good.clone(), good.clone());
        *forged.last_mut().unwrap() ^= 1;
        bad_cookie[48 + 36 + 40] ^= 1;
        malformed.truncate(48 + 36);
        malformed.extend_from_slice(&good[48..]);
        requests.extend([
            good,
            forged,
            vec![0; 12 + round],
            malformed,
            request(Version::V4),
            bad_cookie,
        ]);
        requests.push(client.request().0);
    }
    requests
}

fn batched(client: &mut Bench, requests: &[Vec<u8>], size: usize) -> Vec<Outcome> {
    let snapshots = Snapshots {
        state: &SYNCHRONIZED,
        keys: Some(&client.keys),
    };
    let mut outcomes = Vec::new();
    for together in requests.chunks(size) {
        let datagrams = together.iter().map(|octets| Request {
            octets,
            from: super::client("192.0.2.7"),
            receive: RECEIVE,
            now: MonoTime::ZERO,
        });
        let mut verdicts = client.server.handle_batch(datagrams, snapshots);
        while let Some(verdict) = verdicts.next() {
            outcomes.push(Outcome::of(&verdict));
        }
    }
    outcomes
}

#[test]
fn a_batch_gets_the_verdicts_and_the_octets_that_its_requests_would_get_one_by_one() {
    for algorithm in AeadAlgorithm::ALL {
        // Fewer NAKs than are deserved, so that the order counts.
        let config = ServerConfig {
            kisses_per_second: 4,
            ..ServerConfig::default()
        };
        let mut singly = Bench::with(algorithm, config.clone());
        let requests = of_every_sort(&mut singly);
        let expected: Vec<_> = requests.iter().map(|octets| singly.ask(octets)).collect();
        for kind in [
            Ok(ReplyKind::NtsTime),
            Ok(ReplyKind::NtsNak),
            Ok(ReplyKind::Time),
            Err(DropReason::NtsForged),
            Err(DropReason::NtsBadCookie),
            Err(DropReason::NtsMalformed),
            Err(DropReason::TooShort),
        ] {
            assert!(
                expected.iter().any(|outcome| outcome.kind == kind),
                "{kind:?} is missing"
            );
        }
        for size in 1..=MAX_BATCH {
            let mut together = Bench::with(algorithm, config.clone());
            assert_eq!(
                batched(&mut together, &requests, size),
                expected,
                "{algorithm}, {size} at a time"
            );
            assert_eq!(
                together.server.stats(),
                singly.server.stats(),
                "{algorithm}, {size} at a time"
            );
        }
    }
}

#[test]
fn what_does_not_fit_into_a_batch_stays_with_its_owner() {
    let octets = request(Version::V4);
    let one = Request {
        octets: &octets,
        from: client("192.0.2.7"),
        receive: RECEIVE,
        now: MonoTime::ZERO,
    };
    let mut waiting = std::iter::repeat_n(one, MAX_BATCH + 3);
    let mut server = server(ServerConfig::default());
    let snapshots = Snapshots {
        state: &SYNCHRONIZED,
        keys: None,
    };
    let mut verdicts = server.handle_batch(waiting.by_ref(), snapshots);
    let mut count = 0;
    while verdicts.next().is_some() {
        count += 1;
    }
    assert_eq!((count, waiting.len()), (MAX_BATCH, 3));
}
